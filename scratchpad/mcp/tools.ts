/** The tools of an MCP server, each with what it needs beyond a good token. */
import * as Tool from "@effect/ai/Tool"
import * as Toolkit from "@effect/ai/Toolkit"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import type { Requirements } from "effect-oauth-resource-server/Requirements"
import { Requires } from "effect-oauth-resource-server/Requirements"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import type { Call } from "./calls.js"

export const Notes = Toolkit.make(
  Tool.make("whoami", { description: "Says in whose name you call", success: Schema.String }),
  Tool.make("add-note", { description: "Adds a note", success: Schema.String }).annotate(Requires, {
    scope: ["notes:read", "notes:write"]
  })
)

/** A tool runs within the request that calls it, so it has the token of that request. */
const caller = Effect.flatMap(Effect.serviceOption(AccessToken), (token) =>
  Option.isSome(token) ? Effect.succeed(token.value) : Effect.dieMessage("the tools are not protected")
)
const name = Effect.map(caller, ({ subject }) => Option.getOrElse(subject, () => "nobody"))

export const NotesLive = Notes.toLayer(
  Effect.map(Ref.make(0), (count) => ({
    whoami: () => name,
    "add-note": () =>
      Effect.zipWith(
        name,
        Ref.updateAndGet(count, (before) => before + 1),
        (who, n) => `note ${n} of ${who}`
      )
  }))
)

const ToolCall = Schema.Struct({
  method: Schema.Literal("tools/call"),
  params: Schema.Struct({ name: Schema.String })
})
const isToolCall = Schema.is(ToolCall)

/** What a call needs: of a tool what is said beside it, of anything else nothing more. */
export const requirementsOf = (call: Call): Requirements =>
  Object.values(Notes.tools)
    .filter(({ name }) => isToolCall(call) && call.params.name === name)
    .map(({ annotations }) => Option.getOrElse(Context.getOption(annotations, Requires), () => ({})))
    .at(0) ?? {}
