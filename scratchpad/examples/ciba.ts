/** A call centre asks a customer, who agrees at their phone: OpenID Connect CIBA. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Ciba from "effect-oauth/Ciba"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { callCentre, cibaConfiguration } from "../support/elsewhere.js"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"

const ask = (customer: string) =>
  Effect.gen(function* () {
    const ciba = yield* Ciba.Ciba
    // Both see the message, the customer at the phone and the agent at the desk.
    const transaction = yield* ciba.begin({ hint: { loginHint: customer }, bindingMessage: "W4SCT" })
    const { idToken, tokens } = yield* ciba.complete(transaction)
    yield* Console.log(`person     ${idToken.claims.sub}`)
    yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  }).pipe(
    Effect.catchTag("AuthorizationError", (error) =>
      Console.log(`${error.reason.padEnd(10)} ${error.message}`)
    )
  )

const main = Effect.gen(function* () {
  const { issuer } = yield* startProvider({ configuration: cibaConfiguration })
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: callCentre.clientId,
    authentication: ClientAuthentication.clientSecretBasic(callCentre.secret)
  })
  yield* Effect.all([ask("ada"), ask("mallory")], { concurrency: "unbounded" }).pipe(
    Effect.provide(Ciba.layer.pipe(Layer.provide(ClientLive)))
  )
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
