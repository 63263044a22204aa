import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { TransportError } from "../../protocol/internal/exchangeErrors.js"

/** Reads a body while it arrives and stops at the cap; whoever calls lets go of the connection then. */
export const readBody = (
  operation: string,
  url: string,
  response: HttpClientResponse.HttpClientResponse,
  maxBodyBytes: number
): Effect.Effect<Uint8Array, TransportError> => {
  const parts: Array<Uint8Array> = []
  let size = 0
  const take = (bytes: Uint8Array): boolean => {
    parts.push(bytes)
    size += bytes.byteLength
    return size <= maxBodyBytes
  }
  const tooLarge = Effect.failSync(
    () =>
      new TransportError({
        operation,
        reason: "too_large",
        url,
        status: response.status,
        retriable: false,
        message: `${operation}: the answer of ${url} is larger than ${maxBodyBytes} bytes and was cut off.`
      })
  )
  const source = sourceOf(response)
  const read =
    source === undefined
      ? Effect.catchAll(
          Stream.runForEachChunk(response.stream, (incoming) =>
            [...incoming].every(take) ? Effect.void : tooLarge
          ),
          (error) =>
            // No body at all is an empty body.
            error.reason === "EmptyBody"
              ? Effect.void
              : Effect.fail(error._tag === "TransportError" ? error : broken(operation, url))
        )
      : Effect.tryPromise({
          try: async () => {
            for await (const bytes of source) if (!take(bytes)) break
          },
          catch: () => broken(operation, url)
        })
  return Effect.flatMap(read, () => (size > maxBodyBytes ? tooLarge : Effect.succeed(concat(parts, size))))
}

const concat = (parts: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const whole = new Uint8Array(size)
  let offset = 0
  for (const bytes of parts) {
    whole.set(bytes, offset)
    offset += bytes.byteLength
  }
  return whole
}

/**
 * What the responses of the platform's clients for fetch and undici read from. To run a `Stream` over it takes
 * longer than all the rest of an exchange; a response that has none is read so all the same.
 */
const sourceOf = (response: object): AsyncIterable<Uint8Array> | undefined => {
  if (!Predicate.hasProperty(response, "source") || !Predicate.hasProperty(response.source, "body")) return
  const { body } = response.source
  return isStream(body) ? partsOf(body.getReader()) : isIterable(body) ? body : undefined
}

const isStream = (body: unknown): body is ReadableStream<Uint8Array> =>
  Predicate.hasProperty(body, "getReader")

const isIterable = (body: unknown): body is AsyncIterable<Uint8Array> =>
  Predicate.hasProperty(body, Symbol.asyncIterator)

/** Not every browser iterates over a stream, and where one does its reader is quicker. */
async function* partsOf(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } finally {
    await reader.cancel()
  }
}

/** The connection broke, or there never was one. */
export const broken = (operation: string, url: string): TransportError =>
  new TransportError({
    operation,
    reason: "unreachable",
    url,
    retriable: true,
    message: `${operation}: ${url} could not be reached, or the connection broke. Check address, network and proxy.`
  })
