import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import { ProtocolViolation } from "effect-oauth/OAuthError"
import * as Telemetry from "effect-oauth/Telemetry"
import * as Captured from "./support/telemetry.js"

const violation = new ProtocolViolation({
  operation: "Some.flow",
  reason: "value",
  member: "scope",
  rule: "a rule",
  message: "a message"
})

/** How an effect ended, and the spans that were made while it ran. */
const traced = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const captured = yield* Captured.capturing
    const exit = yield* Effect.exit(Effect.provide(effect, captured.layer))
    return { exit, spans: yield* captured.spans }
  })

const current = Effect.option(Effect.currentSpan)

describe("Telemetry.flow", () => {
  it.effect(
    "DESIGN section 6: a span of kind client with the flow's attributes, ended with its outcome",
    () =>
      Effect.gen(function* () {
        const { exit, spans } = yield* traced(
          Effect.succeed(1).pipe(Telemetry.flow("Some.flow", { issuer: "https://as.example" }))
        )
        assert.deepStrictEqual(exit, Exit.succeed(1))
        assert.strictEqual(spans.length, 1)
        const [span] = spans
        assert.strictEqual(span?.kind, "client")
        assert.strictEqual(span?.status._tag, "Ended")
        assert.deepStrictEqual(Object.fromEntries(span?.attributes ?? []), {
          issuer: "https://as.example",
          "oauth.outcome": "success"
        })
      })
  )

  it.effect("DESIGN section 6: an error is told by tag, reason and operation", () =>
    Effect.gen(function* () {
      const { exit, spans } = yield* traced(Effect.fail(violation).pipe(Telemetry.flow("Some.flow")))
      assert.isTrue(Equal.equals(exit, Exit.fail(violation)))
      assert.deepStrictEqual(Object.fromEntries(spans[0]?.attributes ?? []), {
        "oauth.outcome": "ProtocolViolation",
        "oauth.error.reason": "value",
        "oauth.operation": "Some.flow"
      })
    })
  )

  it.effect("spans within a flow hang on it, and those after it do not, however it ended", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced(
        Effect.gen(function* () {
          yield* Effect.void.pipe(Effect.withSpan("inside"), Telemetry.flow("good"))
          yield* Effect.void.pipe(Effect.withSpan("after good"))
          yield* Effect.exit(Effect.fail(violation).pipe(Telemetry.flow("bad")))
          yield* Effect.exit(Effect.die("defect").pipe(Telemetry.flow("worse")))
          yield* Effect.void.pipe(Effect.withSpan("after all"))
        }).pipe(Effect.withSpan("program"))
      )
      assert.deepStrictEqual(
        spans.map(({ name, parent }) => [name, parent]),
        [
          ["program", undefined],
          ["good", "program"],
          ["inside", "good"],
          ["after good", "program"],
          ["bad", "program"],
          ["worse", "program"],
          ["after all", "program"]
        ]
      )
    })
  )

  it.effect("an interrupted flow ends its span, says so, and leaves the caller's context as it was", () =>
    Effect.gen(function* () {
      const { spans } = yield* traced(
        Effect.gen(function* () {
          const begun = yield* Deferred.make<void>()
          const seen = yield* Deferred.make<Option.Option<Tracer.Span>>()
          const fiber = yield* Deferred.succeed(begun, undefined).pipe(
            Effect.zipRight(Effect.never),
            Telemetry.flow("Some.flow"),
            Effect.onExit(() => Effect.flatMap(current, (span) => Deferred.succeed(seen, span))),
            Effect.fork
          )
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(fiber)
          assert.isTrue(Option.isNone(yield* Deferred.await(seen)))
        })
      )
      assert.strictEqual(spans[0]?.status._tag, "Ended")
      assert.strictEqual(spans[0]?.attributes.get("oauth.outcome"), "interrupted")
    })
  )

  it.effect("a flow can be interrupted exactly where its caller can", () =>
    Effect.gen(function* () {
      const here = Effect.checkInterruptible(Effect.succeed).pipe(Telemetry.flow("Some.flow"))
      assert.isTrue(yield* here)
      assert.isFalse(yield* Effect.uninterruptible(here))
    })
  )

  it.effect("the services of the program stay in sight", () =>
    Effect.gen(function* () {
      class Name extends Context.Tag("Name")<Name, string>() {}
      const name = yield* Name.pipe(Telemetry.flow("Some.flow"), Effect.provideService(Name, "ours"))
      assert.strictEqual(name, "ours")
    })
  )

  it.effect("without a tracer a flow runs all the same", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* Effect.succeed(1).pipe(Telemetry.flow("Some.flow"), Effect.withTracerEnabled(false)),
        1
      )
    })
  )
})

describe("Telemetry.makeTokenRequestMeter", () => {
  /** How often the counter stands for these labels. */
  const counted = (labels: Readonly<Record<string, string>>) =>
    Effect.map(Metric.snapshot, (pairs) =>
      pairs
        .filter(
          ({ metricKey }) =>
            metricKey.name === "oauth_token_requests" &&
            metricKey.tags.length === Object.keys(labels).length &&
            metricKey.tags.every(({ key, value }) => labels[key] === value)
        )
        .reduce(
          (sum, { metricState }) =>
            sum + (MetricState.isCounterState(metricState) ? Number(metricState.count) : 0),
          0
        )
    )

  it.effect("DESIGN section 6: counts by grant and outcome, and by the labels of the fiber that asks", () =>
    Effect.gen(function* () {
      const measured = Telemetry.makeTokenRequestMeter()
      const success = Effect.void.pipe(measured("test:one"))
      yield* success
      yield* success
      yield* Effect.void.pipe(measured("test:two"))
      yield* Effect.exit(Effect.fail(violation).pipe(measured("test:one")))
      yield* Effect.exit(Effect.interrupt.pipe(measured("test:one")))
      yield* success.pipe(Effect.tagMetrics("tenant", "a"))
      yield* success.pipe(Effect.tagMetrics("tenant", "b"))
      yield* success

      const one = { grant_type: "test:one", outcome: "success" }
      assert.strictEqual(yield* counted(one), 3)
      assert.strictEqual(yield* counted({ ...one, tenant: "a" }), 1)
      assert.strictEqual(yield* counted({ ...one, tenant: "b" }), 1)
      assert.strictEqual(yield* counted({ ...one, outcome: "ProtocolViolation" }), 1)
      assert.strictEqual(yield* counted({ ...one, outcome: "interrupted" }), 1)
      assert.strictEqual(yield* counted({ ...one, grant_type: "test:two" }), 1)
    })
  )
})
