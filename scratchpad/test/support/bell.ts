/** The place where an application is told of something: what came to it. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

export interface Rung {
  readonly method: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Listens on a free port of this machine, and answers 204. */
export const makeBell = Effect.gen(function* () {
  const rung = yield* Queue.unbounded<Rung>()
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      Queue.unsafeOffer(rung, { method: request.method, headers: request.headers, body })
      response.writeHead(204, { "cache-control": "no-store" }).end()
    })
  })
  const port = yield* Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { rung, url: `http://127.0.0.1:${port}/bell` }
})
