/**
 * The JWT bearer grant.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import * as GrantType from "../protocol/GrantType.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import { list } from "./internal/list.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Gets a token for a signed assertion that the server trusts (RFC 7523 section
 * 2.1): one of an identity provider, of a workload's platform, or signed by the
 * program itself (`JwtSigner`), as service accounts do.
 *
 * This is the grant; the assertion by which a client authenticates (section
 * 2.2) is `ClientAuthentication.privateKeyJwt`.
 *
 * @since 0.1.0
 * @category services
 */
export class JwtBearer extends Context.Tag("effect-oauth/JwtBearer")<JwtBearer, JwtBearer.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace JwtBearer {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** A JWT, signed and, where the server wants it, encrypted. It is not looked into: the server judges it. */
    readonly assertion: Redacted.Redacted<string>
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2.2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends one request, authenticated as the `OAuthClient` says; a public client
     * sends its id, which a server need not look at. An assertion with nothing in
     * it is refused before.
     */
    readonly request: (options: Options) => Effect.Effect<TokenSet, TokenEndpoint.TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<JwtBearer.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenEndpoint = yield* TokenEndpoint.make
    const operation = "JwtBearer.request"

    return {
      request: (options) =>
        Effect.gen(function* () {
          const resource = list(options.resource)
          const rule = "RFC 7523 section 2.1: assertion is one JWT"
          yield* RequestRules.present(operation, "assertion", options.assertion, rule)
          yield* RequestRules.resource(operation, resource)
          return yield* tokenEndpoint.request({
            operation,
            grantType: GrantType.jwtBearer,
            parameters: [
              ["assertion", options.assertion],
              ...resource.map((one) => ["resource", one] as const)
            ],
            scope: options.scope,
            extra: options.parameters
          })
        }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<JwtBearer, never, OAuthClient.OAuthClient> = Layer.effect(JwtBearer, make)
