import { assert, layer } from "@effect/vitest"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAssertion from "effect-oauth/ClientAssertion"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Discovery from "effect-oauth/Discovery"
import * as Jwt from "effect-oauth/Jwt"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as TokenType from "effect-oauth/TokenType"
import * as Browser from "effect-oauth-node/Browser"
import * as LoginPrompt from "effect-oauth-node/LoginPrompt"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { call } from "../support/callApi.js"
import { logIn } from "../support/logIn.js"
import { startNotesApi } from "../support/notesApi.js"
import { browse, walk } from "../support/userAgent.js"
import { CliLive, resource, SecretLive, Server, ServiceLive, StageLive } from "./support/stage.js"

const seconds = Effect.map(Clock.currentTimeMillis, (millis) => millis / 1000)

const verify = (token: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const { issuer } = yield* Server
    const verifier = yield* JwtVerifier.fromKeyring(yield* Keyring.remote({ issuers: issuer }))
    return yield* verifier.verify(token, JwtProfile.accessToken({ issuer, audience: resource }))
  }).pipe(Effect.scoped)

layer(StageLive, { excludeTestServices: true })("the flows against oidc-provider", (it) => {
  it.scoped("RFC 9728 section 5.1: the challenge of a resource leads to its server, and a token to it", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Server
      const notes = yield* startNotesApi({ issuer, scope: "notes:read" })
      const discovery = yield* Discovery.Discovery
      const found = yield* discovery.fromResource(notes.resource)
      assert.strictEqual(found.resource, notes.resource)
      assert.deepStrictEqual(found.authorizationServers, [issuer])
      assert.deepStrictEqual(found.challengedScope, ["notes:read"])

      const { tokens } = yield* logIn({ scope: found.challengedScope, resource: found.resource })
      assert.include(yield* call(notes.resource, tokens.accessToken), "buy milk")
    }).pipe(Effect.provide(Layer.merge(Discovery.layer, CliLive)))
  )

  it.effect("RFC 8414 section 3.3: the metadata names the issuer that was asked for", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Server
      const discovery = yield* Discovery.Discovery
      const metadata = yield* discovery.server(issuer)
      assert.strictEqual(metadata.issuer, issuer)
      assert.strictEqual(metadata.token_endpoint, `${issuer}/token`)

      const error = yield* Effect.flip(discovery.server(`${issuer}/`))
      assert.strictEqual(error._tag, "DiscoveryError")
      assert.strictEqual(error.reason, "issuer_mismatch")
      assert.include(error.message, "trailing slash")
    }).pipe(Effect.provide(Discovery.layer))
  )

  it.effect("RFC 7636 section 4: an authorization with PKCE becomes tokens", () =>
    Effect.gen(function* () {
      const { cli, issuer } = yield* Server
      const authorization = yield* Authorization.Authorization
      const codeExchange = yield* CodeExchange.CodeExchange
      const { transaction, url } = yield* authorization.begin({
        scope: ["openid", "offline_access"],
        prompt: "consent"
      })
      const sent = new URL(url).searchParams
      assert.strictEqual(sent.get("code_challenge_method"), "S256")
      assert.strictEqual(sent.get("code_challenge")?.length, 43)
      assert.isFalse(url.includes(Redacted.value(transaction.verifier)))

      const { callback } = yield* walk(url, "ada")
      const { tokens } = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
      assert.strictEqual(tokens.issuer, issuer)
      assert.strictEqual(transaction.clientId, cli.clientId)
      assert.strictEqual(tokens.tokenType, "Bearer")
      assert.deepStrictEqual(tokens.scope, ["offline_access", "openid"])
      assert.isTrue(Option.isSome(tokens.refreshToken))
      const left = Option.getOrThrow(tokens.expiresAt) / 1000
      assert.closeTo(left - (yield* seconds), 600, 5)
    }).pipe(Effect.provide(CliLive))
  )

  it.effect(
    "OpenID Connect Core section 11: a login with offline_access has a refresh token, and no prompt",
    () =>
      Effect.gen(function* () {
        const { tokens } = yield* PkceLogin.loginWithClient({ scope: ["openid", "offline_access"] })
        assert.isTrue(Option.isSome(tokens.refreshToken))
      }).pipe(
        Effect.provide(
          Layer.mergeAll(
            CliLive,
            Layer.succeed(Browser.Browser, {
              open: (url) => Effect.asVoid(Effect.forkDaemon(browse(url, "ada")))
            }),
            Layer.succeed(LoginPrompt.LoginPrompt, { tell: () => Effect.void, entered: Stream.never })
          )
        )
      )
  )

  it.effect("OpenID Connect Core 3.1.3.7: the ID token is verified, and tells who logged in", () =>
    Effect.gen(function* () {
      const { cli, issuer } = yield* Server
      const { idToken, tokens } = yield* logIn({ scope: ["openid"], maxAge: "1 hour" }, "grace")
      const { claims, header } = Option.getOrThrow(idToken)
      assert.strictEqual(claims.iss, issuer)
      assert.strictEqual(claims.aud, cli.clientId)
      assert.strictEqual(claims.sub, "grace")
      assert.strictEqual(header.kid, "server-rsa")
      assert.isNumber(claims.auth_time)
      assert.isTrue(Option.isSome(tokens.idToken))
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("OpenID Connect Core 3.1.2.1: without the scope openid there is no ID token and no nonce", () =>
    Effect.gen(function* () {
      const authorization = yield* Authorization.Authorization
      const { url } = yield* authorization.begin({ scope: ["notes:read"], resource })
      assert.isFalse(new URL(url).searchParams.has("nonce"))
      const { idToken } = yield* logIn({ scope: ["notes:read"], resource })
      assert.isTrue(Option.isNone(idToken))
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 9068 section 4: a JWT access token verifies against the published keys of its server", () =>
    Effect.gen(function* () {
      const { cli } = yield* Server
      const { tokens } = yield* logIn({ scope: ["notes:read"], resource })
      const { claims, header } = yield* verify(tokens.accessToken)
      assert.strictEqual(header.typ, "at+jwt")
      assert.strictEqual(claims.client_id, cli.clientId)
      assert.deepStrictEqual(Jwt.scopes(claims), ["notes:read"])
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 6: a refresh gives a new access token, and the rotated refresh token", () =>
    Effect.gen(function* () {
      const refresh = yield* Refresh.Refresh
      const { tokens } = yield* logIn({
        scope: ["openid", "offline_access", "notes:read", "notes:write"],
        resource
      })
      const { tokens: after } = yield* refresh.refresh(tokens, { resource, scope: ["notes:read"] })
      const { claims } = yield* verify(after.accessToken)
      assert.deepStrictEqual(Jwt.scopes(claims), ["notes:read"])
      const [first, second] = [tokens, after].map((each) =>
        Option.getOrThrow(Option.map(each.refreshToken, Redacted.value))
      )
      assert.notStrictEqual(first, second)
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("OpenID Connect Core 12.2: the ID token of a refresh is verified, and of the same person", () =>
    Effect.gen(function* () {
      const refresh = yield* Refresh.Refresh
      const { tokens } = yield* logIn({ scope: ["openid", "offline_access"] }, "grace")
      const { idToken } = yield* refresh.refresh(tokens)
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "grace")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect(
    "RFC 8693 section 2: a person's token becomes one for another resource, with the actor in it",
    () =>
      Effect.gen(function* () {
        const { service } = yield* Server
        const { tokens } = yield* Effect.provide(
          logIn({ scope: ["notes:read"], resource: "https://front.example/api" }),
          CliLive
        )
        const tokenExchange = yield* TokenExchange.TokenExchange
        const exchanged = yield* tokenExchange.exchange({ subjectToken: tokens.accessToken, resource })
        assert.deepStrictEqual(exchanged.issuedTokenType, Option.some(TokenType.accessToken))
        const { claims } = yield* verify(exchanged.accessToken)
        assert.strictEqual(claims.sub, "ada")
        assert.deepStrictEqual(claims["act"], { sub: service.clientId })
      }).pipe(Effect.provide(ServiceLive))
  )

  it.effect("RFC 6749 section 2.3.1: id and secret that must be encoded are understood by the server", () =>
    Effect.gen(function* () {
      const { secretClient } = yield* Server
      assert.match(secretClient.clientId + Redacted.value(secretClient.secret), /:.*%3c.*\+.* /)
      const clientCredentials = yield* ClientCredentials.ClientCredentials
      const tokens = yield* clientCredentials.request({ resource, scope: ["notes:read"] })
      const { claims } = yield* verify(tokens.accessToken)
      assert.strictEqual(claims.client_id, secretClient.clientId)
      assert.isTrue(Option.isNone(tokens.refreshToken))
    }).pipe(Effect.provide(SecretLive))
  )

  it.effect("RFC 7523 section 2.2: a signed assertion authenticates the client, anew for each request", () =>
    Effect.gen(function* () {
      const { service } = yield* Server
      const clientCredentials = yield* ClientCredentials.ClientCredentials
      // The server refuses a `jti` that comes twice.
      const all = yield* Effect.all(Array.from({ length: 3 }, () => clientCredentials.request({ resource })))
      for (const tokens of all) {
        assert.strictEqual((yield* verify(tokens.accessToken)).claims.client_id, service.clientId)
      }
    }).pipe(Effect.provide(ServiceLive))
  )

  it.effect("RFC 7523 section 3: an assertion names client, audience, and a lifetime of a minute", () =>
    Effect.gen(function* () {
      const { issuer, service } = yield* Server
      const assertions = yield* ClientAssertion.ClientAssertion
      const assertion = yield* assertions.sign({ clientId: service.clientId, audience: issuer })
      const { claims, header } = Option.getOrThrow(Jwt.decodeUnverified(assertion))
      assert.strictEqual(header.kid, service.kid)
      assert.strictEqual(claims["iss"], service.clientId)
      assert.strictEqual(claims["sub"], service.clientId)
      assert.strictEqual(claims["aud"], issuer)
      assert.strictEqual(Number(claims["exp"]) - Number(claims["iat"]), 60)
    }).pipe(Effect.provide(ServiceLive))
  )

  it.scoped("RFC 6750 section 3.1: insufficient scope is mended by asking for the union", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Server
      const notes = yield* startNotesApi({ issuer, scope: "notes:write" })
      const authorization = yield* Authorization.Authorization
      const codeExchange = yield* CodeExchange.CodeExchange
      const { tokens } = yield* logIn({ scope: ["notes:read"], resource: notes.resource })
      assert.isTrue((yield* Effect.exit(call(notes.resource, tokens.accessToken)))._tag === "Failure")

      const { transaction, url } = yield* authorization.stepUp({
        granted: tokens.scope,
        required: ["notes:write"],
        resource: notes.resource
      })
      const { callback } = yield* walk(url, "ada")
      const wider = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
      assert.deepStrictEqual(wider.tokens.scope, ["notes:read", "notes:write"])
      assert.include(yield* call(notes.resource, wider.tokens.accessToken), "buy milk")
    }).pipe(Effect.provide(CliLive))
  )
})
