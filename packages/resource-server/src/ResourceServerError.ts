/**
 * How protecting an API can fail before it begins.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Something is not as it was said, and the server must not start.
 *
 * - `option`: an option that cannot be meant; `option` names it
 * - `requirements`: requirements that nobody could keep, or that nothing checks
 * - `unprotected`: endpoints that are open beside protected ones, and do not say
 *   that they are meant to be
 *
 * @since 0.1.0
 * @category errors
 */
export class ResourceServerError extends Schema.TaggedError<ResourceServerError>(
  "effect-oauth/ResourceServerError"
)("ResourceServerError", {
  reason: Schema.Literal("option", "requirements", "unprotected"),
  option: Schema.optional(Schema.String),
  /** What is wrong and what to do about it. */
  message: Schema.String
}) {}
