/** A token for the program itself, with a client secret: RFC 6749 sections 2.3.1 and 4.4. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { startProvider } from "../support/provider.js"
import { iso, mask } from "../support/transcript.js"

const program = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  const tokens = yield* clientCredentials.request({
    scope: ["notes:read"],
    resource: "https://notes.example/api"
  })
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  yield* Console.log(`scope      ${tokens.scope.join(" ")}`)
  yield* Console.log(`expires    ${Option.match(tokens.expiresAt, { onNone: () => "unknown", onSome: iso })}`)
})

const main = Effect.gen(function* () {
  const { issuer, secretClient } = yield* startProvider()
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: secretClient.clientId,
    // client_secret_basic or client_secret_post, by what the server's metadata says
    authentication: ClientAuthentication.clientSecret(secretClient.secret)
  })
  yield* Effect.provide(program, ClientCredentials.layer.pipe(Layer.provide(ClientLive)))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
