import { assert, layer } from "@effect/vitest"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as GrantType from "effect-oauth/GrantType"
import * as Jwt from "effect-oauth/Jwt"
import * as Pkce from "effect-oauth/Pkce"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as TokenType from "effect-oauth/TokenType"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { importPKCS8 } from "jose"
import * as openid from "openid-client"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"
import { walk } from "../support/userAgent.js"
import type { TokenRequest } from "./support/oracle.js"
import { Recorder, RecorderLive, wouldSend } from "./support/oracle.js"
import { CliLive, resource, SecretLive, Server, ServiceLive } from "./support/stage.js"

const StageLive = Layer.merge(Layer.scoped(Server, startProvider()), RecorderLive)

/** What the toolkit sent last. */
const sent = Effect.flatMap(Recorder, ({ last }) => Effect.map(last, (one) => Option.fromNullable(one))).pipe(
  Effect.map(Option.getOrThrow)
)

/** Id and secret of `client_secret_basic`, decoded as a server does (RFC 6749 section 2.3.1). */
const basic = (authorization: string | undefined): ReadonlyArray<string> =>
  Buffer.from((authorization ?? "").replace(/^Basic /, ""), "base64")
    .toString()
    .split(":")
    .map((part) => decodeURIComponent(part.replaceAll("+", "%20")))

/** A form without its assertion, and what the assertion says apart from times and its name. */
const withoutAssertion = ({ form }: TokenRequest) => {
  const assertion = form.find(([name]) => name === "client_assertion")?.[1] ?? ""
  const { claims, header } = Option.getOrThrow(Jwt.decodeUnverified(assertion))
  return {
    form: form.filter(([name]) => name !== "client_assertion"),
    says: { alg: header.alg, kid: header.kid, iss: claims["iss"], sub: claims["sub"], aud: claims["aud"] }
  }
}

