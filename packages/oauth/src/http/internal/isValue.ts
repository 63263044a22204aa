import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Apart from `AtOnce`, since it is all that a login needs of it. */

/**
 * Whether an effect is a value that is there.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isValue = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Success<A, never> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)
