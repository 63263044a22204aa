/**
 * One run for many waiters.
 *
 * `Effect.cached` and `Cache` interrupt every waiter when the first caller is
 * interrupted, and keep failures. Here the work belongs to the scope of the
 * layer: callers come and go, a failure is told to those who waited for it and
 * forgotten.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

/**
 * A value that is computed on demand, kept for a while, and never computed
 * twice at once.
 *
 * @since 0.1.0
 * @category models
 */
export interface SingleFlight<A, E> {
  /** The kept value, or that of the run under way, or of a new run. */
  readonly get: Effect.Effect<A, E>
  /** Forgets the kept value; a run under way goes on. */
  readonly invalidate: Effect.Effect<void>
}

/**
 * Makes a value that is kept for `timeToLive` after each success. A run is
 * interrupted when the scope closes, unless it is `uninterruptible`: then the
 * scope waits for it, and so does who waits for its outcome; where it may be
 * interrupted it says itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  timeToLive: Duration.DurationInput,
  options?: { readonly uninterruptible?: boolean | undefined }
): Effect.Effect<SingleFlight<A, E>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const context = yield* Effect.context<R>()
    const ttl = Duration.toMillis(timeToLive)
    // Plain state: it changes only between two steps of a fiber, so no lock is needed.
    let kept: { readonly value: A; readonly until: number } | undefined
    let running: Deferred.Deferred<A, E> | undefined

    const settle = (own: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>) =>
      Effect.clockWith((clock) => {
        running = undefined
        // With no time to live nothing is kept, whatever becomes of the clock.
        if (Exit.isSuccess(exit) && ttl > 0)
          kept = { value: exit.value, until: clock.unsafeCurrentTimeMillis() + ttl }
        return Deferred.done(own, exit)
      })

    const join = Effect.suspend(() => {
      if (running !== undefined) return Effect.succeed(running)
      const own = Deferred.unsafeMake<A, E>(FiberId.none)
      running = own
      return work.pipe(
        Effect.provide(context),
        // Only the work is interruptible, when the scope closes: whoever waits is always told.
        options?.uninterruptible === true ? Effect.uninterruptible : Effect.interruptible,
        Effect.onExit((exit) => settle(own, exit)),
        Effect.forkIn(scope),
        // Those who wait are told of a failure: nothing about it is unhandled.
        Effect.withUnhandledErrorLogLevel(Option.none()),
        Effect.as(own)
      )
    })

    return {
      get: Effect.clockWith((clock) =>
        kept !== undefined && clock.unsafeCurrentTimeMillis() < kept.until
          ? Effect.succeed(kept.value)
          : Effect.flatMap(Effect.uninterruptible(join), Deferred.await)
      ),
      invalidate: Effect.sync(() => {
        kept = undefined
      })
    }
  })
