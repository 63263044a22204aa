import { assert, layer } from "@effect/vitest"
import * as Authorization from "effect-oauth/Authorization"
import type * as AuthorizationTransaction from "effect-oauth/AuthorizationTransaction"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { OAuthError } from "effect-oauth/OAuthError"
import * as Pkce from "effect-oauth/Pkce"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { logIn } from "../support/logIn.js"
import { tampered } from "../support/refusals.js"
import { walk } from "../support/userAgent.js"
import { CliLive, resource, SecretLive, Server, ServiceLive, StageLive } from "./support/stage.js"

/** The tag and the reason of what must fail. */
const refusal = <A, R>(effect: Effect.Effect<A, OAuthError, R>) =>
  Effect.map(Effect.flip(effect), (error) => `${error._tag} ${error.reason}`)

/** The answer to an authorization of the public client. */
const answered = (request: Authorization.Authorization.Request = { scope: ["openid"] }) =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const { transaction, url } = yield* authorization.begin(request)
    const { callback } = yield* walk(url, "ada")
    return { authorization, transaction, callback: new URL(callback) }
  })

/** A code, as the public client received it. */
const received = Effect.gen(function* () {
  const { authorization, callback, transaction } = yield* answered()
  return yield* authorization.complete(callback, transaction)
})

/** Sends a code as another process of the same client would, which remembers nothing of this one. */
const exchangeElsewhere = (code: AuthorizationTransaction.AuthorizationCode) =>
  Effect.gen(function* () {
    const codeExchange = yield* CodeExchange.CodeExchange
    return yield* codeExchange.exchange(code)
  }).pipe(Effect.provide(Layer.fresh(CodeExchange.layer)))

/** A token for the client itself. */
const requestOwnToken = Effect.flatMap(ClientCredentials.make, ({ request }) => request({ resource }))

const profile = Effect.map(Server, ({ issuer }) => JwtProfile.accessToken({ issuer, audience: resource }))

/** What an API does that trusts the server's keys. */
const verify = (token: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const { issuer } = yield* Server
    const verifier = yield* JwtVerifier.fromKeyring(yield* Keyring.remote({ issuers: issuer }))
    return yield* verifier.verify(token, yield* profile)
  }).pipe(Effect.scoped)

