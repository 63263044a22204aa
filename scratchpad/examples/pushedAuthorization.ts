/** Handing the server the authorization request itself, so that the browser carries a reference: RFC 9126. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mask } from "../support/transcript.js"
import { walk } from "../support/userAgent.js"
import { startWebProvider } from "../support/webProvider.js"

const program = Effect.gen(function* () {
  const authorization = yield* Authorization.Authorization
  const codeExchange = yield* CodeExchange.CodeExchange

  // Where the server requires it, this happens without being asked for.
  const { openBefore = 0, transaction, url } = yield* authorization.begin({ scope: ["openid"], pushed: true })
  yield* Console.log(`url        ${[...new URL(url).searchParams.keys()].join(" and ")}, nothing else`)
  yield* Console.log(
    `open for   ${Math.round((openBefore - (yield* Clock.currentTimeMillis)) / 1000)} seconds`
  )

  const { callback } = yield* walk(url, "ada")
  const { tokens } = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)
})

const main = Effect.gen(function* () {
  const { issuer, key, redirectUri } = yield* startWebProvider()
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: "plain",
    redirectUri,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(key)))
  yield* Effect.provide(program, OAuth.layerKeyless.pipe(Layer.provide(ClientLive)))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
