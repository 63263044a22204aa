/** What is done already needs no further step of the fiber: on the way of a request that is most of the cost. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Whether an effect is a value that is there. */
export const isValue = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, never> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

/** `Effect.map`, at once for a value. */
export const map = <A, B>(effect: Effect.Effect<A>, f: (value: A) => B): Effect.Effect<B> =>
  isValue(effect) ? Effect.succeed(f(effect.value)) : Effect.map(effect, f)

/** `Effect.flatMap`, at once for a value; only while a fiber runs. */
export const flatMap = <A, B, E>(
  effect: Effect.Effect<A>,
  f: (value: A) => Effect.Effect<B, E>
): Effect.Effect<B, E> => (isValue(effect) ? f(effect.value) : Effect.flatMap(effect, f))
