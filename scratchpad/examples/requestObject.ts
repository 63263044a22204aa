/** Signing authorization requests, so that nobody can change them in the browser, and encrypting them: RFC 9101. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Jwt from "effect-oauth/Jwt"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as RequestEncryption from "effect-oauth/RequestEncryption"
import type * as RequestObject from "effect-oauth/RequestObject"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { mask } from "../support/transcript.js"
import { walk } from "../support/userAgent.js"
import { startWebProvider } from "../support/webProvider.js"

const program = Effect.gen(function* () {
  const authorization = yield* Authorization.Authorization
  const codeExchange = yield* CodeExchange.CodeExchange

  const { transaction, url } = yield* authorization.begin({ scope: ["openid"], prompt: "login" })
  const { searchParams } = new URL(url)
  yield* Console.log(`url        ${[...searchParams.keys()].join(" and ")}`)
  const signed = Jwt.decodeUnverified(searchParams.get("request") ?? "")
  yield* Option.match(signed, {
    onNone: () => Console.log("request    nobody but the server can read it"),
    onSome: ({ claims, header }) =>
      Console.log(
        `request    ${header.typ}, for ${String(claims["aud"])}\nin it      ${Object.keys(claims).join(" ")}`
      )
  })

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
  })
  const flowsLive = (options?: RequestObject.RequestObject.Options) =>
    Layer.merge(Authorization.layerSigned(options), CodeExchange.layer).pipe(
      Layer.provide(ClientLive),
      Layer.provide(Keyring.layerPem(key))
    )
  yield* Effect.provide(program, flowsLive())
  yield* Effect.provide(program, flowsLive({ encryption: RequestEncryption.toServer() }))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
