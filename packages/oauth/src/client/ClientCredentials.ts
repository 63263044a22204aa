/**
 * The client credentials grant.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Telemetry from "../http/Telemetry.js"
import * as GrantType from "../protocol/GrantType.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import { list } from "./internal/list.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Gets a token for the client itself (RFC 6749 section 4.4), authenticated as
 * its `OAuthClient` says: by a secret, by a signed assertion.
 *
 * @since 0.1.0
 * @category services
 */
export class ClientCredentials extends Context.Tag("effect-oauth/ClientCredentials")<
  ClientCredentials,
  ClientCredentials.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace ClientCredentials {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2.2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** Further parameters of the server's own, such as `audience` at Auth0. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Sends one request. */
    readonly request: (options?: Options) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<ClientCredentials.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenEndpoint = yield* TokenEndpoint.make
    const operation = "ClientCredentials.request"

    return {
      request: (options = {}) => {
        const resource = list(options.resource)
        return Effect.zipRight(
          RequestRules.resource(operation, resource),
          tokenEndpoint.request({
            operation,
            grantType: GrantType.clientCredentials,
            parameters: resource.map((one) => ["resource", one] as const),
            scope: options.scope,
            extra: options.parameters
          })
        ).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
      }
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ClientCredentials, never, OAuthClient.OAuthClient> = Layer.effect(
  ClientCredentials,
  make
)
