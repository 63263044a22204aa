/** The same without MCP: a JSON-RPC endpoint by hand, on an `HttpRouter`. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as Published from "effect-oauth-resource-server/Published"
import * as Publishing from "effect-oauth-resource-server/Publishing"
import type { Requirements } from "effect-oauth-resource-server/Requirements"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Calls from "./calls.js"

interface Method {
  readonly requires: Requirements
  readonly run: Effect.Effect<unknown, never, AccessToken>
}

const methods = new Map<string, Method>([
  [
    "whoami",
    {
      requires: {},
      run: Effect.map(AccessToken, ({ subject }) => Option.getOrElse(subject, () => "nobody"))
    }
  ],
  ["notes.delete", { requires: { scope: ["notes:write"] }, run: Effect.succeed("deleted") }]
])

const answer = Effect.gen(function* () {
  const { id, method } = yield* Calls.read
  const found = methods.get(method)
  const outcome =
    found === undefined
      ? { error: { code: -32601, message: "Method not found" } }
      : { result: yield* found.run }
  return id === undefined
    ? HttpServerResponse.empty({ status: 202 })
    : yield* HttpServerResponse.json({ jsonrpc: "2.0", id, ...outcome })
})

/** Beside the documents, which are open. */
export const router = Effect.map(
  Publishing.router(Effect.all([Published.resource()])),
  HttpRouter.concat(
    HttpRouter.empty.pipe(
      HttpRouter.post("/rpc", answer),
      HttpRouter.use(
        Guard.protect(
          {},
          Calls.needs(({ method }) => methods.get(method)?.requires ?? {})
        )
      )
    )
  )
)

export const layer = (options: { readonly resource: string; readonly issuer: string }) =>
  Layer.provideMerge(Authenticator.layer, ResourceServer.layer(options))
