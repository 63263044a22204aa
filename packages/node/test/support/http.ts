/** Plain sockets, to say what no HTTP client would. */
import * as Effect from "effect/Effect"
import * as http from "node:http"
import * as net from "node:net"

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

export const request = (
  url: string,
  options: http.RequestOptions & { readonly body?: string } = {}
): Effect.Effect<Answer, Error> =>
  Effect.async<Answer, Error>((resume) => {
    const { body, ...rest } = options
    const sent = http.request(url, { agent: false, ...rest }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => (text += chunk))
      response.on("end", () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      )
      response.on("error", (error) => resume(Effect.fail(error)))
    })
    sent.on("error", (error) => resume(Effect.fail(error)))
    sent.end(body)
    return Effect.sync(() => sent.destroy())
  })

export const connect = (redirectUri: string): Effect.Effect<net.Socket, Error> =>
  Effect.async<net.Socket, Error>((resume) => {
    const url = new URL(redirectUri)
    const socket = net.connect({
      host: url.hostname.replace(/[[\]]/g, ""),
      port: Number(url.port)
    })
    socket.on("error", (error) => resume(Effect.fail(error)))
    socket.once("connect", () => resume(Effect.succeed(socket)))
  })

/** Everything that arrives until the other side closes. */
export const drain = (socket: net.Socket): Effect.Effect<string> =>
  Effect.async<string>((resume) => {
    let text = ""
    socket.setEncoding("utf8")
    socket.on("data", (chunk: string) => (text += chunk))
    socket.once("close", () => resume(Effect.succeed(text)))
    if (socket.destroyed) resume(Effect.succeed(text))
  })

/** Sends the pieces with a pause between them, and gives what comes back. */
export const raw = (
  redirectUri: string,
  pieces: ReadonlyArray<string>,
  pause = 5
): Effect.Effect<string, Error> =>
  Effect.gen(function* () {
    const socket = yield* connect(redirectUri)
    const answer = yield* Effect.fork(drain(socket))
    for (const piece of pieces) {
      yield* Effect.sync(() => socket.destroyed || socket.write(piece))
      yield* Effect.sleep(pause)
    }
    return yield* answer
  })

export const canConnect = (redirectUri: string): Effect.Effect<boolean> =>
  connect(redirectUri).pipe(
    Effect.map((socket) => {
      socket.destroy()
      return true
    }),
    Effect.orElseSucceed(() => false)
  )
