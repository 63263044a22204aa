import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as SingleFlight from "../../http/SingleFlight.js"

const capacity = 256

/** Values by key, each fetched once for many waiters and kept for an hour; the oldest of too many goes. */
export const makeFlights = <A, E>(): Effect.Effect<
  { readonly get: (key: string, work: Effect.Effect<A, E>) => Effect.Effect<A, E> },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const flights = yield* Ref.make<ReadonlyMap<string, SingleFlight.SingleFlight<A, E>>>(new Map())
    return {
      get: (key, work) =>
        Effect.gen(function* () {
          const fresh = yield* Scope.extend(SingleFlight.make(work, "1 hour"), scope)
          const flight = yield* Ref.modify(flights, (before) => {
            const known = before.get(key)
            if (known !== undefined) return [known, before] as const
            return [fresh, new Map([...[...before].slice(-(capacity - 1)), [key, fresh]])] as const
          })
          return yield* flight.get
        })
    }
  })
