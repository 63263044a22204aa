/**
 * The nonces that servers want in DPoP proofs, kept with the other secrets.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Nonces } from "../client/Dpop.js"
import * as Text from "../protocol/Text.js"
import * as Cached from "./internal/cached.js"
import type { SecretStore } from "./SecretStore.js"

/** Longer than any entry: a nonce has 1024 characters at most. */
const maximum = 16_384

/**
 * Keeps nonces in the `SecretStore` of the program, for `Dpop.make({ nonces })`:
 * a program that starts often need not be refused first each time (RFC 9449
 * section 8). The storage is read once for each origin and written when an origin
 * gives another nonce, behind the request that brought it; writes are finished
 * when the scope closes.
 *
 * A storage that fails, or does not answer within 2 seconds, is left alone for
 * half a minute; nonces are in memory all the same, and it is logged once. An
 * entry that cannot be read or is that of another origin is not used. A nonce that
 * is too old, or that somebody put there, costs a second request.
 *
 * @example
 * import * as Dpop from "effect-oauth/Dpop"
 * import * as StoredKeyring from "effect-oauth/StoredKeyring"
 * import * as StoredNonces from "effect-oauth/StoredNonces"
 * import * as Effect from "effect/Effect"
 *
 * const dpop = Effect.gen(function* () {
 *   const keyring = yield* StoredKeyring.make({ name: "dpop", alg: "ES256" })
 *   const nonces = yield* StoredNonces.make
 *   return yield* Dpop.make({ keyring, nonces })
 * })
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Nonces, never, SecretStore | Scope.Scope> = Effect.map(
  Cached.make("StoredNonces", "Nonces are kept in memory alone, as without it.", maximum),
  (cached) => ({
    get: (origin) =>
      Effect.gen(function* () {
        const text = yield* Effect.flatMap(nameOf(origin), cached.get)
        const kept = Option.filter(Option.flatMap(text, decode), (entry) => entry.origin === origin)
        if (Option.isSome(text) && Option.isNone(kept)) yield* cached.distrust
        return Option.map(kept, ({ nonce }) => nonce)
      }),
    set: (origin, nonce) =>
      Effect.flatMap(nameOf(origin), (name) =>
        cached.put(name, JSON.stringify({ version: 1, origin, nonce }))
      )
  })
)

const decode = Schema.decodeOption(
  Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), origin: Schema.String, nonce: Schema.String }))
)

const nameOf = (origin: string): Effect.Effect<string> =>
  Effect.map(Text.sha256(JSON.stringify(origin)), (digest) => `effect-oauth.nonce.${digest}`)
