/**
 * Clients as a test issuer registers them.
 *
 * @since 0.1.0
 */
import type * as Redacted from "effect/Redacted"

/**
 * How a client authenticates at the token endpoint (RFC 7591 section 2).
 *
 * @since 0.1.0
 * @category models
 */
export type AuthenticationMethod = "none" | "client_secret_basic" | "client_secret_post" | "private_key_jwt"

/**
 * Public keys as a JWK set (RFC 7517), from whichever library: the toolkit's
 * `Keyring.jwks` fits, and so does what jose exports.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeySet {
  readonly keys: ReadonlyArray<object>
}

/**
 * A registered client.
 *
 * Without `secret` and `jwks` it is public and identifies itself by `client_id`.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestClient {
  readonly clientId: string
  readonly secret?: string | Redacted.Redacted<string>
  /** The public keys its client assertions are verified with (RFC 7523). */
  readonly jwks?: KeySet
  /**
   * The only method accepted. Without it: `private_key_jwt` where there are
   * keys, basic or post where there is a secret, otherwise `none`.
   */
  readonly authentication?: AuthenticationMethod
  /**
   * Compared as exact strings, except that the port of a registered loopback
   * address (`http://127.0.0.1/...`, `http://[::1]/...`) is free (RFC 8252 section 7.3).
   */
  readonly redirectUris?: ReadonlyArray<string>
  /** Default: every grant the issuer knows. */
  readonly grantTypes?: ReadonlyArray<string>
  /** Scopes it may ask for. Default: every scope of the issuer. */
  readonly scopes?: ReadonlyArray<string>
  /** Resources and audiences it may ask for (RFC 8707, RFC 8693). Default: those of the issuer. */
  readonly targets?: ReadonlyArray<string>
  /** Further audiences of its ID tokens, which then carry `azp`. */
  readonly idTokenAudiences?: ReadonlyArray<string>
}
