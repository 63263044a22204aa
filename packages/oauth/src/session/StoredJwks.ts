/**
 * The published keys of issuers, kept with the other secrets.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { HttpLimits } from "../http/HttpLimits.js"
import * as Jwk from "../keys/Jwk.js"
import { JwksStore } from "../keys/JwksStore.js"
import * as Text from "../protocol/Text.js"
import * as Cached from "./internal/cached.js"
import type { SecretStore } from "./SecretStore.js"

/**
 * Keeps the keys that issuers publish in the `SecretStore` of the program, so
 * that one which starts often need not fetch them each time. The policy of
 * `RemoteJwks` holds as if this process had fetched them: a key that is gone at
 * its issuer is gone here as soon as without the store, a `kid` that is not
 * among those kept causes a fetch, and what is weak or private is left out.
 *
 * A storage that fails, or does not answer within 2 seconds, is left alone for
 * half a minute and costs no more than a fetch; it is logged once. An entry that
 * cannot be read, is that of another issuer or address, is larger than
 * `HttpLimits.maxMetadataBytes`, or was fetched in the future is not used.
 *
 * Nothing in an entry is secret, but who can write it can have tokens accepted:
 * use a storage that only this program writes, or `EncryptedSecretStore`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<JwksStore.Service, never, SecretStore | Scope.Scope> = Effect.gen(
  function* () {
    const { maxMetadataBytes } = yield* HttpLimits
    const cached = yield* Cached.make(
      "StoredJwks",
      "Keys are fetched from their issuer, as without it.",
      maxMetadataBytes
    )
    return {
      get: (issuer, jwksUri) =>
        Effect.gen(function* () {
          const text = yield* Effect.flatMap(nameOf(issuer, jwksUri), cached.get)
          const entry = Option.flatMap(text, decode)
          const kept = Option.filter(entry, (one) => one.issuer === issuer && one.jwksUri === jwksUri)
          if (Option.isSome(text) && Option.isNone(kept)) yield* cached.distrust
          return kept
        }),
      set: (issuer, jwksUri, kept) =>
        Option.match(encode({ version: 1, issuer, jwksUri, ...kept }), {
          onNone: () => Effect.void,
          onSome: (text) => Effect.flatMap(nameOf(issuer, jwksUri), (name) => cached.put(name, text))
        })
    }
  }
)

const Entry = Schema.parseJson(
  Schema.Struct({
    version: Schema.Literal(1),
    issuer: Schema.String,
    jwksUri: Schema.String,
    fetchedAt: Schema.Finite,
    maxAge: Schema.optionalWith(Schema.NonNegative, { as: "Option" }),
    keys: Schema.Array(Schema.declare(Jwk.isJsonWebKey))
  })
)
const decode = Schema.decodeOption(Entry)
const encode = Schema.encodeOption(Entry)

const nameOf = (issuer: string, jwksUri: string): Effect.Effect<string> =>
  Effect.map(Text.sha256(JSON.stringify([issuer, jwksUri])), (digest) => `effect-oauth.jwks.${digest}`)

/**
 * Keeps published keys for the layers that this one is provided to:
 * `OAuthClient`, a remote `Keyring`, whatever accepts tokens. The address of the
 * keys is in the metadata of their issuer, which `StoredMetadata` keeps.
 *
 * @example
 * import * as Discovery from "effect-oauth/Discovery"
 * import * as Keyring from "effect-oauth/Keyring"
 * import * as StoredJwks from "effect-oauth/StoredJwks"
 * import * as StoredMetadata from "effect-oauth/StoredMetadata"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const KeysLive = Layer.unwrapEffect(
 *   Effect.map(Discovery.Discovery, ({ server }) =>
 *     Keyring.layerRemote({ issuers: "https://issuer.example", metadata: server })
 *   )
 * ).pipe(Layer.provide(Layer.merge(StoredMetadata.layer(), StoredJwks.layer)))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never, never, SecretStore> = Layer.scoped(JwksStore, make)
