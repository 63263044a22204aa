/** Authorization code with PKCE, step by step: RFC 6749 section 4.1, RFC 7636, RFC 9207, OpenID Connect Core 3.1. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"
import { walk } from "../support/userAgent.js"

const program = Effect.gen(function* () {
  const authorization = yield* Authorization.Authorization
  const codeExchange = yield* CodeExchange.CodeExchange

  // Send the browser to `url`; keep `transaction` where only this person's session can use it.
  const { transaction, url } = yield* authorization.begin({ scope: ["openid"] })
  yield* Console.log(
    `url        ${new URL(url).origin}${new URL(url).pathname}, state ${mask(transaction.state)}`
  )

  // The person logs in and agrees, and the browser comes back to the redirect URI.
  const { callback } = yield* walk(url, "ada")

  const code = yield* authorization.complete(callback, transaction)
  const { idToken, tokens } = yield* codeExchange.exchange(code)
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  yield* Option.match(idToken, {
    onNone: () => Console.log("person     unknown: openid was not asked for"),
    onSome: ({ claims }) => Console.log(`person     ${claims.sub}`)
  })
})

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const ClientLive = OAuthClient.layer({ issuer, ...cli })
  const FlowsLive = Layer.merge(Authorization.layer, CodeExchange.layer).pipe(Layer.provide(ClientLive))
  yield* Effect.provide(program, FlowsLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
