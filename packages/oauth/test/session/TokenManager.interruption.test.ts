import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const { accessOf } = Server

/** The storage takes its time, so that there are moments in all of its operations. */
const slow = () =>
  R.loggedIn({}, undefined, (inner) => ({
    get: (name) => Effect.delay(inner.get(name), "100 millis"),
    put: (name, text) => Effect.delay(inner.put(name, text), "100 millis"),
    compareAndSet: (name, expected, text) =>
      Effect.delay(inner.compareAndSet(name, expected, text), "100 millis"),
    delete: inner.delete
  }))

describe("interruption", () => {
  // Look 100 ms, lease 100 ms, request 200 ms, record 100 ms.
  for (const moment of [0, 50, 100, 150, 200, 250, 350, 400, 450, 500]) {
    it.scoped(`DESIGN 7: the callers are interrupted after ${moment} ms, and the refresh goes on`, () =>
      Effect.gen(function* () {
        const starting = yield* Effect.fork(slow())
        yield* R.pass("1 second", "100 millis")
        const { manager, server, store } = yield* Fiber.join(starting)
        yield* TestClock.adjust("1 hour")
        server.script({ before: Effect.sleep("100 millis"), after: Effect.sleep("100 millis") })
        const callers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(manager.get))
        yield* R.settle
        yield* TestClock.adjust(moment)
        yield* R.settle
        yield* Fiber.interruptAll(callers)
        const [tokens, waited] = yield* R.timed(manager.get, "50 millis")
        assert.isAtMost(waited, 2000)
        assert.strictEqual(accessOf(tokens), "canary-access-2")
        assert.strictEqual(server.requests(), 1)
        // New tokens are given before they are saved.
        yield* R.pass("500 millis", "100 millis")
        const { record } = Option.getOrThrow(yield* store.get(Server.key))
        assert.deepStrictEqual(Option.map(record.tokens, accessOf), Option.some("canary-access-2"))
        assert.isTrue(Option.isNone(record.lease) && Option.isNone(record.intent))
      })
    )
  }

  it.scoped("of several callers one that is interrupted takes nothing from the others", () =>
    Effect.gen(function* () {
      const { manager, server } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      server.script({ before: Effect.sleep("1 second") })
      const first = yield* Effect.fork(manager.get)
      yield* R.settle
      const second = yield* Effect.fork(manager.get)
      yield* R.settle
      yield* Fiber.interrupt(first)
      yield* R.pass("2 seconds")
      assert.strictEqual(accessOf(yield* R.asTimePasses(Fiber.join(second))), "canary-access-2")
      assert.strictEqual(server.requests(), 1)
    })
  )

  it.scoped("a login that is interrupted has begun, and is saved", () =>
    Effect.gen(function* () {
      const { manager, server, store } = yield* R.loggedIn()
      const tokens = yield* server.login
      const fiber = yield* Effect.fork(manager.adopt(tokens))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      yield* R.settle
      assert.strictEqual(accessOf(yield* manager.get), accessOf(tokens))
      const { record } = Option.getOrThrow(yield* store.get(Server.key))
      assert.deepStrictEqual(Option.map(record.tokens, accessOf), Option.some(accessOf(tokens)))
    })
  )

  it.scoped("a login in the middle of a refresh is not lost to what the refresh brings", () =>
    Effect.gen(function* () {
      const { manager, server, store } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      server.script({ after: Effect.sleep("2 seconds") })
      const waiting = yield* Effect.fork(manager.get)
      yield* R.pass("1 second")
      const login = yield* server.login
      yield* manager.adopt(login)
      assert.strictEqual(accessOf(yield* manager.get), accessOf(login))
      yield* R.pass("2 seconds")
      assert.strictEqual(accessOf(yield* R.asTimePasses(Fiber.join(waiting))), accessOf(login))
      const { record } = Option.getOrThrow(yield* store.get(Server.key))
      assert.deepStrictEqual(Option.map(record.tokens, accessOf), Option.some(accessOf(login)))
    })
  )

  it.scoped("a login while the lease is being taken is no part of that refresh", () =>
    Effect.gen(function* () {
      const starting = yield* Effect.fork(slow())
      yield* R.pass("1 second", "100 millis")
      const { manager, server, store } = yield* R.asTimePasses(Fiber.join(starting))
      yield* TestClock.adjust("1 hour")
      const waiting = yield* Effect.fork(manager.get)
      yield* R.pass("150 millis", "50 millis")
      const login = yield* server.login
      yield* R.asTimePasses(manager.adopt(login), "50 millis")
      assert.strictEqual(accessOf(yield* R.asTimePasses(Fiber.join(waiting), "50 millis")), accessOf(login))
      yield* R.pass("1 second", "100 millis")
      assert.strictEqual(server.requests(), 0)
      const { record } = Option.getOrThrow(yield* store.get(Server.key))
      assert.deepStrictEqual(Option.map(record.tokens, accessOf), Option.some(accessOf(login)))
      assert.isTrue(Option.isNone(record.lease) && Option.isNone(record.intent))
    })
  )

  it.scoped("a source that dies of a defect says so, and the session survives it", () =>
    Effect.gen(function* () {
      const { manager, server, store } = yield* R.loggedIn()
      yield* TestClock.adjust("1 hour")
      server.script({ before: Effect.dieMessage("a bug") })
      const exit = yield* Effect.exit(manager.get)
      assert.include(String(exit), "a bug")
      const { record } = Option.getOrThrow(yield* store.get(Server.key))
      assert.isTrue(Option.isNone(record.lease) && Option.isSome(record.intent))
      yield* manager.get
      assert.strictEqual((yield* manager.state)._tag, "Active")
    })
  )
})

