/**
 * Nonces that a resource asks for in DPoP proofs (RFC 9449 sections 8 and 9).
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Entropy from "effect-oauth/Entropy"
import { KeyringError } from "effect-oauth/OAuthError"
import * as Text from "effect-oauth/Text"

/**
 * Gives out nonces and knows its own again. Nothing is kept of them: a nonce is
 * a keyed hash (HMAC-SHA-256) of the period in which it is given out, so that
 * every machine with the same secret gives out and accepts the same ones.
 *
 * @since 0.1.0
 * @category models
 */
export interface DpopNonce {
  /** The nonce of this period, for the header `DPoP-Nonce`. */
  readonly current: Effect.Effect<string>
  /** Whether a nonce is of this period, or of the one before or after it. */
  readonly accepts: (nonce: string) => Effect.Effect<boolean>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * What the nonces are made with, 32 bytes or more: the same on all machines
   * that serve a resource. Random bytes of this process unless given.
   */
  readonly secret?: Secret | undefined
  /** Secrets that were used before and whose nonces are still accepted. */
  readonly previous?: ReadonlyArray<Secret> | undefined
  /** How long one nonce is given out; it is accepted up to twice as long. 2 minutes. */
  readonly period?: Duration.DurationInput | undefined
}

/**
 * A text is taken as UTF-8.
 *
 * @since 0.1.0
 * @category models
 */
export type Secret = Redacted.Redacted<string> | Redacted.Redacted<Uint8Array>

/**
 * Makes nonces. Fails with `forbidden` for a secret that is shorter than 32
 * bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<DpopNonce, KeyringError> =>
  Effect.gen(function* () {
    const period = Math.max(1, Duration.toMillis(options.period ?? "2 minutes"))
    const newest = options.secret ?? Redacted.make(yield* Effect.flatMap(Entropy.Entropy, (e) => e.bytes(32)))
    const keys = yield* Effect.forEach([newest, ...(options.previous ?? [])], importKey)
    const hash = (key: CryptoKey, at: number) =>
      Effect.map(
        Effect.promise(() => crypto.subtle.sign("HMAC", key, new TextEncoder().encode(`DPoP-Nonce ${at}`))),
        (signature) => Text.base64Url(new Uint8Array(signature).slice(0, 16))
      )
    const noncesOf = (at: number) =>
      Effect.map(
        Effect.forEach(keys, (key) => Effect.forEach([at, at - 1, at + 1], (one) => hash(key, one))),
        (nonces) => ({ at, nonces: nonces.flat() })
      )
    // Made once in a period.
    let known: { readonly at: number; readonly nonces: ReadonlyArray<string> } = { at: NaN, nonces: [] }
    const nonces = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const at = Math.floor(now / period)
      return at === known.at
        ? Effect.succeed(known.nonces)
        : Effect.map(noncesOf(at), (made) => {
            known = made
            return made.nonces
          })
    })
    return {
      current: Effect.map(nonces, ([nonce = ""]) => nonce),
      accepts: (nonce) =>
        Effect.map(nonces, (own) => own.filter((one) => Text.equalsConstantTime(nonce, one)).length > 0)
    }
  })

const importKey = (secret: Secret): Effect.Effect<CryptoKey, KeyringError> => {
  const value: string | Uint8Array = Redacted.value<string | Uint8Array>(secret)
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value)
  return bytes.length < 32
    ? new KeyringError({
        operation: "DpopNonce.make",
        reason: "forbidden",
        retriable: false,
        message: "DpopNonce.make: the secret of the nonces is shorter than 32 bytes."
      })
    : Effect.promise(() =>
        crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
      )
}
