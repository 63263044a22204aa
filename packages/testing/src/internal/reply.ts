/** Answers as plain data, so that a misbehaviour can bend them before they are sent. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import type { RecordedRequest } from "../RecordedRequest.js"
import { ConnectionBroken } from "../TestIssuerError.js"
import type { TokenOverrides } from "../TestToken.js"
import type { Decision } from "../TestUser.js"

/** A request that an endpoint refuses with an OAuth error (RFC 6749 section 5.2). */
export class Refusal extends Data.TaggedError("Refusal")<{
  readonly error: string
  readonly description: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}> {}

export type Json = Readonly<Record<string, unknown>>

export type Body =
  | { readonly _tag: "Empty" }
  | { readonly _tag: "Json"; readonly value: unknown }
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "Stream"; readonly stream: Stream.Stream<Uint8Array, ConnectionBroken> }

export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
}

/** How the tokens of one exchange are bent. */
export interface Distortion {
  readonly idToken: TokenOverrides
  readonly accessToken: TokenOverrides
}

/** One request on its way through the issuer. */
export interface Exchange {
  readonly request: RecordedRequest
  readonly decision: Decision
  readonly distortion: Distortion
  /** Seconds since the epoch, by the clock of the issuer. */
  readonly now: number
}

const encoder = new TextEncoder()

export const refuse = (
  error: string,
  description: string,
  options?: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
): Refusal =>
  new Refusal({ error, description, status: options?.status ?? 400, headers: options?.headers ?? {} })

export const json = (
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {}
): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: { _tag: "Json", value }
})

export const empty = (status: number, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers,
  body: { _tag: "Empty" }
})

export const bytes = (
  status: number,
  contentType: string | undefined,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {}
): Reply => ({
  status,
  headers: contentType === undefined ? headers : { "content-type": contentType, ...headers },
  body: { _tag: "Bytes", bytes: typeof body === "string" ? encoder.encode(body) : body }
})

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }

export const html = (status: number, text: string): Reply =>
  bytes(
    status,
    "text/html; charset=utf-8",
    `<!doctype html><title>${status}</title><p>${text.replace(/[&<>"]/g, (c) => escapes[c] ?? c)}</p>`
  )

export const redirect = (location: string, status = 302): Reply =>
  empty(status, { location, "cache-control": "no-store" })

/** An OAuth error as the token endpoint and its kin send it. */
export const refusal = (self: Refusal): Reply =>
  json({ error: self.error, error_description: self.description }, self.status, {
    "cache-control": "no-store",
    ...self.headers
  })

/** The body as bytes, where it is not a stream. */
export const bytesOf = (body: Body): Uint8Array | undefined => {
  switch (body._tag) {
    case "Empty":
      return new Uint8Array(0)
    case "Json":
      return encoder.encode(JSON.stringify(body.value))
    case "Bytes":
      return body.bytes
    case "Stream":
      return undefined
  }
}

/** The same answer with another body, keeping status and headers. */
export const withBody = (self: Reply, body: Body): Reply => ({ ...self, body })

/** Changes a JSON object, or leaves the answer as it is. */
export const mapJson = (self: Reply, f: (value: Json) => unknown): Reply =>
  self.body._tag === "Json" && Predicate.isReadonlyRecord(self.body.value)
    ? withBody(self, { _tag: "Json", value: f(self.body.value) })
    : self

/** Changes the query of a redirect, or leaves the answer as it is. */
export const mapLocation = (self: Reply, f: (parameters: URLSearchParams) => void): Reply => {
  const location = self.headers["location"]
  if (location === undefined || !URL.canParse(location)) return self
  const url = new URL(location)
  f(url.searchParams)
  return { ...self, headers: { ...self.headers, location: url.href } }
}

/** Gives members their new values; `undefined` removes one. */
export const override = (self: Json, changes: Json | undefined): Json =>
  changes === undefined
    ? self
    : Object.fromEntries(Object.entries({ ...self, ...changes }).filter(([, value]) => value !== undefined))

/** What a web `Response` says, as a `Reply`. */
export const fromResponse = (response: Response): Reply => {
  const body = response.body
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers.entries()),
    body:
      body === null
        ? { _tag: "Empty" }
        : {
            _tag: "Stream",
            stream: Stream.fromReadableStream(
              () => body,
              () => new ConnectionBroken({ message: "The body of a custom answer failed" })
            )
          }
  }
}

const chunkBytes = 8192

/** A finite body in pieces, as a network delivers it: a cap can stop reading half-way. */
const pieces = (all: Uint8Array): ReadableStream<Uint8Array> => {
  let offset = 0
  return new ReadableStream({
    pull: (controller) => {
      if (offset < all.length) controller.enqueue(all.subarray(offset, (offset += chunkBytes)))
      if (offset >= all.length) controller.close()
    }
  })
}

const nullBody = new Set([101, 204, 205, 304])

/** A web `Response`, whose body ends when `signal` aborts. */
export const toResponse = (
  self: Reply,
  hooks: {
    readonly signal: AbortSignal | undefined
    readonly opened: Effect.Effect<void>
    readonly closed: Effect.Effect<void>
  }
): Effect.Effect<Response> => {
  const init = { status: self.status, headers: { ...self.headers } }
  if (nullBody.has(self.status)) return Effect.sync(() => new Response(null, init))
  if (self.body._tag !== "Stream") {
    const all = bytesOf(self.body)
    return Effect.sync(() => new Response(all === undefined || all.length === 0 ? null : pieces(all), init))
  }
  const signal = hooks.signal
  const aborted: Effect.Effect<void> =
    signal === undefined
      ? Effect.never
      : Effect.async<void>((resume) => {
          const stop = () => resume(Effect.void)
          if (signal.aborted) return stop()
          signal.addEventListener("abort", stop, { once: true })
          return Effect.sync(() => signal.removeEventListener("abort", stop))
        })
  return hooks.opened.pipe(
    Effect.zipRight(
      self.body.stream.pipe(
        Stream.interruptWhen(aborted),
        Stream.ensuring(hooks.closed),
        Stream.toReadableStreamEffect()
      )
    ),
    Effect.map((body) => new Response(body, init))
  )
}
