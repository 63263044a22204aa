/** RFC 9449 section 8: nonces from one process to the next. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import type { WireResponse } from "effect-oauth/Wire"
import * as Dpop from "effect-oauth/Dpop"
import * as StoredNonces from "effect-oauth/StoredNonces"
import * as H from "../client/support/setup.js"
import { capturing } from "../http/support/telemetry.js"
import * as K from "./support/kept.js"

const url = "https://issuer.test/token"
const nonceHeader = (nonce: string) => Headers.fromInput({ "dpop-nonce": nonce })

/** A process with a key, which the nonces do not depend on. */
const using = <A, E>(store: Pick<K.Watched, "secrets">, use: (dpop: Dpop.Dpop) => Effect.Effect<A, E>) =>
  K.process(
    store,
    Effect.flatMap(StoredNonces.make, (nonces) => Effect.flatMap(Dpop.make({ nonces }), use))
  )

/** The nonce of the next proof. */
const nonceOf = (dpop: Dpop.Dpop, at = url): Effect.Effect<unknown, unknown> =>
  Effect.map(dpop.proof({ method: "POST", url: at }), (proof) => {
    const [, claims = ""] = Redacted.value(proof).split(".")
    return JSON.parse(Buffer.from(claims, "base64url").toString())["nonce"]
  })

const learn =
  (nonce: string, at = url) =>
  (dpop: Dpop.Dpop) =>
    dpop.learn(at, nonceHeader(nonce))

