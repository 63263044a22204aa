/** How long the wire waits before it reads again, by `Clock`. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Wire from "effect-oauth/Wire"
import * as MemoryOrigin from "./support/memoryOrigin.js"
import * as Origin from "./support/Origin.js"
import { fails } from "./support/wire.js"

/** Lets what was started go as far as it can without the clock. */
const settle = TestServices.provideLive(Effect.sleep("20 millis"))

/** After how many milliseconds, to the nearest step, the n-th request was sent. */
const delayBefore = (
  first: Origin.Behaviour,
  step: number,
  limits: Parameters<typeof HttpLimits.layer>[0] = {}
): Effect.Effect<number, unknown, HttpClient.HttpClient | Origin.Origin> =>
  Effect.gen(function* () {
    const origin = yield* Origin.Origin
    const wire = yield* Effect.provide(Wire.make, HttpLimits.layer(limits))
    yield* origin.script("/document", first, Origin.json({}))
    const before = yield* Origin.countOf("/document")
    const fiber = yield* Effect.fork(wire.get("Test.get", `${origin.url}/document`))
    yield* settle
    let waited = 0
    while ((yield* Origin.countOf("/document")) < before + 2) {
      yield* TestClock.adjust(Duration.millis(step))
      yield* settle
      waited += step
      if (waited > step * 20) return yield* Effect.fail("never tried again")
    }
    yield* Fiber.join(fiber)
    return waited
  })

const answer429 = (retryAfter: string) => Origin.answer(429, "", { "retry-after": retryAfter })

describe("Wire.get", () => {
  it.effect("RFC 9110 section 10.2.3: waits for as many seconds as Retry-After says", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* delayBefore(answer429("3"), 1000), 3000)
    }).pipe(Effect.provide(MemoryOrigin.layer))
  )

  it.effect("RFC 9110 section 10.2.3: waits until the date that Retry-After says, by Clock", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1, 12, 0, 0))
      assert.strictEqual(yield* delayBefore(answer429("Thu, 01 Jan 2026 12:00:04 GMT"), 1000), 4000)
    }).pipe(Effect.provide(MemoryOrigin.layer))
  )

  it.effect("DESIGN rule 10: without Retry-After, waits with jitter: 100 to 200 ms at first", () =>
    Effect.gen(function* () {
      const waited = yield* delayBefore(Origin.answer(503), 50)
      assert.isAtLeast(waited, 100)
      assert.isAtMost(waited, 200)
    }).pipe(Effect.provide(MemoryOrigin.layer))
  )

  it.effect("a Retry-After that is no number and no date is no Retry-After", () =>
    Effect.gen(function* () {
      for (const nonsense of ["soon", "-5", "1e3", "2030-01-01", ""]) {
        assert.isAtMost(yield* delayBefore(answer429(nonsense), 50), 200, nonsense)
      }
    }).pipe(Effect.provide(MemoryOrigin.layer))
  )

  it.effect("a wait longer than the limit is not waited: the failure says how long it would be", () =>
    Effect.gen(function* () {
      const origin = yield* Origin.Origin
      const wire = yield* Wire.make
      yield* origin.script("/document", answer429("6"))
      const error = yield* fails(wire.get("Test.get", `${origin.url}/document`), "status")
      assert.strictEqual(error.retryAfter, 6)
      yield* origin.script("/document", answer429("99999999999999999999999"))
      yield* fails(wire.get("Test.get", `${origin.url}/document`), "status")
      assert.strictEqual(yield* Origin.countOf("/document"), 2)
    }).pipe(Effect.provide(MemoryOrigin.layer))
  )
})
