/**
 * What the toolkit tells an observer: the span of a flow, and its counters.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"
import * as Tracer from "effect/Tracer"
import type { OAuthError } from "../protocol/OAuthError.js"

/**
 * Requests to token endpoints, tagged with `grant_type` and `outcome`
 * (`success`, or the tag of the error).
 *
 * @since 0.1.0
 * @category metrics
 */
export const tokenRequests: Metric.Metric.Counter<number> = /* @__PURE__ */ Metric.counter(
  "oauth_token_requests",
  {
    description: "Token requests",
    incremental: true
  }
)

/**
 * How long a request to a token endpoint took, in milliseconds.
 *
 * @since 0.1.0
 * @category metrics
 */
export const tokenRequestDuration: Metric.Metric.Histogram<number> = /* @__PURE__ */ Metric.histogram(
  "oauth_token_request_duration",
  MetricBoundaries.exponential({ start: 5, factor: 2, count: 12 }),
  "Milliseconds"
)

/**
 * Fetches of key sets, tagged with `outcome`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const jwksFetches: Metric.Metric.Counter<number> = /* @__PURE__ */ Metric.counter(
  "oauth_jwks_fetches",
  {
    description: "Fetches of JSON Web Key sets",
    incremental: true
  }
)

/**
 * How the keys of an issuer are when a fetch of them has ended, tagged with
 * `state`: `fresh`, `stale` (they serve, and could not be fetched) or
 * `unavailable`.
 *
 * @since 0.1.0
 * @category metrics
 */
export const jwksHealth: Metric.Metric.Counter<number> = /* @__PURE__ */ Metric.counter("oauth_jwks_health", {
  description: "States of key sets after a fetch",
  incremental: true
})

/**
 * Refreshes of sessions, tagged with `source` (the kind of `TokenSource`) and
 * `outcome`: `success`, `adopted` (another process was first), or the tag of the
 * error.
 *
 * @since 0.1.0
 * @category metrics
 */
export const refreshes: Metric.Metric.Counter<number> = /* @__PURE__ */ Metric.counter("oauth_refreshes", {
  description: "Refreshes of sessions",
  incremental: true
})

/**
 * Requests to a protected resource that ended in one way, which the tag
 * `outcome` tells: `accepted`, `no_credential`, or the error code of the answer.
 * To be made once for each: where every request is counted, finding the counter
 * by its tag would cost more than counting.
 *
 * @since 0.1.0
 * @category metrics
 */
export const resourceRequests = (outcome: string): Metric.Metric.Counter<number> =>
  Metric.fromMetricKey(
    MetricKey.tagged(
      MetricKey.counter("oauth_resource_requests", {
        description: "Requests to a protected resource",
        incremental: true
      }),
      "outcome",
      outcome
    )
  )

/**
 * Counts what came of looking for new tokens.
 *
 * @since 0.1.0
 * @category metrics
 */
export const countRefresh = (source: string, outcome: string): Effect.Effect<void> =>
  Metric.increment(Metric.tagged(Metric.tagged(refreshes, "source", source), "outcome", outcome))

/**
 * Puts a flow method into a span of kind client, without a stack trace, and
 * tells it how the flow ended. Nothing secret belongs into `attributes`.
 *
 * It is what `Effect.withSpan` does, with a tenth of its steps: those would be a
 * quarter of all that a token request takes of the fiber.
 *
 * @since 0.1.0
 * @category tracing
 */
export const flow =
  (name: string, attributes: Readonly<Record<string, string>> = {}) =>
  <A, E extends OAuthError, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.makeSpan(name, { kind: "client", captureStackTrace: false, attributes }),
        (span) =>
          Effect.flatMap(
            FiberRef.getAndUpdate(FiberRef.currentContext, Context.add(Tracer.ParentSpan, span)),
            (outside) =>
              ended(
                restore(effect),
                (exit, _labels, clock) => {
                  for (const [key, value] of Object.entries(told(exit))) span.attribute(key, value)
                  span.end(clock.unsafeCurrentTimeNanos(), exit)
                },
                FiberRef.set(FiberRef.currentContext, outside)
              )
          )
      )
    )

/** `Effect.onExit` for what takes a step or two; the effect alone can be interrupted. */
const ended = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  tell: (exit: Exit.Exit<A, E>, labels: Labels, clock: Clock.Clock) => void,
  last?: Effect.Effect<void>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.exit(effect), (exit) =>
    Effect.withFiberRuntime<A, E>((fiber) => {
      const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
      tell(exit, fiber.getFiberRef(FiberRef.currentMetricLabels), clock)
      return last === undefined ? exit : Effect.zipRight(last, exit)
    })
  )

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

interface Told {
  readonly [attribute: string]: string
  readonly "oauth.outcome": string
}

const told = <A>(exit: Exit.Exit<A, OAuthError>): Told => {
  if (Exit.isSuccess(exit)) return { "oauth.outcome": "success" }
  if (exit.cause._tag !== "Fail") return { "oauth.outcome": "interrupted" }
  const { _tag, operation, reason } = exit.cause.error
  return { "oauth.outcome": _tag, "oauth.error.reason": reason, "oauth.operation": operation }
}

/**
 * Makes what counts and times the requests of one token endpoint. It keeps the
 * labels of the last one: by the same labels a counter is found at once, by
 * equal ones in longer than most of a request takes besides.
 *
 * @since 0.1.0
 * @category metrics
 */
export const makeTokenRequestMeter = () => {
  let last: Labels = []
  const labelsOf = (grantType: string, outcome: string): Labels =>
    last[0]?.value === grantType && last[1]?.value === outcome
      ? last
      : (last = [MetricLabel.make("grant_type", grantType), MetricLabel.make("outcome", outcome)])
  return (grantType: string) =>
    <A, E extends OAuthError, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.clockWith((clock) => {
          const started = clock.unsafeCurrentTimeMillis()
          return ended(restore(effect), (exit, labels) => {
            const own = labelsOf(grantType, told(exit)["oauth.outcome"])
            tokenRequests.unsafeUpdate(1, labels.length === 0 ? own : [...own, ...labels])
            tokenRequestDuration.unsafeUpdate(clock.unsafeCurrentTimeMillis() - started, labels)
          })
        })
      )
}
