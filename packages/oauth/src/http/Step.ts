/**
 * Steps of a fiber that are taken within another: what needs nothing but the
 * fiber, such as its clock, need not be a step of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"

const stepKey: unique symbol = Symbol.for("effect-oauth/Step")

type RunningFiber = Fiber.RuntimeFiber<unknown, unknown>

interface Step<A, E, R> extends Effect.Effect<A, E, R> {
  readonly [stepKey]: (fiber: RunningFiber) => Effect.Effect<A, E, R>
}

const isStep = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Step<A, E, R> =>
  Predicate.hasProperty(effect, stepKey)

/**
 * `Effect.withFiberRuntime`, which is one step of the fiber, and which `now` can
 * take within another.
 *
 * @since 0.1.0
 * @category constructors
 */
export const withFiber = <A, E = never, R = never>(
  step: (fiber: RunningFiber) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Object.assign(Effect.withFiberRuntime<A, E, R>(step), { [stepKey]: step })

/**
 * What is left of an effect once its first step was taken, where it was made by
 * `withFiber`: often a value. Others are left as they are. To be called by a step
 * of this fiber, which goes on with what it gives, once.
 *
 * @since 0.1.0
 * @category sequencing
 */
export const now = <A, E, R>(effect: Effect.Effect<A, E, R>, fiber: RunningFiber): Effect.Effect<A, E, R> =>
  isStep(effect) ? effect[stepKey](fiber) : effect
