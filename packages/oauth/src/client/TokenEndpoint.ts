/**
 * Requests to a token endpoint, for any grant.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type {
  DiscoveryError,
  JwtError,
  KeyringError,
  OAuthResponseError,
  ProtocolViolation,
  TransportError
} from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import * as TokenRequest from "./internal/tokenRequest.js"
import { violation } from "./internal/violation.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * Requests to the token endpoint of the `OAuthClient`'s server.
 *
 * Every grant of the toolkit goes through it, and so can one that the toolkit
 * does not know.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenEndpoint extends Context.Tag("effect-oauth/TokenEndpoint")<
  TokenEndpoint,
  TokenEndpoint.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenEndpoint {
  /**
   * How a token request can fail.
   *
   * @since 0.1.0
   * @category errors
   */
  export type RequestError =
    TransportError | OAuthResponseError | ProtocolViolation | DiscoveryError | KeyringError | JwtError

  /**
   * What is particular to a grant.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Grant extends TokenRequest.Grant {}

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Encodes the form, authenticates the client, sends once, reads under the
     * cap, and checks the response (RFC 6749 sections 3.2, 5.1 and 5.2): 200
     * with a token response, or the server's error, whatever its status. An ID
     * token that is encrypted to the client is opened (`decrypter`); it is for the
     * flow to verify.
     *
     * The grant type `password` is refused with reason `unsupported` (RFC 9700
     * section 2.4), and a scope token that is none with reason `value`; then
     * nothing is sent.
     */
    readonly request: (grant: Grant) => Effect.Effect<TokenSet, RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<TokenEndpoint.Service, never, OAuthClient.OAuthClient> = Effect.map(
  OAuthClient.OAuthClient,
  (client): TokenEndpoint.Service => {
    const request = TokenRequest.make(client)
    return {
      request: (grant) =>
        grant.grantType === "password" ? Effect.fail(passwordGrant(grant.operation)) : request(grant)
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<TokenEndpoint, never, OAuthClient.OAuthClient> = Layer.effect(
  TokenEndpoint,
  make
)

const passwordGrant = (operation: string): ProtocolViolation =>
  violation(
    operation,
    "unsupported",
    "grant_type",
    "RFC 9700 section 2.4: the password grant must not be used",
    "use CodeExchange, DeviceAuthorization or ClientCredentials"
  )
