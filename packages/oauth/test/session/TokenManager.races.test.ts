import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { TokenStoreError } from "effect-oauth/OAuthError"
import { Revocation } from "effect-oauth/Revocation"
import * as SecretStore from "effect-oauth/SecretStore"
import type * as TokenManager from "effect-oauth/TokenManager"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Gated from "./support/gated.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const { accessOf } = Server
const refreshOf = ({ refreshToken }: TokenSet) => Redacted.value(Option.getOrThrow(refreshToken))

/** Two processes with a store and a server in common; the storage of the first can stand still, and its revocations. */
const two = Effect.gen(function* () {
  const memory = yield* SecretStore.makeMemory
  const store = TokenStore.make(memory)
  const gated = Gated.make(memory)
  const server = Server.make()
  const revoked: Array<string> = []
  const asked = yield* Deferred.make<void>()
  const going = yield* Deferred.make<void>()
  yield* Deferred.succeed(going, undefined)
  let gate = { asked, going }
  const revocation: Revocation.Service = {
    revoke: (token) =>
      Effect.suspend(() => {
        revoked.push(Redacted.value(token))
        return Effect.zipRight(Deferred.succeed(gate.asked, undefined), Deferred.await(gate.going))
      }),
    revokeAll: () => Effect.void
  }
  const manage = (
    secrets: SecretStore.SecretStore.Service,
    options: Partial<TokenManager.TokenManager.Options> = {}
  ) => Effect.provideService(R.manage(secrets, { source: server.source, ...options }), Revocation, revocation)
  return {
    memory,
    store,
    gated,
    server,
    revoked,
    manage,
    first: yield* manage(gated.secrets),
    second: yield* manage(memory),
    /** From now on a revocation stands still until it is let go. */
    holdRevocations: Effect.gen(function* () {
      gate = { asked: yield* Deferred.make<void>(), going: yield* Deferred.make<void>() }
      return {
        reached: Deferred.await(gate.asked),
        open: Effect.asVoid(Deferred.succeed(gate.going, undefined))
      }
    }),
    record: Effect.map(store.get(Server.key), (entry) => Option.getOrThrow(entry).record)
  }
})

const tokensIn = ({ record }: Effect.Effect.Success<typeof two>) =>
  Effect.map(record, ({ tokens }) => Option.getOrUndefined(Option.map(tokens, accessOf)))

const renewed = (manager: R.Manager) =>
  Effect.flatMap(manager.get, ({ accessToken }) => manager.renew(accessToken))

describe("a logout while others refresh", () => {
  it.scoped("RFC 7009 section 2.1: nobody refreshes a session that is being revoked", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, revoked, second, server } = shared
      const login = yield* server.login
      yield* first.adopt(login)
      yield* second.get
      const revoking = yield* shared.holdRevocations
      const leaving = yield* Effect.fork(first.logout)
      yield* revoking.reached
      const refreshing = yield* Effect.fork(Effect.either(second.renew(login.accessToken)))
      yield* R.pass("1 second", "200 millis")
      assert.strictEqual(server.requests(), 0)
      yield* revoking.open
      assert.deepStrictEqual(yield* Fiber.join(leaving), {
        deleted: true,
        revoked: ["refresh_token", "access_token"],
        alive: [],
        failures: []
      })
      const other = yield* R.asTimePasses(Fiber.join(refreshing), "200 millis")
      assert.strictEqual(other._tag === "Left" ? other.left.reason : "tokens", "revoked")
      assert.deepStrictEqual(revoked, [refreshOf(login), accessOf(login)])
      assert.strictEqual(server.requests(), 0)
      assert.isUndefined(yield* tokensIn(shared))
    })
  )

  it.scoped("whose lease cannot be written, what was refreshed from it meanwhile is revoked as well", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { revoked, second, server } = shared
      let writes = 0
      const first = yield* shared.manage({
        ...shared.memory,
        compareAndSet: (...args) =>
          Effect.suspend(() =>
            ++writes > 2
              ? shared.memory.compareAndSet(...args)
              : new TokenStoreError({ operation: "test", reason: "unavailable", message: "Not now." })
          )
      })
      const login = yield* server.login
      yield* second.adopt(login)
      const revoking = yield* shared.holdRevocations
      const leaving = yield* Effect.fork(first.logout)
      yield* revoking.reached
      const next = yield* second.renew(login.accessToken)
      yield* revoking.open
      const report = yield* R.asTimePasses(Fiber.join(leaving))
      assert.deepInclude(report, { deleted: true, alive: [] })
      assert.deepStrictEqual(revoked, [refreshOf(login), accessOf(login), refreshOf(next), accessOf(next)])
      assert.isUndefined(yield* tokensIn(shared))
      yield* TestClock.adjust("1 hour")
      yield* R.fails(second.get, "ReauthorizationRequired", "revoked")
    })
  )

  it.scoped("tokens that others could not save come to light and are revoked as well", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, gated, revoked, second, server } = shared
      const login = yield* server.login
      yield* second.adopt(login)
      yield* first.get
      // The first has refreshed, and its record waits before the store.
      server.script({ after: Effect.sleep("1 second") })
      const refreshing = yield* Effect.fork(first.renew(login.accessToken))
      yield* R.settle
      const saving = yield* gated.close("compareAndSet", "before")
      yield* TestClock.adjust("1 second")
      yield* saving.reached
      // Its lease is over.
      yield* TestClock.adjust("5 seconds")
      yield* shared.store.put(Server.key, { ...(yield* shared.record), lease: Option.none() })
      const revoking = yield* shared.holdRevocations
      const leaving = yield* Effect.fork(second.logout)
      yield* revoking.reached
      yield* saving.open
      yield* R.settle
      yield* revoking.open
      assert.deepInclude(yield* R.asTimePasses(Fiber.join(leaving)), { deleted: true, alive: [] })
      yield* Fiber.await(refreshing)
      assert.include(revoked, "canary-refresh-2")
      assert.isUndefined(yield* tokensIn(shared))
      yield* TestClock.adjust("2 hours")
      for (const manager of [first, second]) yield* R.fails(manager.get, "ReauthorizationRequired", "revoked")
    })
  )

  it.scoped("a refresh that comes back after the logout is revoked by whoever made it", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, revoked, second, server } = shared
      const login = yield* server.login
      yield* second.adopt(login)
      yield* first.get
      server.script({ after: Effect.sleep("5 seconds") })
      const refreshing = yield* Effect.fork(Effect.either(first.renew(login.accessToken)))
      yield* R.pass("1 second", "200 millis")
      // As when the lease was over before that.
      yield* shared.store.put(Server.key, { ...(yield* shared.record), lease: Option.none() })
      assert.isTrue((yield* R.asTimePasses(second.logout)).deleted)
      assert.notInclude(revoked, "canary-refresh-2")
      yield* R.pass("6 seconds")
      const result = yield* Fiber.join(refreshing)
      assert.strictEqual(result._tag === "Left" ? result.left.reason : "tokens", "revoked")
      assert.include(revoked, "canary-refresh-2")
      assert.isUndefined(yield* tokensIn(shared))
    })
  )
})

