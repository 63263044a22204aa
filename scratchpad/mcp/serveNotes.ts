/**
 * A protected MCP server and an authorization server to try it with: `node serveNotes.js` prints the URL that is all
 * `client.ts` needs.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { startRegistrar } from "../support/registrar.js"
import { clientDocument } from "./clientDocument.js"
import * as Server from "./server.js"

const port = 3000
const resource = `http://127.0.0.1:${port}/mcp`

const main = Effect.gen(function* () {
  const { issuer, publish } = yield* startRegistrar()
  yield* publish(clientDocument.client_id, clientDocument)
  yield* Console.log(resource)
  yield* Layer.launch(
    HttpLayerRouter.serve(Server.layer({ resource, issuer }), { disableListenLog: true }).pipe(
      Layer.provide(NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" })),
      Layer.provide(NodeHttpClient.layerUndici)
    )
  )
})

NodeRuntime.runMain(Effect.scoped(main))
