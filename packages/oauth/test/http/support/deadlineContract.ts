import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Origin from "./Origin.js"
import { fails, grant, setup } from "./wire.js"
import type { Subject } from "./wire.js"

const deadline = Duration.millis(150)

const stuck: ReadonlyArray<readonly [what: string, behaviour: Origin.Behaviour]> = [
  ["no answer", Origin.hang],
  ["headers that never end", Origin.slowHeaders],
  ["a late answer", Origin.answer(200, "{}", {}, 8_000)],
  ["a body in drips", Origin.answer(200, Origin.drip)],
  ["a body that stalls", Origin.answer(200, Origin.stalled("{}"))]
]

/** DESIGN rule 3: one deadline from sending to the last byte. */
export const deadlineContract = (name: string, layer: Subject): ReturnType<typeof describe> =>
  describe(`${name}: deadline`, () => {
    for (const [what, behaviour] of stuck) {
      it.live(`DESIGN rule 3, peers 4c 73: ${what} is a timeout, and the connection is closed`, () =>
        Effect.gen(function* () {
          const { get, origin, send } = yield* setup({ deadline, retries: 0 })
          yield* origin.script("/stuck", behaviour)
          const url = `${origin.url}/stuck`
          const [took] = yield* Effect.timed(
            Effect.forEach(
              [
                send("Test.send", grant(url)),
                Effect.uninterruptible(send("Test.send", grant(url))),
                get("Test.get", url)
              ],
              (exchange) => fails(exchange, "timeout"),
              { concurrency: "unbounded" }
            )
          )
          assert.isBelow(Duration.toMillis(took), 6_000)
          yield* Origin.allClosed
        }).pipe(Effect.provide(layer))
      )
    }

    it.live("DESIGN rule 3: a timeout names its address and limit, and may be tried again", () =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup({ deadline })
        yield* origin.script("/stuck", Origin.hang)
        const error = yield* fails(send("Test.send", grant(`${origin.url}/stuck?secret=1`)), "timeout")
        assert.strictEqual(error.url, `${origin.url}/stuck`)
        assert.isTrue(error.retriable)
        assert.include(error.message, "150ms")
        assert.include(error.message, "Test.send")
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN rule 3: each try of a read has its own deadline", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup({ deadline: Duration.millis(1500), retries: 1 })
        yield* origin.script("/stuck", Origin.hang, Origin.json({ second: true }))
        const response = yield* get("Test.get", `${origin.url}/stuck`)
        assert.strictEqual(response.status, 200)
      }).pipe(Effect.provide(layer))
    )

    it.live("a caller that is interrupted closes the connection", () =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup()
        yield* origin.script("/stuck", Origin.answer(200, Origin.drip))
        const fiber = yield* Effect.fork(send("Test.send", grant(`${origin.url}/stuck`)))
        yield* Effect.repeat(Effect.delay(origin.open, "5 millis"), { until: (open) => open > 0 })
        yield* Fiber.interrupt(fiber)
        yield* Origin.allClosed
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN rule 10: what an uninterruptible caller has sent is read to its end", () =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup()
        yield* origin.script("/token", Origin.answer(200, "granted", {}, 100))
        const read = yield* Deferred.make<number>()
        const fiber = yield* send("Test.send", grant(`${origin.url}/token`)).pipe(
          Effect.tap((response) => Deferred.succeed(read, response.body.length)),
          Effect.uninterruptible,
          Effect.fork
        )
        yield* Effect.repeat(Effect.delay(origin.open, "5 millis"), { until: (open) => open > 0 })
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* Deferred.await(read), 7)
      }).pipe(Effect.provide(layer))
    )
  })
