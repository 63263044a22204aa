import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Ciba from "effect-oauth/Ciba"
import { CibaTransaction } from "effect-oauth/CibaTransaction"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as P from "./support/polls.js"
import * as H from "./support/setup.js"

/** TestIssuer has no such endpoint: that of devices stands in, and answers what a test says. */
const layerWith = (modes?: ReadonlyArray<string>) =>
  H.layer(
    { clientId: "service", authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret")) },
    {
      metadata: {
        backchannel_authentication_endpoint: `${H.issuer}/device_authorization`,
        backchannel_token_delivery_modes_supported: modes
      }
    }
  )

const layer = layerWith(["poll", "ping"])

const acknowledges = (members: Readonly<Record<string, unknown>> = {}) =>
  H.misbehave(
    "device_authorization",
    Misbehaviour.rawBody(
      JSON.stringify({ auth_req_id: "1c266114-a1be", expires_in: 120, interval: 2, ...members })
    )
  )

const hint: Ciba.Ciba.Hint = { loginHint: "alice@example.com" }

const begin = (request: Partial<Ciba.Ciba.Request> = {}) =>
  Effect.flatMap(Ciba.Ciba, (ciba) => ciba.begin({ hint, ...request }))

const sent = Effect.flatMap(TestIssuer.TestIssuer, (server) =>
  Effect.map(server.requestsTo("device_authorization"), (all) => all.at(-1)?.form ?? new URLSearchParams())
)

/** The person's tokens, as the server sends them. */
const tokensOf = (claims: Readonly<Record<string, unknown>> = {}) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    Effect.map(server.mintIdToken({ clientId: "service", claims }), (id_token): P.Answer => ({
      status: 200,
      body: { access_token: "t", token_type: "Bearer", expires_in: 60, id_token }
    }))
  )

describe("Ciba.begin", () => {
  it.effect("CIBA Core section 7.1: who is to log in, for what, authenticated as the client", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5000)
      yield* acknowledges()
      const transaction = yield* begin({
        scope: ["notes"],
        resource: "https://api.test",
        acrValues: ["urn:a", "urn:b"],
        bindingMessage: "W4SCT",
        userCode: Redacted.make("1234"),
        requestedExpiry: "2 minutes",
        parameters: { vendor: "1" }
      })
      assert.deepStrictEqual(
        [...(yield* sent)],
        [
          ["scope", "notes openid"],
          ["login_hint", "alice@example.com"],
          ["acr_values", "urn:a urn:b"],
          ["binding_message", "W4SCT"],
          ["user_code", "1234"],
          ["requested_expiry", "120"],
          ["resource", "https://api.test"],
          ["vendor", "1"]
        ]
      )
      assert.strictEqual(transaction.interval, 2)
      assert.strictEqual(transaction.expiresAt, 125_000)
      assert.isTrue(Option.isNone(transaction.notificationToken))
      assert.notInclude(JSON.stringify(transaction), "1c266114")
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 7.1: one hint of three, and none that is empty", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      yield* begin({ hint: { loginHintToken: Redacted.make("token") } })
      assert.strictEqual((yield* sent).get("login_hint_token"), "token")
      yield* begin({ hint: { idTokenHint: Redacted.make("id") } })
      assert.strictEqual((yield* sent).get("id_token_hint"), "id")
      assert.isFalse((yield* sent).has("login_hint"))
      const empty: ReadonlyArray<Ciba.Ciba.Hint> = [
        { loginHint: " " },
        { loginHintToken: Redacted.make("") },
        { idTokenHint: Redacted.make("") }
      ]
      for (const one of empty) yield* H.fails(begin({ hint: one }), "ProtocolViolation", "value")
      yield* H.fails(begin({ scope: ["a b"] }), "ProtocolViolation", "value")
      yield* H.fails(begin({ resource: "api" }), "ProtocolViolation", "value")
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* server.count("device_authorization"), 2)
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 7.1: with ping goes a token of 256 bits, another each time", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      const tokens = new Set<string>()
      for (let i = 0; i < 5; i++) {
        const transaction = yield* begin({ ping: true })
        const token = Redacted.value(Option.getOrThrow(transaction.notificationToken))
        assert.match(token, /^[A-Za-z0-9_-]{43}$/)
        assert.strictEqual((yield* sent).get("client_notification_token"), token)
        tokens.add(token)
      }
      assert.strictEqual(tokens.size, 5)
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 4: a server that does not ping is not asked to", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      yield* H.fails(begin({ ping: true }), "DiscoveryError", "unsupported")
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* server.count("device_authorization"), 0)
      yield* begin()
    }).pipe(Effect.provide(layerWith(["poll", "push"])))
  )

  it.effect("CIBA Core section 7.3: what is not as it must be; peers 4c 91: interval", () =>
    Effect.gen(function* () {
      for (const [members, reason] of [
        [{ auth_req_id: undefined }, "missing"],
        [{ auth_req_id: "" }, "missing"],
        [{ auth_req_id: 7 }, "type"],
        [{ auth_req_id: "x".repeat(5000) }, "value"],
        [{ expires_in: undefined }, "missing"],
        [{ expires_in: "120" }, "type"],
        [{ expires_in: -1 }, "value"],
        [{ interval: -5 }, "value"],
        [{ interval: "5" }, "type"],
        [{ interval: 1e9 }, "value"]
      ] as const) {
        yield* acknowledges(members)
        const error = yield* H.fails(begin(), "ProtocolViolation", reason)
        assert.strictEqual(error.member, Object.keys(members)[0])
      }
      yield* acknowledges({ interval: 0 })
      assert.strictEqual((yield* begin()).interval, 5)
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 13: errors of the server are its own", () =>
    Effect.gen(function* () {
      for (const error of ["unknown_user_id", "invalid_binding_message", "missing_user_code"]) {
        yield* H.misbehave("device_authorization", Misbehaviour.oauthError(400, error))
        yield* H.fails(begin(), "OAuthResponseError", error)
      }
    }).pipe(Effect.provide(layer))
  )
})

