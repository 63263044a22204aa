/** The MCP server and the JSON-RPC endpoint of the scratchpad before an authorization server in memory, and posts to them. */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert } from "@effect/vitest"
import * as Challenge from "effect-oauth/Challenge"
import { TestIssuer } from "effect-oauth-testing/TestIssuer"
import type { AccessTokenOptions } from "effect-oauth-testing/TestToken"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as RpcServer from "../../mcp/rpcServer.js"
import * as Server from "../../mcp/server.js"

export const issuer = "https://issuer.test"
export const resource = "https://mcp.example/mcp"
export const metadataUrl = "https://mcp.example/.well-known/oauth-protected-resource/mcp"

/** A message, or text that is sent as it is. */
export type Body = string | Readonly<Record<string, unknown>> | ReadonlyArray<unknown>

export type Send = (
  body: Body,
  headers?: Readonly<Record<string, string>>,
  url?: string
) => Effect.Effect<Response>

const sender = <E>(app: HttpApp.Default<E, Scope.Scope>) =>
  Effect.map(Effect.runtime<never>(), (runtime) => HttpApp.toWebHandlerRuntime(runtime)(app))

const poster =
  (handler: (request: Request) => Promise<Response>, at: string): Send =>
  (body, headers = {}, url = at) =>
    Effect.promise(() =>
      handler(
        new Request(url, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            ...headers
          },
          body: typeof body === "string" ? body : JSON.stringify(body)
        })
      )
    )

export const handler = Effect.flatMap(
  HttpLayerRouter.toHttpEffect(Server.layer({ resource, issuer, origins: ["https://app.example"] })),
  sender
)

/** Posts to the MCP server. */
export const mcp = Effect.map(handler, (handle) => poster(handle, resource))

export const get = (url: string, headers: Readonly<Record<string, string>> = {}, method = "GET") =>
  Effect.flatMap(handler, (handle) => Effect.promise(() => handle(new Request(url, { method, headers }))))

export const rpcResource = "https://rpc.example/rpc"

/** Posts to the JSON-RPC endpoint. */
export const rpc = Effect.gen(function* () {
  const context = yield* Layer.build(
    Layer.provideMerge(RpcServer.layer({ resource: rpcResource, issuer }), HttpServer.layerContext)
  )
  const router = yield* Effect.provide(RpcServer.router, context)
  return poster(yield* sender(Effect.provide(router, context)), rpcResource)
})

const { mintAccessToken: mint } = Effect.serviceFunctions(TestIssuer)

/** The header with a token for the MCP server that may read, unless said otherwise. */
export const bearer = (options: AccessTokenOptions = {}) =>
  Effect.map(mint({ audience: resource, scope: ["notes:read"], sub: "ada", ...options }), (token) => ({
    authorization: `Bearer ${token}`
  }))

export const call = (name: string, id = 7) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: {} }
})

/** The parameters of the only challenge of an answer. */
export const challengeOf = (response: Response): Readonly<Record<string, string>> => {
  const challenges = Challenge.parse(response.headers.get("www-authenticate") ?? "")
  assert.deepStrictEqual(
    challenges.map(({ scheme }) => scheme),
    ["Bearer"]
  )
  return Object.fromEntries(challenges[0]?.parameters ?? [])
}

export const textOf = (response: Response) => Effect.promise(() => response.text())
export const jsonOf = (response: Response): Effect.Effect<unknown> => Effect.promise(() => response.json())