/** One step of a day in the life of a session that several processes share. */
type Step =
  | { readonly _tag: "Get" | "Renew" | "GetAndLeave"; readonly who: number }
  | { readonly _tag: "Pass"; readonly minutes: number }
  | { readonly _tag: "Trouble"; readonly kind: number }

const who = FastCheck.nat({ max: 3 })
const steps: FastCheck.Arbitrary<ReadonlyArray<Step>> = FastCheck.array(
  FastCheck.oneof(
    FastCheck.record({
      _tag: FastCheck.constantFrom("Get" as const, "Renew" as const, "GetAndLeave" as const),
      who
    }),
    FastCheck.record({
      _tag: FastCheck.constant("Pass" as const),
      minutes: FastCheck.constantFrom(10, 45, 70)
    }),
    FastCheck.record({ _tag: FastCheck.constant("Trouble" as const), kind: FastCheck.nat({ max: 3 }) })
  ),
  { minLength: 5, maxLength: 25 }
)

const trouble: ReadonlyArray<Server.Answer> = [
  { ignored: true, error: Server.status(502) },
  { ignored: true, error: Server.status(429, 30) },
  { ignored: true },
  { before: Effect.sleep("3 seconds"), after: Effect.sleep("3 seconds") }
]

describe("whatever four processes do, while no answer is lost", () => {
  it.effect.prop(
    "no refresh token is spent twice, there is one refresh at a time, and the session lives",
    [steps],
    ([all]) =>
      Effect.scoped(
        Effect.gen(function* () {
          const shared = yield* R.loggedIn()
          const managers = [shared.manager]
          for (let i = 0; i < 3; i++) managers.push(yield* R.another(shared))
          const waiting: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
          for (const step of all) {
            if (step._tag === "Pass") {
              yield* TestClock.adjust(`${step.minutes} minutes`)
              yield* R.settle
            } else if (step._tag === "Trouble") {
              shared.server.script(trouble[step.kind] ?? {})
            } else {
              const manager = managers[step.who] ?? shared.manager
              const act =
                step._tag === "Renew"
                  ? Effect.flatMap(manager.get, (tokens) => manager.renew(tokens.accessToken))
                  : manager.get
              const fiber = yield* Effect.fork(act)
              if (step._tag === "GetAndLeave") yield* Effect.fork(Fiber.interrupt(fiber))
              else waiting.push(fiber)
              yield* R.settle
            }
          }
          yield* TestClock.adjust("10 minutes")
          yield* R.settle
          for (const manager of managers)
            yield* R.asTimePasses(
              Effect.retry(
                manager.get,
                Schedule.intersect(Schedule.spaced("40 seconds"), Schedule.recurs(30))
              ),
              "20 seconds"
            )
          assert.strictEqual(shared.server.reuses(), 0)
          assert.isAtMost(shared.server.atOnce(), 1)
          const kept = yield* shared.store.get(Server.key)
          assert.isTrue(Option.exists(kept, ({ record }) => Option.isSome(record.tokens)))
        })
      ),
    { fastCheck: { numRuns: 20 }, timeout: 120_000 }
  )
})
