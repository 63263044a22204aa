/**
 * The UserInfo endpoint of OpenID Connect.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import * as Jwt from "../keys/Jwt.js"
import * as JwtProfile from "../keys/JwtProfile.js"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import { checkOwn } from "./internal/ownTokens.js"
import * as ProtectedGet from "./internal/protectedGet.js"
import { algorithms as accepted } from "./internal/algorithms.js"
import * as ServerJwt from "./internal/serverJwt.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Reads what the server tells of the person who logged in (OpenID Connect Core
 * section 5.3), as JSON or in a JWT that the server signs,
 * and encrypts where the client has a `decrypter`.
 *
 * @since 0.1.0
 * @category services
 */
export class UserInfo extends Context.Tag("effect-oauth/UserInfo")<UserInfo, UserInfo.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace UserInfo {
  /**
   * The claims: `sub`, and what the granted scopes give (OpenID Connect Core
   * sections 5.1 and 5.4). Read others with a schema of your own; only `sub`
   * identifies the person.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Claims {
    readonly sub: string
    readonly [claim: string]: unknown
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** Whom it must be about: the `sub` of the verified ID token; that of the token set's own ID token unless given. */
    readonly subject?: string | undefined
    /** Take a signed answer alone. false: signed or plain, as the client is registered. */
    readonly signed?: boolean | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends the access token with GET, in the header, to the server that issued
     * it, and with a proof where it is bound to a key (RFC 9449; a nonce that the
     * server asks for is used, one time). The `sub` of the answer must be that of
     * the ID token (section 5.3.2). A JWT is verified against the server's keys:
     * `iss` must be the server, `aud`, where it is there, have this client.
     *
     * Fails with `OAuthResponseError` as the challenge says (`invalid_token`,
     * `insufficient_scope`), and with a `ProtocolViolation` where no subject is
     * known: log in with the scope `openid`.
     */
    readonly get: (tokens: TokenSet, options?: Options) => Effect.Effect<Claims, TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<UserInfo.Service, never, OAuthClient.OAuthClient> = Effect.gen(function* () {
  const client = yield* OAuthClient.OAuthClient
  const verifyJwt = yield* ServerJwt.makeVerifier(client)

  const verify = (response: Wire.WireResponse) =>
    Effect.gen(function* () {
      const metadata = yield* client.metadata
      const algorithms = accepted(metadata.userinfo_signing_alg_values_supported)
      return yield* verifyJwt(operation, response, profile(client, algorithms))
    })

  const plain = (response: Wire.WireResponse) =>
    Effect.flatMap(Wire.json(operation, response), (json) =>
      Predicate.isReadonlyRecord(json) && !Array.isArray(json)
        ? Effect.succeed(json)
        : violation("type", "(body)", "the answer is a JSON object")
    )

  return {
    get: (tokens, options = {}) =>
      Effect.gen(function* () {
        yield* checkOwn(client, operation, tokens)
        const subject = yield* subjectOf(tokens, options.subject)
        const endpoint = yield* client.endpoint(operation, "userinfo_endpoint")
        const accept = options.signed === true ? mediaType : `application/json, ${mediaType}`
        const answer = yield* ProtectedGet.get(client, operation, endpoint, tokens, accept)
        const { response } = answer
        if (response.status !== 200) return yield* ProtectedGet.refusal(operation, answer)
        const signed = ServerJwt.isMediaType(response, mediaType)
        if (!signed && options.signed === true) {
          return yield* ServerJwt.notSigned(operation, "OpenID Connect Core section 5.3.2")
        }
        const claims: Readonly<Record<string, unknown>> = yield* signed ? verify(response) : plain(response)
        const { sub } = claims
        if (typeof sub !== "string" || sub === "") {
          return yield* violation("missing", "sub", "sub is always returned, and is text")
        }
        if (sub !== subject) {
          return yield* violation("mismatch", "sub", "sub is exactly that of the ID token")
        }
        return { ...claims, sub }
      }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<UserInfo, never, OAuthClient.OAuthClient> = Layer.effect(UserInfo, make)

const operation = "UserInfo.get"

const mediaType = "application/jwt"

/** A signed UserInfo response (OpenID Connect Core section 5.3.2); it need not expire. */
const profile = (
  client: OAuthClient.OAuthClient.Service,
  algorithms: ReturnType<typeof accepted>
): JwtProfile.JwtProfile<Jwt.JwtClaims> =>
  JwtProfile.make({
    name: "UserInfo response",
    issuer: client.issuer,
    algorithms,
    types: ["JWT", "userinfo+jwt", undefined],
    expires: false,
    rules: [
      (claims) =>
        claims["aud"] === undefined || Jwt.audiences(claims).includes(client.clientId)
          ? undefined
          : {
              reason: "audience",
              claim: "aud",
              message: "the UserInfo response is for another client",
              expected: client.clientId
            }
    ],
    finish: (claims) => Effect.succeed(claims)
  })

/** The subject to compare with: told, or that of the ID token, which was verified when it was received. */
const subjectOf = (tokens: TokenSet, told: string | undefined): Effect.Effect<string, ProtocolViolation> => {
  if (told !== undefined) return Effect.succeed(told)
  const subject = Option.flatMap(tokens.idToken, Jwt.decodeUnverified).pipe(
    Option.map(({ claims }) => claims["sub"]),
    Option.filter(Predicate.isString)
  )
  return Option.match(subject, {
    onSome: Effect.succeed,
    onNone: () =>
      violation(
        "missing",
        "sub",
        "the subject of the answer is compared with that of an ID token, and there is none: log in with the scope openid, or give the subject"
      )
  })
}

const violation = (
  reason: ProtocolViolation["reason"],
  member: string,
  rule: string
): Effect.Effect<never, ProtocolViolation> =>
  new ProtocolViolation({
    operation,
    reason,
    member,
    rule: `OpenID Connect Core section 5.3.2: ${rule}`,
    message: `${operation}: ${rule} (OpenID Connect Core section 5.3.2).`
  })
