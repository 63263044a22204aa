/**
 * Reading an OAuth error response (RFC 6749 section 5.2).
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { OAuthResponseError } from "./internal/exchangeErrors.js"
import * as Text from "./Text.js"

/**
 * What is known of an error response besides its body.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorResponseContext {
  readonly operation: string
  readonly status: number
  readonly retryAfter?: number | undefined
  /** What was sent in confidence: cut out of whatever the server says. */
  readonly secrets?: ReadonlyArray<string> | undefined
}

/**
 * The error in a response body, where there is one: an object whose `error` is
 * a non-empty string. The server's texts are bounded, stripped of control
 * characters and of every secret that was sent; the code stays one that
 * programs can compare (`Text.sanitizeCode`).
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (
  body: Readonly<Record<string, unknown>>,
  context: ErrorResponseContext
): Option.Option<OAuthResponseError> => {
  const text = (member: string, sanitize = Text.sanitize): string | undefined => {
    const value = body[member]
    return typeof value === "string" && value !== "" ? sanitize(value, context.secrets) : undefined
  }
  const error = text("error", Text.sanitizeCode)
  if (error === undefined) return Option.none()
  const description = text("error_description")
  const hint = hints.get(error)
  return Option.some(
    new OAuthResponseError({
      operation: context.operation,
      reason: error,
      error,
      description,
      uri: text("error_uri"),
      status: context.status,
      retryAfter: context.retryAfter,
      interval: error === "slow_down" ? seconds(body["interval"]) : undefined,
      retriable: transient.has(error) || context.status === 429 || context.status >= 500,
      message: `${context.operation}: the server answered ${error}${description === undefined ? "" : `: ${description}`}${hint === undefined ? "" : ` (${hint})`}`
    })
  )
}

const seconds = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined

const transient: ReadonlySet<string> = new Set(["temporarily_unavailable", "server_error", "slow_down"])

const hints: ReadonlyMap<string, string> = new Map([
  ["invalid_client", "check the client id, its credentials and their method"],
  ["invalid_grant", "the code, token or assertion is used up, expired, revoked or another client's"],
  ["unauthorized_client", "this client is not registered for this grant"],
  ["invalid_target", "the server does not know the resource or audience"]
])
