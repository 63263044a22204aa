/** Whether and how a request can be sent again. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as WithoutToken from "./withoutToken.js"

/** Whether a body is there still when it was sent: a stream is read once. */
export const isReplayable = (body: HttpBody.HttpBody): boolean => {
  switch (body._tag) {
    case "Empty":
    case "Uint8Array":
    case "FormData":
      return true
    case "Raw":
      return (
        typeof body.body === "string" ||
        body.body instanceof ArrayBuffer ||
        ArrayBuffer.isView(body.body) ||
        body.body instanceof URLSearchParams ||
        body.body instanceof Blob
      )
    case "Stream":
      return false
  }
}

const maxBytes = 65_536

/**
 * Lets go of the connection of a refusal, which may be one of few, and keeps
 * what it says: the first 64 KiB of it, and what comes within 5 seconds.
 */
export const setAside = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<HttpClientResponse.HttpClientResponse> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array<ArrayBuffer>> = []
    let room = maxBytes
    return response.stream.pipe(
      Stream.takeWhile((bytes) => {
        if (room > 0) chunks.push(new Uint8Array(bytes.subarray(0, room)))
        room -= bytes.byteLength
        return room > 0
      }),
      Stream.runDrain,
      Effect.timeout("5 seconds"),
      Effect.ignore,
      Effect.map(() => {
        const type = response.headers["content-type"]
        const kept = new Response(
          new Blob(chunks),
          type === undefined ? {} : { headers: { "content-type": type } }
        )
        return WithoutToken.response(
          response.request,
          response,
          HttpClientResponse.fromWeb(response.request, kept)
        )
      })
    )
  })
