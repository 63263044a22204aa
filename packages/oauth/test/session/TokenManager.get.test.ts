import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as SecretStore from "effect-oauth/SecretStore"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const { accessOf } = Server

describe("TokenManager.get", () => {
  it.scoped("issue 5: tokens that are good for the leeway are given as they are", () =>
    Effect.gen(function* () {
      const { manager, server, tokens } = yield* R.loggedIn()
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
      // The leeway is a minute, and up to a tenth more.
      yield* TestClock.adjust("3533999 millis")
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
      assert.strictEqual(server.requests(), 0)
      yield* TestClock.adjust("6001 millis")
      const renewed = yield* manager.get
      assert.notStrictEqual(accessOf(renewed), accessOf(tokens))
      assert.deepStrictEqual(renewed.expiresAt, Option.some(3_540_000 + 3_600_000))
      assert.strictEqual(server.requests(), 1)
    })
  )

  it.scoped("issue 5: each manager adds up to a tenth to the leeway, and not all the same", () =>
    Effect.gen(function* () {
      const seen = new Set<number>()
      for (let i = 0; i < 8; i++) {
        const { manager, server } = yield* R.loggedIn({ leeway: "1000 seconds" })
        yield* TestClock.adjust("2499 seconds")
        yield* manager.get
        assert.strictEqual(server.requests(), 0)
        for (let second = 2500; server.requests() === 0; second += 5) {
          yield* TestClock.adjust("5 seconds")
          yield* manager.get
          if (server.requests() > 0) seen.add(second)
        }
      }
      assert.isAbove(seen.size, 2)
      for (const second of seen) assert.isTrue(second >= 2500 && second <= 2600, String(second))
    })
  )

  it.scoped("a token that lives for less than twice the leeway is given for half of its life", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn({}, 60)
      yield* TestClock.adjust("29 seconds")
      yield* manager.get
      assert.strictEqual(server.requests(), 0)
      yield* TestClock.adjust("1 second")
      yield* manager.get
      assert.strictEqual(server.requests(), 1)
      yield* manager.get
      assert.strictEqual(server.requests(), 1)
    })
  )

  it.scoped("RFC 6749 section 5.1: a token without expires_in is good until it is refused", () =>
    Effect.gen(function* () {
      const { manager, server, tokens } = yield* R.loggedIn()
      yield* manager.adopt({ ...tokens, expiresAt: Option.none() })
      yield* TestClock.adjust("1000 days")
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
      assert.strictEqual(server.requests(), 0)
      assert.notStrictEqual(accessOf(yield* manager.renew(tokens.accessToken)), accessOf(tokens))
      assert.strictEqual(server.requests(), 1)
    })
  )

  it.scoped("without a session there is none, and nothing is sent", () =>
    Effect.gen(function* () {
      const server = Server.make()
      const manager = yield* R.manage(yield* SecretStore.makeMemory, { source: server.source })
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
      yield* R.fails(manager.get, "ReauthorizationRequired", "no_session")
      yield* R.fails(manager.renew(Redacted.make("x")), "ReauthorizationRequired", "no_session")
      assert.strictEqual(server.requests(), 0)
      assert.strictEqual((yield* manager.state)._tag, "SignedOut")
    })
  )

  it.scoped("without a refresh token the session ends with the access token", () =>
    Effect.gen(function* () {
      const { manager, server, tokens } = yield* R.loggedIn()
      yield* manager.adopt({ ...tokens, refreshToken: Option.none() })
      yield* TestClock.adjust("3590 seconds")
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
      yield* TestClock.adjust("10 seconds")
      yield* R.fails(manager.get, "ReauthorizationRequired", "expired")
      assert.deepStrictEqual(yield* manager.state, { _tag: "Ended", reason: "expired" })
      yield* manager.adopt(yield* server.login)
      yield* manager.get
      assert.strictEqual((yield* manager.state)._tag, "Active")
    })
  )

  it.scoped("DESIGN 7: a thousand callers that come and go make one refresh", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      server.script({ before: Effect.sleep("2 seconds") })
      const all = yield* R.asTimePasses(
        Effect.forEach(
          Array.from({ length: 1000 }, (_, i) => i),
          (i) => (i % 3 === 0 ? Effect.timeoutOption(manager.get, "1 second") : Effect.asSome(manager.get)),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(server.requests(), 1)
      assert.strictEqual(all.filter(Option.isSome).length, 666)
      assert.strictEqual(new Set(all.filter(Option.isSome).map(({ value }) => accessOf(value))).size, 1)
    })
  )

  it.scoped("a thousand callers that were refused with the same token make one refresh", () =>
    Effect.gen(function* () {
      const { manager, server, tokens } = yield* R.loggedIn()
      server.script({ before: Effect.sleep("1 second") })
      const renewed = yield* R.asTimePasses(
        Effect.forEach(
          Array.from({ length: 1000 }, (_, i) => i),
          (i) => Effect.delay(manager.renew(tokens.accessToken), i),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(server.requests(), 1)
      assert.strictEqual(new Set(renewed.map(accessOf)).size, 1)
      assert.notStrictEqual(accessOf(yield* manager.get), accessOf(tokens))
    })
  )

  it.scoped("who was refused while others look at the store gets another token all the same", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const manager = yield* R.another(shared)
      const [, renewed] = yield* Effect.all([manager.get, manager.renew(shared.tokens.accessToken)], {
        concurrency: "unbounded"
      })
      assert.notStrictEqual(accessOf(renewed), accessOf(shared.tokens))
      assert.strictEqual(shared.server.requests(), 1)
    })
  )

  it.scoped("a server that gives the refused token again is asked once", () =>
    Effect.gen(function* () {
      const { manager, tokens, server } = yield* R.loggedIn()
      const stubborn = yield* R.manage(yield* SecretStore.makeMemory, {
        source: { ...server.source, canRenew: () => true, renew: () => Effect.succeed(tokens) }
      })
      assert.strictEqual(accessOf(yield* stubborn.renew(tokens.accessToken)), accessOf(tokens))
      assert.strictEqual(accessOf(yield* stubborn.get), accessOf(tokens))
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
    })
  )

  it.scoped("peers 2 row 16: what fails changes nothing; while the token is good it is given", () =>
    Effect.gen(function* () {
      const { manager, server, store, tokens } = yield* R.loggedIn()
      yield* TestClock.adjust("3550 seconds")
      server.script({ ignored: true, error: Server.status(502) }, { ignored: true })
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
      assert.strictEqual((yield* manager.state)._tag, "Active")
      yield* TestClock.adjust("50 seconds")
      yield* R.fails(manager.get, "TransportError", "unreachable")
      const kept = Option.getOrThrow(yield* store.get(Server.key))
      assert.deepStrictEqual(Option.map(kept.record.tokens, accessOf), Option.some(accessOf(tokens)))
      assert.isTrue(Option.isNone(kept.record.lease))
      assert.notStrictEqual(accessOf(yield* manager.get), accessOf(tokens))
      assert.strictEqual(server.requests(), 3)
    })
  )

  it.scoped("a refused token is given to nobody, also when it cannot be renewed", () =>
    Effect.gen(function* () {
      const { manager, server, tokens } = yield* R.loggedIn()
      server.script({ ignored: true, error: Server.status(502) })
      yield* R.fails(manager.renew(tokens.accessToken), "TransportError", "status")
      assert.notStrictEqual(accessOf(yield* manager.get), accessOf(tokens))
    })
  )

  it.scoped("RFC 9110 section 10.2.3: Retry-After is honoured, five minutes at most", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      server.script(
        { ignored: true, error: Server.status(429, 20) },
        { ignored: true, error: Server.status(503, 999_999_999) }
      )
      yield* R.fails(manager.get, "TransportError", "status")
      yield* TestClock.adjust("19 seconds")
      yield* R.fails(manager.get, "TransportError", "status")
      assert.strictEqual(server.requests(), 1)
      yield* TestClock.adjust("1 second")
      yield* R.fails(manager.get, "TransportError", "status")
      assert.strictEqual(server.requests(), 2)
      yield* TestClock.adjust("299 seconds")
      yield* R.fails(manager.get, "TransportError", "status")
      assert.strictEqual(server.requests(), 2)
      yield* TestClock.adjust("1 second")
      yield* manager.get
      assert.strictEqual(server.requests(), 3)
    })
  )

  it.scoped("RFC 6749 section 5.2: an error of the client's own is no end of the session", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      const wrongSecret = Object.assign(Server.invalidGrant(), {
        error: "invalid_client",
        reason: "invalid_client"
      })
      server.script({ ignored: true, error: wrongSecret })
      yield* R.fails(manager.get, "OAuthResponseError", "invalid_client")
      yield* manager.get
      assert.strictEqual((yield* manager.state)._tag, "Active")
    })
  )

  it.scoped("RFC 6749 section 5.2: invalid_grant ends it, once, until the next login", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn()
      const events = yield* R.listening(manager)
      yield* TestClock.adjust("1 hour")
      server.script({ ignored: true, error: Server.invalidGrant() })
      yield* R.fails(manager.get, "ReauthorizationRequired", "refused")
      yield* R.fails(manager.get, "ReauthorizationRequired", "refused")
      assert.deepStrictEqual(yield* manager.state, { _tag: "Ended", reason: "refused" })
      assert.strictEqual(server.requests(), 1)
      yield* manager.adopt(yield* server.login)
      yield* manager.get
      assert.deepStrictEqual(yield* events, ["Ended", "Acquired"])
    })
  )

  it.scoped("tokens of another issuer are no session with this one", () =>
    Effect.gen(function* () {
      const { manager, tokens } = yield* R.loggedIn()
      const other = { ...tokens, issuer: "https://other.test" }
      yield* R.fails(manager.adopt(other), "TokenStoreError", "conflict")
      assert.strictEqual((yield* manager.get).issuer, Server.issuer)
      const bent = yield* R.manage(yield* SecretStore.makeMemory, {
        source: { ...Server.make().anew, renew: () => Effect.succeed(other) }
      })
      yield* R.fails(bent.get, "TokenStoreError", "conflict")
    })
  )
})
