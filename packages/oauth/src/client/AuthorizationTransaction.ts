/**
 * What must be remembered between an authorization request and its response.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const Secret = Schema.Redacted(Schema.String)

/**
 * One authorization under way: made by `Authorization.begin`, taken by
 * `Authorization.complete`, once.
 *
 * A `Schema.Class`, so that a web application can keep it (encrypted, or on the
 * server) with the session of the browser that it sent away; encoded, its
 * secrets are plain text.
 *
 * @since 0.1.0
 * @category models
 */
export class AuthorizationTransaction extends Schema.Class<AuthorizationTransaction>(
  "effect-oauth/AuthorizationTransaction"
)({
  issuer: Schema.String,
  clientId: Schema.String,
  /** Sent to the authorization endpoint, and to the token endpoint as it stands here. */
  redirectUri: Schema.String,
  state: Secret,
  /** The PKCE code verifier (RFC 7636). */
  verifier: Secret,
  /** There where `openid` was asked for. */
  nonce: Schema.optionalWith(Secret, { as: "Option" }),
  scope: Schema.Array(Schema.String),
  /** RFC 8707. */
  resource: Schema.Array(Schema.String),
  /** How old the person's login may be, in seconds. */
  maxAge: Schema.optionalWith(Schema.Number, { as: "Option" }),
  /** Whether the server says that it sends `iss` (RFC 9207), and so must. */
  issuerRequired: Schema.Boolean,
  expiresAt: Schema.DateTimeUtc
}) {}

/**
 * An authorization code that passed every check of its response, with all that
 * the token request needs. Good for one `CodeExchange.exchange`.
 *
 * @since 0.1.0
 * @category models
 */
export class AuthorizationCode extends Schema.Class<AuthorizationCode>("effect-oauth/AuthorizationCode")({
  code: Secret,
  transaction: AuthorizationTransaction
}) {}
