/** The MCP client and the MCP server of the scratchpad, who know nothing of each other, with oidc-provider between them. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { clientDocument } from "../mcp/clientDocument.js"
import * as Server from "../mcp/server.js"
import { startRegistrar } from "../support/registrar.js"
import { listen } from "../support/serveApi.js"
import { run } from "./support/program.js"

const start = Effect.gen(function* () {
  const { issuer, publish } = yield* startRegistrar()
  yield* publish(clientDocument.client_id, clientDocument)
  const { origin, serve } = yield* listen()
  const resource = `${origin}/mcp`
  const app = yield* HttpLayerRouter.toHttpEffect(
    Layer.provide(Server.layer({ resource, issuer }), NodeHttpClient.layerUndici)
  )
  const seen: Array<string> = []
  yield* serve(
    Effect.gen(function* () {
      const { method, url } = yield* HttpServerRequest.HttpServerRequest
      const response = yield* Effect.orDie(app)
      seen.push(`${method} ${url} ${response.status}`)
      return response
    })
  )
  return { resource, seen }
}).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))

const secrets = /eyJ|[\w-]{43}/

describe("MCP, end to end: by nothing but the URL of the server", () => {
  it.scopedLive(
    "a person logs in at the server that the challenge leads to, and the tool knows who calls",
    () =>
      Effect.gen(function* () {
        const { resource, seen } = yield* start
        const ended = yield* run("scratchpad/mcp/client.ts", resource, "whoami")
        assert.deepStrictEqual(ended, {
          code: 0,
          errors: "",
          output: 'server     Notes\ntools      whoami, add-note\nwhoami     "ada"\n'
        })
        assert.deepStrictEqual(seen, [
          "POST /mcp 401",
          "GET /.well-known/oauth-protected-resource/mcp 200",
          "POST /mcp 200",
          "POST /mcp 200",
          "POST /mcp 200",
          "POST /mcp 200"
        ])
      }),
    60_000
  )

  it.scopedLive(
    "step-up: a tool that needs more is refused once, asked for, and called again",
    () =>
      Effect.gen(function* () {
        const { resource, seen } = yield* start
        const { code, errors, output } = yield* run("scratchpad/mcp/client.ts", resource, "add-note")
        assert.strictEqual(errors, "")
        assert.strictEqual(code, 0)
        assert.isTrue(output.endsWith('add-note   "note 1 of ada"\n'), output)
        assert.notMatch(output, secrets)
        assert.deepStrictEqual(
          seen.map((line) => line.slice(-3)),
          ["401", "200", "200", "200", "200", "403", "200"]
        )
      }),
    60_000
  )

  it.scopedLive("a body longer than 1 MiB is not read to its end, and none is without a token", () =>
    Effect.gen(function* () {
      const issuer = "https://issuer.test"
      const { origin, serve } = yield* listen()
      const resource = `${origin}/mcp`
      yield* serve(Effect.orDie(yield* HttpLayerRouter.toHttpEffect(Server.layer({ resource, issuer }))))
      const { mintAccessToken } = yield* TestIssuer.TestIssuer
      const token = yield* mintAccessToken({ audience: resource, scope: ["notes:read"] })
      /** 0 where the connection was ended, which a client that is still sending may see instead of the answer. */
      const post = (method: string, headers: Record<string, string> = {}) =>
        Effect.promise(() => {
          const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method })
          return fetch(resource, { method: "POST", headers, body }).then(
            ({ status }) => status,
            () => 0
          )
        })
      const long = "a".repeat(2_000_000)
      const headers = { authorization: `Bearer ${token}` }
      assert.include([0, 401], yield* post(long))
      assert.include([0, 400], yield* post(long, headers))
      assert.strictEqual(yield* post("ping", headers), 200)
    }).pipe(
      Effect.provide(TestIssuer.layer({ issuer: "https://issuer.test" })),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
  )
})
