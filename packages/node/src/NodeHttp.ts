/**
 * The HTTP client of this package.
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Redirects from "effect-oauth/Redirects"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

/**
 * Makes an `HttpClient` on undici with connections of its own: kept open from
 * one request to the next, and closed with the scope. `NodeHttpClient.layer` of
 * @effect/platform-node opens one for every request, which takes longer than
 * the request itself. It follows no redirect by itself, and is known for that
 * (`Redirects.neverFollowed`).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<HttpClient.HttpClient, never, Scope.Scope> = Effect.map(
  NodeHttpClient.makeDispatcher,
  (dispatcher) => Redirects.neverFollowed(NodeHttpClient.makeUndici(dispatcher))
)

/**
 * The client of `make`: what `NodeLogin.layer` brings, and what a program on
 * Node gives to `OAuthClient.layer`.
 *
 * @example
 * import * as OAuthClient from "effect-oauth/OAuthClient"
 * import * as NodeHttp from "effect-oauth-node/NodeHttp"
 * import * as Layer from "effect/Layer"
 *
 * const ClientLive = OAuthClient.layer({ issuer: "https://issuer.example", clientId: "service" }).pipe(
 *   Layer.provide(NodeHttp.layer)
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.scoped(HttpClient.HttpClient, make)
