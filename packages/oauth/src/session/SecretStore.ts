/**
 * Where secrets are kept: texts by name, with a compare-and-set.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { TokenStoreError } from "../protocol/OAuthError.js"
import * as Entropy from "../protocol/Entropy.js"

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
 * Whether what is there is what a compare-and-set expects: for who writes a
 * storage.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isExpected = (
  current: Option.Option<Pick<Stored, "generation">>,
  expected: Option.Option<string>
): boolean => Option.getOrUndefined(current)?.generation === Option.getOrUndefined(expected)

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
