/**
 * The names of kinds of tokens: the identifiers of RFC 8693 section 3, and the
 * values of `token_type`.
 *
 * @since 0.1.0
 */

/**
 * A token type identifier, as `subject_token_type` or `issued_token_type` says
 * it: a known one, or any other text, since servers define their own.
 *
 * @since 0.1.0
 * @category models
 */
export type TokenType =
  | typeof accessToken
  | typeof refreshToken
  | typeof idToken
  | typeof saml1
  | typeof saml2
  | typeof jwt
  | typeof idJag
  | typeof transactionToken
  | typeof deviceSecret
  | typeof substituteUser
  | (string & {})

/**
 * An OAuth access token of this server (RFC 8693 section 3).
 *
 * @since 0.1.0
 * @category constants
 */
export const accessToken = "urn:ietf:params:oauth:token-type:access_token"

/**
 * An OAuth refresh token of this server (RFC 8693 section 3).
 *
 * @since 0.1.0
 * @category constants
 */
export const refreshToken = "urn:ietf:params:oauth:token-type:refresh_token"

/**
 * An OpenID Connect ID token (RFC 8693 section 3).
 *
 * @since 0.1.0
 * @category constants
 */
export const idToken = "urn:ietf:params:oauth:token-type:id_token"

/**
 * A base64url-encoded SAML 1.1 assertion (RFC 8693 section 3).
 *
 * @since 0.1.0
 * @category constants
 */
export const saml1 = "urn:ietf:params:oauth:token-type:saml1"

/**
 * A base64url-encoded SAML 2.0 assertion (RFC 8693 section 3).
 *
 * @since 0.1.0
 * @category constants
 */
export const saml2 = "urn:ietf:params:oauth:token-type:saml2"

/**
 * Any JWT, of whatever meaning (RFC 8693 section 3).
 *
 * @since 0.1.0
 * @category constants
 */
export const jwt = "urn:ietf:params:oauth:token-type:jwt"

/**
 * An identity assertion authorization grant
 * (draft-ietf-oauth-identity-assertion-authz-grant).
 *
 * @since 0.1.0
 * @category constants
 */
export const idJag = "urn:ietf:params:oauth:token-type:id-jag"

/**
 * A transaction token (draft-ietf-oauth-transaction-tokens).
 *
 * @since 0.1.0
 * @category constants
 */
export const transactionToken = "urn:ietf:params:oauth:token-type:txn_token"

/**
 * The device secret of OpenID Connect Native SSO for Mobile Apps 1.0.
 *
 * @since 0.1.0
 * @category constants
 */
export const deviceSecret = "urn:openid:params:token-type:device-secret"

/**
 * Keycard's name for a user to act as; the token is an unsigned JWT of type
 * `vnd.kc.su+jwt`.
 *
 * @since 0.1.0
 * @category constants
 */
export const substituteUser = "urn:keycard:params:oauth:token-type:substitute-user"

/**
 * The `token_type` of a bearer token (RFC 6750); compared without regard to
 * case (RFC 6749 section 5.1).
 *
 * @since 0.1.0
 * @category constants
 */
export const bearer = "Bearer"

/**
 * The `token_type` of a token bound to a key by DPoP (RFC 9449 section 5).
 *
 * @since 0.1.0
 * @category constants
 */
export const dpop = "DPoP"

/**
 * The `token_type` of an exchange that issued something other than an access
 * token (RFC 8693 section 2.2.1).
 *
 * @since 0.1.0
 * @category constants
 */
export const notApplicable = "N_A"
