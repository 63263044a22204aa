/** Asking for more than scopes can say, in a type of one's own: RFC 9396. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as AuthorizationDetails from "effect-oauth/AuthorizationDetails"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { logIn } from "../support/logIn.js"
import { startWebProvider } from "../support/webProvider.js"

const Payment = Schema.Struct({
  type: Schema.Literal("payment"),
  amount: Schema.NumberFromString,
  currency: Schema.String
})

const program = Effect.gen(function* () {
  const details = yield* AuthorizationDetails.encode(Payment)([
    { type: "payment", amount: 12.5, currency: "EUR" }
  ])
  // The same parameter serves an authorization, a code exchange, a refresh and a client's own token.
  const parameters = yield* AuthorizationDetails.parameters(details)
  const { tokens } = yield* logIn({
    scope: ["openid", "notes:read"],
    resource: "https://bank.example/",
    parameters
  })

  const [granted] = yield* AuthorizationDetails.decode(Payment)(tokens)
  yield* Console.log(`granted    ${granted?.amount} ${granted?.currency}`)

  const error = yield* Effect.flip(AuthorizationDetails.parameters([{ type: "vacation" }]))
  yield* Console.log(`refused    ${error._tag} (${error.reason})`)
})

const main = Effect.gen(function* () {
  const { issuer, key, redirectUri } = yield* startWebProvider()
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: "plain",
    redirectUri,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(key)))
  yield* Effect.provide(program, OAuth.layerKeyless.pipe(Layer.provideMerge(ClientLive)))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
