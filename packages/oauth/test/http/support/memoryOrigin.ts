/** The misbehaving server without a socket: an `HttpClient` that answers by the same scripts. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Body } from "./Origin.js"
import { bytes, makeRecords, Origin } from "./Origin.js"

/** `close` is called once the body has ended, failed or been let go of. */
const stream = (body: Body, close: () => void, isOpen: () => boolean): ReadableStream<Uint8Array> => {
  const source = (pull: UnderlyingDefaultSource<Uint8Array>["pull"] & {}) =>
    new ReadableStream<Uint8Array>({ pull, cancel: close })
  switch (body._tag) {
    case "Bytes":
    case "Lying":
      return source((controller) => {
        controller.enqueue(body.bytes)
        controller.close()
        close()
      })
    case "Endless":
      return source((controller) => controller.enqueue(bytes("x".repeat(16_384))))
    case "Drip":
      return source(
        (controller) =>
          new Promise((resolve) => {
            setTimeout(() => {
              if (isOpen()) controller.enqueue(bytes("x"))
              resolve()
            }, 20)
          })
      )
    case "Stalled":
      return new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(body.bytes.subarray(0, body.bytes.length / 2)),
        cancel: close
      })
    case "Broken":
      return source((controller) => {
        controller.enqueue(body.bytes.subarray(0, body.bytes.length / 2))
        controller.error(new Error("broken"))
        close()
      })
  }
}

const textOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : ""

const make = Effect.sync(() => {
  const records = makeRecords()
  const origin: Origin.Service = {
    ...records.service,
    url: "http://127.0.0.1:1111",
    other: "http://127.0.0.1:2222"
  }
  const client = HttpClient.make((request, url, signal) =>
    Effect.gen(function* () {
      records.count.open += 1
      let open = true
      const close = () => {
        if (open) records.count.open -= 1
        open = false
      }
      signal.addEventListener("abort", close, { once: true })
      const behaviour = records.next({
        origin: url.origin,
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        body: textOf(request)
      })
      switch (behaviour._tag) {
        case "Hang":
        case "SlowHeaders":
          return yield* Effect.never
        case "Reset":
          close()
          return yield* new HttpClientError.RequestError({
            request,
            reason: "Transport",
            description: "reset"
          })
        case "Answer": {
          const { body, delay, headers, status } = behaviour
          if (delay > 0) yield* Effect.sleep(delay)
          const isEmpty = body._tag === "Bytes" && body.bytes.length === 0
          if (isEmpty) close()
          return HttpClientResponse.fromWeb(
            request,
            new Response(isEmpty ? null : stream(body, close, () => open), {
              status,
              headers: body._tag === "Lying" ? { "content-length": "10", ...headers } : { ...headers }
            })
          )
        }
      }
    })
  )
  return Context.make(Origin, origin).pipe(Context.add(HttpClient.HttpClient, client))
})

export const layer: Layer.Layer<Origin | HttpClient.HttpClient> = Layer.effectContext(make)
