/**
 * Attestation-based client authentication
 * (draft-ietf-oauth-attestation-based-client-auth).
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type { WireResponse } from "../http/Wire.js"
import * as Wire from "../http/Wire.js"
import * as JwtSigner from "../keys/JwtSigner.js"
import type { Keyring } from "../keys/Keyring.js"
import * as Endpoint from "../protocol/Endpoint.js"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import type {
  AuthenticationError,
  AuthenticationRequest,
  ClientAuthentication
} from "./ClientAuthentication.js"

/**
 * What an instance of a client has to show.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<out R = never> {
  /** The attestation that the client's backend signed for this instance: asked for with every request, so keep it while it is valid. */
  readonly attestation: Effect.Effect<Redacted.Redacted<string>, AuthenticationError, R>
  /** The key of this instance, which the attestation names in `cnf`. */
  readonly keyring: Keyring
}

const attestationHeader = "oauth-client-attestation"
const proofHeader = "oauth-client-attestation-pop"
const challengeHeader = "oauth-client-attestation-challenge"

/** Origins whose challenge is remembered; the one asked for longest ago goes. */
const maxOrigins = 100

const isChallenge = (text: unknown): text is string =>
  typeof text === "string" && /^[\x21-\x7E]{1,1024}$/.test(text)

/**
 * `attest_jwt_client_auth`: the attestation and a fresh proof of possession of
 * its key go in headers, `client_id` in the body. The proof has the issuer as
 * `aud`, a `jti`, and the challenge of the server: of its `challenge_endpoint`,
 * or of the `OAuth-Client-Attestation-Challenge` header of its last answer. A
 * request that is refused for want of a challenge (`use_attestation_challenge`)
 * is made anew one time, with the one that came with the refusal: a DPoP proof or
 * an assertion in it is another, too.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>({
  attestation,
  keyring
}: Options<R>): Effect.Effect<ClientAuthentication<R>> =>
  Effect.gen(function* () {
    const signer = yield* JwtSigner.fromKeyring(keyring)
    const challenges = yield* Ref.make<ReadonlyMap<string, string>>(new Map())
    const originOf = (url: string) => new URL(url).origin

    const remember = (url: string, challenge: string): Effect.Effect<void> =>
      Ref.update(challenges, (known) => {
        const origin = originOf(url)
        const others = [...known].filter(([other]) => other !== origin).slice(-(maxOrigins - 1))
        return new Map([...others, [origin, challenge]])
      })

    return {
      authenticate: (request) =>
        Effect.gen(function* () {
          const attested = yield* attestation
          const known = (yield* Ref.get(challenges)).get(originOf(request.endpoint))
          const challenge = known ?? (yield* fetchChallenge(request))
          const proof = yield* signer.sign(
            { iss: request.clientId, aud: request.metadata.issuer, challenge },
            { typ: "oauth-client-attestation-pop+jwt", lifetime: "60 seconds" }
          )
          return {
            headers: { [attestationHeader]: attested, [proofHeader]: proof },
            parameters: [["client_id", request.clientId]],
            again: (response) => {
              const told = response.headers[challengeHeader]
              // Compared with what this proof had: others may have learned the same one in the meantime.
              return isChallenge(told) && told !== challenge && wantsChallenge(response)
            }
          }
        }),
      adapt: (wire) => ({
        ...wire,
        send: (operation, request, options) =>
          Effect.tap(wire.send(operation, request, options), ({ headers }) => {
            const challenge = headers[challengeHeader]
            return request.headers[proofHeader] !== undefined && isChallenge(challenge)
              ? remember(request.url, challenge)
              : Effect.void
          })
      })
    }
  })

const wantsChallenge = ({ body, status }: WireResponse): boolean =>
  (status === 400 || status === 401) && new TextDecoder().decode(body).includes("use_attestation_challenge")

/** The challenge of a server that has an endpoint for it. */
const fetchChallenge = ({
  metadata,
  operation,
  wire
}: AuthenticationRequest): Effect.Effect<string | undefined, AuthenticationError> =>
  Effect.gen(function* () {
    const endpoint = metadata["challenge_endpoint"]
    if (typeof endpoint !== "string") return undefined
    const url = yield* Endpoint.validate(operation, "challenge_endpoint", endpoint, {
      allowInsecure: wire.limits.allowInsecure,
      namedBy: metadata.issuer
    })
    const response = yield* wire.send(
      operation,
      HttpClientRequest.post(url).pipe(HttpClientRequest.setHeader("accept", "application/json"))
    )
    if (response.status !== 200) {
      return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
    }
    const json = yield* Wire.json(operation, response)
    const challenge = Predicate.hasProperty(json, "attestation_challenge")
      ? json.attestation_challenge
      : undefined
    return isChallenge(challenge)
      ? challenge
      : yield* new ProtocolViolation({
          operation,
          reason: "type",
          member: "attestation_challenge",
          rule: "draft-ietf-oauth-attestation-based-client-auth: attestation_challenge is text",
          message: `${operation}: the challenge endpoint of ${metadata.issuer} gave no attestation_challenge.`
        })
  })
