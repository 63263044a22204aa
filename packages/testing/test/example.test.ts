import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"

// --- the program: nothing in it knows of tests -------------------------------------------------

const reportToken = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  const tokens = yield* clientCredentials.request({ scope: ["reports"], resource: "https://api.test" })
  return tokens.accessToken
})

const ReportsLive = ClientCredentials.layer.pipe(
  Layer.provide(
    OAuthClient.layer({
      issuer: "https://issuer.test",
      clientId: "reports",
      authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret"))
    })
  )
)

// --- its test: TestIssuer.layer in the place of FetchHttpClient.layer --------------------------

const ReportsTest = ReportsLive.pipe(
  Layer.provideMerge(TestIssuer.layer({ clients: [{ clientId: "reports", secret: "s3cret" }] }))
)

describe("reports", () => {
  it.effect("asks for a token for the API, once", () =>
    Effect.gen(function* () {
      const token = yield* reportToken
      assert.isAbove(Redacted.value(token).length, 0)

      const issuer = yield* TestIssuer.TestIssuer
      const [request] = yield* issuer.requestsTo("token")
      assert.strictEqual(request?.form.get("resource"), "https://api.test")
      assert.strictEqual(yield* issuer.count("token"), 1)
    }).pipe(Effect.provide(ReportsTest))
  )

  it.effect("says so when the token endpoint answers a page", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      yield* issuer.misbehave("token", Misbehaviour.html(502), { times: 1 })

      const error = yield* Effect.flip(reportToken)
      assert.strictEqual(error._tag, "TransportError")
      yield* reportToken
    }).pipe(Effect.provide(ReportsTest))
  )
})

// --- a login, with nobody at the keyboard ------------------------------------------------------

const LoginTest = Layer.merge(Authorization.layer, CodeExchange.layer).pipe(
  Layer.provide(
    OAuthClient.layer({
      issuer: "https://issuer.test",
      clientId: "web",
      redirectUri: "https://app.test/callback"
    })
  ),
  Layer.provideMerge(
    TestIssuer.layer({
      users: [{ sub: "alice" }],
      clients: [{ clientId: "web", redirectUris: ["https://app.test/callback"] }]
    })
  )
)

const login = Effect.gen(function* () {
  const issuer = yield* TestIssuer.TestIssuer
  const authorization = yield* Authorization.Authorization
  const codeExchange = yield* CodeExchange.CodeExchange
  const { transaction, url } = yield* authorization.begin({ scope: ["openid"] })
  const callback = yield* issuer.authorize(url) // alice consents
  const code = yield* authorization.complete(callback, transaction)
  return yield* codeExchange.exchange(code)
})

describe("login", () => {
  it.effect("knows who logged in", () =>
    Effect.gen(function* () {
      const { idToken } = yield* login
      assert.strictEqual(idToken._tag === "Some" ? idToken.value.claims.sub : "", "alice")
    }).pipe(Effect.provide(LoginTest))
  )

  it.effect("refuses an ID token of another login", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      yield* issuer.misbehave("token", Misbehaviour.wrongNonce())
      const error = yield* Effect.flip(login)
      assert.strictEqual(error._tag, "JwtError")
    }).pipe(Effect.provide(LoginTest))
  )
})
