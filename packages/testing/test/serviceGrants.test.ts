import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as H from "./support.js"

const layer = TestIssuer.layer({ clients: [H.app, H.service] })
const accessTokenType = "urn:ietf:params:oauth:token-type:access_token"

describe("client credentials", () => {
  it.effect("RFC 6749 section 4.4 and RFC 8707: a token of the client itself for each resource", () =>
    Effect.gen(function* () {
      const resource = ["https://a.test", "https://b.test"]
      const { json } = yield* H.token(
        { grant_type: "client_credentials", scope: "read", resource },
        H.asService
      )
      const { payload } = yield* H.verify(json["access_token"], { typ: "at+jwt" })
      assert.deepStrictEqual(payload.aud, resource)
      assert.strictEqual(payload.sub, "service")
      assert.strictEqual(payload["scope"], "read")
    }).pipe(Effect.provide(layer))
  )

  it.effect("scopes and targets can be limited", () =>
    Effect.gen(function* () {
      const ask = (parameters: H.Parameters) =>
        H.token({ grant_type: "client_credentials", ...parameters }, H.asService)
      assert.strictEqual((yield* ask({ scope: "read" })).status, 200)
      assert.strictEqual((yield* ask({ scope: "admin" })).json["error"], "invalid_scope")
      assert.strictEqual((yield* ask({ resource: "https://b.test" })).json["error"], "invalid_target")
      assert.strictEqual((yield* ask({ resource: "https://a.test#x" })).json["error"], "invalid_target")
    }).pipe(
      Effect.provide(
        TestIssuer.layer({ clients: [{ ...H.service, scopes: ["read"] }], targets: ["https://a.test"] })
      )
    )
  )
})

describe("token exchange", () => {
  const exchange = (parameters: H.Parameters) =>
    H.token(
      {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token_type: accessTokenType,
        ...parameters
      },
      H.asService
    )

  it.effect("RFC 8693 section 2: subject and actor, several resources and audiences", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const subject_token = yield* issuer.mintAccessToken({ scope: ["read", "write"] })
      const actor_token = yield* issuer.mintAccessToken({ sub: "agent" })
      const { json } = yield* exchange({
        subject_token,
        actor_token,
        actor_token_type: accessTokenType,
        resource: ["https://a.test", "https://b.test"],
        audience: "c",
        scope: "read"
      })
      assert.strictEqual(json["issued_token_type"], accessTokenType)
      assert.strictEqual(json["token_type"], "Bearer")
      const { payload } = yield* H.verify(json["access_token"])
      assert.strictEqual(payload.sub, "alice")
      assert.deepStrictEqual(payload.aud, ["https://a.test", "https://b.test", "c"])
      assert.deepStrictEqual(payload["act"], { sub: "agent", iss: "https://issuer.test" })
      assert.strictEqual(payload["scope"], "read")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 4.1: the chain of actors grows outwards", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const subject_token = yield* issuer.mintAccessToken({ claims: { act: { sub: "first" } } })
      const actor_token = yield* issuer.mintAccessToken({
        sub: "second",
        claims: { iss: "https://issuer.test" }
      })
      const { json } = yield* exchange({ subject_token, actor_token, actor_token_type: accessTokenType })
      const { payload } = yield* H.verify(json["access_token"])
      assert.deepStrictEqual(payload["act"], {
        sub: "second",
        iss: "https://issuer.test",
        act: { sub: "first" }
      })
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 2.2.2: refuses what does not hold", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const good = yield* issuer.mintAccessToken({ scope: ["read"], claims: { may_act: { sub: "agent" } } })
      const other = yield* issuer.mintAccessToken({ sub: "other" })
      const invalid: ReadonlyArray<H.Parameters> = [
        { subject_token: "nonsense" },
        { subject_token: yield* issuer.mintAccessToken({ key: "unpublished" }) },
        { subject_token: yield* issuer.mintAccessToken({ key: "none" }) },
        { subject_token: yield* issuer.mintIdToken() },
        { subject_token: good, subject_token_type: "urn:x" },
        { subject_token: good, subject_token_type: undefined },
        { subject_token: good, actor_token: other },
        { subject_token: good, actor_token: other, actor_token_type: accessTokenType },
        { subject_token: good, requested_token_type: "urn:ietf:params:oauth:token-type:saml2" }
      ]
      for (const parameters of invalid) {
        const { json } = yield* exchange(parameters)
        assert.strictEqual(json["error"], "invalid_request", JSON.stringify(parameters))
      }
      const wider = yield* exchange({ subject_token: good, scope: "read write" })
      assert.strictEqual(wider.json["error"], "invalid_scope")
    }).pipe(Effect.provide(layer))
  )

  it.effect("a token of another issuer, once that is trusted", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const other = yield* TestIssuer.make({ issuer: "https://other.test" })
      const subject_token = yield* other.mintAccessToken({ sub: "bob" })
      const parameters = { subject_token, subject_token_type: "urn:ietf:params:oauth:token-type:jwt" }
      assert.strictEqual((yield* exchange(parameters)).json["error"], "invalid_request")
      yield* issuer.trust(other.issuer, yield* other.jwks)
      const { json } = yield* exchange(parameters)
      assert.strictEqual((yield* H.verify(json["access_token"])).payload.sub, "bob")
    }).pipe(Effect.provide(layer))
  )
})

