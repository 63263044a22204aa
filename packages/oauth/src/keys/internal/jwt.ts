/** The two halves of a JWT that can be read. */

/**
 * A JOSE header (RFC 7515 section 4), checked: `alg` is text, and `kid` and
 * `typ` are text where present.
 *
 * @since 0.1.0
 * @category models
 */
export interface JwtHeader {
  readonly alg: string
  readonly kid?: string | undefined
  readonly typ?: string | undefined
  readonly [member: string]: unknown
}

/**
 * Claims as they stand in a token: any JSON object.
 *
 * @since 0.1.0
 * @category models
 */
export interface JwtClaims {
  readonly [claim: string]: unknown
}
