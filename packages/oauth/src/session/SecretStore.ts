/**
 * Where secrets are kept: texts by name, with a compare-and-set.
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
import * as Entropy from "../protocol/Entropy.js"
import { TokenStoreError } from "../protocol/OAuthError.js"

/**
 * The one thing that a storage implements: sessions, registrations and keys
 * stand on it. Names are opaque to a storage and hold nothing secret; texts are
 * secret, and a storage shows them nowhere.
 *
 * @since 0.1.0
 * @category services
 */
export class SecretStore extends Context.Tag("effect-oauth/SecretStore")<
  SecretStore,
  SecretStore.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace SecretStore {
  /**
   * Failures are `TokenStoreError`s: `unavailable` when the storage cannot be
   * read or written (what was kept is then kept still), `corrupt` for an entry
   * that cannot be read or is that of another name, `forbidden` for one that
   * others may read or that is protected by another key.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly get: (name: string) => Effect.Effect<Option.Option<Stored>, TokenStoreError>
    /** Whatever is there; also in the place of an entry that cannot be read. */
    readonly put: (name: string, text: string) => Effect.Effect<Stored, TokenStoreError>
    /**
     * Only if the entry is still of this generation, or still absent for none.
     * Gives none when it is not: somebody was first, and nothing was changed.
     */
    readonly compareAndSet: (
      name: string,
      expected: Option.Option<string>,
      text: string
    ) => Effect.Effect<Option.Option<Stored>, TokenStoreError>
    /** Also an entry that cannot be read, and one that is not there. */
    readonly delete: (name: string) => Effect.Effect<void, TokenStoreError>
  }
}

/**
 * An entry. Each write makes a generation that was never there before, so what
 * was deleted and made anew is another.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stored {
  readonly generation: string
  readonly text: string
}

/**
 * A new entry, with a generation of 128 random bits: for who writes a storage.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stored = (text: string): Effect.Effect<Stored> =>
  Effect.map(Entropy.randomText(16), (generation) => ({ generation, text }))

/**
 * Goes on where what is there is what a compare-and-set expects, and gives none
 * where it is not: for who writes a storage, who sees to it that nobody else
 * writes in between.
 *
 * @since 0.1.0
 * @category combinators
 */
export const whenExpected = <E, E2>(
  expected: Option.Option<string>,
  current: Effect.Effect<Option.Option<Stored>, E>,
  swap: Effect.Effect<Option.Option<Stored>, E2>
): Effect.Effect<Option.Option<Stored>, E | E2> =>
  Effect.flatMap(current, (now) => (isExpected(now, expected) ? swap : Effect.succeedNone))

const isExpected = (
  current: Option.Option<Pick<Stored, "generation">>,
  expected: Option.Option<string>
): boolean => Option.getOrUndefined(current)?.generation === Option.getOrUndefined(expected)

/**
 * An entry as one text, with its name in it: for who writes a storage that
 * keeps texts.
 *
 * @since 0.1.0
 * @category encoding
 */
export const encode = (name: string, { generation, text }: Stored): string =>
  JSON.stringify({ version: 1, name, generation, text })

/**
 * What `encode` made of an entry of this name; none for anything else.
 *
 * @since 0.1.0
 * @category encoding
 */
export const decode = (name: string, encoded: string): Option.Option<Stored> =>
  Option.flatMap(decodeEncoded(encoded), ({ generation, name: whose, text }) =>
    whose === name ? Option.some({ generation, text }) : Option.none()
  )

const decodeEncoded = Schema.decodeOption(
  Schema.parseJson(
    Schema.Struct({
      version: Schema.Literal(1),
      name: Schema.String,
      generation: Schema.NonEmptyString,
      text: Schema.String
    })
  )
)

/**
 * Runs one effect after the other.
 *
 * @since 0.1.0
 * @category models
 */
