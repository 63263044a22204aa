/** An API of one's own on a free loopback port: its address is known before what it serves. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Server } from "node:http"
import { createServer } from "node:http"

export interface Listening {
  /** What clients call it. */
  readonly origin: string
  readonly serve: <E, R>(
    app: HttpApp.Default<E, R>
  ) => Effect.Effect<void, never, Exclude<R, HttpServerRequest.HttpServerRequest> | Scope.Scope>
}

/** Listens; over https with a server that is given, whose certificate is for `localhost`. */
export const listen = (secure?: () => Server): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function* () {
    const host = secure === undefined ? "127.0.0.1" : "localhost"
    const server = yield* Effect.orDie(NodeHttpServer.make(secure ?? createServer, { port: 0, host }))
    const port = server.address._tag === "TcpAddress" ? server.address.port : 0
    return {
      origin: `${secure === undefined ? "http" : "https"}://${host}:${port}`,
      serve: (app) => Effect.asVoid(server.serve(app))
    }
  })
