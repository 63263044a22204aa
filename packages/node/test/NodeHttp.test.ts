import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as NodeHttp from "effect-oauth-node/NodeHttp"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as Redirects from "effect-oauth/Redirects"
import * as TokenResponse from "effect-oauth/TokenResponse"
import type { Server } from "node:http"
import { createServer } from "node:http"

/** Where it listens. */
const listening = (http: Server) =>
  Effect.acquireRelease(
    Effect.async<string>((resume) => {
      http.listen(0, "127.0.0.1", () => {
        const address = http.address()
        resume(
          Effect.succeed(
            `http://127.0.0.1:${address !== null && typeof address === "object" ? address.port : 0}`
          )
        )
      })
    }),
    () =>
      Effect.sync(() => {
        http.close()
        http.closeAllConnections()
      })
  )

/** A token endpoint that counts its connections. */
const server = Effect.gen(function* () {
  const count = { connections: 0, open: 0, requests: 0 }
  const http = createServer((request, response) => {
    count.requests++
    request.resume().on("end", () => {
      response.setHeader("content-type", "application/json")
      response.end(JSON.stringify({ access_token: `token-${count.requests}`, token_type: "Bearer" }))
    })
  })
  http.on("connection", (socket) => {
    count.connections++
    count.open++
    socket.on("close", () => count.open--)
  })
  const issuer = yield* listening(http)
  return { issuer, count }
})

const credentials = (issuer: string) =>
  ClientCredentials.layer.pipe(
    Layer.provide(
      OAuthClient.layer({
        issuer,
        clientId: "service",
        authentication: ClientAuthentication.clientSecretBasic(Redacted.make("secret")),
        metadata: { issuer, token_endpoint: `${issuer}/token` }
      })
    ),
    Layer.provide(NodeHttp.layer)
  )

describe("NodeHttp", () => {
  // A second one is opened where a request comes before the end of the last answer has been seen.
  it.scopedLive("issue 4: requests one after the other go over the same connections", () =>
    Effect.gen(function* () {
      const { count, issuer } = yield* server
      yield* Effect.repeatN(
        Effect.flatMap(ClientCredentials.ClientCredentials, (client) => client.request()),
        19
      ).pipe(Effect.provide(credentials(issuer)))
      assert.strictEqual(count.requests, 20)
      assert.isAtMost(count.connections, 2)
    })
  )

  it.scopedLive("many in flight share their connections with those that come after", () =>
    Effect.gen(function* () {
      const { count, issuer } = yield* server
      yield* Effect.gen(function* () {
        const client = yield* ClientCredentials.ClientCredentials
        yield* Effect.replicateEffect(client.request(), 10, { concurrency: "unbounded", discard: true })
        yield* Effect.replicateEffect(client.request(), 10, { concurrency: "unbounded", discard: true })
        assert.strictEqual(count.requests, 20)
        assert.isAtMost(count.connections, 11)
      }).pipe(Effect.provide(credentials(issuer)))
    })
  )

  it.scopedLive("the connections are closed with the layer", () =>
    Effect.gen(function* () {
      const { count, issuer } = yield* server
      const during = yield* Deferred.make<number>()
      yield* Effect.gen(function* () {
        const client = yield* ClientCredentials.ClientCredentials
        yield* client.request()
        yield* Deferred.succeed(during, count.open)
      }).pipe(Effect.provide(credentials(issuer)))
      assert.isAtLeast(yield* Deferred.await(during), 1)
      yield* Effect.repeat(
        Effect.delay(
          Effect.sync(() => count.open),
          "5 millis"
        ),
        { until: (open) => open === 0 }
      )
    })
  )

  it.scopedLive("DESIGN rule 2: it follows no redirect, as it is known not to, and the token stays", () =>
    Effect.gen(function* () {
      const arrived: Array<string> = []
      const http = createServer((request, response) => {
        arrived.push(`${request.url} ${request.headers.authorization}`)
        response.writeHead(307, { location: "/elsewhere" }).end()
      })
      const api = yield* listening(http)
      const client = yield* HttpClient.HttpClient
      assert.isTrue(Redirects.areNeverFollowed(client))
      const token = yield* TokenResponse.decode(
        { access_token: "token", token_type: "Bearer" },
        { operation: "Test", issuer: "https://as.example", receivedAt: 0, requestedScope: [] }
      )
      const tokens = { get: Effect.succeed(token), renew: () => Effect.succeed(token) }
      const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [api] })
      assert.strictEqual((yield* carrying(client).get(`${api}/here`)).status, 307)
      assert.deepStrictEqual(arrived, ["/here Bearer token"])
    }).pipe(Effect.provide(NodeHttp.layer))
  )
})
