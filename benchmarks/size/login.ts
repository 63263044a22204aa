/** A login in a browser: discovery, PKCE authorization, code exchange. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Discovery from "effect-oauth/Discovery"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

declare const resource: string
declare const callback: Promise<string>

const program = Effect.gen(function* () {
  const discovery = yield* Discovery.Discovery
  const { authorizationServers } = yield* discovery.fromResource(resource)
  const issuer = authorizationServers[0]
  const login = Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const { transaction, url } = yield* authorization.begin({ scope: ["openid"], resource })
    location.assign(url)
    const code = yield* authorization.complete(yield* Effect.promise(() => callback), transaction)
    return yield* (yield* CodeExchange.CodeExchange).exchange(code)
  })
  return yield* Effect.provide(
    login,
    Layer.mergeAll(Authorization.layer, CodeExchange.layer).pipe(
      Layer.provide(
        OAuthClient.layer({ issuer, clientId: "app", redirectUri: "https://app.example/callback" })
      )
    )
  )
})

void Effect.runPromise(
  Effect.provide(program, Layer.provideMerge(Discovery.layer, FetchHttpClient.layer))
).then(console.log)
