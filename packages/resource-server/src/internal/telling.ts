/** What operators are told of requests: a counter, and the reason of each refusal. */
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
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
  "temporarily_unavailable"
] as const

type Outcome = (typeof outcomes)[number]

/** Made once: tagging a metric costs more than counting with it. */
const counters: ReadonlyMap<Outcome, Effect.Effect<void>> = new Map(
  outcomes.map((outcome) => [
    outcome,
    Metric.increment(Metric.tagged(Telemetry.resourceRequests, "outcome", outcome))
  ])
)

export const count = (outcome: Outcome): Effect.Effect<void> => counters.get(outcome) ?? Effect.void

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
