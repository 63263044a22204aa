/**
 * The names of grants, as `grant_type` says them.
 *
 * @since 0.1.0
 */

/**
 * A grant type: a registered one, or any other text, since servers define
 * their own (RFC 6749 section 4.5).
 *
 * @since 0.1.0
 * @category models
 */
export type GrantType =
  | typeof authorizationCode
  | typeof refreshToken
  | typeof clientCredentials
  | typeof tokenExchange
  | typeof jwtBearer
  | typeof saml2Bearer
  | typeof deviceCode
  | typeof ciba
  | (string & {})

/**
 * RFC 6749 section 4.1.
 *
 * @since 0.1.0
 * @category constants
 */
export const authorizationCode = "authorization_code"

/**
 * RFC 6749 section 6.
 *
 * @since 0.1.0
 * @category constants
 */
export const refreshToken = "refresh_token"

/**
 * RFC 6749 section 4.4.
 *
 * @since 0.1.0
 * @category constants
 */
export const clientCredentials = "client_credentials"

/**
 * RFC 8693 section 2.1.
 *
 * @since 0.1.0
 * @category constants
 */
export const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

/**
 * RFC 7523 section 2.1.
 *
 * @since 0.1.0
 * @category constants
 */
export const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

/**
 * RFC 7522 section 2.1.
 *
 * @since 0.1.0
 * @category constants
 */
export const saml2Bearer = "urn:ietf:params:oauth:grant-type:saml2-bearer"

/**
 * RFC 8628 section 3.4.
 *
 * @since 0.1.0
 * @category constants
 */
export const deviceCode = "urn:ietf:params:oauth:grant-type:device_code"

/**
 * OpenID Connect Client-Initiated Backchannel Authentication section 10.1.
 *
 * @since 0.1.0
 * @category constants
 */
export const ciba = "urn:openid:params:grant-type:ciba"

/**
 * RFC 7523 section 2.2: the `client_assertion_type` of a JWT with which a
 * client authenticates.
 *
 * @since 0.1.0
 * @category constants
 */
export const clientAssertionJwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/**
 * RFC 7522 section 2.2: the `client_assertion_type` of a SAML assertion.
 *
 * @since 0.1.0
 * @category constants
 */
export const clientAssertionSaml2Bearer = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
