import { assert, layer } from "@effect/vitest"
import * as Authorization from "effect-oauth/Authorization"
import * as AuthorizationDetails from "effect-oauth/AuthorizationDetails"
import * as BackChannelLogout from "effect-oauth/BackChannelLogout"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Introspection from "effect-oauth/Introspection"
import * as Logout from "effect-oauth/Logout"
import * as Refresh from "effect-oauth/Refresh"
import type * as RequestEncryption from "effect-oauth/RequestEncryption"
import * as Revocation from "effect-oauth/Revocation"
import * as StepUp from "effect-oauth/StepUp"
import * as UserInfo from "effect-oauth/UserInfo"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type Cookies, walk } from "../support/userAgent.js"
import { clientLive, Web, WebLive } from "./support/web.js"

/** Logs a person in; gives what came back as well. */
const login = (request: Authorization.Authorization.Request = {}, cookies?: Cookies) =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const begun = yield* authorization.begin({ scope: ["openid"], ...request })
    const { callback } = yield* walk(begun.url, "ada", cookies)
    const code = yield* authorization.complete(callback, begun.transaction)
    return { ...begun, callback, code, ...(yield* codeExchange.exchange(code)) }
  })

const parametersOf = (url: string) => [...new URL(url).searchParams.keys()].sort()

