/** How a token can be refused. */
import * as Schema from "effect/Schema"
import { common } from "./errorMembers.js"

/**
 * A token that is refused; `reason` is the check that failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class JwtError extends Schema.TaggedError<JwtError>("effect-oauth/JwtError")("JwtError", {
  ...common,
  reason: Schema.Literal(
    "too_large",
    "malformed",
    "header",
    "critical",
    "algorithm",
    "type",
    "issuer",
    "audience",
    "expired",
    "not_yet_valid",
    "issued_in_future",
    "missing_claim",
    "claim",
    "key",
    "signature",
    "nonce",
    "authorized_party",
    "hash",
    "auth_time",
    "subject",
    "decryption"
  ),
  /** The claim or header member concerned. */
  claim: Schema.optional(Schema.String),
  /** What would have been accepted; configuration, never token content. */
  expected: Schema.optional(Schema.String),
  /** The instant of the check, in seconds since the epoch. */
  now: Schema.optional(Schema.Number)
}) {}
