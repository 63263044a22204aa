/** The API of notes on a socket, and what is sent to it without any client in between. */
import { createServer } from "node:http"
import { connect } from "node:net"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

/** Runs an API on a free port of loopback, and tells the port. */
export const listen = <E, R>(api: Layer.Layer<HttpApi.Api, E, R>) =>
  Effect.map(
    Effect.flatMap(
      Layer.build(
        HttpApiBuilder.serve().pipe(
          Layer.provide(api),
          Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })),
          Layer.provide(Logger.remove(Logger.defaultLogger))
        )
      ),
      (context) => Effect.provide(HttpServer.HttpServer, context)
    ),
    ({ address }) => (address._tag === "TcpAddress" ? address.port : 0)
  )

/** Sends lines as they are, and gives back all that came until the end of the connection. */
export const raw = (port: number, lines: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.async((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write([...lines, "connection: close", "", ""].join("\r\n"))
    })
    let received = ""
    socket.setEncoding("utf8")
    socket.on("data", (chunk: string) => (received += chunk))
    socket.on("close", () => resume(Effect.succeed(received)))
    socket.on("error", () => socket.destroy())
    return Effect.sync(() => socket.destroy())
  })
