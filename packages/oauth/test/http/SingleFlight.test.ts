import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as SingleFlight from "effect-oauth/SingleFlight"
import { capturing } from "./support/telemetry.js"

/** Work that says when it began, waits for leave, and counts its runs. */
const slowWork = Effect.gen(function* () {
  const runs = yield* Ref.make(0)
  const begun = yield* Deferred.make<void>()
  const leave = yield* Deferred.make<void, string>()
  const work = Ref.updateAndGet(runs, (n) => n + 1).pipe(
    Effect.tap(() => Deferred.succeed(begun, undefined)),
    Effect.tap(() => Deferred.await(leave))
  )
  return { runs: Ref.get(runs), begun: Deferred.await(begun), leave, work }
})

describe("SingleFlight", () => {
  it.scoped("DESIGN section 7: one run for a thousand waiters, and its value kept", () =>
    Effect.gen(function* () {
      const { begun, leave, runs, work } = yield* slowWork
      const flight = yield* SingleFlight.make(work, "1 minute")
      const fiber = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 1000 }, () => flight.get),
          { concurrency: "unbounded" }
        )
      )
      yield* begun
      yield* Deferred.succeed(leave, undefined)
      const values = yield* Fiber.join(fiber)
      assert.deepStrictEqual(new Set(values), new Set([1]))
      assert.strictEqual(yield* flight.get, 1)
      assert.strictEqual(yield* runs, 1)
    })
  )

  it.scoped("DESIGN section 7: the interruption of the first caller is its own affair", () =>
    Effect.gen(function* () {
      const { begun, leave, runs, work } = yield* slowWork
      const flight = yield* SingleFlight.make(work, "1 minute")
      const first = yield* Effect.fork(flight.get)
      yield* begun
      const second = yield* Effect.fork(flight.get)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(leave, undefined)
      assert.strictEqual(yield* Fiber.join(second), 1)
      assert.strictEqual(yield* runs, 1)
    })
  )

  it.scoped("the work goes on though every caller was interrupted, and the next gets its value", () =>
    Effect.gen(function* () {
      const { begun, leave, runs, work } = yield* slowWork
      const flight = yield* SingleFlight.make(work, "1 minute")
      const only = yield* Effect.fork(flight.get)
      yield* begun
      yield* Fiber.interrupt(only)
      yield* Deferred.succeed(leave, undefined)
      assert.strictEqual(yield* flight.get, 1)
      assert.strictEqual(yield* runs, 1)
    })
  )

  it.scoped("DESIGN rule 9: a failure is told to everyone who waits, and not kept", () =>
    Effect.gen(function* () {
      const { begun, leave, runs, work } = yield* slowWork
      const flight = yield* SingleFlight.make(work, "1 minute")
      const fibers = yield* Effect.fork(
        Effect.all([Effect.flip(flight.get), Effect.flip(flight.get)], { concurrency: "unbounded" })
      )
      yield* begun
      yield* Deferred.fail(leave, "outage")
      assert.deepStrictEqual(yield* Fiber.join(fibers), ["outage", "outage"])
      assert.strictEqual(yield* Effect.flip(flight.get), "outage")
      assert.strictEqual(yield* runs, 2)
    })
  )

  it.scoped("a failure that was told is not logged as one that nobody handled", () =>
    Effect.gen(function* () {
      const { layer, logs } = yield* capturing
      yield* Effect.gen(function* () {
        const flight = yield* SingleFlight.make(Effect.fail("outage"), "1 minute")
        yield* Effect.flip(flight.get)
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(yield* logs, [])
    })
  )

  it.scoped("a defect is told as one, and not kept", () =>
    Effect.gen(function* () {
      const runs = yield* Ref.make(0)
      const work = Effect.flatMap(
        Ref.updateAndGet(runs, (n) => n + 1),
        (n) => (n === 1 ? Effect.die("bug") : Effect.succeed(n))
      )
      const flight = yield* SingleFlight.make(work, "1 minute")
      const exit = yield* Effect.exit(flight.get)
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.strictEqual(yield* flight.get, 2)
    })
  )

  it.scoped("a value is kept for its time to live, by Clock, and then read again", () =>
    Effect.gen(function* () {
      const runs = yield* Ref.make(0)
      const flight = yield* SingleFlight.make(
        Ref.updateAndGet(runs, (n) => n + 1),
        "1 hour"
      )
      assert.strictEqual(yield* flight.get, 1)
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* flight.get, 1)
      yield* TestClock.adjust("1 minutes")
      assert.strictEqual(yield* flight.get, 2)
      yield* flight.invalidate
      assert.strictEqual(yield* flight.get, 3)
    })
  )

  it.scoped("the time to live counts from when the work was done", () =>
    Effect.gen(function* () {
      const flight = yield* SingleFlight.make(Effect.delay(Effect.succeed("value"), "30 minutes"), "1 hour")
      const first = yield* Effect.fork(flight.get)
      yield* TestClock.adjust("30 minutes")
      yield* Fiber.join(first)
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(yield* flight.get, "value")
    })
  )

  it.effect("the closing of the scope ends the work and releases who waits", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const begun = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const work = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)
      const flight = yield* Scope.extend(
        SingleFlight.make(
          Effect.onInterrupt(work, () => Deferred.succeed(ended, undefined)),
          "1 hour"
        ),
        scope
      )
      const waiting = yield* Effect.fork(flight.get)
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(ended)
      const exit = yield* Fiber.await(waiting)
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
      const late = yield* Effect.exit(flight.get)
      assert.isTrue(Exit.isFailure(late) && Cause.isInterruptedOnly(late.cause))
    })
  )

  it.scoped("a caller that is uninterruptible is answered too", () =>
    Effect.gen(function* () {
      const flight = yield* SingleFlight.make(Effect.succeed("value"), "1 hour")
      assert.strictEqual(yield* Effect.uninterruptible(flight.get), "value")
    })
  )
})
