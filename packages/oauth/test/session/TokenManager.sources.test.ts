import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import * as Telemetry from "effect-oauth/Telemetry"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as H from "../client/support/setup.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const key = { issuer: H.issuer, clientId: "service" }
const service = Layer.merge(
  TokenStore.layerMemory,
  H.layer({
    clientId: "service",
    authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
  })
)

describe("sources", () => {
  it.scoped("RFC 6749 section 4.4: client credentials need no session to begin", () =>
    Effect.gen(function* () {
      const source = TokenSource.clientCredentials({ scope: ["notes"] })
      const manager = yield* TokenManager.make({ key, source })
      const events = yield* R.listening(manager)
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
      const first = yield* manager.get
      assert.deepStrictEqual(first.scope, ["notes"])
      // Another process finds it in the store.
      const other = yield* TokenManager.make({ key, source })
      assert.strictEqual(Server.accessOf(yield* other.get), Server.accessOf(first))
      yield* TestClock.adjust("1 hour")
      assert.notStrictEqual(Server.accessOf(yield* manager.get), Server.accessOf(first))
      const issuer = yield* TestIssuer.TestIssuer
      const sent = (yield* issuer.requestsTo("token")).map(({ form }) => form.get("grant_type"))
      assert.deepStrictEqual(sent, ["client_credentials", "client_credentials"])
      assert.deepStrictEqual(yield* events, ["Acquired", "Refreshed"])
    }).pipe(Effect.provide(service))
  )

  it.scoped("RFC 8693: a token exchange takes the subject token of another manager, as it is then", () =>
    Effect.gen(function* () {
      const person = yield* TokenManager.make({
        key: { ...key, subject: "alice" },
        source: TokenSource.clientCredentials()
      })
      const manager = yield* TokenManager.make({
        key: { ...key, resource: ["https://api.test"] },
        source: TokenSource.tokenExchange({
          subjectToken: Effect.map(person.get, ({ accessToken }) => accessToken),
          resource: "https://api.test"
        })
      })
      yield* manager.get
      yield* TestClock.adjust("1 hour")
      yield* manager.get
      const issuer = yield* TestIssuer.TestIssuer
      const sent = (yield* issuer.requestsTo("token")).map(({ form }) => form.get("subject_token"))
      assert.strictEqual(sent.filter((one) => one !== null).length, 2)
      assert.strictEqual(new Set(sent).size, 3)
    }).pipe(Effect.provide(service))
  )

  it.scoped("RFC 7523 section 2.1: an assertion is asked for each time, and a refused one ends nothing", () =>
    Effect.gen(function* () {
      let count = 0
      const assertion = Effect.sync(() => Redacted.make(`not.a.jwt${count++}`))
      const manager = yield* TokenManager.make({ key, source: TokenSource.jwtBearer({ assertion }) })
      yield* R.fails(manager.get, "OAuthResponseError", "invalid_grant")
      yield* R.fails(manager.get, "OAuthResponseError", "invalid_grant")
      assert.strictEqual(count, 2)
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
    }).pipe(Effect.provide(service))
  )

  it.scoped("RFC 8628: a login on another device is a session like any other", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const device = yield* DeviceAuthorization.DeviceAuthorization
      const manager = yield* TokenManager.make({
        key: { issuer: H.issuer, clientId: "app" },
        source: TokenSource.refreshToken()
      })
      const transaction = yield* device.begin({ scope: ["notes", "offline_access"] })
      yield* issuer.decideDevice(transaction.userCode, TestUser.consent())
      const fiber = yield* Effect.fork(device.complete(transaction))
      const tokens = yield* R.asTimePasses(Fiber.join(fiber))
      yield* manager.adopt("tokens" in tokens ? tokens.tokens : tokens)
      yield* TestClock.adjust("1 hour")
      yield* manager.get
      assert.strictEqual((yield* manager.state)._tag, "Active")
    }).pipe(Effect.provide(Layer.merge(TokenStore.layerMemory, H.layer())))
  )

  it.scoped("refreshAhead: nobody waits for a refresh, and without a session none is tried", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn({ refreshAhead: true })
      yield* R.pass("58 minutes", "30 seconds")
      // Two leeways before the end at the latest.
      assert.strictEqual(shared.server.requests(), 1)
      assert.strictEqual(Server.accessOf(yield* shared.manager.get), "canary-access-2")
      yield* shared.manager.logout
      yield* R.pass("2 hours", "1 minute")
      assert.strictEqual(shared.server.requests(), 1)
    })
  )

  it.scoped(
    "refreshAhead: a server that is down is tried less and less often, and the token is given still",
    () =>
      Effect.gen(function* () {
        const { manager, server } = yield* R.loggedIn({ refreshAhead: true })
        server.script(...Array.from({ length: 100 }, () => ({ ignored: true, error: Server.status(502) })))
        yield* R.pass("57 minutes", "30 seconds")
        assert.strictEqual(server.requests(), 0)
        yield* R.pass("150 seconds", "1 second")
        assert.isTrue(server.requests() >= 3 && server.requests() <= 6, String(server.requests()))
        assert.strictEqual((yield* manager.state)._tag, "Active")
        const before = server.requests()
        yield* R.pass("1 hour", "30 seconds")
        assert.isAtMost(server.requests() - before, 14)
        assert.strictEqual(server.reuses(), 0)
      })
  )

  it.scoped("peers 2 row 34: a background refresh that is refused ends the session, and begins nothing", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn({ refreshAhead: true })
      const events = yield* R.listening(manager)
      server.script({ ignored: true, error: Server.invalidGrant() })
      yield* R.pass("1 hour", "30 seconds")
      // On a busy machine what has been sent takes a while to come back.
      yield* Effect.repeat(R.settle, {
        times: 200,
        until: () => Effect.map(manager.state, ({ _tag }) => _tag === "Ended")
      })
      assert.deepStrictEqual(yield* manager.state, { _tag: "Ended", reason: "refused" })
      yield* R.pass("1 hour", "1 minute")
      assert.strictEqual(server.requests(), 1)
      assert.deepStrictEqual(yield* events, ["Ended"])
    })
  )

  it.scoped("oauth_refreshes counts what came of each, by source", () =>
    Effect.gen(function* () {
      const counted = (outcome: string) =>
        Effect.map(
          Metric.value(
            Metric.tagged(Metric.tagged(Telemetry.refreshes, "source", "refresh_token"), "outcome", outcome)
          ),
          ({ count }) => count
        )
      const outcomes = ["success", "TransportError", "ReauthorizationRequired"]
      const before = yield* Effect.forEach(outcomes, counted)
      const { manager, server, tokens } = yield* R.loggedIn()
      server.script({ ignored: true }, {}, { ignored: true, error: Server.invalidGrant() })
      yield* Effect.exit(manager.renew(tokens.accessToken))
      const { accessToken } = yield* manager.renew(tokens.accessToken)
      yield* Effect.exit(manager.renew(accessToken))
      const after = yield* Effect.forEach(outcomes, counted)
      assert.deepStrictEqual(
        after.map((count, i) => count - (before[i] ?? 0)),
        [1, 1, 1]
      )
    })
  )
})
