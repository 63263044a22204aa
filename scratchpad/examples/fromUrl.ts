/** A client that needs nothing but the URL of an API, as an MCP client does: it finds the server, logs in, and calls: RFC 9728. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Discovery from "effect-oauth/Discovery"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { logIn } from "../support/logIn.js"
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"

/** ClientSelection instead of a client id makes it need not even that. */
const call = (url: string, clientId: string, redirectUri: string) =>
  Effect.gen(function* () {
    const needs = yield* OAuthHttpClient.discover(url)
    yield* Console.log(`issuer     ${needs.issuer}`)
    yield* Console.log(`resource   ${needs.resource}`)
    yield* Console.log(`scope      ${needs.scope.join(" ")}`)

    const { issuer, resource, scope } = needs
    const FlowsLive = OAuth.layerKeyless.pipe(
      Layer.provide(OAuthClient.layer({ issuer, clientId, redirectUri }))
    )
    const SessionLive = TokenManager.layer({
      key: { issuer, clientId, resource: [resource], scope },
      source: TokenSource.refreshToken({ resource })
    }).pipe(Layer.provide(TokenStore.layerMemory))
    const ClientLive = OAuthHttpClient.layer({ resources: [resource] })

    return yield* Effect.gen(function* () {
      const session = yield* TokenManager.TokenManager
      const { tokens } = yield* logIn({ scope, resource })
      yield* session.adopt(tokens)
      const client = yield* OAuthHttpClient.OAuthHttpClient
      return yield* Effect.flatMap(client.get(url), (response) => response.text)
    }).pipe(Effect.provide(ClientLive.pipe(Layer.provideMerge(SessionLive), Layer.provideMerge(FlowsLive))))
  })

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const { resource } = yield* startNotesApi({ issuer, scope: "notes:read" })
  yield* Console.log(`answer     ${yield* call(resource, cli.clientId, cli.redirectUri)}`)
})

main.pipe(
  Effect.scoped,
  Effect.provide(Discovery.layer.pipe(Layer.provideMerge(NodeHttpClient.layerUndici))),
  NodeRuntime.runMain
)
