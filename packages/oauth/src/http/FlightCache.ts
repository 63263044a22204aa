/**
 * One run for many waiters, by key, with a bound on what is kept.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

/**
 * Values that are computed on demand, never twice at once for one key, and kept
 * for a while. As with `SingleFlight` the work belongs to the scope of the layer:
 * callers come and go, and a failure is told to those who waited and forgotten.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlightCache<A, E> {
  /** The kept value, or that of the run under way, or of a new run of this work. */
  readonly get: (key: string, work: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** Forgets the kept value; a run under way goes on, and its value is not kept. */
  readonly invalidate: (key: string) => Effect.Effect<void>
  /** How many values are kept, those that have expired and were not asked for since among them. */
  readonly size: Effect.Effect<number>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<in A> {
  /** How many values are kept at most, of each kind. The one that was asked for longest ago goes. */
  readonly maximum: number
  /** The instant until which a value is kept, in milliseconds; one that is not after `now` is not kept. */
  readonly keepUntil: (value: A, now: number) => number
  /** Kinds of values that do not take each other's places. All are of one unless given. */
  readonly kind?: ((value: A) => string) | undefined
}

interface Kept<A> {
  readonly value: A
  readonly until: number
}

/**
 * Makes an empty cache, for as long as the scope lives.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E = never>(
  options: Options<A>
): Effect.Effect<FlightCache<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const { keepUntil, kind, maximum } = options
    // Plain state: it changes only between two steps of a fiber, so no lock is needed.
    const kinds = new Map<string, Map<string, Kept<A>>>()
    const running = new Map<string, Deferred.Deferred<A, E>>()

    const find = (key: string, now: number): Kept<A> | undefined => {
      for (const kept of kinds.values()) {
        const found = kept.get(key)
        if (found === undefined) continue
        kept.delete(key)
        if (found.until <= now) continue
        // Last in the map: asked for just now.
        kept.set(key, found)
        return found
      }
      return undefined
    }
    const forget = (key: string): void => {
      for (const kept of kinds.values()) kept.delete(key)
    }
    const keep = (key: string, value: A, now: number): void => {
      const until = keepUntil(value, now)
      forget(key)
      if (!(until > now) || maximum < 1) return
      const name = kind?.(value) ?? ""
      const kept = kinds.get(name) ?? new Map<string, Kept<A>>()
      kinds.set(name, kept)
      for (const oldest of kept.keys()) {
        if (kept.size < maximum) break
        kept.delete(oldest)
      }
      kept.set(key, { value, until })
    }

    const settle = (key: string, own: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>) =>
      Effect.clockWith((clock) => {
        if (running.get(key) === own) {
          running.delete(key)
          if (Exit.isSuccess(exit)) keep(key, exit.value, clock.unsafeCurrentTimeMillis())
        }
        return Deferred.done(own, exit)
      })

    const join = (key: string, work: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        const other = running.get(key)
        if (other !== undefined) return Effect.succeed(other)
        const own = Deferred.unsafeMake<A, E>(FiberId.none)
        running.set(key, own)
        return work.pipe(
          // Only the work is interruptible, when the scope closes: whoever waits is always told.
          Effect.interruptible,
          Effect.onExit((exit) => settle(key, own, exit)),
          Effect.forkIn(scope),
          // Those who wait are told of a failure: nothing about it is unhandled.
          Effect.withUnhandledErrorLogLevel(Option.none()),
          Effect.as(own)
        )
      })

    return {
      get: (key, work) =>
        Effect.clockWith((clock) => {
          const found = find(key, clock.unsafeCurrentTimeMillis())
          return found === undefined
            ? Effect.flatMap(Effect.uninterruptible(join(key, work)), Deferred.await)
            : Effect.succeed(found.value)
        }),
      invalidate: (key) =>
        Effect.sync(() => {
          forget(key)
          running.delete(key)
        }),
      size: Effect.sync(() => [...kinds.values()].reduce((sum, kept) => sum + kept.size, 0))
    }
  })
