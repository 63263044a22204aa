import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as SecretStore from "effect-oauth/SecretStore"
import * as Faulty from "./support/faulty.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const { accessOf } = Server

const started = (options: Parameters<typeof R.loggedIn>[0] = {}) =>
  Effect.gen(function* () {
    let faulty = Faulty.make(yield* SecretStore.makeMemory)
    const shared = yield* R.loggedIn(options, undefined, (inner) => {
      faulty = Faulty.make(inner)
      return faulty.secrets
    })
    yield* TestClock.adjust("1 hour")
    return { ...shared, faulty }
  })

const stored = ({ store }: Effect.Effect.Success<ReturnType<typeof started>>) =>
  Effect.map(
    store.get(Server.key),
    Option.flatMap(({ record }) => Option.map(record.tokens, accessOf))
  )

describe("a store that fails", () => {
  for (const operation of [0, 1, 2]) {
    for (const fault of ["fails", "lies", "dies", "dies after"] as const) {
      it.scoped(`issue 5: at operation ${operation} of a refresh, it ${fault}: nothing is lost`, () =>
        Effect.gen(function* () {
          const shared = yield* started()
          shared.faulty.when((at) => (at === operation ? fault : undefined))
          const first = yield* R.asTimePasses(Effect.either(shared.manager.get))
          shared.faulty.when(() => undefined)
          const again = yield* R.asTimePasses(shared.manager.get)
          if (first._tag === "Right") assert.strictEqual(accessOf(again), accessOf(first.right))
          yield* R.pass("5 seconds")
          assert.deepStrictEqual(yield* stored(shared), Option.some(accessOf(again)))
          assert.strictEqual(shared.server.reuses(), 0)
          const other = yield* R.another(shared)
          assert.strictEqual(accessOf(yield* R.asTimePasses(other.get)), accessOf(again))
        })
      )
    }
  }

  it.scoped(
    "issue 5: disk full after the rotation: the tokens stay in memory, saving is tried, and it is said",
    () =>
      Effect.gen(function* () {
        const shared = yield* started()
        const { faulty, manager, server } = shared
        const events = yield* R.listening(manager)
        let failing = true
        const tries: Array<number> = []
        faulty.when((at, name) => {
          if (at < 2 || !failing) return undefined
          if (name === "compareAndSet") tries.push(at)
          return name === "compareAndSet" ? "fails" : undefined
        })
        const tokens = yield* manager.get
        assert.strictEqual(accessOf(tokens), "canary-access-2")
        assert.deepStrictEqual(yield* manager.state, {
          _tag: "Active",
          expiresAt: Option.some(7_200_000),
          saved: false
        })
        assert.deepStrictEqual(yield* events, ["Refreshed", "Unsaved"])
        // After half a second to a second at first, twice as long each time, a minute at last.
        yield* R.pass("1 minute")
        assert.isTrue(tries.length >= 6 && tries.length <= 8, String(tries.length))
        yield* R.pass("10 minutes", "20 seconds")
        assert.isTrue(tries.length >= 16 && tries.length <= 30, String(tries.length))
        assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
        assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-1"))
        failing = false
        yield* R.pass("1 minute")
        assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-2"))
        assert.deepStrictEqual(yield* events, ["Saved"])
        assert.deepInclude(yield* manager.state, { saved: true })
        assert.strictEqual(server.requests(), 1)
      })
  )

  it.scoped("tokens that could not be saved are refreshed all the same: nobody else can have them", () =>
    Effect.gen(function* () {
      const shared = yield* started()
      shared.faulty.when((at) => (at < 2 ? undefined : "fails"))
      yield* shared.manager.get
      yield* R.pass("1 hour", "5 minutes")
      assert.strictEqual(accessOf(yield* shared.manager.get), "canary-access-3")
      yield* R.pass("1 hour", "5 minutes")
      assert.strictEqual(accessOf(yield* shared.manager.get), "canary-access-4")
      shared.faulty.when(() => undefined)
      yield* R.pass("1 minute")
      assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-4"))
      assert.strictEqual(shared.server.reuses(), 0)
    })
  )

  it.scoped("tokens that could not be saved give way to a login, and to a logout, elsewhere", () =>
    Effect.gen(function* () {
      for (const elsewhere of ["login", "logout"] as const) {
        const shared = yield* started()
        shared.faulty.when((at, name) => (at >= 2 && name === "compareAndSet" ? "fails" : undefined))
        yield* shared.manager.get
        const other = yield* R.manage(
          { ...shared.secrets, compareAndSet: (...args) => Effect.suspend(() => honest(...args)) },
          { source: shared.server.source }
        )
        const honest: SecretStore.SecretStore.Service["compareAndSet"] = (name, _, text) =>
          Effect.asSome(shared.secrets.put(name, text))
        if (elsewhere === "login") yield* other.adopt(yield* shared.server.login)
        else yield* R.asTimePasses(other.logout)
        shared.faulty.when(() => undefined)
        yield* R.pass("2 minutes", "10 seconds")
        assert.deepStrictEqual(
          yield* stored(shared),
          elsewhere === "login" ? Option.some("canary-access-3") : Option.none()
        )
        assert.strictEqual((yield* shared.manager.state)._tag, elsewhere === "login" ? "Active" : "SignedOut")
      }
    })
  )

  it.scoped("the scope of a manager tries once more to save what could not be saved", () =>
    Effect.gen(function* () {
      const shared = yield* started()
      const faulty = Faulty.make(shared.secrets)
      const scope = yield* Scope.make()
      const other = yield* Scope.extend(R.another({ ...shared, secrets: faulty.secrets }), scope)
      faulty.when((at) => (at < 2 ? undefined : "fails"))
      yield* other.get
      faulty.when(() => undefined)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-2"))
    })
  )

  it.scoped("a login that could not be saved has begun all the same, and says that it is not", () =>
    Effect.gen(function* () {
      const shared = yield* started()
      shared.faulty.when(() => "fails")
      yield* R.fails(shared.manager.adopt(yield* shared.server.login), "TokenStoreError", "unavailable")
      assert.strictEqual(accessOf(yield* shared.manager.get), "canary-access-2")
      shared.faulty.when(() => undefined)
      yield* R.pass("2 seconds")
      assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-2"))
    })
  )

  it.scoped(
    "without the store nothing is spent: the token at hand for as long as it is good, then the error",
    () =>
      Effect.gen(function* () {
        const shared = yield* R.loggedIn({}, undefined, (inner) => Faulty.make(inner).secrets)
        const faulty = Faulty.make(shared.secrets)
        const manager = yield* R.another({ ...shared, secrets: faulty.secrets })
        yield* manager.get
        faulty.when(() => "fails")
        yield* TestClock.adjust("3560 seconds")
        assert.strictEqual(accessOf(yield* manager.get), accessOf(shared.tokens))
        yield* TestClock.adjust("40 seconds")
        yield* R.fails(manager.get, "TokenStoreError", "unavailable")
        assert.strictEqual(shared.server.requests(), 0)
        faulty.when(() => undefined)
        yield* manager.get
      })
  )

  it.scoped("a store that never answers is given up after ten seconds", () =>
    Effect.gen(function* () {
      const shared = yield* started()
      shared.faulty.when(() => "dies")
      const [, waited] = yield* R.timed(R.fails(shared.manager.get, "TokenStoreError", "unavailable"))
      assert.strictEqual(waited, 10_000)
    })
  )

  it.scoped("what spends nothing goes on without the store", () =>
    Effect.gen(function* () {
      const server = Server.make()
      const faulty = Faulty.make(yield* SecretStore.makeMemory)
      faulty.when(() => "fails")
      const manager = yield* R.manage(faulty.secrets, { source: server.anew })
      yield* manager.get
      yield* manager.get
      assert.strictEqual(server.requests(), 1)
      yield* R.pass("1 hour", "5 minutes")
      yield* manager.get
      assert.strictEqual(server.requests(), 2)
    })
  )

  it.scoped("issue 5: a store that has lost everything gets the session back from whoever holds it", () =>
    Effect.gen(function* () {
      const shared = yield* started()
      yield* shared.store.delete(Server.key)
      assert.strictEqual(accessOf(yield* shared.manager.get), "canary-access-2")
      assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-2"))
    })
  )

  it.scoped("issue 5: an entry that nobody can read is replaced by whoever holds the session", () =>
    Effect.gen(function* () {
      for (const put of ["there", "set aside"] as const) {
        const shared = yield* started()
        const fresh = yield* R.another(shared, { source: { ...shared.server.source, canRenew: () => false } })
        shared.faulty.when(() => "corrupt")
        yield* R.fails(fresh.get, "TokenStoreError", "corrupt")
        if (put === "set aside") yield* shared.store.delete(Server.key)
        shared.faulty.when((at, name) =>
          name === "get" && (put === "there" ? at < 2 : at < 1) ? "corrupt" : undefined
        )
        assert.strictEqual(accessOf(yield* shared.manager.get), "canary-access-2")
        shared.faulty.when(() => undefined)
        assert.deepStrictEqual(yield* stored(shared), Option.some("canary-access-2"))
        assert.strictEqual(shared.server.reuses(), 0)
      }
    })
  )

  it.scoped("three hundred refreshes with a store that fails at any time: no reuse, and none lost", () =>
    Effect.gen(function* () {
      const shared = yield* started()
      let seed = 7
      const chance = () => {
        seed = (seed * 1103515245 + 12345) % 2147483648
        return seed / 2147483648
      }
      shared.faulty.when(() => {
        const dice = chance()
        return dice < 0.15 ? "fails" : dice < 0.3 ? "lies" : undefined
      })
      let { tokens } = shared
      let refreshed = 0
      for (let i = 0; i < 300; i++) {
        const exit = yield* Effect.exit(shared.manager.renew(tokens.accessToken))
        if (Exit.isFailure(exit)) continue
        refreshed += 1
        tokens = exit.value
      }
      assert.isAbove(refreshed, 120)
      assert.strictEqual(shared.server.reuses(), 0)
      shared.faulty.when(() => undefined)
      yield* R.pass("2 minutes", "10 seconds")
      yield* R.asTimePasses(shared.manager.get)
      assert.strictEqual((yield* shared.manager.state)._tag, "Active")
    })
  )
})
