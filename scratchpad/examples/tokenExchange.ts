/** A service calls a second API on behalf of the person who called it: token exchange, RFC 8693. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"

const program = (subjectToken: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const tokenExchange = yield* TokenExchange.TokenExchange
    const tokens = yield* tokenExchange.exchange({ subjectToken, resource: "https://archive.example/api" })
    yield* Console.log(`access     ${mask(tokens.accessToken)}`)
    yield* Console.log(`type       ${Option.getOrElse(tokens.issuedTokenType, () => "unknown")}`)
    yield* Console.log(`scope      ${tokens.scope.join(" ")}`)
  })

const main = Effect.gen(function* () {
  const { cli, issuer, service } = yield* startProvider()

  // A person logs in with one client, and calls the API ...
  const person = yield* logIn({ scope: ["notes:read"], resource: "https://notes.example/api" }).pipe(
    Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli }))))
  )

  // ... which is another client of the server, with a key of its own.
  const ServiceLive = OAuthClient.layer({
    issuer,
    clientId: service.clientId,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(service)))
  yield* Effect.provide(
    program(person.tokens.accessToken),
    TokenExchange.layer.pipe(Layer.provide(ServiceLive))
  )
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