layer(WebLive, { excludeTestServices: true })("what a web application wants of oidc-provider", (it) => {
  it.effect("RFC 9126: a pushed request, of which the URL has a reference", () =>
    Effect.gen(function* () {
      const { idToken, openBefore, url } = yield* login({ pushed: true })
      assert.deepStrictEqual(parametersOf(url), ["client_id", "request_uri"])
      assert.isDefined(openBefore)
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "ada")
    }).pipe(Effect.provide(clientLive("plain")))
  )

  it.effect(
    "RFC 9449 section 10.1: a pushed request with a proof, and the nonce that the server asks for",
    () =>
      Effect.gen(function* () {
        const { tokens } = yield* login({ pushed: true })
        assert.strictEqual(tokens.tokenType, "DPoP")
        const userInfo = yield* UserInfo.UserInfo
        assert.strictEqual((yield* userInfo.get(tokens)).sub, "ada")
      }).pipe(Effect.provide(clientLive("plain", { dpop: true })))
  )

  it.effect("RFC 9101: a signed request, by value and pushed", () =>
    Effect.gen(function* () {
      const byValue = yield* login({ resource: ["https://a.example/", "https://b.example/"] }).pipe(
        Effect.flip
      )
      // Two resources in one access token are refused at the token endpoint of this server: the request was read.
      assert.strictEqual(byValue._tag, "OAuthResponseError")
      const one = yield* login({ maxAge: "1 hour" })
      assert.deepStrictEqual(parametersOf(one.url), ["client_id", "request"])
      const pushed = yield* login({ pushed: true })
      assert.deepStrictEqual(parametersOf(pushed.url), ["client_id", "request_uri"])
    }).pipe(Effect.provide(clientLive("plain", { signedRequests: true })))
  )

  for (const encryption of [
    {},
    { algorithm: "ECDH-ES", encryption: "A128CBC-HS256" }
  ] satisfies ReadonlyArray<RequestEncryption.Options>) {
    it.effect(
      `RFC 9101 section 6.1: a request that is encrypted (${encryption.encryption ?? "as the server lists"})`,
      () =>
        Effect.gen(function* () {
          const byValue = yield* login({ loginHint: "ada" })
          assert.deepStrictEqual(parametersOf(byValue.url), ["client_id", "request"])
          const request = new URL(byValue.url).searchParams.get("request") ?? ""
          assert.strictEqual(request.split(".").length, 5)
          assert.strictEqual(Option.getOrThrow(byValue.idToken).claims.sub, "ada")
          const pushed = yield* login({ pushed: true })
          assert.deepStrictEqual(parametersOf(pushed.url), ["client_id", "request_uri"])
        }).pipe(Effect.provide(clientLive("plain", { signedRequests: true, encryption })))
    )
  }

  it.effect("JARM: the response is a JWT, in the query and posted", () =>
    Effect.gen(function* () {
      for (const responseMode of ["jwt", "query.jwt", "form_post.jwt"] as const) {
        const { callback, code } = yield* login({ responseMode })
        assert.include(callback, "response=ey")
        assert.notInclude(callback, Redacted.value(code.code))
      }
    }).pipe(Effect.provide(clientLive("signed")))
  )

  it.effect("JARM: a refusal comes in a JWT as well", () =>
    Effect.gen(function* () {
      const authorization = yield* Authorization.Authorization
      const { transaction, url } = yield* authorization.begin({
        scope: ["openid"],
        prompt: "none",
        responseMode: "jwt"
      })
      const { callback } = yield* walk(url, "ada")
      const error = yield* Effect.flip(authorization.complete(callback, transaction))
      assert.strictEqual(error._tag === "AuthorizationError" ? error.error : "", "login_required")
    }).pipe(Effect.provide(clientLive("signed")))
  )

  it.effect("OpenID Connect Core 3.3: an ID token with the code, in the fragment and posted", () =>
    Effect.gen(function* () {
      for (const responseMode of ["fragment", "form_post", undefined] as const) {
        const { callback, code, idToken } = yield* login({ responseType: "code id_token", responseMode })
        assert.include(callback, "id_token=")
        assert.strictEqual(code.transaction.subject, "ada")
        assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "ada")
      }
    }).pipe(Effect.provide(clientLive("plain")))
  )

  it.effect("RFC 9396: typed details, in the request, the token response and the introspection", () =>
    Effect.gen(function* () {
      const Payment = Schema.Struct({ type: Schema.Literal("payment"), amount: Schema.NumberFromString })
      const payment = { type: "payment", amount: 12.5 } as const
      const parameters = yield* Effect.flatMap(
        AuthorizationDetails.encode(Payment)([payment]),
        AuthorizationDetails.parameters
      )
      const { tokens } = yield* login({
        parameters,
        resource: "https://bank.example/",
        prompt: "consent",
        scope: ["openid", "notes:read"]
      })
      assert.deepStrictEqual(yield* AuthorizationDetails.decode(Payment)(tokens), [payment])
      const introspection = yield* Introspection.Introspection
      const told = yield* introspection.introspect(tokens.accessToken)
      assert.isTrue(told.active)
      if (told.active) assert.deepStrictEqual(yield* AuthorizationDetails.decode(Payment)(told), [payment])
      const unknown = yield* Effect.flip(AuthorizationDetails.parameters([{ type: "vacation" }]))
      assert.strictEqual(unknown.reason, "unsupported")
    }).pipe(Effect.provide(clientLive("plain")))
  )

  it.effect("RFC 7662 and RFC 7009: what a token is, until it is revoked", () =>
    Effect.gen(function* () {
      const introspection = yield* Introspection.Introspection
      const revocation = yield* Revocation.Revocation
      const { tokens } = yield* login({ scope: ["openid", "offline_access"], prompt: "consent" })
      const told = yield* introspection.introspect(tokens.accessToken)
      assert.isTrue(told.active)
      if (told.active) {
        assert.deepStrictEqual(told.clientId, Option.some("plain"))
        assert.deepStrictEqual(told.subject, Option.some("ada"))
      }
      yield* revocation.revokeAll(tokens)
      assert.isFalse((yield* introspection.introspect(tokens.accessToken)).active)
      const refreshToken = Option.getOrThrow(tokens.refreshToken)
      assert.isFalse((yield* introspection.introspect(refreshToken)).active)
      yield* revocation.revoke(Redacted.make("never issued"))
    }).pipe(Effect.provide(clientLive("plain")))
  )

  it.effect("RFC 9701: a signed introspection", () =>
    Effect.gen(function* () {
      const introspection = yield* Introspection.Introspection
      const clientCredentials = yield* ClientCredentials.ClientCredentials
      const { accessToken } = yield* clientCredentials.request({
        resource: "https://a.example/",
        scope: ["notes:read"]
      })
      const told = yield* introspection.introspect(accessToken, { signed: true })
      assert.isTrue(told.active)
      if (told.active) assert.deepStrictEqual(told.scope, ["notes:read"])
      const none = yield* introspection.introspect(Redacted.make("never issued"), { signed: true })
      assert.deepStrictEqual(none, { active: false })
    }).pipe(Effect.provide(clientLive("signed")))
  )

  it.effect("OpenID Connect Core 5.3: UserInfo plain and signed, of the subject and of no other", () =>
    Effect.gen(function* () {
      for (const client of ["plain", "signed"] as const) {
        yield* Effect.gen(function* () {
          const { tokens } = yield* login()
          const userInfo = yield* UserInfo.UserInfo
          assert.strictEqual((yield* userInfo.get(tokens, { signed: client === "signed" })).sub, "ada")
          const error = yield* Effect.flip(userInfo.get(tokens, { subject: "mallory" }))
          assert.strictEqual(`${error._tag} ${error.reason}`, "ProtocolViolation mismatch")
        }).pipe(Effect.provide(clientLive(client)))
      }
    })
  )

  it.effect(
    "what the server encrypts is opened: ID token, refreshed one, UserInfo, JARM, introspection",
    () =>
      Effect.gen(function* () {
        const { callback, idToken, tokens } = yield* login({
          responseMode: "jwt",
          prompt: "consent",
          scope: ["openid", "offline_access"]
        })
        assert.strictEqual(new URL(callback).searchParams.get("response")?.split(".").length, 5)
        assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "ada")
        const opened = Redacted.value(Option.getOrThrow(tokens.idToken))
        assert.strictEqual(opened.split(".").length, 3, "what is kept is the ID token that was signed")
        const refresh = yield* Refresh.Refresh
        const refreshed = yield* refresh.refresh(tokens)
        assert.strictEqual(Option.getOrThrow(refreshed.idToken).claims.sub, "ada")
        const userInfo = yield* UserInfo.UserInfo
        assert.strictEqual((yield* userInfo.get(refreshed.tokens, { signed: true })).sub, "ada")
        const introspection = yield* Introspection.Introspection
        const told = yield* introspection.introspect(refreshed.tokens.accessToken, { signed: true })
        assert.isTrue(told.active)
      }).pipe(Effect.provide(clientLive("sealed")))
  )

  it.effect("RFC 9470: a challenge for another login; one that is not as asked ends in an error", () =>
    Effect.gen(function* () {
      const stepUp = yield* StepUp.StepUp
      const authorization = yield* Authorization.Authorization
      const codeExchange = yield* CodeExchange.CodeExchange
      const again = (challenge: string) =>
        Effect.gen(function* () {
          const { transaction, url } = yield* stepUp.begin({ challenge, granted: ["openid"] })
          const { callback } = yield* walk(url, "ada")
          return yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
        })
      const { idToken } = yield* again('Bearer error="insufficient_user_authentication", max_age="60"')
      assert.isNumber(Option.getOrThrow(idToken).claims.auth_time)
      // The login form of this server gives no second factor, whatever was asked for.
      const error = yield* Effect.flip(
        again('Bearer error="insufficient_user_authentication", acr_values="urn:example:mfa"')
      )
      assert.strictEqual(error._tag === "JwtError" ? error.claim : error._tag, "acr")
    }).pipe(Effect.provide(clientLive("plain")))
  )

  it.effect("RP-Initiated and Back-Channel Logout: the person leaves, and the application is told", () =>
    Effect.gen(function* () {
      const { logouts, postLogoutRedirectUri } = yield* Web
      const browser: Cookies = new Map()
      const { idToken, tokens } = yield* login({}, browser)
      const sid = Option.getOrThrow(idToken).claims["sid"]

      const logout = yield* Logout.Logout
      const begun = yield* logout.begin({ tokens, postLogoutRedirectUri })
      const { callback } = yield* walk(begun.url, "ada", browser)
      yield* logout.complete(callback, Option.getOrThrow(begun.state))

      const backChannel = yield* BackChannelLogout.BackChannelLogout
      const { body: form } = yield* Queue.take(logouts)
      const loggedOut = yield* backChannel.verify(form)
      assert.deepStrictEqual(loggedOut.subject, Option.some("ada"))
      assert.deepStrictEqual(loggedOut.sessionId, Option.some(sid))
      const error = yield* Effect.flip(backChannel.verify(form))
      assert.strictEqual(error.reason, "replayed")
    }).pipe(Effect.provide(clientLive("signed")))
  )
})
