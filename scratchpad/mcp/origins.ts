/** Whose pages may call (MCP 2025-11-25, transports): a page that rebinds its name to this server keeps its origin. */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"

/** Refuses requests from pages of other origins; those that come from no page have none. */
export const only = (origins: ReadonlyArray<string>) =>
  HttpLayerRouter.middleware((app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers: { origin } }) =>
      origin === undefined || origins.includes(origin) ? app : HttpServerResponse.empty({ status: 403 })
    )
  )