describe("StoredNonces", () => {
  it.effect("another process begins with the nonce that the origin last asked for", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* using(store, learn("n-1"))
      yield* using(store, learn("n-2"))
      assert.strictEqual(yield* using(store, nonceOf), "n-2")
      assert.strictEqual(yield* using(store, (dpop) => nonceOf(dpop, "https://issuer.test/par")), "n-2")
      for (const elsewhere of ["https://api.test/", "https://issuer.test:8443/", "http://localhost/token"]) {
        assert.isUndefined(yield* using(store, (dpop) => nonceOf(dpop, elsewhere)))
      }
    })
  )

  it.effect("a program that starts often is not refused first each time", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      let sent = 0
      const answer = (status: number): WireResponse => ({
        status,
        headers: nonceHeader("n-1"),
        body: new TextEncoder().encode('{"error":"use_dpop_nonce"}'),
        url
      })
      const request = (dpop: Dpop.Dpop) =>
        dpop.exchange({ method: "POST", url }, (proof) =>
          Effect.sync(() => {
            sent++
            const [, claims = ""] = Redacted.value(proof).split(".")
            const { nonce } = JSON.parse(Buffer.from(claims, "base64url").toString())
            return { response: answer(nonce === "n-1" ? 200 : 400) }
          })
        )
      assert.strictEqual((yield* using(store, request)).response.status, 200)
      assert.strictEqual(sent, 2)
      assert.strictEqual((yield* using(store, request)).response.status, 200)
      assert.strictEqual(sent, 3)
      assert.strictEqual(store.puts(), 1)
    })
  )

  it.effect("one that is too old costs a second request, and the new one takes its place", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* using(store, learn("old"))
      const nonces: Array<unknown> = []
      yield* using(store, (dpop) =>
        dpop.exchange({ method: "POST", url }, (proof) =>
          Effect.sync(() => {
            const [, claims = ""] = Redacted.value(proof).split(".")
            nonces.push(JSON.parse(Buffer.from(claims, "base64url").toString()).nonce)
            const response: WireResponse = {
              status: nonces.length === 1 ? 401 : 200,
              headers: Headers.fromInput({
                "dpop-nonce": "new",
                "www-authenticate": 'DPoP error="use_dpop_nonce"'
              }),
              body: new Uint8Array(),
              url
            }
            return { response }
          })
        )
      )
      assert.deepStrictEqual(nonces, ["old", "new"])
      assert.strictEqual(yield* using(store, nonceOf), "new")
    })
  )

  it.effect(
    "the store is read once for each origin, also when it has nothing, and by one of a thousand",
    () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        yield* using(store, (dpop) =>
          Effect.gen(function* () {
            yield* Effect.forEach(Array.from({ length: 1000 }), () => nonceOf(dpop), {
              concurrency: "unbounded"
            })
            yield* nonceOf(dpop)
            assert.strictEqual(store.gets(), 1)
            yield* nonceOf(dpop, "https://api.test/")
            yield* nonceOf(dpop, "https://api.test/")
            assert.strictEqual(store.gets(), 2)
          })
        )
      })
  )

  it.effect("is written when the nonce is another one, and only then", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* using(store, (dpop) =>
        Effect.gen(function* () {
          for (const nonce of ["n-1", "n-1", "n-1", "n-2", "n-2"]) {
            yield* learn(nonce)(dpop)
            yield* TestClock.adjust(0)
          }
          yield* dpop.learn(url, Headers.empty)
        })
      )
      assert.strictEqual(store.puts(), 2)
      yield* using(store, (dpop) => Effect.zipRight(nonceOf(dpop), learn("n-2")(dpop)))
      assert.strictEqual(store.puts(), 2)
    })
  )

  it.effect(
    "of many that come while one is written the last is written, and the process ends after that",
    () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        const open = yield* Effect.makeLatch()
        const slow = {
          ...store.secrets,
          put: (name: string, text: string) => open.whenOpen(store.secrets.put(name, text))
        }
        yield* using({ secrets: slow }, (dpop) =>
          Effect.zipRight(
            Effect.forEach(Array.from({ length: 100 }), (_, index) => learn(`n-${index}`)(dpop)),
            open.open
          )
        )
        assert.strictEqual(store.puts(), 2)
        assert.strictEqual(yield* using(store, nonceOf), "n-99")
      })
  )

  it.effect("one that is learned while the store is read is the newer one", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* using(store, learn("old"))
      const slow = {
        ...store.secrets,
        get: (name: string) => Effect.delay(store.secrets.get(name), "1 second")
      }
      const nonce = yield* using({ secrets: slow }, (dpop) =>
        Effect.gen(function* () {
          const proving = yield* Effect.fork(nonceOf(dpop))
          yield* TestClock.adjust("100 millis")
          yield* learn("new")(dpop)
          return yield* H.asTimePasses(Fiber.join(proving))
        })
      )
      assert.strictEqual(nonce, "new")
      assert.strictEqual(yield* using(store, nonceOf), "new")
    })
  )

  it.effect("two processes at once: one of their nonces is there, and it can be read", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* Effect.all([using(store, learn("n-1")), using(store, learn("n-2"))], { concurrency: 2 })
      assert.include(["n-1", "n-2"], yield* using(store, nonceOf))
      assert.strictEqual(store.entries.size, 1)
    })
  )
})

describe("StoredNonces: a store that is not trusted", () => {
  const planted: ReadonlyArray<readonly [what: string, plant: Parameters<K.Watched["plant"]>[0]]> = [
    ["nothing that can be read", "canary"],
    ["another version", (entry) => ({ ...entry, version: 2 })],
    ["the entry of another origin", (entry) => ({ ...entry, origin: "https://evil.test" })],
    ["no text", (entry) => ({ ...entry, nonce: 7 })],
    ["nothing", (entry) => ({ ...entry, nonce: "" })],
    ["a line break", (entry) => ({ ...entry, nonce: "n\r\nevil: 1" })],
    ["a quote", (entry) => ({ ...entry, nonce: 'n"1' })],
    ["a letter that is none of ASCII", (entry) => ({ ...entry, nonce: "ä" })],
    ["a text that is too long", (entry) => ({ ...entry, nonce: "x".repeat(1025) })],
    ["10 MB", "x".repeat(10_000_000)]
  ]
  for (const [what, plant] of planted) {
    it.effect(`RFC 9449 section 8.1: ${what} is in no proof, and is replaced`, () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        yield* using(store, learn("n-1"))
        yield* store.plant(plant)
        assert.isUndefined(yield* using(store, (dpop) => Effect.tap(nonceOf(dpop), () => learn("n-2")(dpop))))
        assert.strictEqual(yield* using(store, nonceOf), "n-2")
      })
    )
  }

  it.effect("a store of the program's own is checked as well", () =>
    Effect.gen(function* () {
      const dpop = yield* Dpop.make({
        nonces: { get: () => Effect.succeed(Option.some("n\r\n")), set: () => Effect.void }
      })
      assert.isUndefined(yield* nonceOf(dpop))
    })
  )
})

