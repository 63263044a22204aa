/** As much of MCP as a client needs to call a tool: JSON-RPC over plain posts, each answered in JSON or as one stream of events. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"

/** The server answered, with something else than a result. */
export class RpcFailed extends Data.TaggedError("RpcFailed")<{ readonly message: string }> {}

/** Sends a request, with whatever token it needs. */
export interface Send<E> {
  (request: HttpClientRequest.HttpClientRequest): Effect.Effect<HttpClientResponse.HttpClientResponse, E>
}

const Answer = Schema.parseJson(
  Schema.Struct({
    id: Schema.optional(Schema.Unknown),
    result: Schema.optional(Schema.Unknown),
    error: Schema.optional(Schema.Struct({ message: Schema.String }))
  })
)
const Initialized = Schema.Struct({
  protocolVersion: Schema.String,
  serverInfo: Schema.Struct({ name: Schema.String })
})
const Tools = Schema.Struct({ tools: Schema.Array(Schema.Struct({ name: Schema.String })) })
const Called = Schema.Struct({
  content: Schema.Array(Schema.Struct({ type: Schema.String, text: Schema.optional(Schema.String) }))
})

const protocolVersion = "2025-11-25"

/** Shakes hands with a server, and gives what can be asked of it. */
export const initialize = <E>(url: string, send: Send<E>) =>
  Effect.gen(function* () {
    const count = yield* Ref.make(0)
    const headers = yield* Ref.make<Readonly<Record<string, string>>>({
      accept: "application/json, text/event-stream"
    })

    const post = (message: Readonly<Record<string, unknown>>) =>
      Effect.gen(function* () {
        const body = JSON.stringify({ jsonrpc: "2.0", ...message })
        const response = yield* send(
          HttpClientRequest.post(url).pipe(
            HttpClientRequest.setHeaders(yield* Ref.get(headers)),
            HttpClientRequest.bodyText(body, "application/json")
          )
        )
        if (response.status < 200 || response.status > 299)
          return yield* new RpcFailed({ message: `the server answered with status ${response.status}` })
        return response
      })

    const request = <A, I>(method: string, params: unknown, result: Schema.Schema<A, I>) =>
      Effect.gen(function* () {
        const id = yield* Ref.updateAndGet(count, (last) => last + 1)
        const response = yield* post({ id, method, params })
        const session = response.headers["mcp-session-id"]
        if (session !== undefined)
          yield* Ref.update(headers, (all) => ({ ...all, "mcp-session-id": session }))
        const answers = yield* Effect.forEach(messages(yield* response.text), (text) =>
          Schema.decode(Answer)(text)
        )
        const answer = answers.find((one) => one.id === id)
        if (answer?.error !== undefined) return yield* new RpcFailed({ message: answer.error.message })
        return yield* Schema.decodeUnknown(result)(answer?.result)
      })

    const client = { name: "effect-oauth-scratchpad", version: "0.0.0" }
    const hello = yield* request(
      "initialize",
      { protocolVersion, capabilities: {}, clientInfo: client },
      Initialized
    )
    yield* Ref.update(headers, (all) => ({ ...all, "mcp-protocol-version": hello.protocolVersion }))
    yield* post({ method: "notifications/initialized" })

    return {
      name: hello.serverInfo.name,
      tools: Effect.map(request("tools/list", {}, Tools), ({ tools }) => tools.map(({ name }) => name)),
      call: (name: string) =>
        Effect.map(request("tools/call", { name, arguments: {} }, Called), ({ content }) =>
          content.map(({ text = "" }) => text).join("\n")
        )
    }
  })

/** The messages of a body: one of JSON, or the data of each event. */
const messages = (body: string): ReadonlyArray<string> =>
  body.startsWith("{")
    ? [body]
    : body.split(/(?:\r?\n){2}/).flatMap((event) => {
        const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"))
        return data.length === 0 ? [] : [data.map((line) => line.slice("data:".length).trim()).join("\n")]
      })
