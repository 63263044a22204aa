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
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as SynchronizedRef from "effect/SynchronizedRef"

type State<A, E> =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Running"; readonly deferred: Deferred.Deferred<A, E> }
  | { readonly _tag: "Done"; readonly value: A; readonly until: number }

type Answer<A, E> = readonly [Effect.Effect<A, E>, State<A, E>]

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
 * Makes a value that is kept for `timeToLive` after each success.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  timeToLive: Duration.DurationInput
): Effect.Effect<SingleFlight<A, E>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const context: Context.Context<R> = yield* Effect.context<R>()
    const state = yield* SynchronizedRef.make<State<A, E>>({ _tag: "Idle" })
    const ttl = Duration.toMillis(timeToLive)

    const settle = (deferred: Deferred.Deferred<A, E>, exit: Exit.Exit<A, E>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.zipRight(
          SynchronizedRef.set(
            state,
            Exit.isSuccess(exit) ? { _tag: "Done", value: exit.value, until: now + ttl } : { _tag: "Idle" }
          ),
          Deferred.done(deferred, exit)
        )
      )

    const start = Effect.gen(function* () {
      const deferred = yield* Deferred.make<A, E>()
      yield* work.pipe(
        Effect.provide(context),
        // Only the work is interruptible, when the scope closes: whoever waits is always told.
        Effect.interruptible,
        Effect.onExit((exit) => settle(deferred, exit)),
        Effect.forkIn(scope)
      )
      return deferred
    })

    const answer = (now: State<A, E>): Effect.Effect<Answer<A, E>> => {
      if (now._tag === "Running") return Effect.succeed([Deferred.await(now.deferred), now])
      return Effect.flatMap(Clock.currentTimeMillis, (millis): Effect.Effect<Answer<A, E>> => {
        if (now._tag === "Done" && millis < now.until) return Effect.succeed([Effect.succeed(now.value), now])
        return Effect.map(start, (deferred): Answer<A, E> => [
          Deferred.await(deferred),
          { _tag: "Running", deferred }
        ])
      })
    }

    return {
      get: Effect.flatten(Effect.uninterruptible(SynchronizedRef.modifyEffect(state, answer))),
      invalidate: SynchronizedRef.update(state, (now): State<A, E> =>
        now._tag === "Done" ? { _tag: "Idle" } : now
      )
    }
  })
