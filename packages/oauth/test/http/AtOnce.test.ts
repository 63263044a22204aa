import { assert, describe, it } from "@effect/vitest"
import * as AtOnce from "effect-oauth/AtOnce"
import * as Step from "effect-oauth/Step"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** What is left of an effect in the step that takes its first. */
const within = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.withFiberRuntime<Effect.Effect<A, E>>((fiber) => Effect.succeed(Step.now(effect, fiber)))

describe("an effect that is one step of the fiber", () => {
  it.effect("is taken by the step that asks, in its fiber", () =>
    Effect.gen(function* () {
      const own = Step.withFiber((fiber) => Effect.succeed(fiber.id()))
      const left = yield* within(own)
      assert.isTrue(AtOnce.isValue(left))
      assert.deepStrictEqual(yield* left, yield* Effect.fiberId)
    })
  )

  it.effect("is an effect like any other: nothing happens before it runs, and all of it each time", () =>
    Effect.gen(function* () {
      let taken = 0
      const count = Step.withFiber(() => Effect.succeed(++taken))
      assert.strictEqual(taken, 0)
      assert.deepStrictEqual([yield* count, yield* count, yield* Effect.map(count, (n) => n * 2)], [1, 2, 6])
    })
  )

  it.effect("may have more steps and may fail: what is left is not there yet", () =>
    Effect.gen(function* () {
      const failing = yield* within(Step.withFiber(() => Effect.fail("no")))
      const waiting = yield* within(Step.withFiber(() => Effect.as(Effect.yieldNow(), 1)))
      assert.deepStrictEqual([AtOnce.isValue(failing), AtOnce.isValue(waiting)], [false, false])
      assert.deepStrictEqual(yield* Effect.exit(failing), Exit.fail("no"))
      assert.strictEqual(yield* waiting, 1)
    })
  )

  it.effect("other effects are left as they are", () =>
    Effect.gen(function* () {
      const made = Effect.withFiberRuntime(() => Effect.succeed(1))
      const mapped = Effect.map(
        Step.withFiber(() => Effect.succeed(1)),
        (n) => n
      )
      const value = Effect.succeed(1)
      for (const other of [made, mapped, value]) assert.strictEqual(yield* within(other), other)
    })
  )
})
