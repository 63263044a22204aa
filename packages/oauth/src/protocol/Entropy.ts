/**
 * Chance: the random bytes behind every state, nonce, verifier and `jti`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Text from "./Text.js"

/**
 * A source of random bytes.
 *
 * A `Context.Reference`: the platform's cryptographic generator
 * (`crypto.getRandomValues`) unless a program provides another, as a test does
 * to get fixed values. Effect's own `Random` is not used, since it is not
 * cryptographic.
 *
 * @since 0.1.0
 * @category services
 */
export class Entropy extends Context.Reference<Entropy>()("effect-oauth/Entropy", {
  defaultValue: (): Entropy.Service => ({
    bytes: (length) => Effect.sync(() => crypto.getRandomValues(new Uint8Array(length)))
  })
}) {}

/**
 * @since 0.1.0
 */
export declare namespace Entropy {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** As many random bytes as asked for. */
    readonly bytes: (length: number) => Effect.Effect<Uint8Array>
  }
}

/**
 * Random text: that many random bytes in base64url, without padding.
 * 32 bytes (256 bits) give 43 characters.
 *
 * @since 0.1.0
 * @category constructors
 */
export const randomText = (bytes: number): Effect.Effect<string> =>
  Effect.flatMap(Entropy, (entropy) => Effect.map(entropy.bytes(bytes), Text.base64Url))
