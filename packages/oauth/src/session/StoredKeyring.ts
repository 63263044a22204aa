/**
 * A key that is made once and kept.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { JsonWebKey } from "../keys/Jwk.js"
import * as Keyring from "../keys/Keyring.js"
import type { KeyringError } from "../protocol/OAuthError.js"
import { TokenStoreError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import { SecretStore } from "./SecretStore.js"

/**
 * Which key, and how it is made the first time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Keyring.GenerateOptions {
  /** What the program calls the key: one for each purpose, and each client. */
  readonly name: string
}

/**
 * A keyring of the key that the `SecretStore` has under the name, or of a new one
 * that is put there: for DPoP, so that tokens bound to it can be used after a
 * restart, for a client that proves itself by a key, and to encrypt other
 * storages. Programs that begin at once, on however many machines, end up with
 * the same key where the storage has a compare-and-set for them all. The private
 * key is plain text in the storage.
 *
 * Fails with `corrupt` when what is kept is not a key (delete it: tokens bound to
 * it are lost), and with a `KeyringError` when it is not one for `alg`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Keyring.Keyring, KeyringError | TokenStoreError, SecretStore> =>
  Effect.gen(function* () {
    const secrets = yield* SecretStore
    const name = yield* nameOf(options.name)
    const kept = yield* secrets.get(name)
    if (Option.isSome(kept)) return yield* read(kept.value.text, options)

    const ring = yield* Keyring.generate(options)
    const { privateJwk } = yield* ring.signingKey()
    if (Option.isNone(privateJwk)) return yield* corrupt()
    const text = JSON.stringify({ version: 1, key: Redacted.value(privateJwk.value) })
    if (Option.isSome(yield* secrets.compareAndSet(name, Option.none(), text))) return ring

    // Another program was first, and its key is the one.
    const first = yield* secrets.get(name)
    return Option.isSome(first) ? yield* read(first.value.text, options) : yield* conflict()
  }).pipe(Effect.retry({ times: 10, while: (error) => error.reason === "conflict" }))

const decode = Schema.decodeOption(
  Schema.parseJson(
    Schema.Struct({
      version: Schema.Literal(1),
      key: Schema.Struct(
        { kty: Schema.String, d: Schema.NonEmptyString },
        { key: Schema.String, value: Schema.Unknown }
      )
    })
  )
)

const read = (
  text: string,
  { alg, issuer }: Options
): Effect.Effect<Keyring.Keyring, KeyringError | TokenStoreError> =>
  Option.match(decode(text), {
    onNone: () => Effect.fail(corrupt()),
    onSome: ({ key }) => {
      const jwk: JsonWebKey = key
      return Effect.mapError(
        Keyring.fromJwk({ jwk: Redacted.make(jwk), alg, issuer }),
        (error): KeyringError | TokenStoreError => (error.reason === "malformed" ? corrupt() : error)
      )
    }
  })

const nameOf = (name: string): Effect.Effect<string> =>
  Effect.map(Text.sha256(JSON.stringify(name)), (digest) => `effect-oauth.key.${digest}`)

const problem = (reason: TokenStoreError["reason"], what: string): TokenStoreError =>
  new TokenStoreError({ operation: "StoredKeyring.make", reason, message: `StoredKeyring.make: ${what}.` })

const corrupt = (): TokenStoreError =>
  problem("corrupt", "what is kept under this name is not a private key; delete it, and a new one is made")

const conflict = (): TokenStoreError =>
  problem("conflict", "other programs put the key there and delete it again")

/**
 * Provides the kept key, as `make` has it.
 *
 * @example
 * import * as StoredKeyring from "effect-oauth/StoredKeyring"
 *
 * const KeysLive = StoredKeyring.layer({ name: "dpop", alg: "ES256" })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<Keyring.KeyringService, KeyringError | TokenStoreError, SecretStore> =>
  Keyring.layer(make(options))
