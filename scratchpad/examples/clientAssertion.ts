/** A client that signs who it is instead of sharing a secret: private_key_jwt, RFC 7523 section 2.2. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAssertion from "effect-oauth/ClientAssertion"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"

const program = Effect.gen(function* () {
  // The client of the program signs a fresh assertion for every request.
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  const tokens = yield* clientCredentials.request({ resource: "https://notes.example/api" })
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)

  // By itself, for a request that the toolkit does not make:
  const { clientId, issuer } = yield* OAuthClient.OAuthClient
  const assertions = yield* ClientAssertion.ClientAssertion
  const assertion = yield* assertions.sign({ clientId, audience: issuer, lifetime: "30 seconds" })
  yield* Console.log(`assertion  ${mask(assertion)}`)
})

const main = Effect.gen(function* () {
  const { issuer, service } = yield* startProvider()
  const KeyringLive = Keyring.layerPem({ pem: service.pem, kid: service.kid })
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: service.clientId,
    authentication: ClientAuthentication.privateKeyJwt()
  })
  const FlowsLive = Layer.merge(ClientCredentials.layer, ClientAssertion.layer).pipe(
    Layer.provideMerge(ClientLive),
    Layer.provide(KeyringLive)
  )
  yield* Effect.provide(program, FlowsLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