export type Turn = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Makes what lets the effects of one name take turns, in this process, while
 * other names go on: for who writes a storage.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeTurns: Effect.Effect<(name: string) => Turn> = Effect.sync(() => {
  const lines = new Map<string, { readonly semaphore: Effect.Semaphore; length: number }>()
  return (name) => (effect) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const line = lines.get(name) ?? { semaphore: Effect.unsafeMakeSemaphore(1), length: 0 }
        line.length += 1
        lines.set(name, line)
        return line
      }),
      (line) => line.semaphore.withPermits(1)(effect),
      (line) =>
        Effect.sync(() => {
          line.length -= 1
          if (line.length === 0) lines.delete(name)
        })
    )
})

/**
 * Makes a storage that forgets when the program ends.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory: Effect.Effect<SecretStore.Service> = Effect.map(
  Ref.make<ReadonlyMap<string, Stored>>(new Map()),
  (entries) => {
    const get = (name: string) => Effect.map(Ref.get(entries), (all) => Option.fromNullable(all.get(name)))
    const compareAndSet = (name: string, expected: Option.Option<string>, text: string) =>
      Effect.flatMap(stored(text), (next) =>
        Ref.modify(entries, (all) =>
          isExpected(Option.fromNullable(all.get(name)), expected)
            ? [Option.some(next), new Map(all).set(name, next)]
            : [Option.none(), all]
        )
      )
    return {
      get,
      put: (name, text) =>
        Effect.tap(stored(text), (next) => Ref.update(entries, (all) => new Map(all).set(name, next))),
      compareAndSet,
      delete: (name) => Ref.update(entries, (all) => new Map([...all].filter(([other]) => other !== name)))
    }
  }
)

/**
 * A storage that forgets when the program ends.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<SecretStore> = Layer.effect(SecretStore, makeMemory)

/**
 * A storage over a `KeyValueStore` of `@effect/platform`. Its compare-and-set
 * holds within this layer alone: programs that share the `KeyValueStore` can
 * both be first, so keep sessions that rotate in a storage that has a
 * compare-and-set of its own when more than one process uses them. Texts are
 * kept as they are, and `KeyValueStore.layerFileSystem` writes files that
 * everybody on the machine may read: see `EncryptedSecretStore`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyValueStore: Layer.Layer<SecretStore, never, KeyValueStore.KeyValueStore> = Layer.effect(
  SecretStore,
  Effect.map(Effect.all([KeyValueStore.KeyValueStore, makeTurns]), ([store, turnOf]) => {
    const read = (operation: string, name: string) =>
      Effect.flatMap(
        Effect.mapError(store.get(name), () => unavailable(operation)),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (text) => Effect.asSome(Effect.mapError(decode(name, text), () => corrupt(operation)))
        })
      )
    // A write that has begun is not left half done.
    const write = (operation: string, name: string, text: string) =>
      Effect.tap(stored(text), (next) =>
        Effect.mapError(Effect.uninterruptible(store.set(name, encode(name, next))), () =>
          unavailable(operation)
        )
      )
    return {
      get: (name) => read("SecretStore.get", name),
      put: (name, text) => turnOf(name)(write("SecretStore.put", name, text)),
      compareAndSet: (name, expected, text) =>
        turnOf(name)(
          whenExpected(
            expected,
            read("SecretStore.compareAndSet", name),
            Effect.asSome(write("SecretStore.compareAndSet", name, text))
          )
        ),
      delete: (name) =>
        turnOf(name)(
          Effect.mapError(Effect.uninterruptible(store.remove(name)), () => unavailable("SecretStore.delete"))
        )
    }
  })
)

const unavailable = (operation: string): TokenStoreError =>
  new TokenStoreError({
    operation,
    reason: "unavailable",
    message: `${operation}: the KeyValueStore could not be read or written. Check that it is there and may be used.`
  })

const corrupt = (operation: string): TokenStoreError =>
  new TokenStoreError({
    operation,
    reason: "corrupt",
    message: `${operation}: what the KeyValueStore has under this name cannot be read, or is another entry. Delete it with SecretStore.delete.`
  })
