/**
 * How an issuer is set up.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { TestClient } from "./TestClient.js"
import type { TestUser } from "./TestUser.js"

/**
 * Everything has a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface IssuerOptions {
  /** Default: `https://issuer.test`. May have a path. */
  readonly issuer?: string
  /** Default: one user, `alice`. */
  readonly users?: ReadonlyArray<TestUser>
  /** Default: none. */
  readonly clients?: ReadonlyArray<TestClient>
  /** Identifiers of the protected resources it serves (RFC 9728). Default: `https://api.test`. */
  readonly resources?: ReadonlyArray<string>
  /** Scopes the protected resources ask for. Default: none. */
  readonly resourceScopes?: ReadonlyArray<string>
  /** Scopes that may be asked for. Default: any. */
  readonly scopes?: ReadonlyArray<string>
  /** Resources and audiences that may be asked for (RFC 8707). Default: any. */
  readonly targets?: ReadonlyArray<string>
  /**
   * Which metadata documents exist. `-inserted` is the OpenID document with
   * the path of the issuer at its end. Default: `oauth-authorization-server`
   * and `openid-configuration`.
   */
  readonly wellKnown?: ReadonlyArray<
    "oauth-authorization-server" | "openid-configuration-inserted" | "openid-configuration"
  >
  /** Members that replace or extend the metadata; `undefined` removes one. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Of its signatures. Default: ES256 (quick to generate; RS256 is not). */
  readonly algorithm?: "RS256" | "PS256" | "ES256" | "ES384" | "ES512" | "Ed25519"
  /** Default: `jwt` (RFC 9068). */
  readonly accessTokens?: "jwt" | "opaque"
  /** What client assertions must name as audience. Default: `either`. */
  readonly assertionAudience?: "issuer" | "token_endpoint" | "either"
  /** Default: true. */
  readonly requirePkce?: boolean
  /** Whether authorization responses carry `iss` (RFC 9207). Default: true. */
  readonly issParameter?: boolean
  /** Whether a refresh token is good for once only. Default: true. */
  readonly rotateRefreshTokens?: boolean
  /** Defaults: code 1 minute, access and ID token 1 hour, refresh token 30 days, device code 10 minutes. */
  readonly lifetimes?: {
    readonly code?: Duration.DurationInput
    readonly accessToken?: Duration.DurationInput
    readonly idToken?: Duration.DurationInput
    readonly refreshToken?: Duration.DurationInput
    readonly device?: Duration.DurationInput
  }
  /** Seconds the clock of the issuer is ahead of `Clock`. Default: 0. */
  readonly skew?: number
}
