/**
 * Pushed authorization requests.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Parameter } from "./ClientAuthentication.js"
import * as FormRequest from "./internal/formRequest.js"
import * as Push from "./internal/push.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Hands the parameters of an authorization request to the server itself, so
 * that the browser carries only a reference to them (RFC 9126).
 *
 * `Authorization` uses it: by itself where the server requires it, or when
 * asked with `pushed`.
 *
 * @since 0.1.0
 * @category services
 */
export class PushedAuthorization extends Context.Tag("effect-oauth/PushedAuthorization")<
  PushedAuthorization,
  PushedAuthorization.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace PushedAuthorization {
  /**
   * What the server made of the parameters.
   *
   * @since 0.1.0
   * @category models
   */
  export type Pushed = Push.Pushed

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Posts the parameters, authenticated as the client, with a DPoP proof where
     * the client binds its tokens (RFC 9449 section 10.1). `client_id` is added;
     * `request_uri` may not be among them (section 2.1). The answer must be 201
     * with a `request_uri` and a positive `expires_in` in seconds (section 2.2).
     */
    readonly push: (parameters: ReadonlyArray<Parameter>) => Effect.Effect<Pushed, TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<PushedAuthorization.Service, never, OAuthClient.OAuthClient> = Effect.map(
  OAuthClient.OAuthClient,
  (client): PushedAuthorization.Service => ({
    push: (parameters) => Push.push(client, FormRequest, parameters)
  })
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<PushedAuthorization, never, OAuthClient.OAuthClient> = Layer.effect(
  PushedAuthorization,
  make
)
