/** One run for many waiters, by key: DESIGN section 7, "learned the hard way". */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as FlightCache from "effect-oauth/FlightCache"

/** A cache of how often it worked, each value kept for a second. */
const counting = (options: Partial<FlightCache.Options<number>> = {}) =>
  Effect.map(
    FlightCache.make<number, string>({ maximum: 3, keepUntil: (_, now) => now + 1000, ...options }),
    (cache) => {
      const runs = new Map<string, number>()
      const work = (key: string) =>
        Effect.sync(() => {
          const count = (runs.get(key) ?? 0) + 1
          runs.set(key, count)
          return count
        })
      return { cache, runs, get: (key: string) => cache.get(key, work(key)) }
    }
  )

describe("FlightCache", () => {
  it.scoped("keeps a value until its instant, and no longer", () =>
    Effect.gen(function* () {
      const { get } = yield* counting()
      assert.strictEqual(yield* get("a"), 1)
      yield* TestClock.adjust(999)
      assert.strictEqual(yield* get("a"), 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* get("a"), 2)
    })
  )

  it.scoped("keeps nothing whose instant is past, or is none", () =>
    Effect.gen(function* () {
      for (const until of [(now: number) => now, () => NaN, () => -1, () => 0]) {
        const { cache, get } = yield* counting({ keepUntil: (_, now) => until(now) })
        yield* get("a")
        assert.strictEqual(yield* get("a"), 2)
        assert.strictEqual(yield* cache.size, 0)
      }
    })
  )

  it.scoped("is bounded: what was asked for longest ago goes", () =>
    Effect.gen(function* () {
      const { cache, get } = yield* counting()
      yield* Effect.forEach(["a", "b", "c", "a", "d"], get)
      assert.strictEqual(yield* cache.size, 3)
      assert.strictEqual(yield* get("a"), 1)
      assert.strictEqual(yield* get("b"), 2)
    })
  )

  it.scoped("values of one kind do not take the places of another's, and a key is of one kind", () =>
    Effect.gen(function* () {
      const cache = yield* FlightCache.make<string>({
        maximum: 2,
        keepUntil: (_, now) => now + 1000,
        kind: (value) => value.slice(0, 1)
      })
      yield* cache.get("good", Effect.succeed("g"))
      for (let n = 0; n < 20; n++) yield* cache.get(`bad ${n}`, Effect.succeed("b"))
      assert.strictEqual(yield* cache.size, 3)
      assert.strictEqual(yield* cache.get("good", Effect.succeed("other")), "g")
      yield* cache.invalidate("good")
      assert.strictEqual(yield* cache.get("good", Effect.succeed("b")), "b")
      assert.strictEqual(yield* cache.size, 2)
    })
  )

  it.scoped("runs once for a hundred who ask at once, and again after a failure", () =>
    Effect.gen(function* () {
      const { cache } = yield* counting()
      let runs = 0
      const failing = Effect.zipRight(
        Effect.sync(() => runs++),
        Effect.zipRight(Effect.sleep(10), Effect.fail("down"))
      )
      const all = yield* Effect.fork(
        Effect.forEach(Array(100), () => Effect.exit(cache.get("a", failing)), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(10)
      assert.isTrue((yield* Fiber.join(all)).every((exit) => Exit.isFailure(exit)))
      assert.strictEqual(runs, 1)
      assert.strictEqual(yield* cache.get("a", Effect.succeed(7)), 7)
    })
  )

  it.scoped("who began may go: the others get the value, and so does who comes later", () =>
    Effect.gen(function* () {
      const { cache } = yield* counting()
      const gate = yield* Deferred.make<number>()
      const first = yield* Effect.fork(cache.get("a", Deferred.await(gate)))
      yield* Effect.yieldNow()
      const second = yield* Effect.fork(cache.get("a", Effect.dieMessage("a second run")))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(gate, 5)
      assert.strictEqual(yield* Fiber.join(second), 5)
      assert.strictEqual(yield* cache.get("a", Effect.dieMessage("a second run")), 5)
    })
  )

  it.scoped("what was invalidated while it ran is told to those who wait, and not kept", () =>
    Effect.gen(function* () {
      const { cache } = yield* counting()
      const gate = yield* Deferred.make<number>()
      const first = yield* Effect.fork(cache.get("a", Deferred.await(gate)))
      yield* Effect.yieldNow()
      yield* cache.invalidate("a")
      assert.strictEqual(yield* cache.get("a", Effect.succeed(2)), 2)
      yield* Deferred.succeed(gate, 1)
      assert.strictEqual(yield* Fiber.join(first), 1)
      assert.strictEqual(yield* cache.get("a", Effect.succeed(3)), 2)
    })
  )

  it.effect("when its scope closes, those who wait are told", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { cache } = yield* Scope.extend(counting(), scope)
      const waiting = yield* Effect.fork(cache.get("a", Effect.never))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(waiting)))
    })
  )
})
