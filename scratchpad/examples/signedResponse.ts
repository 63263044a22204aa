/** Authorization responses that prove where they come from: a JWT (JARM), or an ID token with the code (OpenID Connect Core 3.3). */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mask } from "../support/transcript.js"
import { walk } from "../support/userAgent.js"
import { startWebProvider } from "../support/webProvider.js"

const logIn = (request: Authorization.Authorization.Request) =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const { transaction, url } = yield* authorization.begin({ scope: ["openid"], ...request })
    const { callback } = yield* walk(url, "ada")
    const names = [...new URLSearchParams(callback.replace(/^[^?#]*[?#]/, "")).keys()]
    yield* Console.log(`response   ${names.join(", ")}`)

    // Verified against the server's keys before anything in it is used.
    const { tokens } = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
    yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  })

const program = Effect.gen(function* () {
  yield* logIn({ responseMode: "query.jwt" })
  yield* logIn({ responseType: "code id_token", responseMode: "fragment" })
})

const main = Effect.gen(function* () {
  const { issuer, key, redirectUri } = yield* startWebProvider()
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: "signed",
    redirectUri,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(key)))
  yield* Effect.provide(program, OAuth.layerKeyless.pipe(Layer.provide(ClientLive)))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
