import { assert, describe, it } from "@effect/vitest"
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import { SignatureEngine, webCrypto } from "effect-oauth/SignatureEngine"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Operation } from "../src/internal/cryptoTraffic.js"
import * as Traffic from "../src/internal/cryptoTraffic.js"
import { keyFor } from "./support/engineKeys.js"

/** An operation that says where it was done; those in the pool end when told to. */
const operations = () => {
  const pending: Array<() => void> = []
  const operation: Operation<"here" | "pool"> = {
    here: () => "here",
    inPool: (done) => {
      pending.push(() => done("pool"))
    }
  }
  return {
    operation,
    /** Ends all that are in the pool once there are as many. */
    endAll: (count: number) =>
      Effect.async<void>((resume) => {
        const look = () => {
          if (pending.length < count) return void setImmediate(look)
          for (const end of pending.splice(0)) end()
          resume(Effect.void)
        }
        look()
      }),
    inPool: () => pending.length
  }
}

const run = <A>(traffic: Traffic.Traffic, operation: Operation<A>): Effect.Effect<A> =>
  Effect.suspend(() => (traffic.isAlone() ? Effect.succeed(operation.here()) : traffic.join(operation)))

/** Lets the event loop turn. */
const nextTurn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

const places = (counted: ReadonlyArray<string>) => ({
  here: counted.filter((place) => place === "here").length,
  pool: counted.filter((place) => place === "pool").length
})

