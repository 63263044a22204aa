/** The nonces that servers asked for, by origin. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"

/**
 * Nonces by origin, as they are kept beyond a process. Each is asked for once,
 * before the first proof for its origin, and told when the origin gives another.
 * Neither fails: without the right nonce a request is made twice.
 *
 * @since 0.1.0
 * @category models
 */
export interface Nonces {
  readonly get: (origin: string) => Effect.Effect<Option.Option<string>>
  readonly set: (origin: string, nonce: string) => Effect.Effect<void>
}

export interface NonceMemory {
  readonly get: (origin: string) => Effect.Effect<string | undefined>
  readonly learn: (origin: string, nonce: string) => Effect.Effect<void>
}

/** Origins that are remembered; the one asked for longest ago goes. */
const maxOrigins = 100

/** A nonce is a short text of visible characters (RFC 9449 section 8.1). */
export const isNonce = (text: string | undefined): text is string =>
  text !== undefined && /^[\x21\x23-\x5B\x5D-\x7E]{1,1024}$/.test(text)

/** With a store an origin is known, too, when it is known that the store has nothing for it. */
type Known = ReadonlyMap<string, string | undefined>

const put = (known: Known, origin: string, nonce: string | undefined): Known => {
  const others = [...known].filter(([other]) => other !== origin).slice(-(maxOrigins - 1))
  return new Map([...others, [origin, nonce]])
}

export const make = (store: Nonces | undefined): Effect.Effect<NonceMemory> =>
  Effect.zipWith(Ref.make<Known>(new Map()), Effect.makeSemaphore(1), (memory, turn) => {
    const known = (origin: string, otherwise: Effect.Effect<string | undefined>) =>
      Effect.flatMap(Ref.get(memory), (all) =>
        all.has(origin) ? Effect.succeed(all.get(origin)) : otherwise
      )
    /** By one of all who want it. */
    const recall = ({ get }: Nonces, origin: string) =>
      turn.withPermits(1)(
        known(
          origin,
          Effect.flatMap(get(origin), (kept) =>
            Ref.modify(memory, (all) => {
              // One that was learned meanwhile is newer.
              if (all.has(origin)) return [all.get(origin), all]
              const nonce = Option.getOrUndefined(Option.filter(kept, isNonce))
              return [nonce, put(all, origin, nonce)]
            })
          )
        )
      )
    return {
      get: (origin) => known(origin, store === undefined ? Effect.succeed(undefined) : recall(store, origin)),
      learn: (origin, nonce) =>
        Effect.flatMap(
          Ref.modify(memory, (all) => [all.get(origin) !== nonce, put(all, origin, nonce)]),
          (isNew) => (isNew && store !== undefined ? store.set(origin, nonce) : Effect.void)
        )
    }
  })
