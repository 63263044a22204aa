/** How a request and its answer can fail. */
import * as Schema from "effect/Schema"
import { common } from "./errorMembers.js"

/**
 * Nothing usable came back from a server.
 *
 * - `unreachable`: no connection, or it broke before the answer was whole
 * - `timeout`: the deadline of the exchange passed
 * - `too_large`: the body passed its cap while being read
 * - `redirect`: a redirect that is not allowed to be followed
 * - `status`: a status the operation does not expect, without an OAuth error
 * - `content`: the body is not what the operation reads (HTML, broken JSON)
 * - `forbidden_url`: refused before sending (plain http, userinfo, fragment)
 *
 * @since 0.1.0
 * @category errors
 */
export class TransportError extends Schema.TaggedError<TransportError>("effect-oauth/TransportError")(
  "TransportError",
  {
    ...common,
    reason: Schema.Literal(
      "unreachable",
      "timeout",
      "too_large",
      "redirect",
      "status",
      "content",
      "forbidden_url"
    ),
    /** Origin and path of the request; never its query. */
    url: Schema.String,
    status: Schema.optional(Schema.Number),
    /** `Retry-After` in seconds, where the server sent one. */
    retryAfter: Schema.optional(Schema.Number),
    /** Whether the same request may succeed later. */
    retriable: Schema.Boolean
  }
) {}

/**
 * The server answered with an OAuth error (RFC 6749 section 5.2).
 * `error` is the server's own code, `description` and `uri` its text, stripped
 * of control characters, bounded in length and cleared of what was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class OAuthResponseError extends Schema.TaggedError<OAuthResponseError>(
  "effect-oauth/OAuthResponseError"
)("OAuthResponseError", {
  ...common,
  /** The server's code, as a `reason` to match on. */
  reason: Schema.String,
  error: Schema.String,
  description: Schema.optional(Schema.String),
  uri: Schema.optional(Schema.String),
  status: Schema.Number,
  /** `Retry-After` in seconds, where the server sent one. */
  retryAfter: Schema.optional(Schema.Number),
  /** The new seconds between two polls, which some servers send with `slow_down`. */
  interval: Schema.optional(Schema.Number),
  /** `temporarily_unavailable`, `slow_down`, 429 and 5xx. */
  retriable: Schema.Boolean
}) {}

/**
 * A response that breaks its specification; names the member and the rule.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolViolation extends Schema.TaggedError<ProtocolViolation>(
  "effect-oauth/ProtocolViolation"
)("ProtocolViolation", {
  ...common,
  reason: Schema.Literal("missing", "type", "value", "unsupported", "mismatch", "duplicate"),
  /** The member that breaks the rule, such as `token_type`. */
  member: Schema.String,
  /** The rule, with its source: `"RFC 6749 section 5.1: token_type is required"`. */
  rule: Schema.String
}) {}

/**
 * A server or a resource could not be found, or is not who it should be.
 *
 * - `not_found`: no well-known location answered with a metadata object
 * - `issuer_mismatch`, `resource_mismatch`: the document names another
 * - `missing_endpoint`: the server does not offer what the flow needs
 * - `forbidden_url`: an issuer, resource or endpoint that may not be used
 * - `unsupported`: the server says that it cannot do what the flow must have
 * - `no_challenge`: a resource answered without a usable challenge
 *
 * @since 0.1.0
 * @category errors
 */
export class DiscoveryError extends Schema.TaggedError<DiscoveryError>("effect-oauth/DiscoveryError")(
  "DiscoveryError",
  {
    ...common,
    reason: Schema.Literal(
      "not_found",
      "issuer_mismatch",
      "resource_mismatch",
      "missing_endpoint",
      "forbidden_url",
      "unsupported",
      "no_challenge"
    ),
    expected: Schema.optional(Schema.String),
    actual: Schema.optional(Schema.String)
  }
) {}

/**
 * An authorization response that is refused, or in which the server refused.
 *
 * - `denied`: the server answered `access_denied`
 * - `server`: any other `error` of the server; `error` has the code
 * - `state_mismatch`, `state_missing`, `issuer_mismatch`, `issuer_missing`
 * - `duplicate`: a parameter came more than once
 * - `expired`: the transaction is older than it may be
 * - `replayed`: the transaction has been completed before
 * - `malformed`: no code, or a parameter that does not belong in the response
 * - `reserved_parameter`, `invalid_request`: refused before anything was sent
 *
 * @since 0.1.0
 * @category errors
 */
export class AuthorizationError extends Schema.TaggedError<AuthorizationError>(
  "effect-oauth/AuthorizationError"
)("AuthorizationError", {
  ...common,
  reason: Schema.Literal(
    "denied",
    "server",
    "state_mismatch",
    "state_missing",
    "issuer_mismatch",
    "issuer_missing",
    "duplicate",
    "expired",
    "replayed",
    "malformed",
    "reserved_parameter",
    "invalid_request"
  ),
  /** The server's `error` code, where it sent one. */
  error: Schema.optional(Schema.String),
  description: Schema.optional(Schema.String)
}) {}

/**
 * A key could not be had. Never says that a token is bad: an outage of a key
 * server is `unavailable`, and whoever verifies must not read it as a refusal.
 *
 * @since 0.1.0
 * @category errors
 */
export class KeyringError extends Schema.TaggedError<KeyringError>("effect-oauth/KeyringError")(
  "KeyringError",
  {
    ...common,
    reason: Schema.Literal("not_found", "ambiguous", "unavailable", "malformed", "forbidden", "unsupported"),
    issuer: Schema.optional(Schema.String),
    kid: Schema.optional(Schema.String),
    /** `Retry-After` in seconds, where the key server sent one. */
    retryAfter: Schema.optional(Schema.Number),
    retriable: Schema.Boolean
  }
) {}