layer(StageLive, { excludeTestServices: true })("refusals between the toolkit and oidc-provider", (it) => {
  it.effect("RFC 6749 section 10.12: a response with another state is refused, and the login goes on", () =>
    Effect.gen(function* () {
      const { authorization, callback, transaction } = yield* answered()
      const forged = new URL(callback)
      forged.searchParams.set("state", "another")
      assert.strictEqual(
        yield* refusal(authorization.complete(forged, transaction)),
        "AuthorizationError state_mismatch"
      )
      yield* authorization.complete(callback, transaction)
    }).pipe(Effect.provide(CliLive))
  )

  it.effect(
    "RFC 9207 section 2.4: a response of another server is refused, as is one that does not say",
    () =>
      Effect.gen(function* () {
        const { authorization, callback, transaction } = yield* answered()
        const other = new URL(callback)
        other.searchParams.set("iss", "https://other.example")
        assert.strictEqual(
          yield* refusal(authorization.complete(other, transaction)),
          "AuthorizationError issuer_mismatch"
        )

        const silent = yield* answered()
        silent.callback.searchParams.delete("iss")
        assert.strictEqual(
          yield* refusal(silent.authorization.complete(silent.callback, silent.transaction)),
          "AuthorizationError issuer_missing"
        )
      }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 4.1.2.1: the server's own error arrives with its code", () =>
    Effect.gen(function* () {
      // Nobody is logged in, and nobody may be asked.
      const { authorization, callback, transaction } = yield* answered({ scope: ["openid"], prompt: "none" })
      const error = yield* Effect.flip(authorization.complete(callback, transaction))
      assert(error._tag === "AuthorizationError")
      assert.strictEqual(error.reason, "server")
      assert.strictEqual(error.error, "login_required")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 10.5: one process sends a code once", () =>
    Effect.gen(function* () {
      const codeExchange = yield* CodeExchange.CodeExchange
      const code = yield* received
      yield* codeExchange.exchange(code)
      assert.strictEqual(yield* refusal(codeExchange.exchange(code)), "AuthorizationError replayed")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 4.1.2: the server refuses a replayed code, and ends the session it began", () =>
    Effect.gen(function* () {
      const { authorization, callback, transaction } = yield* answered({
        scope: ["openid", "offline_access"],
        prompt: "consent"
      })
      const code = yield* authorization.complete(callback, transaction)
      const { tokens } = yield* exchangeElsewhere(code)
      assert.strictEqual(yield* refusal(exchangeElsewhere(code)), "OAuthResponseError invalid_grant")

      const refresh = yield* Refresh.Refresh
      assert.strictEqual(yield* refusal(refresh.refresh(tokens)), "OAuthResponseError invalid_grant")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 7636 section 4.6: a code without its own verifier is worth nothing", () =>
    Effect.gen(function* () {
      const { code, transaction } = yield* received
      const { verifier } = yield* Pkce.generate
      const stolen = {
        code,
        transaction: { ...transaction, verifier }
      }
      assert.strictEqual(yield* refusal(exchangeElsewhere(stolen)), "OAuthResponseError invalid_grant")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 9700 section 4.14.2: reuse of a rotated refresh token ends the session", () =>
    Effect.gen(function* () {
      const refresh = yield* Refresh.Refresh
      const { tokens } = yield* logIn({ scope: ["openid", "offline_access"] })
      const after = yield* refresh.refresh(tokens)
      const reused = yield* Effect.flip(refresh.refresh(tokens))
      assert.strictEqual(reused._tag, "OAuthResponseError")
      assert.strictEqual(reused.reason, "invalid_grant")
      // The server cannot tell which of the two is the thief.
      assert.strictEqual(yield* refusal(refresh.refresh(after.tokens)), "OAuthResponseError invalid_grant")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 6749 section 6: tokens without a refresh token are refused before anything is sent", () =>
    Effect.gen(function* () {
      const clientCredentials = yield* ClientCredentials.ClientCredentials
      const refresh = yield* Refresh.Refresh
      const tokens = yield* clientCredentials.request({ resource })
      assert.strictEqual(yield* refusal(refresh.refresh(tokens)), "ProtocolViolation missing")
    }).pipe(Effect.provide(SecretLive))
  )

  it.effect("RFC 6749 section 5.2: a wrong secret is invalid_client, and is not in the error", () =>
    Effect.gen(function* () {
      const { issuer, secretClient } = yield* Server
      const wrong = "not-the-secret-of-anyone"
      const error = yield* Effect.provide(
        Effect.flip(requestOwnToken),
        OAuthClient.layer({
          issuer,
          clientId: secretClient.clientId,
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make(wrong))
        })
      )
      assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError invalid_client")
      assert.notInclude(JSON.stringify(error), wrong)
    })
  )

  it.effect("RFC 7523 section 3: an assertion of a key that is not the client's is invalid_client", () =>
    Effect.gen(function* () {
      const { issuer, service } = yield* Server
      const refused = yield* Effect.provide(
        refusal(requestOwnToken),
        OAuthClient.layer({
          issuer,
          clientId: service.clientId,
          authentication: ClientAuthentication.privateKeyJwt()
        }).pipe(Layer.provide(Keyring.layerGenerate({ kid: service.kid })))
      )
      assert.strictEqual(refused, "OAuthResponseError invalid_client")
    })
  )

  it.effect("RFC 8693 section 2.2.2: a subject token that the server did not issue is an error of it", () =>
    Effect.gen(function* () {
      const tokenExchange = yield* TokenExchange.TokenExchange
      const subjectToken = Redacted.make("a.forged.token")
      assert.strictEqual(
        yield* refusal(tokenExchange.exchange({ subjectToken, resource })),
        "OAuthResponseError invalid_request"
      )
    }).pipe(Effect.provide(ServiceLive))
  )

  it.effect("RFC 9068 section 4: a token for another API is refused", () =>
    Effect.gen(function* () {
      const { tokens } = yield* logIn({ scope: ["notes:read"], resource: "https://archive.example/api" })
      assert.strictEqual(yield* refusal(verify(tokens.accessToken)), "JwtError audience")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 7515 section 5.2: a token that was changed is refused", () =>
    Effect.gen(function* () {
      const { tokens } = yield* logIn({ scope: ["notes:read"], resource })
      yield* verify(tokens.accessToken)
      assert.strictEqual(yield* refusal(verify(tampered(tokens.accessToken))), "JwtError signature")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("RFC 9068 section 4: an ID token is not an access token", () =>
    Effect.gen(function* () {
      const { tokens } = yield* logIn({ scope: ["openid"] })
      assert.strictEqual(yield* refusal(verify(Option.getOrThrow(tokens.idToken))), "JwtError type")
    }).pipe(Effect.provide(CliLive))
  )

  it.effect("an outage of the key server is not a verdict on the token", () =>
    Effect.gen(function* () {
      const { tokens } = yield* logIn({ scope: ["notes:read"], resource })
      const issuer = "http://127.0.0.1:9"
      const keyring = yield* Keyring.remote({ issuers: issuer })
      const verifier = yield* JwtVerifier.fromKeyring(keyring)
      // The same token, read as that of a server which cannot be reached.
      const [header, claims, signature] = Redacted.value(tokens.accessToken).split(".")
      const moved = JSON.stringify({
        ...JSON.parse(Buffer.from(claims ?? "", "base64url").toString()),
        iss: issuer
      })
      const token = [header, Buffer.from(moved).toString("base64url"), signature].join(".")
      assert.strictEqual(
        yield* refusal(verifier.verify(token, JwtProfile.accessToken({ issuer, audience: resource }))),
        "KeyringError unavailable"
      )
    }).pipe(Effect.scoped, Effect.provide(CliLive))
  )
})
