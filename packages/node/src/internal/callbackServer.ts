/**
 * An HTTP server for a handful of requests of one browser, and how it ends.
 */
import { LoginError } from "effect-oauth/OAuthError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { Duplex } from "node:stream"

const operation = "LoopbackCallback.listen"

export interface Options {
  readonly address: "127.0.0.1" | "::1"
  readonly port: number
  readonly headerTimeout: Duration.DurationInput
  /** Runs before the connections are cut, to let answers out; bounded by itself. */
  readonly beforeClose: Effect.Effect<void>
  readonly onRequest: (request: http.IncomingMessage, response: http.ServerResponse) => void
}

const failure = (options: Options, code: string): LoginError => {
  const where = `${options.address} port ${options.port}`
  return code === "EADDRINUSE"
    ? new LoginError({
        reason: "port_in_use",
        operation,
        message:
          `Another program listens on ${where}. Close it (it may be another login), choose another port, or ` +
          "leave the port out to take any free one."
      })
    : new LoginError({
        reason: "listen_failed",
        operation,
        message:
          `Could not listen on ${where} (${code}). ` +
          (code === "EACCES"
            ? "Ports below 1024 are reserved: choose a higher one."
            : code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT"
              ? "This machine does not have that loopback address: choose the other one."
              : "Choose another port or address.")
      })
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error"

/** Answers what is no HTTP, but leaves a connection alone on which an answer is still owed. */
const onClientError =
  (owed: ReadonlySet<Duplex>) =>
  (error: Error, socket: Duplex): void => {
    if (owed.has(socket)) return
    if (!socket.writable) return void socket.destroy()
    const code = codeOf(error)
    const status =
      code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : code === "ERR_HTTP_REQUEST_TIMEOUT"
          ? "408 Request Timeout"
          : "400 Bad Request"
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n`,
      () => socket.destroy()
    )
  }

const listen = (server: http.Server, options: Options): Effect.Effect<number, LoginError> =>
  Effect.async((resume) => {
    const onError = (error: Error) => resume(Effect.fail(failure(options, codeOf(error))))
    const { address: host, port } = options
    server.on("error", onError)
    server.once("listening", () => {
      const address = server.address()
      resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : port))
    })
    try {
      server.listen({ host, port, exclusive: true, ipv6Only: true })
    } catch (error) {
      resume(Effect.fail(failure(options, codeOf(error))))
    }
  })

/** Takes no more connections, lets the answers out, then cuts what is left: browsers keep idle ones in reserve. */
const close = (server: http.Server, options: Options): Effect.Effect<void> => {
  const closed = Effect.async<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  const cut = options.beforeClose.pipe(Effect.zipRight(Effect.sync(() => server.closeAllConnections())))
  return Effect.asVoid(Effect.all([closed, cut], { concurrency: 2 }))
}

/** Listens until the scope closes and gives the port. */
export const make = (options: Options): Effect.Effect<number, LoginError, Scope.Scope> => {
  const headerTimeout = Duration.toMillis(options.headerTimeout)
  const acquire = Effect.suspend(() => {
    const owed = new Set<Duplex>()
    const server = http.createServer({
      maxHeaderSize: 16 * 1024,
      headersTimeout: headerTimeout,
      requestTimeout: headerTimeout * 2,
      connectionsCheckingInterval: Math.min(1000, headerTimeout / 2),
      keepAliveTimeout: headerTimeout,
      requireHostHeader: false, // judged with the rest, so that it gets a page
      noDelay: true
    })
    server.maxConnections = 128
    server.on("clientError", onClientError(owed))
    server.on("request", (request, response) => {
      owed.add(request.socket)
      response.on("error", () => undefined)
      response.once("close", () => owed.delete(request.socket))
      options.onRequest(request, response)
    })
    return Effect.map(listen(server, options), (port) => ({ server, port }))
  })
  return Effect.acquireRelease(acquire, ({ server }) => close(server, options)).pipe(
    Effect.map(({ port }) => port)
  )
}
