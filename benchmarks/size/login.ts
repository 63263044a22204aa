/** A login in a browser, from an issuer: discovery, PKCE authorization, code exchange. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

declare const issuer: string
declare const callback: Promise<string>

const login = Effect.gen(function* () {
  const authorization = yield* Authorization.Authorization
  const { transaction, url } = yield* authorization.begin({ scope: ["openid"] })
  location.assign(url)
  const code = yield* authorization.complete(yield* Effect.promise(() => callback), transaction)
  return yield* (yield* CodeExchange.CodeExchange).exchange(code)
})

const ClientLive = OAuthClient.layer({ issuer, clientId: "app", redirectUri: "https://app.example/callback" })

const LoginLive = Layer.mergeAll(Authorization.layer, CodeExchange.layer).pipe(
  Layer.provide(ClientLive),
  Layer.provide(FetchHttpClient.layer)
)

void Effect.runPromise(Effect.provide(login, LoginLive)).then(console.log)
