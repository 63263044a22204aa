/**
 * Where sessions are kept.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { TokenStoreError } from "../protocol/OAuthError.js"
import { TokenSet } from "../protocol/TokenSet.js"
import type { Stored } from "./SecretStore.js"
import { layerMemory as secretsInMemory, SecretStore } from "./SecretStore.js"
import * as SessionKey from "./SessionKey.js"

/**
 * Keeps sessions, each under its key, in a `SecretStore`. Several processes and
 * machines may share one: who writes says what it had read.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenStore extends Context.Tag("effect-oauth/TokenStore")<TokenStore, TokenStore.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenStore {
  /**
   * Failures are those of the `SecretStore`, and `corrupt` for an entry that is
   * not a session or is that of another key, and `conflict` for tokens of another
   * issuer than the key's. None shows what is stored.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly get: (key: SessionKey.SessionKey) => Effect.Effect<Option.Option<Entry>, TokenStoreError>
    /** Whatever is there. */
    readonly put: (key: SessionKey.SessionKey, record: SessionRecord) => Effect.Effect<Entry, TokenStoreError>
    /** Only over the entry of this generation, or over none. Gives none when somebody was first. */
    readonly compareAndSet: (
      key: SessionKey.SessionKey,
      expected: Option.Option<string>,
      record: SessionRecord
    ) => Effect.Effect<Option.Option<Entry>, TokenStoreError>
    /** Also an entry that cannot be read. */
    readonly delete: (key: SessionKey.SessionKey) => Effect.Effect<void, TokenStoreError>
  }
}

/**
 * What is known of a session. Who holds the lease, and until its instant is
 * over, is the one to refresh; an intent says that a refresh was about to be sent
 * and that its outcome is not known.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionRecord {
  readonly tokens: Option.Option<TokenSet>
  /** `until` in milliseconds since the epoch. */
  readonly lease: Option.Option<{ readonly owner: string; readonly until: number }>
  /** `startedAt` in milliseconds since the epoch. */
  readonly intent: Option.Option<{ readonly owner: string; readonly startedAt: number }>
  /** Why only a person can begin it anew. */
  readonly ended: Option.Option<"refused" | "expired" | "interrupted_refresh" | "revoked" | "no_session">
  /**
   * Of which login the tokens are, or of which one the session has ended: its
   * random name, that later ones have a greater `at` (milliseconds since the epoch,
   * or as many more as it takes), and how often it was refreshed. Of two records the
   * later one counts. Records of before this was said have none.
   */
  readonly login?: { readonly id: string; readonly at: number; readonly refreshes: number } | undefined
}

/**
 * A record, and the generation of the entry that it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  readonly generation: string
  readonly record: SessionRecord
}

/**
 * A session of which nothing is known.
 *
 * @since 0.1.0
 * @category constructors
 */
export const emptyRecord: SessionRecord = {
  tokens: Option.none(),
  lease: Option.none(),
  intent: Option.none(),
  ended: Option.none()
}

/**
 * Makes a store over a storage. The name of an entry says nothing of its key
 * (`SessionKey.name`); the text is JSON with the tokens in it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (secrets: SecretStore.Service): TokenStore.Service => {
  const nameOf = names()
  return {
    get: (key) =>
      Effect.flatMap(nameOf(key), secrets.get).pipe(
        Effect.flatMap(
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (stored) => Effect.asSome(read(key, stored))
          })
        )
      ),
    put: (key, record) =>
      Effect.flatMap(Effect.zip(nameOf(key), write("TokenStore.put", key, record)), ([name, text]) =>
        Effect.map(secrets.put(name, text), entryOf(record))
      ),
    compareAndSet: (key, expected, record) =>
      Effect.flatMap(
        Effect.zip(nameOf(key), write("TokenStore.compareAndSet", key, record)),
        ([name, text]) => Effect.map(secrets.compareAndSet(name, expected, text), Option.map(entryOf(record)))
      ),
    delete: (key) => Effect.flatMap(nameOf(key), secrets.delete)
  }
}

/** A name is a hash, and whoever keeps a session asks for the same one again and again. */
const names = () => {
  const known = new WeakMap<SessionKey.SessionKey, { readonly of: string; readonly name: string }>()
  return (key: SessionKey.SessionKey): Effect.Effect<string> =>
    Effect.suspend(() => {
      const text = SessionKey.canonical(key)
      const found = known.get(key)
      if (found?.of === text) return Effect.succeed(found.name)
      return Effect.tap(SessionKey.name(key), (name) => Effect.sync(() => known.set(key, { of: text, name })))
    })
}

/**
 * Sessions in the `SecretStore` of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<TokenStore, never, SecretStore> = Layer.effect(
  TokenStore,
  Effect.map(SecretStore, make)
)

/**
 * Sessions that are forgotten when the program ends.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<TokenStore> = Layer.provide(layer, secretsInMemory)

const Owned = <A extends Schema.Struct.Fields>(fields: A) =>
  Schema.optionalWith(Schema.Struct({ owner: Schema.String, ...fields }), { as: "Option" })

const Count = Schema.Int.pipe(Schema.nonNegative())

const Text = Schema.parseJson(
  Schema.Struct({
    version: Schema.Literal(1),
    key: Schema.String,
    tokens: Schema.optionalWith(TokenSet, { as: "Option" }),
    lease: Owned({ until: Schema.Finite }),
    intent: Owned({ startedAt: Schema.Finite }),
    ended: Schema.optionalWith(
      Schema.Literal("refused", "expired", "interrupted_refresh", "revoked", "no_session"),
      { as: "Option" }
    ),
    login: Schema.optional(Schema.Struct({ id: Schema.String, at: Count, refreshes: Count }))
  })
)
const decode = Schema.decode(Text)
const encode = Schema.encode(Text)

const entryOf =
  (record: SessionRecord) =>
  ({ generation }: Stored): Entry => ({ generation, record })

const read = (
  key: SessionKey.SessionKey,
  { generation, text }: Stored
): Effect.Effect<Entry, TokenStoreError> =>
  Effect.flatMap(
    Effect.mapError(decode(text), corrupt),
    ({ ended, intent, key: whose, lease, login, tokens }) =>
      whose === SessionKey.canonical(key) && isOfIssuer(key, tokens)
        ? Effect.succeed({
            generation,
            record: { tokens, lease, intent, ended, ...(login === undefined ? {} : { login }) }
          })
        : Effect.fail(corrupt())
  )

const write = (
  operation: string,
  key: SessionKey.SessionKey,
  { ended, intent, lease, login, tokens }: SessionRecord
): Effect.Effect<string, TokenStoreError> =>
  isOfIssuer(key, tokens)
    ? Effect.mapError(
        encode({ version: 1, key: SessionKey.canonical(key), tokens, lease, intent, ended, login }),
        () => refused(operation, "the session holds something that JSON cannot say")
      )
    : Effect.fail(refused(operation, "tokens of one issuer cannot be kept as a session with another"))

/** The tokens of one server are no session with another. */
const isOfIssuer = (key: SessionKey.SessionKey, tokens: Option.Option<TokenSet>): boolean =>
  Option.isNone(tokens) || tokens.value.issuer === key.issuer

const refused = (operation: string, why: string): TokenStoreError =>
  new TokenStoreError({
    operation,
    reason: "conflict",
    message: `${operation}: ${why}; nothing was changed.`
  })

const corrupt = (): TokenStoreError =>
  new TokenStoreError({
    operation: "TokenStore.get",
    reason: "corrupt",
    message:
      "TokenStore.get: what is kept as this session cannot be read, or is another one. Delete it with TokenStore.delete; the person then logs in anew."
  })
