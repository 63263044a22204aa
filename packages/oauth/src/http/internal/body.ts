import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TransportError } from "../../protocol/OAuthError.js"

/** Reads a body while it arrives and stops at the cap. */
export const readBody = (
  operation: string,
  url: string,
  response: HttpClientResponse.HttpClientResponse,
  maxBodyBytes: number
): Effect.Effect<Uint8Array, TransportError> => {
  const tooLarge = Effect.fail(
    new TransportError({
      operation,
      reason: "too_large",
      url,
      status: response.status,
      retriable: false,
      message: `${operation}: the answer of ${url} is larger than ${maxBodyBytes} bytes and was cut off.`
    })
  )
  if (Number(response.headers["content-length"] ?? 0) > maxBodyBytes) return tooLarge
  const chunks: Array<Uint8Array> = []
  let size = 0
  return response.stream.pipe(
    // Before it is run: a stream runs in a fiber of its own, whose failure is logged as it is.
    Stream.catchAll((error) =>
      // No body at all is an empty body.
      error.reason === "EmptyBody" ? Stream.empty : Stream.fail(broken(operation, url))
    ),
    Stream.runForEachChunk((incoming) => {
      for (const bytes of incoming) {
        size += bytes.byteLength
        if (size > maxBodyBytes) return tooLarge
        chunks.push(bytes)
      }
      return Effect.void
    }),
    Effect.map(() => concat(chunks, size))
  )
}

/** The connection broke, or there never was one. */
export const broken = (operation: string, url: string): TransportError =>
  new TransportError({
    operation,
    reason: "unreachable",
    url,
    retriable: true,
    message: `${operation}: ${url} could not be reached, or the connection broke. Check the address, the network and any proxy.`
  })

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const [only] = chunks
  if (only !== undefined && chunks.length === 1) return only
  const whole = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}