describe("a login that was reported as not saved", () => {
  it.scoped("gives way to what others refreshed from it: nothing is spent twice", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, gated, second, server } = shared
      const login = yield* server.login
      gated.lie("compareAndSet")
      yield* R.fails(first.adopt(login), "TokenStoreError", "unavailable")
      const next = yield* renewed(second)
      yield* R.pass("5 seconds")
      assert.strictEqual(yield* tokensIn(shared), accessOf(next))
      assert.notStrictEqual(accessOf(yield* first.renew(login.accessToken)), accessOf(login))
      yield* renewed(first)
      yield* renewed(second)
      assert.strictEqual(server.reuses(), 0)
    })
  )

  it.scoped("and between the write and its answer it does as well", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, gated, second, server } = shared
      const login = yield* server.login
      const answer = yield* gated.close("compareAndSet", "after")
      const adopting = yield* Effect.fork(first.adopt(login))
      yield* answer.reached
      const next = yield* renewed(second)
      const again = yield* Effect.fork(first.renew(login.accessToken))
      yield* R.settle
      yield* answer.open
      yield* Fiber.join(adopting)
      assert.strictEqual(accessOf(yield* R.asTimePasses(Fiber.join(again))), accessOf(next))
      assert.strictEqual(server.reuses(), 0)
    })
  )

  it.scoped("counts more than a session that others refresh, which it takes the place of", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, gated, second, server } = shared
      yield* second.adopt(yield* server.login)
      yield* first.get
      const login = yield* server.login
      const writing = yield* gated.close("compareAndSet", "before")
      const adopting = yield* Effect.fork(first.adopt(login))
      yield* writing.reached
      yield* renewed(second)
      yield* writing.open
      yield* Fiber.join(adopting)
      assert.strictEqual(yield* tokensIn(shared), accessOf(login))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* R.asTimePasses(renewed(second))).issuer, Server.issuer)
      assert.strictEqual(server.reuses(), 0)
    })
  )
})

