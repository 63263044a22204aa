/**
 * Effects that are done already. What is at hand (a key in a map, a prepared
 * key, the answer of a synchronous engine) is a value in an Effect; going on
 * with it at once spares the fiber a step each time, which on the way of a token
 * is most of what Effect costs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import { isValue } from "./internal/isValue.js"

export { isValue }

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

const stepKey: unique symbol = Symbol.for("effect-oauth/AtOnce/step")

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
