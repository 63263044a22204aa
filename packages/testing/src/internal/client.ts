/** The issuer as an `HttpClient`: no socket, everything else as on a wire. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ConnectionBroken } from "../TestIssuerError.js"
import * as Reply from "./reply.js"
import * as Router from "./router.js"
import type { State } from "./state.js"

const unreadable = (): ConnectionBroken =>
  new ConnectionBroken({ message: "The request body cannot be read" })

const concat = (chunks: Iterable<Uint8Array>): Uint8Array => {
  const parts = [...chunks]
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}

interface Sent {
  readonly bytes: Uint8Array
  readonly contentType: string | null
}

const viaResponse = (body: BodyInit): Effect.Effect<Sent, ConnectionBroken> =>
  Effect.tryPromise({
    try: async () => {
      const response = new Response(body)
      return {
        bytes: new Uint8Array(await response.arrayBuffer()),
        contentType: response.headers.get("content-type")
      }
    },
    catch: unreadable
  })

/** What the client sends, with the content type its body implies. */
const readBody = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<Sent, ConnectionBroken> => {
  const body = request.body
  const sent = (bytes: Uint8Array): Effect.Effect<Sent> => Effect.succeed({ bytes, contentType: null })
  switch (body._tag) {
    case "Empty":
      return sent(new Uint8Array(0))
    case "Uint8Array":
      return sent(body.body)
    case "Raw": {
      const raw = body.body
      return typeof raw === "string" ||
        raw instanceof URLSearchParams ||
        raw instanceof Blob ||
        raw instanceof FormData ||
        raw instanceof ReadableStream
        ? viaResponse(raw)
        : raw instanceof Uint8Array
          ? sent(raw)
          : Effect.fail(unreadable())
    }
    case "FormData":
      return viaResponse(body.formData)
    case "Stream":
      return Stream.runCollect(body.stream).pipe(
        Effect.mapBoth({
          onSuccess: (chunks) => ({ bytes: concat(chunks), contentType: null }),
          onFailure: unreadable
        })
      )
  }
}

/** A web `Response`, counted as open while its body is. */
export const toResponse = (
  state: State,
  reply: Reply.Reply,
  signal: AbortSignal | undefined
): Effect.Effect<Response> => {
  const count = (by: number) =>
    Effect.sync(() => {
      state.openBodies += by
    })
  return Reply.toResponse(reply, { signal, opened: count(1), closed: count(-1) })
}

/** The client. A URL that is not served is a host that does not exist. */
export const make = (state: State): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal) => {
    const failed = (description: string) =>
      new HttpClientError.RequestError({ request, reason: "Transport", description })
    const route = Router.find(state, url)
    if (route === undefined) return Effect.fail(failed(`Nothing is served at ${url.origin}`))
    return Effect.gen(function* () {
      const { bytes, contentType } = yield* readBody(request)
      const target = new URL(url)
      target.hash = ""
      const reply = yield* Router.answer(
        state,
        {
          method: request.method,
          url: target,
          headers: { ...(contentType === null ? {} : { "content-type": contentType }), ...request.headers },
          body: bytes,
          decision: undefined
        },
        route
      )
      const visible = request.method === "HEAD" ? Reply.withBody(reply, { _tag: "Empty" }) : reply
      return HttpClientResponse.fromWeb(request, yield* toResponse(state, visible, signal))
    }).pipe(Effect.mapError((broken) => failed(broken.message)))
  })
