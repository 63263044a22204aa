import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as SecretStore from "effect-oauth/SecretStore"
import type { SessionKey } from "effect-oauth/SessionKey"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "../client/support/setup.js"
import * as Faulty from "./support/faulty.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const key: SessionKey = { issuer: H.issuer, clientId: "app", subject: "alice" }
const base = Layer.merge(TokenStore.layerMemory, H.layer())
const app = Layer.provideMerge(TokenManager.layer({ key, source: TokenSource.refreshToken() }), base)

const loggedIn = Effect.gen(function* () {
  const { exchange } = yield* CodeExchange.CodeExchange
  const { tokens } = yield* exchange(yield* H.login({ scope: ["notes", "offline_access"] }))
  const manager = yield* TokenManager.TokenManager
  yield* manager.adopt(tokens)
  return { manager, tokens, issuer: yield* TestIssuer.TestIssuer }
})

const stored = Effect.flatMap(TokenStore.TokenStore, (store) =>
  Effect.map(store.get(key), (entry) => Option.getOrThrow(entry).record)
)

describe("TokenManager.logout", () => {
  it.effect("RFC 7009 section 2.1: revokes the refresh token, then the access token, then deletes", () =>
    Effect.gen(function* () {
      const { issuer, manager, tokens } = yield* loggedIn
      const report = yield* manager.logout
      assert.deepStrictEqual(report, {
        deleted: true,
        revoked: ["refresh_token", "access_token"],
        alive: [],
        failures: []
      })
      const sent = (yield* issuer.requestsTo("revocation")).map(({ form }) => [
        form.get("token_type_hint"),
        form.get("token")
      ])
      assert.deepStrictEqual(sent, [
        ["refresh_token", Option.getOrThrow(Option.map(tokens.refreshToken, Redacted.value))],
        ["access_token", Redacted.value(tokens.accessToken)]
      ])
      const record = yield* stored
      assert.isTrue(Option.isNone(record.tokens))
      assert.deepStrictEqual(record.ended, Option.some("revoked" as const))
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
      yield* R.fails(manager.get, "ReauthorizationRequired", "revoked")
      yield* R.fails(manager.renew(tokens.accessToken), "ReauthorizationRequired", "revoked")
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
      // Twice is not too often.
      assert.deepInclude(yield* manager.logout, { deleted: true, revoked: [], alive: [] })
    }).pipe(Effect.provide(app))
  )

  it.effect(
    "issue 5: where revoking fails the session is deleted all the same, and what lives on is told",
    () =>
      Effect.gen(function* () {
        const { issuer, manager } = yield* loggedIn
        yield* issuer.misbehave("revocation", Misbehaviour.html(502))
        const report = yield* manager.logout
        assert.isTrue(report.deleted)
        assert.deepStrictEqual(report.revoked, [])
        assert.deepStrictEqual(report.alive, ["refresh_token", "access_token"])
        assert.deepStrictEqual(
          report.failures.map(({ _tag }) => _tag),
          ["TransportError", "TransportError"]
        )
        assert.isTrue(Option.isNone((yield* stored).tokens))
        yield* R.fails(manager.get, "ReauthorizationRequired", "revoked")
      }).pipe(Effect.provide(app))
  )

  it.effect("RFC 7009 section 2.2.1: a server that does not revoke access tokens does nothing wrong", () =>
    Effect.gen(function* () {
      const { issuer, manager } = yield* loggedIn
      yield* issuer.misbehave(
        "revocation",
        Misbehaviour.custom((request, honest) =>
          Effect.flatMap(
            Effect.promise(() => request.clone().text()),
            (body) =>
              body.includes("token_type_hint=access_token")
                ? Effect.succeed(Response.json({ error: "unsupported_token_type" }, { status: 400 }))
                : honest
          )
        )
      )
      assert.deepStrictEqual(yield* manager.logout, {
        deleted: true,
        revoked: ["refresh_token"],
        alive: ["access_token"],
        failures: []
      })
    }).pipe(Effect.provide(app))
  )

  it.effect("a program without Revocation is told that all of it lives on", () =>
    Effect.gen(function* () {
      const server = Server.make()
      const manager = yield* R.manage(yield* SecretStore.makeMemory, { source: server.source })
      yield* manager.adopt(yield* server.login)
      assert.deepStrictEqual(yield* manager.logout, {
        deleted: true,
        revoked: [],
        alive: ["refresh_token", "access_token"],
        failures: []
      })
      yield* manager.adopt(yield* server.login)
      yield* TestClock.adjust("2 hours")
      // An access token that has expired is alive no more.
      assert.deepStrictEqual((yield* manager.logout).alive, ["refresh_token"])
    }).pipe(Effect.scoped)
  )

  it.scoped(
    "a store that cannot be written: it is told, nobody gets a token, and logging out again helps",
    () =>
      Effect.gen(function* () {
        let faulty = Faulty.make(yield* SecretStore.makeMemory)
        const shared = yield* R.loggedIn({}, undefined, (inner) => {
          faulty = Faulty.make(inner)
          return faulty.secrets
        })
        faulty.when((_, name) => (name === "get" ? undefined : "fails"))
        const report = yield* shared.manager.logout
        assert.isFalse(report.deleted)
        assert.deepStrictEqual(
          report.failures.map(({ _tag }) => _tag),
          ["TokenStoreError"]
        )
        yield* R.fails(shared.manager.get, "ReauthorizationRequired", "revoked")
        faulty.when(() => undefined)
        yield* R.fails(shared.manager.get, "ReauthorizationRequired", "revoked")
        assert.isTrue((yield* shared.manager.logout).deleted)
        const { record } = Option.getOrThrow(yield* shared.store.get(Server.key))
        assert.isTrue(Option.isNone(record.tokens))
      })
  )

  it.scoped("waits for a refresh that is under way, and deletes what it brings", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const other = yield* R.another(shared)
      yield* TestClock.adjust("1 hour")
      for (const refreshing of [shared.manager, other]) {
        shared.server.script({ before: Effect.sleep("3 seconds") })
        const fiber = yield* Effect.fork(refreshing.get)
        yield* R.settle
        const [report, waited] = yield* R.timed(shared.manager.logout, "500 millis")
        assert.isTrue(waited >= 2500 && waited <= 4500, String(waited))
        assert.isTrue(report.deleted)
        yield* R.asTimePasses(Fiber.await(fiber))
        const { record } = Option.getOrThrow(yield* shared.store.get(Server.key))
        assert.isTrue(Option.isNone(record.tokens))
        yield* shared.manager.adopt(yield* shared.server.login)
        yield* TestClock.adjust("2 hours")
      }
    })
  )

  it.scoped("is not undone by a process that holds the tokens still", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const other = yield* R.another(shared)
      const events = yield* R.listening(other)
      yield* other.get
      yield* shared.manager.logout
      yield* TestClock.adjust("1 hour")
      yield* R.fails(other.get, "ReauthorizationRequired", "revoked")
      yield* R.fails(other.get, "ReauthorizationRequired", "revoked")
      assert.strictEqual((yield* other.state)._tag, "SignedOut")
      assert.deepStrictEqual(yield* events, ["Adopted", "Ended"])
      assert.strictEqual(shared.server.requests(), 0)
    })
  )

  it.scoped("goes on when the caller is interrupted", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const fiber = yield* Effect.fork(shared.manager.logout)
      yield* Effect.repeatN(Effect.yieldNow(), 5)
      yield* Fiber.interrupt(fiber)
      while ((yield* shared.manager.state)._tag !== "SignedOut") yield* R.settle
      yield* R.fails(shared.manager.get, "ReauthorizationRequired", "revoked")
    })
  )

  it.scoped("ends no source that begins by itself", () =>
    Effect.gen(function* () {
      const server = Server.make()
      const manager = yield* R.manage(yield* SecretStore.makeMemory, { source: server.anew })
      const first = yield* manager.get
      assert.isTrue((yield* manager.logout).deleted)
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
      assert.notStrictEqual(Server.accessOf(yield* manager.get), Server.accessOf(first))
    })
  )
})
