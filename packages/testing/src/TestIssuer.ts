/**
 * An authorization server in memory, given to a program as its `HttpClient`.
 *
 * It follows the specifications strictly, so that what works here is likely to
 * work elsewhere, until it is told to misbehave.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Service from "./internal/service.js"
import type { IssuerHandle } from "./IssuerHandle.js"
import type { IssuerOptions } from "./IssuerOptions.js"

/**
 * The control handle of the issuer that the program under test talks to.
 *
 * @since 0.1.0
 * @category services
 */
export class TestIssuer extends Context.Tag("effect-oauth-testing/TestIssuer")<
  TestIssuer,
  TestIssuer.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TestIssuer {
  /**
   * @since 0.1.0
   * @category models
   */
  export type Service = IssuerHandle

  /**
   * @since 0.1.0
   * @category models
   */
  export type Options = IssuerOptions
}

/**
 * A new issuer with its own keys and nothing received.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: TestIssuer.Options): Effect.Effect<TestIssuer.Service> =>
  Service.make(options ?? {})

/**
 * The control handle, and the `HttpClient` that reaches the issuer: the layer
 * to swap in for `FetchHttpClient.layer`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: TestIssuer.Options): Layer.Layer<TestIssuer | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(make(options), (service) =>
      Context.make(TestIssuer, service).pipe(Context.add(HttpClient.HttpClient, service.httpClient))
    )
  )

/**
 * One client for several issuers: each URL goes to the issuer that serves it.
 * A URL that none serves goes to `otherwise`, or fails as an unknown host does.
 *
 * @since 0.1.0
 * @category combinators
 */
export const combine = (
  issuers: ReadonlyArray<TestIssuer.Service>,
  options?: { readonly otherwise?: HttpClient.HttpClient }
): HttpClient.HttpClient => {
  const serving = (url: URL): HttpClient.HttpClient | undefined => {
    const found = issuers.flatMap((issuer) =>
      Option.match(issuer.endpointOf(url), {
        onNone: () => [],
        onSome: (endpoint) => [{ endpoint, client: issuer.httpClient }]
      })
    )
    return (found.find(({ endpoint }) => endpoint !== "other") ?? found[0])?.client ?? options?.otherwise
  }
  return HttpClient.make((request, url) => {
    const client = serving(url)
    return client === undefined
      ? Effect.fail(
          new HttpClientError.RequestError({
            request,
            reason: "Transport",
            description: `Nothing is served at ${url.origin}`
          })
        )
      : HttpClient.withTracerDisabledWhen(client, () => true).execute(request)
  })
}
