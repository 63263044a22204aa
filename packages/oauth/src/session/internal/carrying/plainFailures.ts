import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { OAuthError } from "../../../protocol/OAuthError.js"

/**
 * A client whose failures are those of every `HttpClient`: for what takes no
 * other, such as `transformClient` of `HttpApiClient.make`. A failure of the
 * toolkit becomes a `RequestError`, with reason `Transport` where the same
 * request may succeed later and `Encode` otherwise; `causeOf` gives it back.
 *
 * `HttpApiClient.makeWith` takes a client as it is and has its failures in its
 * types: prefer it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toHttpClient = <E extends OAuthError>(
  client: HttpClient.HttpClient.With<HttpClientError.HttpClientError | E>
): HttpClient.HttpClient => {
  const execute = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.mapError(client.execute(request), (failure) =>
      HttpClientError.isHttpClientError(failure)
        ? failure
        : new HttpClientError.RequestError({
            request,
            reason: failure._tag === "TransportError" && failure.retriable ? "Transport" : "Encode",
            cause: failure,
            description: failure.message
          })
    )
  return HttpClient.makeWith(
    (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) => Effect.flatMap(request, execute),
    Effect.succeed
  )
}

/**
 * The failure of the toolkit that a failure of `toHttpClient` came from.
 *
 * @since 0.1.0
 * @category combinators
 */
export const causeOf = (failure: HttpClientError.HttpClientError): Option.Option<OAuthError> =>
  Option.filter(Option.some(failure.cause), Schema.is(OAuthError))
