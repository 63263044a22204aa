/**
 * Secrets that a storage keeps and cannot read.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Keyring } from "../keys/Keyring.js"
import type { KeyringError } from "../protocol/OAuthError.js"
import { TokenStoreError } from "../protocol/OAuthError.js"
import * as Sealing from "./internal/sealing.js"
import type { Stored } from "./SecretStore.js"
import { SecretStore } from "./SecretStore.js"

/**
 * Encrypts what goes into a storage and decrypts what comes out of it, with a
 * key of a keyring: JWE (RFC 7516) with `A256KW` and `A256GCM`. The key that wraps
 * is made for this purpose alone (HKDF, RFC 5869) of the secret part of the
 * keyring's key, of whatever type, so a key that signs can be used.
 *
 * The name of an entry is authenticated with it: what is moved to another name,
 * changed, or not encrypted is `corrupt`. Names and generations are not
 * encrypted. Who can write the storage can still put an older text of the same
 * entry back, or delete it.
 *
 * What is written is under the key that the keyring gives without being asked
 * for one; what is read, under the one that the text names. So keys are replaced
 * by `Keyring.combine(current, older)`, with the older ones for as long as there
 * are entries of them; a secret needs a `kid` for that. A `KeyRotation` gives its
 * retiring keys for as long as it retains them: what was last written before that
 * is lost, so let it retain them for longer than entries live. An entry of a key that
 * the keyring does not have, and a keyring without a key that can be used (none,
 * or one that cannot leave its place), is `forbidden`; a keyring that cannot be
 * reached is `unavailable`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (secrets: SecretStore.Service, keyring: Keyring): SecretStore.Service => {
  const sealed = (operation: string, name: string, text: string) =>
    Effect.flatMap(Effect.mapError(keyring.signingKey(), noKey(operation)), (key) =>
      Effect.flatMap(
        Sealing.seal(key, name, text),
        Option.match({
          onNone: () => Effect.fail(problem(operation, "forbidden", unusable)),
          onSome: Effect.succeed
        })
      )
    )

  const opened = (name: string, { generation, text }: Stored) =>
    Effect.gen(function* () {
      const operation = "EncryptedSecretStore.get"
      const parsed = Sealing.parse(text)
      if (Option.isNone(parsed)) return yield* problem(operation, "corrupt", changed)
      const { kid } = parsed.value
      const key = yield* Effect.mapError(
        keyring.signingKey(kid === undefined ? undefined : { kid }),
        noKey(operation)
      )
      const plain = yield* Sealing.open(key, name, parsed.value)
      return Option.isSome(plain)
        ? { generation, text: plain.value }
        : yield* problem(operation, "corrupt", changed)
    })

  return {
    get: (name) =>
      Effect.flatMap(
        secrets.get(name),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (entry) => Effect.asSome(opened(name, entry))
        })
      ),
    put: (name, text) =>
      sealed("EncryptedSecretStore.put", name, text).pipe(
        Effect.flatMap((cipher) => secrets.put(name, cipher)),
        Effect.map(({ generation }) => ({ generation, text }))
      ),
    compareAndSet: (name, expected, text) =>
      sealed("EncryptedSecretStore.compareAndSet", name, text).pipe(
        Effect.flatMap((cipher) => secrets.compareAndSet(name, expected, cipher)),
        Effect.map(Option.map(({ generation }) => ({ generation, text })))
      ),
    delete: secrets.delete
  }
}

const unusable = "the key of the keyring cannot be used to encrypt: its secret part cannot be had"
const changed =
  "what is kept does not open: it was changed, was another entry's, or was not encrypted with this key. Delete it with SecretStore.delete"

const problem = (operation: string, reason: TokenStoreError["reason"], what: string): TokenStoreError =>
  new TokenStoreError({ operation, reason, message: `${operation}: ${what}.` })

const noKey =
  (operation: string) =>
  ({ reason }: KeyringError): TokenStoreError =>
    reason === "unavailable"
      ? problem(operation, "unavailable", "the keyring cannot be reached")
      : problem(operation, "forbidden", `the keyring does not have the key (${reason})`)

/**
 * The storage of the program, encrypted: `make` over it, with a keyring however
 * it is made; `KeyringService` is the program's.
 *
 * @example
 * import * as EncryptedSecretStore from "effect-oauth/EncryptedSecretStore"
 * import * as Keyring from "effect-oauth/Keyring"
 * import * as SecretStore from "effect-oauth/SecretStore"
 * import * as Layer from "effect/Layer"
 * import type * as Redacted from "effect/Redacted"
 *
 * const secretsWith = (secret: Redacted.Redacted<string>) =>
 *   EncryptedSecretStore.layer(Keyring.fromSecret({ secret, alg: "HS256", kid: "2025" })).pipe(
 *     Layer.provide(SecretStore.layerKeyValueStore)
 *   )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(
  keyring: Effect.Effect<Keyring, E, R>
): Layer.Layer<SecretStore, E, SecretStore | Exclude<R, Scope.Scope>> =>
  Layer.scoped(SecretStore, Effect.zipWith(SecretStore, keyring, make))
