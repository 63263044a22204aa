/** A server that answers what a test says, and a client of it. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"

/** A request as it left, its body as text. */
export interface Sent {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  readonly form: URLSearchParams
}

const sentOf = (request: HttpClientRequest.HttpClientRequest, url: URL): Sent => {
  const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""
  return { method: request.method, url, headers: request.headers, body, form: new URLSearchParams(body) }
}

export const answering = (
  answer: (sent: Sent) => Response,
  seen: Array<Sent> = []
): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.sync(() => {
        const sent = sentOf(request, url)
        seen.push(sent)
        return HttpClientResponse.fromWeb(request, answer(sent))
      })
    )
  )

/** Every flow without keys of a client. */
export const flows = (
  options: OAuthClient.OAuthClient.Options,
  answer: (sent: Sent) => Response,
  seen: Array<Sent> = []
) =>
  OAuth.layerKeyless.pipe(
    Layer.provideMerge(Layer.orDie(OAuthClient.layer(options))),
    Layer.provide(answering(answer, seen)),
    Layer.provide(HttpLimits.layer({ retries: 0 }))
  )
