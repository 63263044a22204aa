import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Wire from "effect-oauth/Wire"

const request = HttpClientRequest.get("https://as.example/slow")

/** Sends through a client that answers after so long, or never. */
const send = (after: Duration.DurationInput, deadline: Duration.Duration) =>
  Wire.make.pipe(
    Effect.flatMap((wire) => wire.send("Test.send", request)),
    Effect.provideService(
      HttpClient.HttpClient,
      HttpClient.make((sent) =>
        Effect.delay(Effect.succeed(HttpClientResponse.fromWeb(sent, new Response("{}"))), after)
      )
    ),
    Effect.provide(HttpLimits.layer({ deadline }))
  )

describe("DESIGN rule 3: the deadline of an exchange goes by the clock of the program", () => {
  it.effect("a clock that stands still ends nothing; the deadline comes when it has moved so far", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.flip(send(Duration.infinity, Duration.seconds(30))))
      yield* TestClock.adjust("29 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason, "timeout")
    })
  )

  it.effect("an answer before it is an answer, also of an uninterruptible caller", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.uninterruptible(send("29 seconds", Duration.seconds(30))))
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    })
  )

  for (const deadline of [Duration.days(30), Duration.infinity]) {
    it.live(
      `a deadline longer than the timers of the platform (${Duration.format(deadline)}) is none that has passed`,
      () =>
        Effect.gen(function* () {
          assert.strictEqual((yield* send("30 millis", deadline)).status, 200)
        })
    )
  }

  it.live("no timer is left, whenever the answer comes", () =>
    Effect.gen(function* () {
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const wire = yield* Wire.make
      const turn = Effect.async<void>((resume) => {
        setImmediate(() => resume(Effect.void))
      })
      yield* wire.send("Test.send", request)
      yield* turn
      const before = timers()
      // Of so many steps in a row a fiber lets others run after some; where that is within an exchange differs.
      for (let steps = 1980; steps < 2060; steps++) {
        yield* turn
        for (let step = 0; step < steps; step++) yield* Effect.sync(() => step)
        yield* wire.get("Test.get", "https://as.example/slow", { headOnly: true })
      }
      yield* turn
      assert.isAtMost(timers(), before)
    }).pipe(
      Effect.provideService(
        HttpClient.HttpClient,
        HttpClient.make((sent) => Effect.succeed(HttpClientResponse.fromWeb(sent, new Response("{}"))))
      ),
      Effect.provide(HttpLimits.layer({ deadline: Duration.seconds(20) }))
    )
  )
})
