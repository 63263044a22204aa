import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as H from "./support.js"

const layer = TestIssuer.layer({ clients: [H.app, H.service] })

const refused = (answer: H.Answer, error: string) => {
  assert.strictEqual(answer.json["error"], error, answer.text)
  assert.strictEqual(answer.status, error === "invalid_client" ? 401 : 400)
  assert.strictEqual(answer.headers["cache-control"], "no-store")
}

describe("the authorization endpoint", () => {
  it.effect("RFC 6749 section 4.1.2 and RFC 9207 section 2: answers code, state and iss", () =>
    Effect.gen(function* () {
      const parameters = yield* H.callback()
      assert.strictEqual(parameters.get("state"), "st")
      assert.strictEqual(parameters.get("iss"), "https://issuer.test")
      assert.isNotNull(parameters.get("code"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 4.1.2.1: denial, and other errors, come back with the state", () =>
    Effect.gen(function* () {
      const denied = yield* H.callback({}, TestUser.deny)
      assert.strictEqual(denied.get("error"), "access_denied")
      assert.strictEqual(denied.get("state"), "st")
      assert.isNull(denied.get("code"))
      const issuer = yield* TestIssuer.TestIssuer
      yield* issuer.decide(TestUser.fail("login_required"))
      assert.strictEqual((yield* H.callback()).get("error"), "login_required")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 4.1.2.1: never redirects to an address that is not registered", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { redirect_uri: `${H.redirectUri}/` },
        { redirect_uri: "https://evil.test/callback" },
        { redirect_uri: [H.redirectUri, H.redirectUri] },
        { client_id: "nobody" }
      ]) {
        const error = yield* Effect.flip(H.callback(wrong))
        assert.strictEqual(error._tag, "NoCallback")
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8252 section 7.3: the port of a loopback redirect is free, its path is not", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      yield* issuer.addClient({ clientId: "cli", redirectUris: ["http://127.0.0.1/callback"] })
      const cli = (redirect_uri: string) => H.callback({ client_id: "cli", redirect_uri })
      assert.isNotNull((yield* cli("http://127.0.0.1:51234/callback")).get("code"))
      yield* Effect.flip(cli("http://127.0.0.1:51234/other"))
      yield* Effect.flip(cli("http://localhost:51234/callback"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 9700 section 2.1.1: PKCE is required, with S256", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { code_challenge: undefined },
        { code_challenge_method: undefined },
        { code_challenge_method: "plain" },
        { code_challenge: "short" },
        { state: ["a", "b"] }
      ]) {
        assert.strictEqual((yield* H.callback(wrong)).get("error"), "invalid_request", JSON.stringify(wrong))
      }
      assert.strictEqual(
        (yield* H.callback({ response_type: "token" })).get("error"),
        "unsupported_response_type"
      )
      assert.strictEqual((yield* H.callback({ resource: "/relative" })).get("error"), "invalid_target")
    }).pipe(Effect.provide(layer))
  )
})

describe("the authorization code grant", () => {
  it.effect(
    "answers tokens that verify: RFC 9068 access token, ID token with nonce, auth_time and at_hash",
    () =>
      Effect.gen(function* () {
        const code = yield* H.code(
          { resource: ["https://api.test", "https://b.test"] },
          TestUser.consent({ authenticated: "1 minute" })
        )
        const { json, status } = yield* H.redeem(code, { resource: "https://api.test" })
        assert.strictEqual(status, 200)
        assert.strictEqual(json["token_type"], "Bearer")
        assert.strictEqual(json["expires_in"], 3600)
        assert.strictEqual(json["scope"], "openid notes")
        const access = yield* H.verify(json["access_token"], { typ: "at+jwt", audience: "https://api.test" })
        assert.strictEqual(access.payload["client_id"], "app")
        assert.strictEqual(access.payload.sub, "alice")
        const id = yield* H.verify(json["id_token"], { audience: "app" })
        assert.strictEqual(id.payload["nonce"], "n-1")
        assert.strictEqual(id.payload["auth_time"], -60)
        const digest = yield* Effect.promise(() =>
          crypto.subtle.digest("SHA-256", new TextEncoder().encode(String(json["access_token"])))
        )
        const half = Buffer.from(digest).subarray(0, 16).toString("base64url")
        assert.strictEqual(id.payload["at_hash"], half)
      }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 7636 section 4.6: a wrong, missing or malformed verifier is refused", () =>
    Effect.gen(function* () {
      const code = yield* H.code()
      refused(yield* H.redeem(code, { code_verifier: "a".repeat(43) }), "invalid_grant")
      refused(yield* H.redeem(code, { code_verifier: undefined }), "invalid_grant")
      refused(yield* H.redeem(code, { code_verifier: H.verifier.slice(1) }), "invalid_grant")
      assert.strictEqual((yield* H.redeem(code)).status, 200)
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 4.1.3: another redirect_uri, none, or another client is refused", () =>
    Effect.gen(function* () {
      const code = yield* H.code()
      refused(yield* H.redeem(code, { redirect_uri: `${H.redirectUri}?` }), "invalid_grant")
      refused(yield* H.redeem(code, { redirect_uri: undefined }), "invalid_grant")
      const other = yield* H.token(
        { grant_type: "authorization_code", code, redirect_uri: H.redirectUri, code_verifier: H.verifier },
        H.asService
      )
      refused(other, "invalid_grant")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 4.1.2: a code used twice is refused and revokes its tokens", () =>
    Effect.gen(function* () {
      const code = yield* H.code()
      const { json } = yield* H.redeem(code)
      const bearer = { authorization: `Bearer ${String(json["access_token"])}` }
      assert.strictEqual((yield* H.get("https://api.test/notes", bearer)).status, 200)
      refused(yield* H.redeem(code), "invalid_grant")
      assert.strictEqual((yield* H.get("https://api.test/notes", bearer)).status, 401)
      refused(
        yield* H.token({
          grant_type: "refresh_token",
          client_id: "app",
          refresh_token: String(json["refresh_token"])
        }),
        "invalid_grant"
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("a code lives for a minute, by the clock of the issuer", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const first = yield* H.code()
      yield* TestClock.adjust("61 seconds")
      refused(yield* H.redeem(first), "invalid_grant")
      const second = yield* H.code()
      yield* issuer.setSkew(61)
      refused(yield* H.redeem(second), "invalid_grant")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8707 section 2.2: no resource beyond the authorized ones", () =>
    Effect.gen(function* () {
      const code = yield* H.code({ resource: "https://api.test" })
      refused(yield* H.redeem(code, { resource: "https://b.test" }), "invalid_target")
    }).pipe(Effect.provide(layer))
  )
})

describe("the refresh token grant", () => {
  const refresh = (token: unknown, parameters: H.Parameters = {}) =>
    H.token({ grant_type: "refresh_token", client_id: "app", refresh_token: String(token), ...parameters })

  it.effect("RFC 9700 section 4.14.2: rotates, and reuse revokes the family", () =>
    Effect.gen(function* () {
      const first = (yield* H.redeem(yield* H.code())).json
      const second = (yield* refresh(first["refresh_token"])).json
      assert.notStrictEqual(second["refresh_token"], first["refresh_token"])
      const id = yield* H.verify(second["id_token"], { audience: "app" })
      assert.isUndefined(id.payload["nonce"])
      refused(yield* refresh(first["refresh_token"]), "invalid_grant")
      refused(yield* refresh(second["refresh_token"]), "invalid_grant")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 6: narrows the scope, never widens it", () =>
    Effect.gen(function* () {
      const first = (yield* H.redeem(yield* H.code())).json
      const narrow = (yield* refresh(first["refresh_token"], { scope: "notes" })).json
      assert.strictEqual(narrow["scope"], "notes")
      assert.isUndefined(narrow["id_token"])
      refused(yield* refresh(narrow["refresh_token"], { scope: "notes admin" }), "invalid_scope")
      assert.strictEqual((yield* refresh(narrow["refresh_token"])).json["scope"], "openid notes")
    }).pipe(Effect.provide(layer))
  )

  it.effect("keeps the token where rotation is off", () =>
    Effect.gen(function* () {
      const first = (yield* H.redeem(yield* H.code())).json
      assert.strictEqual(
        (yield* refresh(first["refresh_token"])).json["refresh_token"],
        first["refresh_token"]
      )
      assert.strictEqual((yield* refresh(first["refresh_token"])).status, 200)
    }).pipe(Effect.provide(TestIssuer.layer({ clients: [H.app], rotateRefreshTokens: false })))
  )
})