describe("Ciba.complete", () => {
  it.scoped("CIBA Core section 10.1 and 11: pending, slower, and then who it is", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      const ciba = yield* Ciba.Ciba
      const transaction = yield* begin({ scope: ["notes"] })
      yield* P.script([P.pending, P.slowDown(), yield* tokensOf()])
      const { after } = yield* P.follow(ciba.progress(transaction), 2.4)
      assert.strictEqual((yield* after(2.4))._tag, "Pending")
      assert.strictEqual((yield* after(2.4))._tag, "SlowDown")
      const last = yield* after(8.4)
      if (last._tag !== "Granted") return assert.fail(last._tag)
      assert.strictEqual(last.value.idToken.claims.sub, "alice")
      assert.deepStrictEqual(last.value.tokens.scope, ["notes", "openid"])
      const { form } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "urn:openid:params:grant-type:ciba"],
          ["auth_req_id", "1c266114-a1be"]
        ]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 11: denied, and expired", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      const ciba = yield* Ciba.Ciba
      for (const [error, reason] of [
        ["access_denied", "denied"],
        ["expired_token", "expired"]
      ] as const) {
        yield* P.script([P.refuses(error)])
        const fiber = yield* Effect.fork(ciba.complete(yield* begin()))
        yield* TestClock.adjust("3 seconds")
        yield* H.fails(Fiber.join(fiber), "AuthorizationError", reason)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 10.1.1: the ID token must come, and be right", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      const ciba = yield* Ciba.Ciba
      const transaction = yield* begin()
      yield* P.script([P.granted])
      yield* H.fails(ciba.redeem(transaction), "ProtocolViolation", "missing")
      yield* P.script([yield* tokensOf({ aud: "other" })])
      yield* H.fails(ciba.redeem(transaction), "JwtError", "audience")
      yield* P.script([yield* tokensOf({ nonce: "of another login" })])
      yield* H.fails(ciba.redeem(transaction), "JwtError", "nonce")
    }).pipe(Effect.provide(layer))
  )

  it.effect("a transaction of another client or server costs no request", () =>
    Effect.gen(function* () {
      yield* acknowledges()
      const ciba = yield* Ciba.Ciba
      const transaction = yield* begin()
      for (const other of [{ issuer: "https://other.test" }, { clientId: "other" }]) {
        const foreign = { ...transaction, ...other }
        yield* H.fails(ciba.complete(foreign), "AuthorizationError", "issuer_mismatch")
        yield* H.fails(ciba.redeem(foreign), "AuthorizationError", "issuer_mismatch")
      }
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(Effect.provide(layer))
  )
})

