/** An MCP server over HTTP, by Effect's own MCP support, whose callers need a token that was issued for it. */
import * as McpServer from "@effect/ai/McpServer"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as Published from "effect-oauth-resource-server/Published"
import * as Publishing from "effect-oauth-resource-server/Publishing"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Calls from "./calls.js"
import * as Origins from "./origins.js"
import * as Tools from "./tools.js"

export interface Options {
  /** The URL of the MCP server, as its clients write it: what tokens must be issued for. */
  readonly resource: string
  /** Whose tokens are accepted. */
  readonly issuer: string
  /** The origins of pages whose scripts may call. */
  readonly origins?: ReadonlyArray<string>
}

const path = "/mcp"

/** Every request needs a token with `notes:read`, one that calls a tool also what the tool needs. */
const reads = { scope: ["notes:read"] }
const guard = Guard.router(reads, Calls.needs(Tools.requirementsOf))

const ToolsLive = McpServer.toolkit(Tools.Notes).pipe(
  Layer.provide(Tools.NotesLive),
  Layer.provide(McpServer.layerHttpRouter({ name: "Notes", version: "1.0.0", path }))
)

/** There is no stream of messages to open, and no session to end. */
const OthersLive = Layer.mergeAll(
  HttpLayerRouter.add("GET", path, HttpServerResponse.empty({ status: 405 })),
  HttpLayerRouter.add("DELETE", path, HttpServerResponse.empty({ status: 405 }))
)

/** Where clients learn whom to ask for a token (RFC 9728). */
const MetadataLive = Publishing.layerRouter(
  Effect.all([
    Published.resource({
      metadata: { resource_name: "Notes", scopes_supported: ["notes:read", "notes:write"] }
    })
  ])
)

export const layer = ({ issuer, origins = [], resource }: Options) => {
  const outside = Origins.only(origins)
  return Layer.mergeAll(
    Layer.provide(ToolsLive, guard.combine(outside).layer),
    Layer.provide(OthersLive, Guard.router(reads).combine(outside).layer),
    MetadataLive,
    HttpLayerRouter.cors({
      allowedOrigins: (origin) => origins.includes(origin),
      exposedHeaders: Publishing.exposedHeaders
    })
  ).pipe(Layer.provide(Authenticator.layer), Layer.provide(ResourceServer.layer({ resource, issuer })))
}