layer(StageLive, { excludeTestServices: true })("the same on the wire as openid-client 6", (it) => {
  it.effect("RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707: the authorization request", () =>
    Effect.gen(function* () {
      const { cli, issuer } = yield* Server
      const authorization = yield* Authorization.Authorization
      const { transaction, url } = yield* authorization.begin({
        scope: ["openid", "notes:read"],
        resource,
        prompt: "consent",
        loginHint: "ada@example.com",
        maxAge: "10 minutes"
      })
      const challenge = yield* Pkce.challenge(Redacted.value(transaction.verifier))
      const config = yield* Effect.promise(() =>
        openid.discovery(new URL(issuer), cli.clientId, undefined, openid.None(), {
          algorithm: "oauth2",
          execute: [openid.allowInsecureRequests]
        })
      )
      const expected = openid.buildAuthorizationUrl(config, {
        redirect_uri: cli.redirectUri,
        scope: "notes:read openid",
        resource,
        prompt: "consent",
        login_hint: "ada@example.com",
        max_age: "600",
        state: Redacted.value(transaction.state),
        nonce: Redacted.value(Option.getOrThrow(transaction.nonce)),
        code_challenge: challenge,
        code_challenge_method: "S256"
      })
      const ours = new URL(url)
      ours.searchParams.sort()
      expected.searchParams.sort()
      assert.strictEqual(ours.href, expected.href)
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 4.1.3: the authorization code grant", () =>
    Effect.gen(function* () {
      const { cli, issuer } = yield* Server
      const authorization = yield* Authorization.Authorization
      const codeExchange = yield* CodeExchange.CodeExchange
      const { transaction, url } = yield* authorization.begin({ scope: ["openid"], resource })
      const { callback } = yield* walk(url, "ada")

      const expected = yield* wouldSend(issuer, cli.clientId, openid.None(), (config) =>
        openid.authorizationCodeGrant(
          config,
          new URL(callback),
          {
            pkceCodeVerifier: Redacted.value(transaction.verifier),
            expectedState: Redacted.value(transaction.state),
            expectedNonce: Redacted.value(Option.getOrThrow(transaction.nonce))
          },
          { resource }
        )
      )
      yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
      assert.deepStrictEqual(yield* sent, expected)
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 6: the refresh token grant", () =>
    Effect.gen(function* () {
      const { cli, issuer } = yield* Server
      const refresh = yield* Refresh.Refresh
      const { tokens } = yield* logIn({ scope: ["openid", "offline_access", "notes:read"], resource })
      const refreshToken = Redacted.value(Option.getOrThrow(tokens.refreshToken))

      const expected = yield* wouldSend(issuer, cli.clientId, openid.None(), (config) =>
        openid.refreshTokenGrant(config, refreshToken, { resource, scope: "notes:read" })
      )
      yield* refresh.refresh(tokens, { resource, scope: ["notes:read"] })
      assert.deepStrictEqual(yield* sent, expected)
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 2.3.1 and 4.4.2: client credentials with client_secret_basic", () =>
    Effect.gen(function* () {
      const { issuer, secretClient } = yield* Server
      const { clientId } = secretClient
      const secret = Redacted.value(secretClient.secret)
      const clientCredentials = yield* ClientCredentials.ClientCredentials

      const expected = yield* wouldSend(issuer, clientId, openid.ClientSecretBasic(secret), (config) =>
        openid.clientCredentialsGrant(config, { resource, scope: "notes:read" })
      )
      yield* clientCredentials.request({ resource, scope: ["notes:read"] })
      const ours = yield* sent
      assert.deepStrictEqual(ours.form, expected.form)
      assert.strictEqual(ours.contentType, expected.contentType)
      // openid-client escapes `-` and `.` as well; decoded, it is the same.
      assert.deepStrictEqual(basic(ours.authorization), [clientId, secret])
      assert.deepStrictEqual(basic(ours.authorization), basic(expected.authorization))
    }).pipe(Effect.provide(SecretLive))
  )

  it.effect("RFC 7523 section 2.2: client credentials with private_key_jwt", () =>
    Effect.gen(function* () {
      const { issuer, service } = yield* Server
      const key = yield* Effect.promise(() => importPKCS8(Redacted.value(service.pem), "ES256"))
      const clientCredentials = yield* ClientCredentials.ClientCredentials

      const authentication = openid.PrivateKeyJwt({ key, kid: service.kid })
      const expected = yield* wouldSend(issuer, service.clientId, authentication, (config) =>
        openid.clientCredentialsGrant(config, { resource })
      )
      yield* clientCredentials.request({ resource })
      const ours = yield* sent
      assert.deepStrictEqual(withoutAssertion(ours), withoutAssertion(expected))
      assert.strictEqual(ours.authorization, expected.authorization)
    }).pipe(Effect.provide(ServiceLive))
  )

  it.effect("RFC 8693 section 2.1: token exchange", () =>
    Effect.gen(function* () {
      const { issuer, service } = yield* Server
      const { tokens } = yield* Effect.provide(logIn({ scope: ["notes:read"], resource }), CliLive)
      const key = yield* Effect.promise(() => importPKCS8(Redacted.value(service.pem), "ES256"))
      const tokenExchange = yield* TokenExchange.TokenExchange

      const authentication = openid.PrivateKeyJwt({ key, kid: service.kid })
      const expected = yield* wouldSend(issuer, service.clientId, authentication, (config) =>
        openid.genericGrantRequest(config, GrantType.tokenExchange, {
          subject_token: Redacted.value(tokens.accessToken),
          subject_token_type: TokenType.accessToken,
          requested_token_type: TokenType.accessToken,
          resource: "https://archive.example/api",
          scope: "notes:read"
        })
      )
      yield* tokenExchange.exchange({
        subjectToken: tokens.accessToken,
        requestedTokenType: TokenType.accessToken,
        resource: "https://archive.example/api",
        scope: ["notes:read"]
      })
      assert.deepStrictEqual(withoutAssertion(yield* sent), withoutAssertion(expected))
    }).pipe(Effect.provide(ServiceLive))
  )
})
