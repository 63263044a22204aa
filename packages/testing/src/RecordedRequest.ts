/**
 * What a test issuer received.
 *
 * @since 0.1.0
 */

/**
 * The endpoints of a test issuer and of its protected resources, as they are
 * named when requests are counted and misbehaviour is scripted.
 *
 * - `metadata`: every well-known document of the authorization server
 * - `resource_metadata`: `/.well-known/oauth-protected-resource` (RFC 9728)
 * - `resource`: everything else below a protected resource
 * - `other`: a path on a known origin where nothing is served (404)
 *
 * @since 0.1.0
 * @category models
 */
export type Endpoint =
  | "metadata"
  | "jwks"
  | "authorization"
  | "token"
  | "userinfo"
  | "introspection"
  | "revocation"
  | "device_authorization"
  | "resource_metadata"
  | "resource"
  | "other"

/**
 * A request as it arrived, secrets included: this is for assertions in tests.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecordedRequest {
  readonly endpoint: Endpoint
  readonly method: string
  readonly url: URL
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The body read as UTF-8; empty when there was none. */
  readonly body: string
  /** The body read as `application/x-www-form-urlencoded`; empty for any other content type. */
  readonly form: URLSearchParams
  /** Seconds since the epoch, by the clock of the issuer. */
  readonly at: number
}
