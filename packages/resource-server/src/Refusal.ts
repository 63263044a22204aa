/**
 * Why a request is refused: the failures of everything that protects, and the
 * bodies of the answers.
 *
 * A refusal says what RFC 6750, RFC 9449 and RFC 9470 let a client know, in
 * fixed words. It holds nothing of the token; the reason goes to the log.
 *
 * @since 0.1.0
 */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"

const text = Schema.optionalWith(Schema.String, { exact: true })

/** The scheme that the credential came by: its challenge carries the error. */
const scheme = Schema.optionalWith(Schema.Literal("Bearer", "DPoP"), { exact: true })

/**
 * There is no credential (then there is no `error`, RFC 6750 section 3.1), or
 * it is not accepted. Answered with 401.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>("OAuthUnauthorized")(
  "Unauthorized",
  {
    error: Schema.optionalWith(Schema.Literal("invalid_token", "invalid_dpop_proof", "use_dpop_nonce"), {
      exact: true
    }),
    error_description: text,
    scheme,
    /** What a token for this request needs, in words separated by spaces. */
    scope: text
  },
  HttpApiSchema.annotations({ status: 401, description: "No access token, or one that is not accepted" })
) {
  /** @since 0.1.0 */
  override get message(): string {
    return this.error_description ?? "An access token is needed"
  }
}

/**
 * The request is not one that can be judged: several credentials, a malformed
 * one, or one in the query. Answered with 400.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>("OAuthInvalidRequest")(
  "InvalidRequest",
  { error: Schema.Literal("invalid_request"), error_description: Schema.String, scheme },
  HttpApiSchema.annotations({ status: 400, description: "A request whose credential is malformed" })
) {
  /** @since 0.1.0 */
  override get message(): string {
    return this.error_description
  }
}

/**
 * The token is good and does not allow this. Answered with 403; `scope` is what
 * the request needs, all of it.
 *
 * @since 0.1.0
 * @category errors
 */
export class InsufficientScope extends Schema.TaggedError<InsufficientScope>("OAuthInsufficientScope")(
  "InsufficientScope",
  { error: Schema.Literal("insufficient_scope"), error_description: Schema.String, scheme, scope: text },
  HttpApiSchema.annotations({ status: 403, description: "The access token does not allow this" })
) {
  /** @since 0.1.0 */
  override get message(): string {
    return this.error_description
  }
}

/**
 * The token is good, and the person has to log in anew or better (RFC 9470
 * section 3). Answered with 401.
 *
 * @since 0.1.0
 * @category errors
 */
export class InsufficientUserAuthentication extends Schema.TaggedError<InsufficientUserAuthentication>(
  "OAuthInsufficientUserAuthentication"
)(
  "InsufficientUserAuthentication",
  {
    error: Schema.Literal("insufficient_user_authentication"),
    error_description: Schema.String,
    /** The values of `acr` of which one is needed, separated by spaces, the preferred first. */
    acr_values: text,
    /** How long ago the person may have logged in, in seconds. */
    max_age: Schema.optionalWith(Schema.NonNegativeInt, { exact: true }),
    scheme,
    scope: text
  },
  HttpApiSchema.annotations({ status: 401, description: "The person has to log in anew or better" })
) {
  /** @since 0.1.0 */
  override get message(): string {
    return this.error_description
  }
}

/**
 * Whether the token is good cannot be known now: keys or introspection are
 * unavailable. Answered with 503 and no challenge, so that nobody throws a good
 * token away.
 *
 * @since 0.1.0
 * @category errors
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("OAuthUnavailable")(
  "Unavailable",
  {
    error: Schema.Literal("temporarily_unavailable"),
    error_description: Schema.String,
    /** `Retry-After` of the answer, in seconds. */
    retry_after: Schema.NonNegativeInt
  },
  HttpApiSchema.annotations({ status: 503, description: "Access tokens cannot be verified for the moment" })
) {
  /** @since 0.1.0 */
  override get message(): string {
    return this.error_description
  }
}

/**
 * The request is for a host that is none of this resource, as the declared
 * proxy tells it, or what it tells cannot be believed. Answered with 421 (RFC
 * 9110 section 15.5.20) and no challenge: nothing is said of a host that could be
 * anybody's.
 *
 * @since 0.1.0
 * @category errors
 */
export class Misdirected extends Schema.TaggedError<Misdirected>("OAuthMisdirected")(
  "Misdirected",
  { error: Schema.Literal("misdirected_request"), error_description: Schema.String },
  HttpApiSchema.annotations({
    status: 421,
    description: "A request for a host that is none of this resource"
  })
) {
  /** @since 0.1.0 */
  override get message(): string {
    return this.error_description
  }
}

/**
 * Any refusal.
 *
 * @since 0.1.0
 * @category errors
 */
export type Refusal =
  | Unauthorized
  | InvalidRequest
  | InsufficientScope
  | InsufficientUserAuthentication
  | Unavailable
  | Misdirected

/**
 * Any refusal, as the failure of an endpoint.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Refusal: Schema.Union<
  [
    typeof Unauthorized,
    typeof InvalidRequest,
    typeof InsufficientScope,
    typeof InsufficientUserAuthentication,
    typeof Unavailable,
    typeof Misdirected
  ]
> = Schema.Union(
  Unauthorized,
  InvalidRequest,
  InsufficientScope,
  InsufficientUserAuthentication,
  Unavailable,
  Misdirected
)
