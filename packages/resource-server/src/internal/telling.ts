/** What operators are told of requests: a counter, and the reason of each refusal. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import type * as Metric from "effect/Metric"
import * as Telemetry from "effect-oauth/Telemetry"
import type { Refusal } from "../Refusal.js"
import type { ResourceServer } from "../ResourceServer.js"

const outcomes = [
  "accepted",
  "no_credential",
  "invalid_request",
  "invalid_token",
  "invalid_dpop_proof",
  "use_dpop_nonce",
  "insufficient_scope",
  "insufficient_user_authentication",
  "misdirected_request",
  "temporarily_unavailable"
] as const

type Outcome = (typeof outcomes)[number]

const counters: ReadonlyMap<Outcome, Metric.Metric.Counter<number>> = new Map(
  outcomes.map((outcome) => [outcome, Telemetry.resourceRequests(outcome)])
)

/** Counts at once, with the labels of the fiber. */
export const countNow = (fiber: Fiber.RuntimeFiber<unknown, unknown>, outcome: Outcome): void =>
  counters.get(outcome)?.unsafeUpdate(1, fiber.getFiberRef(FiberRef.currentMetricLabels))

const count = (outcome: Outcome): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    countNow(fiber, outcome)
    return Effect.void
  })

/** An outage is a warning; a request without a credential is how every client begins. */
const levelOf = (server: ResourceServer.Service, outcome: Outcome): LogLevel.LogLevel =>
  outcome === "temporarily_unavailable"
    ? LogLevel.Warning
    : outcome === "no_credential"
      ? LogLevel.Debug
      : server.logLevel

/** Counts a refusal and logs its reason. */
export const tell = (
  server: ResourceServer.Service,
  { reason, refusal }: { readonly refusal: Refusal; readonly reason: string },
  method: string
): Effect.Effect<void> => {
  const outcome = refusal.error ?? "no_credential"
  return Effect.zipRight(
    count(outcome),
    Effect.annotateLogs(
      Effect.logWithLevel(levelOf(server, outcome), "Request to protected resource refused"),
      {
        "oauth.outcome": outcome,
        "oauth.reason": reason,
        "oauth.resource": server.resource,
        ...(method === "" ? {} : { "http.request.method": method })
      }
    )
  )
}
