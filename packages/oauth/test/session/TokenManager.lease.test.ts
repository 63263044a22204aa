import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { SecretStore } from "effect-oauth/SecretStore"
import * as TokenStore from "effect-oauth/TokenStore"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const { accessOf } = Server

/** Puts a lease of somebody else into the store; nobody prolongs it. */
const leased = (secrets: SecretStore.Service, until: number, intent = false) =>
  Effect.gen(function* () {
    const store = TokenStore.make(secrets)
    const { record } = Option.getOrThrow(yield* store.get(Server.key))
    yield* store.put(Server.key, {
      ...record,
      lease: Option.some({ owner: "somebody else", until }),
      intent: intent ? Option.some({ owner: "somebody else", startedAt: until - 30_000 }) : Option.none()
    })
  })

const managers = (shared: Effect.Effect.Success<ReturnType<typeof R.loggedIn>>, count: number) =>
  Effect.map(
    Effect.forEach(Array.from({ length: count - 1 }), () => R.another(shared)),
    (others) => [shared.manager, ...others]
  )

describe("the lease of a session", () => {
  for (const count of [2, 8]) {
    it.scoped(`peers 4c 92: ${count} managers that need a token at once make one refresh, and no reuse`, () =>
      Effect.gen(function* () {
        const shared = yield* R.loggedIn()
        const all = yield* managers(shared, count)
        for (let round = 1; round <= 5; round++) {
          yield* TestClock.adjust("1 hour")
          shared.server.script({ before: Effect.sleep("1 second"), after: Effect.sleep("1 second") })
          const tokens = yield* R.asTimePasses(
            Effect.forEach(all, (manager) => manager.get, { concurrency: "unbounded" }),
            "200 millis"
          )
          assert.strictEqual(new Set(tokens.map(accessOf)).size, 1)
          assert.strictEqual(shared.server.requests(), round)
        }
        assert.strictEqual(shared.server.reuses(), 0)
        assert.strictEqual(shared.server.atOnce(), 1)
      })
    )
  }

  it.scoped("short-lived tokens that another has just got are good for half of their life as well", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn({}, 30)
      const all = yield* managers(shared, 8)
      yield* TestClock.adjust("1 minute")
      shared.server.script({ before: Effect.sleep("1 second") })
      yield* R.asTimePasses(
        Effect.forEach(all, (manager) => manager.get, { concurrency: "unbounded" }),
        "200 millis"
      )
      assert.strictEqual(shared.server.requests(), 1)
    })
  )

  it.scoped("issue 5: the lease of a process that died holds until its instant, and no longer", () =>
    Effect.gen(function* () {
      const { manager, secrets, server } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      yield* leased(secrets, 3_600_000 + 12_000)
      const [tokens, waited] = yield* R.timed(manager.get, "100 millis")
      assert.isTrue(waited >= 12_000 && waited <= 13_500, String(waited))
      assert.strictEqual(server.requests(), 1)
      assert.strictEqual(accessOf(tokens), "canary-access-2")
    })
  )

  it.scoped("a lease that was over long ago keeps nobody waiting", () =>
    Effect.gen(function* () {
      const { manager, secrets } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      yield* leased(secrets, 3_600_000)
      const [, waited] = yield* R.timed(manager.get, "100 millis")
      assert.isAtMost(waited, 200)
    })
  )

  it.scoped("nobody waits for longer than one lease, whatever its instant says", () =>
    Effect.gen(function* () {
      const { manager, secrets, server } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      yield* leased(secrets, 3_600_000 + 24 * 3_600_000)
      const [, waited] = yield* R.timed(manager.get, "500 millis")
      assert.isTrue(waited >= 30_000 && waited <= 32_000, String(waited))
      assert.strictEqual(server.requests(), 1)
    })
  )

  it.scoped("a clock that is set back in the wait makes it no longer", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* R.settable
      yield* Effect.gen(function* () {
        const { manager, secrets, server } = yield* R.loggedIn()
        yield* TestClock.adjust("1 hour")
        yield* leased(secrets, 3_600_000 + 20_000)
        const fiber = yield* Effect.fork(manager.get)
        yield* R.pass("5 seconds")
        set("3 hours", -1)
        yield* R.pass("14 seconds")
        assert.strictEqual(server.requests(), 0)
        yield* R.pass("12 seconds")
        assert.strictEqual(server.requests(), 1)
        yield* Fiber.join(fiber)
      }).pipe(Effect.withClock(clock))
    })
  )

  it.scoped("a clock that is set forward takes the lease from nobody who is refreshing", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* R.settable
      yield* Effect.gen(function* () {
        const shared = yield* R.loggedIn()
        const other = yield* R.another(shared)
        yield* TestClock.adjust("1 hour")
        shared.server.script({ before: Effect.sleep("8 seconds") })
        const first = yield* Effect.fork(shared.manager.get)
        yield* R.pass("1 second")
        set("5 hours", 1)
        const second = yield* Effect.fork(other.get)
        yield* R.pass("10 seconds")
        // Only the tokens themselves look old to it now, and it refreshes them in turn.
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.strictEqual(shared.server.reuses(), 0)
        assert.strictEqual(shared.server.atOnce(), 1)
      }).pipe(Effect.withClock(clock))
    })
  )

  it.scoped("peers 2 row 19: a token lives no longer because the clock was set back", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* R.settable
      yield* Effect.gen(function* () {
        const { manager, server } = yield* R.loggedIn()
        yield* TestClock.adjust("30 minutes")
        set("6 hours", -1)
        yield* manager.get
        assert.strictEqual(server.requests(), 0)
        yield* TestClock.adjust("30 minutes")
        yield* manager.get
        assert.strictEqual(server.requests(), 1)
        set("12 hours", 1)
        yield* manager.get
        yield* manager.get
        assert.strictEqual(server.requests(), 2)
        set("12 hours", -1)
        yield* TestClock.adjust("1 hour")
        yield* manager.get
        assert.strictEqual(server.requests(), 3)
        assert.strictEqual(server.reuses(), 0)
      }).pipe(Effect.withClock(clock))
    })
  )

  it.scoped("who refreshes for longer than a lease keeps it", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const other = yield* R.another(shared)
      yield* TestClock.adjust("1 hour")
      shared.server.script({ before: Effect.sleep("100 seconds") })
      const [tokens, waited] = yield* R.timed(
        Effect.all([shared.manager.get, other.get], { concurrency: "unbounded" })
      )
      assert.isTrue(waited >= 100_000 && waited <= 102_000, String(waited))
      assert.strictEqual(shared.server.requests(), 1)
      assert.strictEqual(accessOf(tokens[0]), accessOf(tokens[1]))
      const { record } = Option.getOrThrow(yield* shared.store.get(Server.key))
      assert.isTrue(Option.isNone(record.lease) && Option.isNone(record.intent))
    })
  )

  it.scoped("who hangs for ever loses it at last", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const scope = yield* Scope.make()
      const other = yield* Scope.extend(R.another(shared), scope)
      yield* TestClock.adjust("1 hour")
      shared.server.script({ before: Effect.never })
      yield* Effect.forkDaemon(other.get)
      yield* R.settle
      const [, waited] = yield* R.timed(shared.manager.get, "2 seconds")
      assert.isTrue(waited <= 155_000, String(waited))
      assert.strictEqual(shared.server.reuses(), 0)
    })
  )

  it.scoped(
    "issue 5: before anything is sent, the intent is there; afterwards neither it nor the lease is",
    () =>
      Effect.gen(function* () {
        const { manager, server, store } = yield* R.loggedIn()
        yield* TestClock.adjust("1 hour")
        const seen: Array<TokenStore.SessionRecord> = []
        const record = Effect.map(Effect.orDie(store.get(Server.key)), (entry) => {
          seen.push(Option.getOrThrow(entry).record)
        })
        server.script(
          { before: record, ignored: true, error: Server.status(429) },
          { before: record, ignored: true, error: Server.status(502) },
          { before: record }
        )
        yield* Effect.exit(manager.get)
        yield* record
        yield* Effect.exit(manager.get)
        yield* record
        yield* manager.get
        yield* record
        assert.deepStrictEqual(
          seen.map(({ intent, lease }) => [Option.isSome(lease), Option.isSome(intent)]),
          [
            [true, true],
            // 429: the server did nothing, and nothing is open.
            [false, false],
            [true, true],
            // 502: it may have rotated.
            [false, true],
            [true, true],
            [false, false]
          ]
        )
        assert.deepStrictEqual(
          Option.map(seen[0]?.lease ?? Option.none(), ({ until }) => until),
          Option.some(3_630_000)
        )
      })
  )

  it.scoped("a source that spends nothing shares the store and the lease", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const own = yield* R.loggedIn()
      const first = yield* R.another(
        { secrets: own.secrets, server: shared.server },
        { source: shared.server.anew }
      )
      yield* own.store.delete(Server.key)
      const second = yield* R.another(
        { secrets: own.secrets, server: shared.server },
        { source: shared.server.anew }
      )
      shared.server.script({ before: Effect.sleep("1 second") })
      const tokens = yield* R.asTimePasses(
        Effect.all([first.get, second.get, first.get], { concurrency: "unbounded" }),
        "100 millis"
      )
      assert.strictEqual(new Set(tokens.map(accessOf)).size, 1)
      assert.strictEqual(shared.server.requests(), 1)
      assert.strictEqual((yield* first.state)._tag, "Active")
    })
  )

  it.scoped("the scope of a manager waits for a refresh that was sent, and no refresh begins after it", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const scope = yield* Scope.make()
      const other = yield* Scope.extend(R.another(shared), scope)
      yield* TestClock.adjust("1 hour")
      shared.server.script({ before: Effect.sleep("4 seconds") })
      const caller = yield* Effect.fork(other.get)
      yield* Effect.repeat(R.settle, { until: () => shared.server.requests() === 1 })
      yield* R.pass("1 second")
      const [, waited] = yield* R.timed(Scope.close(scope, Exit.void))
      assert.strictEqual(waited, 3000)
      assert.strictEqual(accessOf(yield* Fiber.join(caller)), "canary-access-2")
      assert.strictEqual(accessOf(yield* shared.manager.get), "canary-access-2")
      assert.strictEqual(shared.server.requests(), 1)
      yield* TestClock.adjust("1 hour")
      assert.isTrue(Exit.isInterrupted(yield* Effect.exit(other.get)))
      assert.strictEqual(shared.server.requests(), 1)
    })
  )
})
