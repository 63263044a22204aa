/**
 * Steps of a fiber that are taken within another: what needs nothing but the
 * fiber, such as its clock, need not be a step of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Fiber from "effect/Fiber"

type RunningFiber = Fiber.RuntimeFiber<unknown, unknown>

class Step<A, E, R> extends Effectable.Class<A, E, R> {
  constructor(readonly take: (fiber: RunningFiber) => Effect.Effect<A, E, R>) {
    super()
  }

  commit(): Effect.Effect<A, E, R> {
    return Effect.withFiberRuntime<A, E, R>(this.take)
  }
}

const isStep = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Step<A, E, R> => effect instanceof Step

/**
 * `Effect.withFiberRuntime`, which is one step of the fiber, and which `now` can
 * take within another.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withFiber = <A, E = never, R = never>(
  step: (fiber: RunningFiber) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => new Step(step)

/**
 * What is left of an effect once its first step was taken, where it was made by
 * `withFiber`: often a value. Others are left as they are. To be called by a step
 * of this fiber, which goes on with what it gives, once.
 *
 * @since 0.1.0
 * @category sequencing
 */
export const now = <A, E, R>(effect: Effect.Effect<A, E, R>, fiber: RunningFiber): Effect.Effect<A, E, R> =>
  isStep(effect) ? effect.take(fiber) : effect
