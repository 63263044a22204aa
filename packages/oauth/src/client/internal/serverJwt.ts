/** Answers of the server that are JWTs. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Wire from "../../http/Wire.js"
import type { JwtProfile } from "../../keys/JwtProfile.js"
import * as JwtVerifier from "../../keys/JwtVerifier.js"
import { ProtocolViolation } from "../../protocol/OAuthError.js"
import type { JwtError, KeyringError, TransportError } from "../../protocol/OAuthError.js"
import type { OAuthClient } from "../OAuthClient.js"
import { opened } from "./encrypted.js"

/** Whether an answer says that it is of a media type. */
export const isMediaType = (response: Wire.WireResponse, type: string): boolean =>
  response.headers["content-type"]?.split(";")[0]?.trim().toLowerCase() === type

/** Verifies the JWT that an answer is, opened first where it is encrypted to the client. */
export const makeVerifier = (
  client: OAuthClient.Service
): Effect.Effect<
  <A>(
    operation: string,
    response: Wire.WireResponse,
    profile: JwtProfile<A>
  ) => Effect.Effect<A, TransportError | JwtError | KeyringError>
> =>
  Effect.map(
    JwtVerifier.fromKeyring(client.serverKeys),
    (verifier) => (operation, response, profile) =>
      Effect.gen(function* () {
        const token = Redacted.make((yield* Wire.text(operation, response)).trim())
        const { claims } = yield* verifier.verify(yield* opened(client.decrypter, token), profile)
        return claims
      })
  )

/** A plain answer, where a signed one was asked for and nothing else is taken. */
export const notSigned = (operation: string, rule: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "type",
    member: "(body)",
    rule: `${rule}: the answer is a JWT where a signed one was asked for`,
    message: `${operation}: a signed answer was asked for, and the server gave a plain one (${rule}).`
  })
