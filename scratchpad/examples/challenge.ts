/** From the URL of an API alone to a token for it: the challenge of its 401 leads the way (RFC 9728). */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Discovery from "effect-oauth/Discovery"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { call } from "../support/callApi.js"
import { logIn } from "../support/logIn.js"
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"

const program = (url: string, clientId: string, redirectUri: string) =>
  Effect.gen(function* () {
    const discovery = yield* Discovery.Discovery
    const { authorizationServers, challengedScope, resource } = yield* discovery.fromResource(url)
    yield* Console.log(`resource   ${resource}`)
    yield* Console.log(`servers    ${authorizationServers.join(", ")}`)
    yield* Console.log(`scope      ${challengedScope.join(" ")}`)

    // Which of the servers a program trusts is for the program to say; here, the first.
    const [issuer] = authorizationServers
    const ClientLive = OAuthClient.layer({ issuer, clientId, redirectUri })
    const { tokens } = yield* logIn({ scope: challengedScope, resource }).pipe(
      Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(ClientLive)))
    )
    yield* Console.log(`answer     ${yield* call(resource, tokens.accessToken)}`)
  })

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const notes = yield* startNotesApi({ issuer, scope: "notes:read" })
  yield* program(notes.resource, cli.clientId, cli.redirectUri)
})

main.pipe(
  Effect.scoped,
  Effect.provide(Discovery.layer.pipe(Layer.provideMerge(NodeHttpClient.layerUndici))),
  NodeRuntime.runMain
)
