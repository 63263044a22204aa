import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

const capacity = 10_000

/** Remembers what was used until it would have expired anyway; bounded, the oldest goes first. */
export const makeOnce: Effect.Effect<{
  /** Whether this is the first claim of the key. */
  readonly claim: (key: string, until: number) => Effect.Effect<boolean>
  /** Takes a claim back, of what was not used after all. */
  readonly release: (key: string) => Effect.Effect<void>
}> = Effect.map(Ref.make<ReadonlyMap<string, number>>(new Map()), (used) => ({
  claim: (key, until) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Ref.modify(used, (before) => {
        if (before.has(key)) return [false, before] as const
        const live = [...before].filter(([, expires]) => expires > now)
        return [true, new Map([...live.slice(-(capacity - 1)), [key, until]])] as const
      })
    ),
  release: (key) => Ref.update(used, (before) => new Map([...before].filter(([other]) => other !== key)))
}))
