/** A typed client of an API whose requests carry the token of the person: RFC 6750; what more it wants is a failure by its tag. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as StepUp from "effect-oauth/StepUp"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import type { StepUpRequired } from "effect-oauth/OAuthError"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { logIn } from "../support/logIn.js"
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"
import { walk } from "../support/userAgent.js"

const NotesApi = HttpApi.make("notes").add(
  HttpApiGroup.make("notes").add(
    HttpApiEndpoint.get("list", "/notes").addSuccess(Schema.Struct({ notes: Schema.Array(Schema.String) }))
  )
)

/** Asks the person again, and goes on with what came of it. */
const stepUp = (required: StepUpRequired, resource: string) =>
  Effect.gen(function* () {
    yield* Console.log(`wanted     ${required.scope.join(" ")}; asked before: ${String(required.repeated)}`)
    const { begin } = yield* StepUp.StepUp
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const session = yield* TokenManager.TokenManager
    const { transaction, url } = yield* begin({ ...required, resource })
    const { callback } = yield* walk(url, "ada")
    const { tokens } = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
    yield* session.adopt(tokens)
  })

const program = (baseUrl: string, resource: string) =>
  Effect.gen(function* () {
    const session = yield* TokenManager.TokenManager
    const { tokens } = yield* logIn({ scope: ["notes:read"], resource })
    yield* session.adopt(tokens)

    const httpClient = yield* OAuthHttpClient.OAuthHttpClient
    const { notes } = yield* HttpApiClient.makeWith(NotesApi, { httpClient, baseUrl })
    const { notes: list } = yield* Effect.catchTag(notes.list({}), "StepUpRequired", (required) =>
      required.repeated ? Effect.fail(required) : Effect.zipRight(stepUp(required, resource), notes.list({}))
    )
    yield* Console.log(`notes      ${list.join(", ")}`)
  })

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const { resource } = yield* startNotesApi({ issuer, scope: "notes:write" })
  const FlowsLive = OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli })))
  const SessionLive = TokenManager.layer({
    key: { issuer, clientId: cli.clientId, resource: [resource] },
    source: TokenSource.refreshToken({ resource })
  }).pipe(Layer.provide(TokenStore.layerMemory))
  yield* program(new URL(resource).origin, resource).pipe(
    Effect.provide(
      OAuthHttpClient.layer({ resources: [resource] }).pipe(
        Layer.provideMerge(SessionLive),
        Layer.provideMerge(FlowsLive)
      )
    )
  )
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
