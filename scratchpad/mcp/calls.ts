/** JSON-RPC tells only in the body what a request wants. */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import { Authenticator } from "effect-oauth-resource-server/Authenticator"
import type { Requirements } from "effect-oauth-resource-server/Requirements"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
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

/**
 * Behind a guard: the token is known to be good when the body is read, and what this call needs of it is held
 * against it before anything is done.
 */
export const authorized =
  (requirementsOf: (call: Call) => Requirements) =>
  <E, R>(app: HttpApp.Default<E, R>) =>
    Effect.gen(function* () {
      const call = yield* Effect.option(read)
      if (Option.isNone(call)) return HttpServerResponse.empty({ status: 400 })
      const authenticator = yield* Authenticator
      const judged = yield* Effect.either(
        authenticator.authorize(yield* AccessToken, requirementsOf(call.value))
      )
      if (Either.isRight(judged)) return yield* app
      return HttpServerResponse.empty(yield* authenticator.answer(judged.left))
    })