describe("StoredNonces: a store that is away", () => {
  for (const fault of ["fails", "lies", "corrupt", "lost"] as const) {
    it.effect(`${fault}: nonces are in memory all the same, and it is told once`, () =>
      Effect.gen(function* () {
        const captured = yield* capturing
        const store = yield* K.watched
        store.when(() => fault)
        yield* using(store, (dpop) =>
          Effect.gen(function* () {
            assert.isUndefined(yield* nonceOf(dpop))
            for (const nonce of ["canary-1", "canary-2"]) {
              yield* learn(nonce)(dpop)
              yield* TestClock.adjust("1 minute")
              assert.strictEqual(yield* nonceOf(dpop), nonce)
            }
          })
        ).pipe(Effect.provide(captured.layer))
        const logs = (yield* captured.logs).join("\n")
        assert.strictEqual(logs.split("StoredNonces:").length > 1, fault !== "lost")
        assert.strictEqual((yield* captured.logs).length, fault === "lost" ? 0 : 1)
        assert.notInclude(logs, "canary")
        assert.notInclude(logs, "effect-oauth.nonce")
      })
    )
  }

  it.effect("that does not answer is waited for 2 seconds by a request that nothing interrupts, too", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      store.when(() => "dies")
      const nonce = yield* Effect.fork(using(store, (dpop) => Effect.uninterruptible(nonceOf(dpop))))
      assert.isUndefined(yield* H.asTimePasses(Fiber.join(nonce)))
    })
  )

  it.effect("whoever leaves while the store is read keeps nobody waiting", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* using(store, learn("n-1"))
      const slow = {
        ...store.secrets,
        get: (name: string) => Effect.delay(store.secrets.get(name), "1 second")
      }
      const nonce = yield* using({ secrets: slow }, (dpop) =>
        Effect.gen(function* () {
          const leaving = yield* Effect.fork(nonceOf(dpop))
          yield* TestClock.adjust("100 millis")
          const staying = yield* Effect.fork(nonceOf(dpop))
          yield* TestClock.adjust("100 millis")
          yield* Fiber.interrupt(leaving)
          return yield* H.asTimePasses(Fiber.join(staying))
        })
      )
      assert.strictEqual(nonce, "n-1")
    })
  )
})

describe("StoredNonces: names", () => {
  it.effect("nothing of an origin or a nonce shows in one", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* using(store, learn("n-1"))
      for (const name of store.entries.keys()) assert.match(name, /^effect-oauth\.nonce\.[A-Za-z0-9_-]{43}$/)
      assert.strictEqual(store.entries.size, 1)
    })
  )
})

describe("Dpop without a store", () => {
  it.effect("remembers the nonces of a hundred origins", () =>
    Effect.gen(function* () {
      const dpop = yield* Dpop.make()
      const origin = (index: number) => `https://api-${index}.test/`
      for (let index = 0; index <= 100; index++) yield* learn(`n-${index}`, origin(index))(dpop)
      assert.isUndefined(yield* nonceOf(dpop, origin(0)))
      assert.strictEqual(yield* nonceOf(dpop, origin(1)), "n-1")
      assert.strictEqual(yield* nonceOf(dpop, origin(100)), "n-100")
    })
  )
})