describe("where an expensive operation runs", () => {
  it.live("here, for one fiber that does one after the other", () =>
    Effect.gen(function* () {
      const traffic = Traffic.make()
      const { operation } = operations()
      for (let i = 0; i < 100; i++) assert.strictEqual(yield* run(traffic, operation), "here")
    })
  )

  it.live("here, for fibers that come one after the other in one turn", () =>
    Effect.gen(function* () {
      const traffic = Traffic.make()
      const { operation } = operations()
      for (let i = 0; i < 100; i++) {
        assert.strictEqual(yield* Effect.flatMap(Effect.fork(run(traffic, operation)), Fiber.join), "here")
      }
    })
  )

  it.live("in the pool, for all but the first of many at once", () =>
    Effect.gen(function* () {
      const traffic = Traffic.make()
      const { endAll, operation } = operations()
      const [counted] = yield* Effect.all(
        [
          Effect.forEach(Array.from({ length: 64 }), () => run(traffic, operation), {
            concurrency: "unbounded"
          }),
          endAll(63)
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(places(counted), { here: 1, pool: 63 })
    })
  )

  it.live("in the pool while the pool is at work, and here again when it is not", () =>
    Effect.gen(function* () {
      const traffic = Traffic.make()
      const { endAll, operation } = operations()
      const many = yield* Effect.fork(
        Effect.forEach([1, 2, 3], () => run(traffic, operation), { concurrency: "unbounded" })
      )
      yield* nextTurn
      const later = yield* Effect.fork(run(traffic, operation))
      yield* nextTurn
      yield* endAll(3)
      assert.strictEqual(yield* Fiber.join(later), "pool")
      yield* Fiber.join(many)
      yield* nextTurn
      assert.strictEqual(yield* run(traffic, operation), "here")
    })
  )

  it.live("two engines do not count what the other has in flight", () =>
    Effect.gen(function* () {
      const [busy, idle] = [Traffic.make(), Traffic.make()]
      const { endAll, operation } = operations()
      const many = yield* Effect.fork(
        Effect.forEach([1, 2, 3], () => run(busy, operation), { concurrency: "unbounded" })
      )
      yield* nextTurn
      assert.strictEqual(yield* run(idle, operation), "here")
      yield* endAll(2)
      yield* Fiber.join(many)
    })
  )

  it.live("an interrupted fiber goes at once; its operation is in flight until it ends", () =>
    Effect.gen(function* () {
      const traffic = Traffic.make()
      const { endAll, inPool, operation } = operations()
      const many = yield* Effect.fork(
        Effect.forEach([1, 2, 3], () => run(traffic, operation), { concurrency: "unbounded" })
      )
      yield* nextTurn
      assert.strictEqual(inPool(), 2)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(many)))
      const after = yield* Effect.fork(run(traffic, operation))
      yield* nextTurn
      assert.strictEqual(inPool(), 3)
      yield* endAll(3)
      assert.strictEqual(yield* Fiber.join(after), "pool")
      yield* nextTurn
      assert.strictEqual(yield* run(traffic, operation), "here")
    })
  )

  it.live("here, when the pool does not take it", () =>
    Effect.gen(function* () {
      const traffic = Traffic.make()
      const operation: Operation<string> = {
        here: () => "here",
        inPool: () => {
          throw new Error("refused")
        }
      }
      const all = yield* Effect.forEach([1, 2, 3], () => run(traffic, operation), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(all, ["here", "here", "here"])
      yield* nextTurn
      assert.strictEqual(yield* run(traffic, operation), "here")
    })
  )
})

describe("NodeCryptoEngine", () => {
  it.effect("the default engine is WebCrypto; the layer puts node:crypto in its place", () =>
    Effect.gen(function* () {
      const key = keyFor("ES256K")
      assert.strictEqual(yield* SignatureEngine, webCrypto)
      const error = yield* Effect.flip(webCrypto.prepareVerify(key.public, "ES256K"))
      assert.strictEqual(error.reason, "unsupported")
      const verified = yield* Effect.gen(function* () {
        const engine = yield* SignatureEngine
        const [sign, verify] = yield* Effect.all([
          engine.prepareSign(key.private, "ES256K"),
          engine.prepareVerify(key.public, "ES256K")
        ])
        return yield* verify("a.b", yield* sign("a.b"))
      }).pipe(Effect.provide(NodeCryptoEngine.layer))
      assert.isTrue(verified)
    })
  )

  for (const algorithm of ["RS256", "PS256", "ES256", "EdDSA", "HS256"] as const) {
    it.live(`${algorithm}: 200 at once, half of them forged, and each gets its own answer`, () =>
      Effect.gen(function* () {
        const engine = yield* NodeCryptoEngine.make
        const key = keyFor(algorithm)
        const sign = yield* engine.prepareSign(key.private, algorithm)
        const verify = yield* engine.prepareVerify(key.public, algorithm)
        const inputs = Array.from({ length: 200 }, (_, i) => `header.${i}`)
        const signatures = yield* Effect.forEach(inputs, sign, { concurrency: "unbounded" })
        const answers = yield* Effect.forEach(
          signatures,
          (signature, i) => verify(i % 2 === 0 ? `header.${i}` : `header.${i + 1}`, signature),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          answers,
          inputs.map((_, i) => i % 2 === 0)
        )
      })
    )
  }

  it.live("an interrupted check stops nobody else, and the engine goes on", () =>
    Effect.gen(function* () {
      const engine = yield* NodeCryptoEngine.make
      const key = keyFor("ES512")
      const sign = yield* engine.prepareSign(key.private, "ES512")
      const verify = yield* engine.prepareVerify(key.public, "ES512")
      const signature = yield* sign("a.b")
      const started = yield* Deferred.make<void>()
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.fork(Effect.zipRight(Deferred.await(started), verify("a.b", signature)))
      )
      yield* Effect.yieldNow()
      yield* Deferred.succeed(started, undefined)
      yield* nextTurn
      yield* Fiber.interruptAll(fibers.filter((_, i) => i % 2 === 1))
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      exits.forEach((exit, i) => {
        if (i % 2 === 0) assert.deepStrictEqual(exit, Exit.succeed(true))
      })
      assert.isTrue(yield* verify("a.b", signature))
      assert.isFalse(yield* verify("a.c", signature))
    })
  )
})
