/**
 * A request to a protected resource, as every guard sees it.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/**
 * What is looked at of a request. Its body is not.
 *
 * @since 0.1.0
 * @category models
 */
export interface Incoming {
  readonly method: string
  /**
   * Absolute, as the client wrote it: the origin comes from configuration, which
   * may have one for each host that a declared proxy tells, the rest from the request.
   */
  readonly url: string
  readonly headers: Headers.Headers
  /** Every Authorization header that came, in order: a server may show only the first of them in `headers`. */
  readonly authorization: ReadonlyArray<string>
  /** The SHA-256 of the client's certificate in base64url, where the connection has one. */
  readonly certificate: Option.Option<string>
  /** The resource that it is for, of those of the server: the one of its configuration, unless said. */
  readonly resource?: string | undefined
}

/**
 * What a request was made of, by the server that received it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Received {
  /** The server's own object: an `IncomingMessage` of Node, a Web `Request`. */
  readonly source: unknown
  readonly headers: Headers.Headers
}

/**
 * Where the client's certificate is found: nowhere, unless a program says. A
 * `Context.Reference`, so that nothing asks for it.
 *
 * @since 0.1.0
 * @category services
 */
export class ClientCertificate extends Context.Reference<ClientCertificate>()(
  "effect-oauth/ClientCertificate",
  {
    defaultValue: (): ((received: Received) => Effect.Effect<Option.Option<string>>) => () => none
  }
) {}

const none: Effect.Effect<Option.Option<string>> = Effect.succeed(Option.none())

/**
 * A request of an Effect server. `origin` is what the outside calls this
 * server, such as `https://api.example`; no header is asked for it here.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromServerRequest = (
  request: HttpServerRequest.HttpServerRequest,
  origin: string,
  certificate: Option.Option<string> = Option.none(),
  resource?: string
): Incoming => ({
  method: request.method,
  url: origin + target(request.originalUrl),
  headers: request.headers,
  authorization: authorizationOf(request),
  certificate,
  resource
})

/**
 * A Web request, which is an HTTP request whose origin is that of the
 * configuration, whatever its URL says.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromWeb = (
  request: Request,
  origin: string,
  certificate: Option.Option<string> = Option.none(),
  resource?: string
): Incoming => {
  const value = request.headers.get("authorization")
  return {
    method: request.method,
    url: origin + target(request.url),
    headers: headersOf(request),
    authorization: value === null ? [] : [value],
    certificate,
    resource
  }
}

/**
 * The headers of a Web request.
 *
 * @since 0.1.0
 * @category accessors
 */
export const headersOf = (request: Request): Headers.Headers => Headers.fromInput(request.headers)

/** The path and query of a request target, in origin form or in absolute form (RFC 9112 section 3.2). */
const target = (url: string): string => {
  if (url.startsWith("/")) return url
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/is.exec(url)?.[1] ?? ""
  return path.startsWith("/") ? path : `/${path}`
}

/** Node shows the first of several Authorization headers; all of them are in `rawHeaders`. */
const authorizationOf = (request: HttpServerRequest.HttpServerRequest): ReadonlyArray<string> => {
  const shown = request.headers["authorization"]
  if (shown === undefined) return []
  const { source } = request
  if (!Predicate.hasProperty(source, "rawHeaders") || !Array.isArray(source.rawHeaders)) return [shown]
  const raw: ReadonlyArray<unknown> = source.rawHeaders
  let count = 0
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]
    if (typeof name === "string" && name.length === 13 && name.toLowerCase() === "authorization") count++
  }
  return count > 1 ? Array<string>(count).fill(shown) : [shown]
}
