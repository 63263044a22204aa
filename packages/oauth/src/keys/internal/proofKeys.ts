/** Keys of clients whose proofs were good, ready for the next one. */
import * as Effect from "effect/Effect"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JsonWebKey } from "../Jwk.js"
import type { JwtHeader } from "../Jwt.js"
import type { VerificationKey } from "../VerificationKey.js"
import { embeddedKey, jwkOf } from "./embeddedKey.js"

/**
 * The keys of those who proved to hold one.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProofKeys {
  /** The key of a header: the one that is remembered, or made anew. */
  readonly of: (header: JwtHeader) => Effect.Effect<VerificationKey, KeyringError>
  /** Remembers a key of a header for the next proof, once it is known whose it is. */
  readonly keep: (header: JwtHeader, key: VerificationKey) => void
}

/**
 * All that a key is made of, in one text: what RFC 7638 section 3 hashes, and
 * the members that limit what it may be used for. The same text, the same key.
 */
const textOf = ({ alg, crv, e, key_ops, kid, kty, n, use, x, y }: JsonWebKey): string =>
  JSON.stringify([kty, crv, x, y, n, e, alg, use, key_ops, kid])

/**
 * Remembers keys, the ones that were used last. A key that is not among them
 * costs what it costs without, so whoever brings many gains nothing by it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeProofKeys = (maximum: number): Effect.Effect<ProofKeys> =>
  Effect.sync(() => {
    const known = new Map<string, VerificationKey>()
    return {
      of: (header) => {
        const jwk = jwkOf(header)
        const key = jwk === undefined ? undefined : known.get(textOf(jwk))
        return key === undefined ? embeddedKey(header) : Effect.succeed(key)
      },
      keep: (header, key) => {
        const jwk = jwkOf(header)
        if (jwk === undefined) return
        const text = textOf(jwk)
        known.delete(text)
        known.set(text, key)
        const [oldest] = known.keys()
        if (known.size > maximum && oldest !== undefined) known.delete(oldest)
      }
    }
  })
