/** An API asks for more scope than was granted, and the person is asked again: RFC 6750 section 3.1. So it goes with another login: RFC 9470. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as StepUp from "effect-oauth/StepUp"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { call } from "../support/callApi.js"
import { logIn } from "../support/logIn.js"
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"
import { walk } from "../support/userAgent.js"

const program = (resource: string) =>
  Effect.gen(function* () {
    const { tokens } = yield* logIn({ scope: ["notes:read"], resource })
    yield* Console.log(`granted    ${tokens.scope.join(" ")}`)

    const client = yield* HttpClient.HttpClient
    const refused = yield* client.execute(
      HttpClientRequest.get(resource).pipe(HttpClientRequest.bearerToken(tokens.accessToken))
    )
    const challenge = refused.headers["www-authenticate"] ?? ""
    yield* Console.log(`status     ${refused.status}, ${challenge.split(",", 1).join()}`)

    // The union of both; asking again for what is granted already is refused, since it would loop.
    const stepUp = yield* StepUp.StepUp
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const { transaction, url } = yield* stepUp.begin({ challenge, granted: tokens.scope, resource })
    const { callback } = yield* walk(url, "ada")
    const wider = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
    yield* Console.log(`granted    ${wider.tokens.scope.join(" ")}`)
    yield* Console.log(`answer     ${yield* call(resource, wider.tokens.accessToken)}`)
  })

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const notes = yield* startNotesApi({ issuer, scope: "notes:write" })
  const FlowsLive = OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli })))
  yield* Effect.provide(program(notes.resource), FlowsLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
