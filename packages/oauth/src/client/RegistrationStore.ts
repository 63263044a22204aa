/**
 * Where registrations are kept.
 *
 * @since 0.1.0
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Endpoint from "../protocol/Endpoint.js"
import { TokenStoreError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import { RegisteredClient } from "./RegisteredClient.js"

/**
 * Keeps the clients that servers have registered, so that a program registers
 * once and not at every start. A registration belongs to its issuer and is
 * given out for no other: neither is one kept under the key of another, nor is
 * what a storage gives back used if it names another.
 *
 * @since 0.1.0
 * @category services
 */
export class RegistrationStore extends Context.Tag("effect-oauth/RegistrationStore")<
  RegistrationStore,
  RegistrationStore.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace RegistrationStore {
  /**
   * Which registration: the issuer, byte for byte, and either the redirect URIs
   * it is for (in any order) or a name that the program gives it.
   *
   * @since 0.1.0
   * @category models
   */
  export type Key =
    | { readonly issuer: string; readonly redirectUris: ReadonlyArray<string> }
    | { readonly issuer: string; readonly name: string }

  /**
   * Failures are `TokenStoreError`s: `unavailable` when the storage fails,
   * `corrupt` for an entry that cannot be read or is that of another key,
   * `conflict` for a registration that is to be kept under another issuer. None
   * shows what is stored.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly get: (key: Key) => Effect.Effect<Option.Option<RegisteredClient>, TokenStoreError>
    /** Keeps it in the place of what was kept under the key. */
    readonly put: (key: Key, client: RegisteredClient) => Effect.Effect<void, TokenStoreError>
    /** Also an entry that cannot be read. */
    readonly delete: (key: Key) => Effect.Effect<void, TokenStoreError>
  }
}

/**
 * A storage of texts by name, as the stores below need it. A `TokenStoreError` of
 * its own is passed on, any other failure is `unavailable`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Backend {
  readonly get: (name: string) => Effect.Effect<Option.Option<string>, unknown>
  readonly set: (name: string, text: string) => Effect.Effect<unknown, unknown>
  readonly remove: (name: string) => Effect.Effect<void, unknown>
}

/**
 * Makes a store over a storage of texts. The name of an entry is a SHA-256 of
 * its key, in base64url: nothing of the key shows, and it is a file name. The
 * text is JSON with the secret in it: a storage that others read is to be
 * encrypted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (backend: Backend): RegistrationStore.Service => ({
  get: (key) =>
    Effect.gen(function* () {
      const operation = "RegistrationStore.get"
      const id = canonical(key)
      const text = yield* Effect.mapError(backend.get(yield* nameOf(id)), failed(operation, key))
      if (Option.isNone(text)) return Option.none()
      const entry = yield* Effect.mapError(decode(text.value), () => corrupt(operation, key))
      return entry.key === id && entry.client.issuer === key.issuer
        ? Option.some(entry.client)
        : yield* corrupt(operation, key)
    }),
  put: (key, client) =>
    Effect.gen(function* () {
      const operation = "RegistrationStore.put"
      if (client.issuer !== key.issuer) return yield* conflict(operation, key, client)
      const id = canonical(key)
      const text = yield* Effect.mapError(encode({ version: 1, key: id, client }), () =>
        corrupt(operation, key)
      )
      yield* Effect.mapError(backend.set(yield* nameOf(id), text), failed(operation, key))
    }),
  delete: (key) =>
    Effect.flatMap(nameOf(canonical(key)), (name) =>
      Effect.mapError(backend.remove(name), failed("RegistrationStore.delete", key))
    )
})

/**
 * A store that forgets when the program ends.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<RegistrationStore> = Layer.effect(
  RegistrationStore,
  Effect.map(Ref.make<ReadonlyMap<string, string>>(new Map()), (entries) =>
    make({
      get: (name) => Effect.map(Ref.get(entries), (all) => Option.fromNullable(all.get(name))),
      set: (name, text) => Ref.update(entries, (all) => new Map(all).set(name, text)),
      remove: (name) => Ref.update(entries, (all) => new Map([...all].filter(([other]) => other !== name)))
    })
  )
)

/**
 * A store over a `KeyValueStore` of `@effect/platform`, under names that begin
 * with `effect-oauth.registration.` Secrets are plain text in it, and
 * `KeyValueStore.layerFileSystem` writes files that everybody on the machine
 * may read.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore: Layer.Layer<RegistrationStore, never, KeyValueStore.KeyValueStore> =
  Layer.effect(
    RegistrationStore,
    Effect.map(KeyValueStore.KeyValueStore, (store) =>
      make({ get: store.get, set: store.set, remove: store.remove })
    )
  )

const Entry = Schema.parseJson(
  Schema.Struct({ version: Schema.Literal(1), key: Schema.String, client: RegisteredClient })
)
const decode = Schema.decode(Entry)
const encode = Schema.encode(Entry)

/** One text for one key, whatever the order of the redirect URIs. */
const canonical = (key: RegistrationStore.Key): string =>
  JSON.stringify(
    "name" in key
      ? [key.issuer, "name", key.name]
      : [key.issuer, "redirect_uris", ...[...new Set(key.redirectUris)].sort()]
  )

const nameOf = (id: string): Effect.Effect<string> =>
  Effect.map(Text.sha256(id), (digest) => `effect-oauth.registration.${digest}`)

const failed =
  (operation: string, key: RegistrationStore.Key) =>
  (error: unknown): TokenStoreError =>
    error instanceof TokenStoreError ? error : unavailable(operation, key)

const unavailable = (operation: string, key: RegistrationStore.Key): TokenStoreError =>
  new TokenStoreError({
    operation,
    reason: "unavailable",
    message: `${operation}: the storage of registrations could not be read or written (for ${Endpoint.show(key.issuer)}). Check that it is there and may be used.`
  })

const corrupt = (operation: string, key: RegistrationStore.Key): TokenStoreError =>
  new TokenStoreError({
    operation,
    reason: "corrupt",
    message: `${operation}: what is kept as the registration at ${Endpoint.show(key.issuer)} cannot be read, or is another one. Delete it with RegistrationStore.delete; the client is then registered anew.`
  })

const conflict = (operation: string, key: RegistrationStore.Key, client: RegisteredClient): TokenStoreError =>
  new TokenStoreError({
    operation,
    reason: "conflict",
    message: `${operation}: a client of ${Endpoint.show(client.issuer)} cannot be kept as one of ${Endpoint.show(key.issuer)}.`
  })
