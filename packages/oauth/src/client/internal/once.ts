import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

const capacity = 10_000

/** Remembers what was used until it would have expired anyway; bounded, the oldest goes first. */
export const makeOnce: Effect.Effect<{
  /** Whether this is the first claim of the key. */
  readonly claim: (key: string, until: DateTime.Utc) => Effect.Effect<boolean>
}> = Effect.map(Ref.make<ReadonlyMap<string, number>>(new Map()), (used) => ({
  claim: (key, until) =>
    Effect.flatMap(DateTime.now, (now) =>
      Ref.modify(used, (before) => {
        if (before.has(key)) return [false, before] as const
        const millis = DateTime.toEpochMillis(now)
        const live = [...before].filter(([, expires]) => expires > millis)
        return [
          true,
          new Map([...live.slice(-(capacity - 1)), [key, DateTime.toEpochMillis(until)]])
        ] as const
      })
    )
}))