describe("a look at the store that began before a login", () => {
  const kept = {
    "another session": (tokens: TokenSet) => ({ ...TokenStore.emptyRecord, tokens: Option.some(tokens) }),
    "the mark of a logout": () => ({ ...TokenStore.emptyRecord, ended: Option.some("revoked" as const) })
  }
  for (const [what, recordOf] of Object.entries(kept)) {
    for (const how of ["state", "get"] as const) {
      it.scoped(`with ${how}, and finds ${what}: the login counts`, () =>
        Effect.gen(function* () {
          const shared = yield* two
          const { first, gated, server } = shared
          yield* shared.store.put(Server.key, recordOf(yield* server.login))
          const answer = yield* gated.close("get", "after")
          const looking = yield* Effect.fork<unknown, never, never>(
            how === "get" ? Effect.exit(first.get) : first.state
          )
          yield* answer.reached
          const login = yield* server.login
          yield* first.adopt(login)
          yield* answer.open
          yield* Fiber.join(looking)
          assert.strictEqual(accessOf(yield* first.get), accessOf(login))
          assert.strictEqual(yield* tokensIn(shared), accessOf(login))
          assert.strictEqual((yield* first.state)._tag, "Active")
          assert.notStrictEqual(accessOf(yield* renewed(first)), accessOf(login))
          assert.strictEqual(server.reuses(), 0)
        })
      )
    }
  }
})

describe("a login while a logout is under way", () => {
  const moments = {
    "its first look": (shared: Effect.Effect.Success<typeof two>) => shared.gated.close("get", "before"),
    "the answer to that": (shared: Effect.Effect.Success<typeof two>) => shared.gated.close("get", "after"),
    "its lease": (shared: Effect.Effect.Success<typeof two>) => shared.gated.close("compareAndSet", "before"),
    "the answer to its lease": (shared: Effect.Effect.Success<typeof two>) =>
      shared.gated.close("compareAndSet", "after"),
    "its revocations": (shared: Effect.Effect.Success<typeof two>) => shared.holdRevocations
  }
  for (const [moment, close] of Object.entries(moments)) {
    it.scoped(`at ${moment}: is another session, and stays`, () =>
      Effect.gen(function* () {
        const shared = yield* two
        const { first, revoked, second, server } = shared
        const before = yield* server.login
        yield* first.adopt(before)
        const gate = yield* close(shared)
        const leaving = yield* Effect.fork(first.logout)
        yield* gate.reached
        const login = yield* server.login
        const adopting = yield* Effect.fork(first.adopt(login))
        yield* R.settle
        yield* gate.open
        yield* Fiber.join(adopting)
        const report = yield* R.asTimePasses(Fiber.join(leaving))
        assert.deepInclude(report, { deleted: true, alive: [] })
        assert.deepStrictEqual(revoked, [refreshOf(before), accessOf(before)])
        assert.strictEqual(yield* tokensIn(shared), accessOf(login))
        for (const manager of [first, second])
          assert.strictEqual(accessOf(yield* manager.get), accessOf(login))
        // Whoever logs out after that login means that one.
        assert.deepInclude(yield* R.asTimePasses(first.logout), { deleted: true, alive: [] })
        assert.include(revoked, refreshOf(login))
        assert.isUndefined(yield* tokensIn(shared))
      })
    )
  }

  it.scoped("and a logout that is asked for after it, before the first has ended, is another one", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, revoked, server } = shared
      yield* first.adopt(yield* server.login)
      const revoking = yield* shared.holdRevocations
      const leaving = yield* Effect.fork(first.logout)
      yield* revoking.reached
      const login = yield* server.login
      yield* first.adopt(login)
      const again = yield* Effect.fork(first.logout)
      yield* R.settle
      yield* revoking.open
      yield* Fiber.join(leaving)
      assert.isTrue((yield* R.asTimePasses(Fiber.join(again))).deleted)
      assert.include(revoked, refreshOf(login))
      assert.isUndefined(yield* tokensIn(shared))
      yield* R.fails(first.get, "ReauthorizationRequired", "revoked")
    })
  )
})

describe("records of a session", () => {
  it.scoped("that do not say of which login they are go on, and say it after the first refresh", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, second, server } = shared
      yield* shared.store.put(Server.key, {
        ...TokenStore.emptyRecord,
        tokens: Option.some(yield* server.login)
      })
      yield* first.get
      yield* renewed(second)
      yield* renewed(first)
      yield* renewed(second)
      assert.strictEqual((yield* shared.record).login?.refreshes, 2)
      assert.strictEqual(server.reuses(), 0)
      assert.isTrue((yield* R.asTimePasses(first.logout)).deleted)
      yield* TestClock.adjust("2 hours")
      yield* R.fails(second.get, "ReauthorizationRequired", "revoked")
    })
  )

  it.scoped("that a store has lost are put back over what it had before: nothing is spent twice", () =>
    Effect.gen(function* () {
      const shared = yield* two
      const { first, second, server } = shared
      yield* first.adopt(yield* server.login)
      const before = yield* shared.record
      const next = yield* renewed(first)
      yield* shared.store.put(Server.key, before)
      yield* TestClock.adjust("1 hour")
      yield* first.get
      yield* renewed(second)
      assert.notStrictEqual(yield* tokensIn(shared), accessOf(next))
      assert.strictEqual(server.reuses(), 0)
    })
  )
})
