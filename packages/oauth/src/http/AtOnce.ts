/**
 * Effects that are done already. What is at hand (a key in a map, a prepared
 * key, the answer of a synchronous engine) is a value in an Effect; going on
 * with it at once spares the fiber a step each time, which on the way of a token
 * is most of what Effect costs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * Whether an effect is a value that is there.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isValue = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, never> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/**
 * `Effect.flatMap`, at once for a value; `f` must only be called while a fiber
 * runs.
 *
 * @since 0.1.0
 * @category sequencing
 */
export const flatMap = <A, E, R, B, E2, R2>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => (isValue(effect) ? f(effect.value) : Effect.flatMap(effect, f))

/**
 * `Effect.map`, at once for a value.
 *
 * @since 0.1.0
 * @category mapping
 */
export const map = <A, E, R, B>(
  effect: Effect.Effect<A, E, R>,
  f: (value: A) => B
): Effect.Effect<B, E, R> => (isValue(effect) ? Effect.succeed(f(effect.value)) : Effect.map(effect, f))
