import { createServer } from "node:http"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "../test/support.js"

const socket = NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" })

describe("on a socket", () => {
  it.live("the same server, at the address it got", () =>
    Effect.gen(function* () {
      const origin = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
      const issuer = yield* TestIssuer.make({
        issuer: origin,
        resources: [`${origin}/api`],
        clients: [H.service]
      })
      yield* HttpServer.serveEffect(issuer.app)
      const metadata = yield* H.get(`${origin}/.well-known/oauth-authorization-server`)
      assert.strictEqual(metadata.json["issuer"], origin)
      const tokens = yield* H.post(issuer.urls.token, { grant_type: "client_credentials" }, H.asService)
      const authorization = `Bearer ${String(tokens.json["access_token"])}`
      assert.strictEqual((yield* H.get(`${origin}/api/notes`)).status, 401)
      assert.strictEqual((yield* H.get(`${origin}/api/notes`, { authorization })).status, 200)
      assert.strictEqual(yield* issuer.count("resource"), 2)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(socket, FetchHttpClient.layer)))
  )
})
