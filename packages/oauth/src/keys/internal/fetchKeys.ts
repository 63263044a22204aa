/** One fetch of an issuer's keys. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Telemetry from "../../http/Telemetry.js"
import * as Wire from "../../http/Wire.js"
import * as Endpoint from "../../protocol/Endpoint.js"
import type { DiscoveryError, ProtocolViolation, TransportError } from "../../protocol/OAuthError.js"
import { KeyringError } from "../../protocol/OAuthError.js"
import { maxAge } from "./jwksDocument.js"

const operation = "RemoteJwks.fetch"

export interface Fetched {
  readonly document: unknown
  /** What `Cache-Control` says, in milliseconds. */
  readonly maxAge: number | undefined
}

const reasonOf = (error: DiscoveryError | TransportError | ProtocolViolation): KeyringError["reason"] => {
  switch (error._tag) {
    case "TransportError":
      return error.reason === "forbidden_url" ? "forbidden" : "unavailable"
    case "ProtocolViolation":
      return "malformed"
    default:
      return error.reason === "not_found" || error.reason === "no_challenge"
        ? "unavailable"
        : error.reason === "missing_endpoint" || error.reason === "unsupported"
          ? "unsupported"
          : "forbidden"
  }
}

/** Whatever keeps keys away, as a keyring tells it: about the server, never about a token. */
export const unavailable = (
  issuer: string,
  error: DiscoveryError | TransportError | ProtocolViolation
): KeyringError => {
  const reason = reasonOf(error)
  const retryAfter = error._tag === "TransportError" ? error.retryAfter : undefined
  return new KeyringError({
    operation,
    reason,
    issuer,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    retriable: reason === "unavailable",
    message: `The keys of ${issuer} could not be had. ${error.message}`
  })
}

export const refused = (issuer: string, reason: KeyringError["reason"], problem: string): KeyringError =>
  new KeyringError({
    operation,
    reason,
    issuer,
    retriable: reason === "unavailable",
    message: `${operation}: ${problem}.`
  })

const originOf = (url: string): string | undefined =>
  Option.getOrUndefined(Option.map(Endpoint.parts(url), (parts) => parts.origin))

const isElsewhere = (issuer: string, uri: string): boolean => originOf(uri) !== originOf(issuer)

/** Whether keys may be had from there at all, as the fetch itself judges it. */
export const mayFetch = (wire: Wire.Wire, issuer: string, uri: string, sameOrigin: boolean): boolean =>
  Option.isNone(Endpoint.problem(uri, wire.limits)) && !(sameOrigin && isElsewhere(issuer, uri))

/** Fetches a key set; any status but 200, and any body but JSON, is a failure. */
export const fetchKeys = (
  wire: Wire.Wire,
  issuer: string,
  uri: string,
  sameOrigin: boolean
): Effect.Effect<Fetched, TransportError | KeyringError> =>
  sameOrigin && isElsewhere(issuer, uri)
    ? Effect.fail(
        refused(issuer, "forbidden", `the keys of ${issuer} are on another origin, which the policy forbids`)
      )
    : wire.get(operation, uri, { accept: "application/jwk-set+json, application/json" }).pipe(
        Effect.flatMap((response) =>
          response.status === 200
            ? Effect.map(Wire.json(operation, response), (document) => ({
                document,
                maxAge: maxAge(response.headers["cache-control"])
              }))
            : Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
        ),
        Effect.tapBoth({
          onFailure: (error) => count(error._tag),
          onSuccess: () => count("success")
        })
      )

const count = (outcome: string): Effect.Effect<void> =>
  Metric.increment(Metric.tagged(Telemetry.jwksFetches, "outcome", outcome))
