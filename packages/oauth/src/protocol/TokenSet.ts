/**
 * What a token endpoint grants.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const Secret = Schema.Redacted(Schema.String)

const struct = Schema.Struct({
  /** The issuer of the authorization server that granted these. */
  issuer: Schema.String,
  accessToken: Secret,
  /** `Bearer`, `DPoP` or `N_A` (RFC 8693: not an access token), whatever the case in the response. */
  tokenType: Schema.Literal("Bearer", "DPoP", "N_A"),
  /** When the access token expires, in milliseconds since the epoch as `Clock` tells; none where the server did not say. */
  expiresAt: Schema.optionalWith(Schema.Number, { as: "Option" }),
  /** The granted scope: as told, or as asked for where the server was silent (RFC 6749 section 5.1). */
  scope: Schema.Array(Schema.String),
  refreshToken: Schema.optionalWith(Secret, { as: "Option" }),
  /** The ID token as received. `CodeExchange` and `Refresh` give its claims after checking them. */
  idToken: Schema.optionalWith(Secret, { as: "Option" }),
  /** RFC 8693 section 2.2.1. */
  issuedTokenType: Schema.optionalWith(Schema.String, { as: "Option" }),
  /** RFC 9396 section 7. */
  authorizationDetails: Schema.optionalWith(Schema.Array(Schema.Unknown), { as: "Option" }),
  /** The members that no specification named here defines; they may hold secrets. */
  additional: Schema.Redacted(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
})

/**
 * The tokens of one successful token response (RFC 6749 section 5.1), with what
 * the client knows besides: when they expire, and who issued them. Printed, the
 * secrets are `<redacted>`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenSet extends Schema.Schema.Type<typeof struct> {}

/**
 * To keep a token set in a store that protects it: encoded, its secrets are
 * plain text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TokenSet: Schema.Schema<TokenSet, typeof struct.Encoded> = struct
