import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Wire from "../../http/Wire.js"
import type * as Challenge from "../../protocol/Challenge.js"
import * as ErrorResponse from "../../protocol/ErrorResponse.js"
import type { ProtocolViolation } from "../../protocol/OAuthError.js"
import type { JwtError, KeyringError, OAuthResponseError, TransportError } from "../../protocol/OAuthError.js"
import * as StepUpChallenge from "../../protocol/StepUpChallenge.js"
import type { TokenSet } from "../../protocol/TokenSet.js"
import * as Dpop from "../Dpop.js"
import type { OAuthClient } from "../OAuthClient.js"
import type { Answer } from "./formRequest.js"

/**
 * Reads from an endpoint that takes an access token: as a bearer token
 * (RFC 6750 section 2.1), or with a DPoP proof (RFC 9449 section 7.1), which is
 * made anew with the nonce that the server asks for, one time.
 */
export const get = (
  client: OAuthClient.Service,
  operation: string,
  url: string,
  tokens: TokenSet,
  accept: string
): Effect.Effect<Answer, TransportError | ProtocolViolation | KeyringError | JwtError> =>
  Effect.gen(function* () {
    const request = HttpClientRequest.get(url).pipe(HttpClientRequest.setHeader("accept", accept))
    const token = Redacted.value(tokens.accessToken)
    const send = (headers: Readonly<Record<string, string>>, secrets: ReadonlyArray<string>) =>
      Effect.map(client.wire.send(operation, HttpClientRequest.setHeaders(request, headers)), (response) => ({
        response,
        secrets
      }))
    if (tokens.tokenType === "Bearer") return yield* send({ authorization: `Bearer ${token}` }, [token])
    const { dpop } = client
    if (tokens.tokenType === "N_A" || dpop === undefined)
      return yield* Dpop.notUsable(operation, tokens.tokenType)
    return yield* dpop.exchange({ method: "GET", url, accessToken: tokens.accessToken }, (redacted) => {
      const proof = Redacted.value(redacted)
      return send({ authorization: `DPoP ${token}`, dpop: proof }, [token, proof])
    })
  })

/** What a resource that refused says: in its challenge (RFC 6750 section 3), else in its body, else by its status. */
export const refusal = (
  operation: string,
  { response, secrets }: Answer
): Effect.Effect<never, TransportError | OAuthResponseError> =>
  Effect.gen(function* () {
    const error = ErrorResponse.decode(yield* said(operation, response), {
      operation,
      status: response.status,
      retryAfter: yield* Wire.retryAfter(response),
      secrets
    })
    return Option.isSome(error)
      ? yield* error.value
      : yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
  })

const said = (operation: string, response: Wire.WireResponse): Effect.Effect<Record<string, unknown>> =>
  Option.match(challengeOf(response), {
    onSome: ({ parameters }) => Effect.succeed(Object.fromEntries(parameters)),
    onNone: () =>
      Wire.json(operation, response).pipe(
        Effect.map((body) => (typeof body === "object" && body !== null ? { ...body } : {})),
        Effect.orElseSucceed(() => ({}))
      )
  })

/** The challenge that tells an error. */
const challengeOf = (response: Wire.WireResponse): Option.Option<Challenge.Challenge> =>
  Option.fromNullable(
    StepUpChallenge.challenges(response.headers["www-authenticate"] ?? "").find(({ parameters }) =>
      parameters.has("error")
    )
  )
