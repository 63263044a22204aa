/**
 * `at_hash`, `c_hash` and `s_hash`: what binds an ID token to the access token,
 * the code and the state it came with.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { JwtError } from "../protocol/OAuthError.js"
import * as Base64Url from "./internal/base64url.js"
import { equalsConstantTime } from "../protocol/Text.js"
import { hash, isJwtAlgorithm } from "./JwtAlgorithm.js"

/**
 * The hash of an access token, a code or a state as an ID token signed with
 * the algorithm states it: the left half of the algorithm's hash, in base64url
 * (OpenID Connect Core 3.1.3.6 and 3.3.2.11). EdDSA hashes with SHA-512. Fails
 * with reason `hash` for an algorithm that has no hash here.
 *
 * @since 0.1.0
 * @category constructors
 */
export const compute = (
  algorithm: string,
  value: Redacted.Redacted<string>
): Effect.Effect<string, JwtError> =>
  isJwtAlgorithm(algorithm)
    ? Effect.map(
        Effect.promise(() =>
          crypto.subtle.digest(hash(algorithm), Base64Url.utf8Bytes(Redacted.value(value)))
        ),
        (digest) => Base64Url.encodeBytes(new Uint8Array(digest, 0, digest.byteLength / 2))
      )
    : Effect.fail(
        new JwtError({
          operation: "IdTokenHash.compute",
          reason: "hash",
          message: "IdTokenHash.compute: the algorithm of the ID token has no hash that is known here."
        })
      )

/**
 * Checks that hash. Fails with reason `hash` when it is of another value.
 *
 * @since 0.1.0
 * @category checks
 */
export const check = (
  claim: "at_hash" | "c_hash" | "s_hash",
  stated: string,
  algorithm: string,
  value: Redacted.Redacted<string>
): Effect.Effect<void, JwtError> =>
  Effect.flatMap(compute(algorithm, value), (computed) =>
    equalsConstantTime(stated, computed)
      ? Effect.void
      : Effect.fail(
          new JwtError({
            operation: "IdTokenHash.check",
            reason: "hash",
            claim,
            message: `IdTokenHash.check: the claim ${claim} is the hash of another ${names[claim]} than the one that came with it (OpenID Connect Core 3.1.3.6).`
          })
        )
  )

/** What each claim is the hash of; `s_hash` is of Financial-grade API 1.0 part 2, section 5.1. */
const names = { at_hash: "access token", c_hash: "code", s_hash: "state" } as const
