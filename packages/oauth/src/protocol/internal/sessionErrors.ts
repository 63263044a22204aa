/** How a login and what is kept of it can fail. */
import * as Schema from "effect/Schema"
import { common } from "./errorMembers.js"

/**
 * A login with a person did not come to its end.
 *
 * @since 0.1.0
 * @category errors
 */
export class LoginError extends Schema.TaggedError<LoginError>("effect-oauth/LoginError")("LoginError", {
  ...common,
  reason: Schema.Literal(
    "cancelled",
    "timed_out",
    "port_in_use",
    "listen_failed",
    "no_browser",
    "pasted_invalid"
  )
}) {}

/**
 * A store of tokens could not be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>("effect-oauth/TokenStoreError")(
  "TokenStoreError",
  {
    ...common,
    reason: Schema.Literal("unavailable", "corrupt", "conflict", "forbidden")
  }
) {}

/**
 * The session is over: only a person can start a new one.
 *
 * @since 0.1.0
 * @category errors
 */
export class ReauthorizationRequired extends Schema.TaggedError<ReauthorizationRequired>(
  "effect-oauth/ReauthorizationRequired"
)("ReauthorizationRequired", {
  ...common,
  reason: Schema.Literal("no_session", "refused", "expired", "interrupted_refresh", "revoked")
}) {}