describe("JWT bearer", () => {
  it.effect("RFC 7523 section 3: an assertion of a trusted issuer, once", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const other = yield* TestIssuer.make({ issuer: "https://other.test" })
      const assertion = yield* other.mintIdToken({
        sub: "bob",
        clientId: issuer.issuer,
        claims: { jti: "1" }
      })
      const ask = H.token(
        { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion },
        H.asService
      )
      assert.strictEqual((yield* ask).json["error"], "invalid_grant")
      yield* issuer.trust(other.issuer, yield* other.jwks)
      assert.strictEqual((yield* H.verify((yield* ask).json["access_token"])).payload.sub, "bob")
      assert.strictEqual((yield* ask).json["error"], "invalid_grant")
    }).pipe(Effect.provide(layer))
  )
})

describe("device code", () => {
  it.effect("RFC 8628 section 3.5: pending, slow_down, then the tokens, once", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { json } = yield* H.post(issuer.urls.device_authorization, { client_id: "app", scope: "notes" })
      const poll = H.token({
        grant_type: "urn:ietf:params:oauth:grant-type:device_code",
        client_id: "app",
        device_code: String(json["device_code"])
      })
      assert.match(String(json["user_code"]), /^[A-Z]{4}-[A-Z]{4}$/)
      assert.strictEqual((yield* poll).json["error"], "authorization_pending")
      assert.strictEqual((yield* poll).json["error"], "slow_down")
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(yield* issuer.decideDevice(String(json["user_code"])))
      const answer = yield* poll
      assert.strictEqual(answer.json["scope"], "notes")
      assert.strictEqual((yield* poll).json["error"], "invalid_grant")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8628 section 3.5: denied and expired", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const start = H.post(issuer.urls.device_authorization, { client_id: "app" })
      const poll = (answer: H.Answer) =>
        H.token({
          grant_type: "urn:ietf:params:oauth:grant-type:device_code",
          client_id: "app",
          device_code: String(answer.json["device_code"])
        })
      const denied = yield* start
      yield* issuer.decideDevice(String(denied.json["user_code"]), TestUser.deny)
      assert.strictEqual((yield* poll(denied)).json["error"], "access_denied")
      const late = yield* start
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual((yield* poll(late)).json["error"], "expired_token")
      assert.isFalse(yield* issuer.decideDevice("NOPE-NOPE"))
    }).pipe(Effect.provide(layer))
  )
})
