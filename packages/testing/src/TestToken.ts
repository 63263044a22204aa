/**
 * Tokens minted on a test's order.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * What may be bent in a token.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenOverrides {
  /** Claims that replace or extend what the issuer would say; `undefined` removes one. */
  readonly claims?: Readonly<Record<string, unknown>>
  /**
   * Header members that replace or extend the issuer's; `undefined` removes one.
   * The signature is made over whatever header results, also where `alg` lies.
   */
  readonly header?: Readonly<Record<string, unknown>>
  /**
   * What signs: the `published` key; an `unpublished` one under the published
   * `kid`, so that the signature is wrong; `none`, which leaves the signature
   * empty; or bytes, used as an HMAC secret (HS256). Default: `published`.
   */
  readonly key?: "published" | "unpublished" | "none" | Uint8Array
}

/**
 * An access token to mint (RFC 9068).
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessTokenOptions extends TokenOverrides {
  /** Default: the first user. */
  readonly sub?: string
  /** Default: the first client, or `"client"`. */
  readonly clientId?: string
  /** Default: the first protected resource. */
  readonly audience?: string | ReadonlyArray<string>
  readonly scope?: ReadonlyArray<string>
  /** Default: the issuer's lifetime of access tokens. */
  readonly lifetime?: Duration.DurationInput
}

/**
 * An ID token to mint (OpenID Connect Core section 2).
 *
 * @since 0.1.0
 * @category models
 */
export interface IdTokenOptions extends TokenOverrides {
  /** Default: the first user. */
  readonly sub?: string
  /** The audience. Default: the first client, or `"client"`. */
  readonly clientId?: string
  readonly nonce?: string
  /** The access token that `at_hash` speaks of; none without it. */
  readonly accessToken?: string
  /** Default: the issuer's lifetime of ID tokens. */
  readonly lifetime?: Duration.DurationInput
}
