/**
 * What must be remembered between an authorization request and its response.
 *
 * @since 0.1.0
 */
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const Secret = Schema.Redacted(Schema.String)

const transaction = Schema.Struct({
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
  /** Where the metadata says that codes go: this one goes to no other place. */
  tokenEndpoint: Schema.optional(Schema.String),
  /** How old the person's login may be, in seconds. */
  maxAge: Schema.optionalWith(Schema.Number, { as: "Option" }),
  /** Whether the server says that it sends `iss` (RFC 9207), and so must. */
  issuerRequired: Schema.Boolean,
  /** How the response comes where it is not the plain one: in a JWT (JARM), or with an ID token (hybrid). */
  response: Schema.optional(Schema.Literal("jwt", "code id_token")),
  /** One of which the ID token must state, where a resource insists on it (RFC 9470). */
  acr: Schema.optional(Schema.Array(Schema.String)),
  /** Whom the ID token of the response is about; that of the token response must be about the same. */
  subject: Schema.optional(Schema.String),
  /** Whose subject that is: its `iss`. */
  subjectIssuer: Schema.optional(Schema.String),
  /** In milliseconds since the epoch, as `Clock` tells. */
  expiresAt: Schema.Number
})

/**
 * One authorization under way: made by `Authorization.begin`, taken by
 * `Authorization.complete`, once.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthorizationTransaction extends Schema.Schema.Type<typeof transaction> {}

/**
 * For a web application to keep a transaction (encrypted, or on the server)
 * with the session of the browser that it sent away: encoded, its secrets are
 * plain text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AuthorizationTransaction: Schema.Schema<AuthorizationTransaction, typeof transaction.Encoded> =
  transaction

/**
 * An authorization code that passed every check of its response, with all that
 * the token request needs. Good for one `CodeExchange.exchange`.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthorizationCode {
  readonly code: Redacted.Redacted<string>
  readonly transaction: AuthorizationTransaction
}
