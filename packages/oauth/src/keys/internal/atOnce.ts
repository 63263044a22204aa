/**
 * Effects that are done already. What is at hand (a key in a map, a prepared
 * key, the answer of a synchronous engine) is a value in an Effect; going on
 * with it at once spares the fiber a step each time, which on the way of a token
 * is most of what Effect costs.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const isDone = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => Exit.isExit(effect)

/** `Effect.flatMap`, at once for a value; `f` must only be called while a fiber runs. */
export const flatMap = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> =>
  isDone(effect) && Exit.isSuccess(effect) ? f(effect.value) : Effect.flatMap(effect, f)

/** `Effect.map`, at once for a value. */
export const map = <A, E, R, B>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => B
): Effect.Effect<B, E, R> =>
  isDone(effect) && Exit.isSuccess(effect) ? Effect.succeed(f(effect.value)) : Effect.map(effect, f)

/** `Effect.catchAll`, nothing for a value. */
export const catchAll = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (error: E) => Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E2, R | R2> =>
  isDone(effect) && Exit.isSuccess(effect) ? Effect.succeed(effect.value) : Effect.catchAll(effect, f)
