/** Tokens for several APIs on behalf of one person, several at once: what one API cannot have, the others keep. */
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
    const result = yield* tokenExchange.exchangeEach({
      subjectToken,
      resources: [
        "https://archive.example/api",
        { resource: "https://notes.example/api", scope: ["notes:read", "notes:write"] },
        "https://notes.example/api#draft"
      ]
    })
    yield* Console.log(`status     ${result.status}`)
    for (const resource of result.successful) {
      const tokens = yield* result.token(resource)
      yield* Console.log(`${resource}   ${mask(tokens.accessToken)} for ${tokens.scope.join(" ")}`)
    }
    for (const resource of result.failed) {
      const why = Option.match(result.error(resource), { onNone: () => "", onSome: ({ message }) => message })
      yield* Console.log(`${resource}   ${why}`)
    }
  })

const main = Effect.gen(function* () {
  const { cli, issuer, service } = yield* startProvider()
  const person = yield* logIn({ scope: ["notes:read"], resource: "https://front.example/api" }).pipe(
    Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli }))))
  )
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