describe("Ciba.notified", () => {
  /** A transaction that waits for a notification, and what the server sends about it. */
  const waiting = Effect.gen(function* () {
    yield* acknowledges()
    const transaction = yield* begin({ ping: true })
    const token = Redacted.value(Option.getOrThrow(transaction.notificationToken))
    return { transaction, token }
  })

  const notified = (notification: Ciba.Ciba.Notification, known: Option.Option<CibaTransaction>) =>
    Effect.flatMap(Ciba.Ciba, (ciba) => ciba.notified(notification, () => Effect.succeed(known)))

  it.effect("CIBA Core section 10.2: the notification of a transaction, which is then redeemed", () =>
    Effect.gen(function* () {
      const ciba = yield* Ciba.Ciba
      const { token, transaction } = yield* waiting
      const asked: Array<string> = []
      const found = yield* ciba.notified(
        { headers: { Authorization: `Bearer ${token}` }, body: '{"auth_req_id":"1c266114-a1be"}' },
        (id) => {
          asked.push(id)
          return Effect.succeed(Option.some(transaction))
        }
      )
      assert.deepStrictEqual(asked, ["1c266114-a1be"])
      yield* P.script([yield* tokensOf()])
      assert.strictEqual((yield* ciba.redeem(found)).idToken.claims.sub, "alice")
      yield* notified(
        { headers: { authorization: `bearer ${token}` }, body: { auth_req_id: "1c266114-a1be", more: 1 } },
        Option.some(transaction)
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("CIBA Core section 10.2: another token, none, another request, or none of ours", () =>
    Effect.gen(function* () {
      const { token, transaction } = yield* waiting
      const known = Option.some(transaction)
      const body = { auth_req_id: "1c266114-a1be" }
      const right = { headers: { authorization: `Bearer ${token}` }, body }
      for (const authorization of [
        undefined,
        "",
        "Bearer ",
        "Bearer x",
        `Bearer ${token}x`,
        `Bearer ${token.slice(0, -1)}`,
        `Basic ${token}`,
        token,
        `Bearer ${token}, Bearer ${token}`,
        [`Bearer ${token}`, `Bearer ${token}`]
      ]) {
        yield* H.fails(
          notified({ headers: { authorization }, body }, known),
          "AuthorizationError",
          "state_mismatch"
        )
      }
      yield* H.fails(notified(right, Option.none()), "AuthorizationError", "state_mismatch")
      yield* H.fails(
        notified({ ...right, body: { auth_req_id: "another" } }, known),
        "AuthorizationError",
        "state_mismatch"
      )
      const error = yield* H.fails(
        notified(
          { headers: { authorization: "Bearer " }, body },
          Option.some({ ...transaction, notificationToken: Option.none() })
        ),
        "AuthorizationError",
        "state_mismatch"
      )
      assert.notInclude(JSON.stringify(error), token)
    }).pipe(Effect.provide(layer))
  )

  it.effect("what does not tell an auth_req_id is malformed, and nobody is looked up", () =>
    Effect.gen(function* () {
      const ciba = yield* Ciba.Ciba
      const { token } = yield* waiting
      const headers = { authorization: `Bearer ${token}` }
      for (const body of [
        undefined,
        null,
        "",
        "{",
        "[]",
        '"1c266114-a1be"',
        '{"auth_req_id":7}',
        '{"auth_req_id":""}',
        `{"auth_req_id":"${"x".repeat(9000)}"}`,
        [],
        { auth_req_id: ["1c266114-a1be"] },
        { auth_req_id: "x".repeat(9000) }
      ]) {
        yield* H.fails(
          ciba.notified({ headers, body }, () => Effect.dieMessage("looked up")),
          "AuthorizationError",
          "malformed"
        )
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("a transaction can be kept: encoded and decoded it is the same", () =>
    Effect.gen(function* () {
      const { token, transaction } = yield* waiting
      const text = JSON.stringify(yield* Schema.encode(CibaTransaction)(transaction))
      const again = yield* Schema.decodeUnknown(CibaTransaction)(JSON.parse(text))
      yield* notified(
        { headers: { authorization: `Bearer ${token}` }, body: { auth_req_id: "1c266114-a1be" } },
        Option.some(again)
      )
      assert.notInclude(JSON.stringify(transaction), token)
    }).pipe(Effect.provide(layer))
  )
})
