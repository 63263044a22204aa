/**
 * Proof Key for Code Exchange: RFC 7636, with S256 and no other method.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Entropy from "./Entropy.js"
import { ProtocolViolation } from "./internal/exchangeErrors.js"
import * as Text from "./Text.js"

/**
 * A verifier and its challenge.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pkce {
  /** What proves, at the token endpoint, who began the authorization. */
  readonly verifier: Redacted.Redacted<string>
  /** What is sent with the authorization request. */
  readonly challenge: string
  readonly method: "S256"
}

/**
 * Whether a text may be a verifier: 43 to 128 characters, each a letter, a
 * digit or one of `-._~` (RFC 7636 section 4.1).
 *
 * @since 0.1.0
 * @category rules
 */
export const isVerifier = (verifier: string): boolean => /^[A-Za-z0-9\-._~]{43,128}$/.test(verifier)

/**
 * The S256 challenge of a verifier: the base64url of its SHA-256, 43 characters
 * (RFC 7636 section 4.2). Needs `crypto.subtle`, which a browser offers on
 * https and on localhost only; where it lacks, the effect dies.
 *
 * @since 0.1.0
 * @category constructors
 */
export const challenge = (verifier: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))),
    (digest) => Text.base64Url(new Uint8Array(digest))
  )

const make = (verifier: Redacted.Redacted<string>): Effect.Effect<Pkce> =>
  Effect.map(challenge(Redacted.value(verifier)), (challenge) => ({ verifier, challenge, method: "S256" }))

/**
 * A new verifier of 43 characters, 256 bits from `Entropy`, with its challenge.
 *
 * @since 0.1.0
 * @category constructors
 */
export const generate: Effect.Effect<Pkce> = Effect.flatMap(Entropy.randomText(32), (verifier) =>
  make(Redacted.make(verifier))
)

/**
 * The challenge of a verifier made elsewhere. Fails with a `ProtocolViolation`
 * that does not show the verifier, when `isVerifier` refuses it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromVerifier = (verifier: Redacted.Redacted<string>): Effect.Effect<Pkce, ProtocolViolation> =>
  isVerifier(Redacted.value(verifier))
    ? make(verifier)
    : Effect.fail(
        new ProtocolViolation({
          operation: "Pkce.fromVerifier",
          reason: "value",
          message:
            "The code verifier must be 43 to 128 characters, each a letter, a digit or one of - . _ ~.",
          member: "code_verifier",
          rule: "RFC 7636 section 4.1: code_verifier is 43 to 128 unreserved characters"
        })
      )

/**
 * Whether a challenge is that of a verifier (RFC 7636 section 4.6), compared in
 * constant time; false for a text that may not be a verifier.
 *
 * @since 0.1.0
 * @category rules
 */
export const matches = (verifier: Redacted.Redacted<string>, expected: string): Effect.Effect<boolean> =>
  isVerifier(Redacted.value(verifier))
    ? Effect.map(challenge(Redacted.value(verifier)), (own) => Text.equalsConstantTime(own, expected))
    : Effect.succeed(false)
