/** JSON-RPC tells only in the body what a request wants. */
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Guard from "effect-oauth-resource-server/Guard"
import type { Requirements } from "effect-oauth-resource-server/Requirements"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

export const Call = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Schema.optional(Schema.NullOr(Schema.Union(Schema.String, Schema.Number))),
  method: Schema.String,
  params: Schema.optional(Schema.Unknown)
})
export type Call = typeof Call.Type

/** One message: MCP has no batches, and one that is let through as such would hide its calls. */
export const read = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
  Effect.flatMap(request.text, Schema.decode(Schema.parseJson(Call)))
).pipe(HttpIncomingMessage.withMaxBodySize(Option.some(1_048_576)))

/** What a call needs, for a guard to hold against the token. */
export const needs = (requirementsOf: (call: Call) => Requirements): Guard.Needs =>
  Effect.mapBoth(read, {
    onFailure: () => HttpServerResponse.empty({ status: 400 }),
    onSuccess: requirementsOf
  })
