/** The misbehaving server on loopback, byte by byte. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { Behaviour, Body, Received } from "./Origin.js"
import { bytes, makeRecords, Origin } from "./Origin.js"

/** Reads one request from a socket: head, then as much body as it says. */
const readRequest = (socket: Net.Socket, done: (head: string, body: string) => void): void => {
  let seen = Buffer.alloc(0)
  const onData = (data: Buffer) => {
    seen = Buffer.concat([seen, data])
    const end = seen.indexOf("\r\n\r\n")
    if (end < 0) return
    const head = seen.subarray(0, end).toString("latin1")
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
    if (seen.length < end + 4 + length) return
    socket.off("data", onData)
    socket.resume()
    done(head, seen.subarray(end + 4, end + 4 + length).toString("utf8"))
  }
  socket.on("data", onData)
}

const parse = (origin: string, head: string, body: string): Received => {
  const [first = "", ...lines] = head.split("\r\n")
  const [method = "", path = ""] = first.split(" ")
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    })
  )
  return { origin, method, path, headers, body }
}

const every20 = (socket: Net.Socket, write: () => void): void => {
  const timer = setInterval(write, 20)
  socket.on("close", () => clearInterval(timer))
}

const writeBody = (socket: Net.Socket, body: Body): void => {
  switch (body._tag) {
    case "Bytes":
    case "Lying":
      socket.end(body.bytes)
      return
    case "Endless": {
      const chunk = Buffer.alloc(16_384, "x")
      const more = () => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on("drain", more)
      more()
      return
    }
    case "Drip":
      return every20(socket, () => socket.write("x"))
    case "Stalled":
      socket.write(body.bytes.subarray(0, body.bytes.length / 2))
      return
    case "Broken":
      socket.write(body.bytes.subarray(0, body.bytes.length / 2), () => socket.destroy())
  }
}

const lengthOf = (body: Body): ReadonlyArray<string> => {
  switch (body._tag) {
    case "Bytes":
    case "Broken":
      return [`content-length: ${body.bytes.length}`]
    case "Lying":
      return ["content-length: 10"]
    case "Endless":
    case "Drip":
    case "Stalled":
      return []
  }
}

const behave = (socket: Net.Socket, behaviour: Behaviour): void => {
  switch (behaviour._tag) {
    case "Hang":
      return
    case "Reset":
      socket.resetAndDestroy()
      return
    case "SlowHeaders":
      socket.write("HTTP/1.1 200 OK\r\nx-slow: ")
      return every20(socket, () => socket.write("x"))
    case "Answer": {
      const given = Object.entries(behaviour.headers).map(([name, value]) => `${name}: ${value}`)
      const head = [
        `HTTP/1.1 ${behaviour.status} Whatever`,
        "connection: close",
        ...lengthOf(behaviour.body),
        ...given
      ]
      setTimeout(() => {
        socket.write(bytes(`${head.join("\r\n")}\r\n\r\n`))
        writeBody(socket, behaviour.body)
      }, behaviour.delay)
    }
  }
}

const listen = (
  onConnection: (server: Net.Server, socket: Net.Socket) => void
): Effect.Effect<Net.Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Net.Server>((resume) => {
      const server = Net.createServer({ noDelay: true }, (socket) => onConnection(server, socket))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const originOf = (server: Net.Server): string => {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
}

export const layer: Layer.Layer<Origin> = Layer.scoped(
  Origin,
  Effect.gen(function* () {
    const records = makeRecords()
    const sockets = new Set<Net.Socket>()
    yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
    const onConnection = (server: Net.Server, socket: Net.Socket) => {
      sockets.add(socket)
      records.count.open += 1
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        records.count.open -= 1
      })
      readRequest(socket, (head, body) => behave(socket, records.next(parse(originOf(server), head, body))))
    }
    const one = yield* listen(onConnection)
    const two = yield* listen(onConnection)
    return { ...records.service, url: originOf(one), other: originOf(two) }
  })
)
