import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Faulty from "./support/faulty.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

/** A process that will die: its manager has a store of its own way to fail, and a scope that never closes. */
const doomed = Effect.gen(function* () {
  const shared = yield* R.loggedIn()
  const faulty = Faulty.make(shared.secrets)
  const scope = yield* Scope.make()
  const other = yield* Scope.extend(R.another({ secrets: faulty.secrets, server: shared.server }, {}), scope)
  // It has used the session before.
  yield* other.get
  yield* TestClock.adjust("1 hour")
  /** From now on nothing that it does has an effect. */
  const kill = () => {
    faulty.when(() => "dies")
  }
  return { ...shared, faulty, other, kill }
})

/** What another process makes of what is left, and how long it waited. */
const next = (shared: Effect.Effect.Success<typeof doomed>) =>
  Effect.flatMap(R.another(shared), (manager) =>
    Effect.map(R.timed(Effect.either(manager.get)), ([result, waited]) => ({ manager, result, waited }))
  )

describe("a process that dies in the middle of a refresh", () => {
  // A refresh is three operations of the store: look, take the lease, record.
  for (const [operation, step] of ["look", "lease", "record"].entries()) {
    for (const how of ["dies", "dies after"] as const) {
      it.scoped(`issue 5: at "${step}", ${how === "dies" ? "before" : "after"} the store has done it`, () =>
        Effect.gen(function* () {
          const shared = yield* doomed
          shared.faulty.when((at) => (at < operation ? undefined : at === operation ? how : "dies"))
          yield* Effect.forkDaemon(shared.other.get)
          yield* R.pass("1 second", "200 millis")
          const rotated = shared.server.requests() === 1
          assert.strictEqual(rotated, step === "record")
          const { manager, result, waited } = yield* next(shared)
          if (step === "record" && how === "dies") {
            // The rotated token died with the process.
            const reason = result._tag === "Left" ? result.left.reason : "it succeeded"
            assert.strictEqual(reason, "interrupted_refresh")
            assert.deepStrictEqual(yield* manager.state, { _tag: "Ended", reason: "interrupted_refresh" })
            // It was tried once: a server that gives grace would have taken it.
            assert.strictEqual(shared.server.requests(), 2)
            const { record } = Option.getOrThrow(yield* shared.store.get(Server.key))
            assert.deepStrictEqual(record.ended, Option.some("interrupted_refresh" as const))
            assert.isTrue(Option.isNone(record.tokens))
          } else {
            assert.strictEqual(result._tag, "Right")
            assert.strictEqual(shared.server.reuses(), 0)
            assert.strictEqual(shared.server.requests(), 1)
          }
          // Whoever died with the lease keeps the others waiting until it is over, and no longer.
          assert.isAtMost(waited, 31_000)
          if (step === "look" || (step === "lease" && how === "dies")) assert.isAtMost(waited, 5000)
        })
      )
    }
  }

  it.scoped("before the request has reached the server: the session survives", () =>
    Effect.gen(function* () {
      const shared = yield* doomed
      shared.server.script({
        before: Effect.zipRight(Effect.sync(shared.kill), Effect.never)
      })
      yield* Effect.forkDaemon(shared.other.get)
      yield* R.pass("1 second")
      const { result, waited } = yield* next(shared)
      assert.strictEqual(result._tag, "Right")
      assert.isAtMost(waited, 31_000)
      assert.strictEqual(shared.server.reuses(), 0)
    })
  )

  it.scoped("issue 5: after the server rotated, and before the answer: interrupted_refresh", () =>
    Effect.gen(function* () {
      const shared = yield* doomed
      const events = yield* R.listening(shared.manager)
      shared.server.script({ after: Effect.zipRight(Effect.sync(shared.kill), Effect.never) })
      yield* Effect.forkDaemon(shared.other.get)
      yield* R.pass("1 second")
      yield* R.asTimePasses(R.fails(shared.manager.get, "ReauthorizationRequired", "interrupted_refresh"))
      assert.deepStrictEqual(yield* events, ["ReuseDetected", "Ended"])
      // Those who come later learn of it from the store.
      const late = yield* R.another(shared)
      yield* R.fails(late.get, "ReauthorizationRequired", "interrupted_refresh")
      assert.strictEqual(shared.server.requests(), 2)
      // And a login begins it anew for all.
      yield* late.adopt(yield* shared.server.login)
      yield* shared.manager.get
      assert.strictEqual((yield* shared.manager.state)._tag, "Active")
    })
  )

  it.scoped("issue 5: with a server that gives grace the session survives that as well", () =>
    Effect.gen(function* () {
      const shared = yield* doomed
      const server = Server.make(3600, true)
      const manager = yield* R.another(shared, { source: server.source })
      yield* manager.adopt(yield* server.login)
      yield* TestClock.adjust("1 hour")
      server.script({ after: Effect.void, error: Server.unreachable() })
      yield* R.fails(manager.get, "TransportError", "unreachable")
      yield* manager.get
      assert.strictEqual(server.reuses(), 0)
    })
  )

  it.scoped("who was stopped, not dead, and comes back with the rotated token, heals the session", () =>
    Effect.gen(function* () {
      const shared = yield* doomed
      // The process stands still from the moment of the answer: neither its lease nor its record is written.
      let woken = false
      shared.faulty.when((at) => (at < 2 || woken ? undefined : "fails"))
      yield* Effect.forkDaemon(shared.other.get)
      yield* R.pass("1 second")
      yield* R.asTimePasses(R.fails(shared.manager.get, "ReauthorizationRequired", "interrupted_refresh"))
      woken = true
      yield* R.pass("1 minute")
      const { record } = Option.getOrThrow(yield* shared.store.get(Server.key))
      assert.deepStrictEqual(Option.map(record.tokens, Server.accessOf), Option.some("canary-access-2"))
      assert.strictEqual(Server.accessOf(yield* shared.manager.get), "canary-access-2")
    })
  )
})
