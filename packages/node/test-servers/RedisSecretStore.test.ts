/** Secrets in a real Redis: the contract of every storage, and what happens when the server goes away. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { TokenStoreError } from "effect-oauth/OAuthError"
import * as RedisSecretStore from "effect-oauth-node/RedisSecretStore"
import { Redis } from "ioredis"
import { secretStoreContract } from "../../oauth/test/session/support/secretStoreContract.js"
import * as Server from "./support/redis.js"

const missing =
  "No redis-server was found, so no secret was kept in one. Install redis-server, or name one in REDIS_SERVER_PATH."
const isSkipped = Option.isNone(Server.executable) && !Server.isRequired
if (isSkipped) {
  // said where the run is read, not only in a list of skipped tests
  process.stderr.write(`\nSKIPPED: ${missing}\n`)
}

const started = Effect.flatMap(
  Effect.orDieWith(Server.executable, () => new Error(missing)),
  Server.serve
)

/** A client beside the store, to look and to spoil. */
const beside = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new Redis(url)),
    (redis) => Effect.sync(() => redis.disconnect())
  )

const reasonOf = <A, R>(effect: Effect.Effect<A, TokenStoreError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const setUp = (options: Partial<RedisSecretStore.ConnectionOptions> = {}) =>
  Effect.gen(function* () {
    const server = yield* started
    const url = Redacted.make(server.url)
    return { server, url, store: yield* RedisSecretStore.connect({ url, ...options }) }
  })

describe.skipIf(isSkipped)("in a real Redis", () => {
  secretStoreContract("RedisSecretStore", {
    make: Effect.gen(function* () {
      const { url } = yield* started
      const redis = yield* beside(url)
      return {
        layer: RedisSecretStore.layer({ url: Redacted.make(url) }),
        shown: Effect.promise(() => redis.keys("*")),
        spoil: (name) =>
          Effect.promise(() => redis.hset(`effect-oauth:${name}`, "entry", "canary-stored-secret-3fd91c"))
      }
    })
  })

  it.scopedLive("a prefix keeps stores of one server apart; nothing is forgotten unless asked", () =>
    Effect.gen(function* () {
      const { server, store, url } = yield* setUp()
      const other = yield* RedisSecretStore.connect({ url, prefix: "other:", timeToLive: "1 minute" })
      yield* store.put("name", "one")
      yield* other.put("name", "two")
      const redis = yield* beside(server.url)
      assert.deepStrictEqual((yield* Effect.promise(() => redis.keys("*"))).sort(), [
        "effect-oauth:name",
        "other:name"
      ])
      assert.strictEqual(yield* Effect.promise(() => redis.pttl("effect-oauth:name")), -1)
      assert.isAbove(yield* Effect.promise(() => redis.pttl("other:name")), 50_000)
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "one")
      // a client of the program's own
      const own = RedisSecretStore.make(redis, { prefix: "other:" })
      assert.strictEqual(Option.getOrThrow(yield* own.get("name")).text, "two")
    })
  )

  it.scopedLive("two connections are two machines: of those who compare and set one is first", () =>
    Effect.gen(function* () {
      const { store, url } = yield* setUp()
      const other = yield* RedisSecretStore.connect({ url })
      for (let round = 0; round < 10; round++) {
        const current = Option.map(yield* store.get("name"), ({ generation }) => generation)
        const all = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, index) => index),
          (index) => (index % 2 === 0 ? store : other).compareAndSet("name", current, String(index)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(all.filter(Option.isSome).length, 1)
      }
    })
  )

  it.scopedLive("a script that is sent again after the answer was lost has won once, not lost", () =>
    Effect.gen(function* () {
      const { url } = yield* started
      const redis = yield* beside(url)
      const twice = RedisSecretStore.make({
        eval: async (script, keys, ...args) => {
          await redis.eval(script, keys, ...args)
          return redis.eval(script, keys, ...args)
        }
      })
      const first = Option.getOrThrow(yield* twice.compareAndSet("name", Option.none(), "one"))
      const second = yield* twice.compareAndSet("name", Option.some(first.generation), "two")
      assert.deepStrictEqual(yield* twice.get("name"), second)
    })
  )

  it.scopedLive("a value of another kind under the name is corrupt, and can be put anew", () =>
    Effect.gen(function* () {
      const { server, store } = yield* setUp()
      const redis = yield* beside(server.url)
      yield* Effect.promise(() => redis.set("effect-oauth:name", "canary"))
      assert.strictEqual(yield* reasonOf(store.get("name")), "corrupt")
      assert.strictEqual(yield* reasonOf(store.compareAndSet("name", Option.none(), "no")), "corrupt")
      yield* store.put("name", "anew")
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "anew")
    })
  )

  it.scopedLive("a server without memory is unavailable, and what was there is there", () =>
    Effect.gen(function* () {
      const { server, store } = yield* setUp()
      const entry = yield* store.put("name", "kept")
      const redis = yield* beside(server.url)
      yield* Effect.promise(() => redis.config("SET", "maxmemory", "1"))
      assert.strictEqual(yield* reasonOf(store.put("name", "new")), "unavailable")
      assert.strictEqual(yield* reasonOf(store.put("another", "new")), "unavailable")
      const expected = Option.some(entry.generation)
      assert.strictEqual(yield* reasonOf(store.compareAndSet("name", expected, "new")), "unavailable")
      assert.deepStrictEqual(yield* store.get("name"), Option.some(entry))
      yield* Effect.promise(() => redis.config("SET", "maxmemory", "0"))
      assert.isTrue(Option.isSome(yield* store.compareAndSet("name", expected, "new")))
    })
  )

  it.scopedLive("killed and started again: unavailable meanwhile, then as before", () =>
    Effect.gen(function* () {
      const { server, store } = yield* setUp({ deadline: "300 millis" })
      const entry = yield* store.put("name", "kept")
      yield* server.kill
      assert.strictEqual(yield* reasonOf(store.get("name")), "unavailable")
      const lost = yield* reasonOf(store.compareAndSet("name", Option.some(entry.generation), "canary-lost"))
      assert.strictEqual(lost, "unavailable")
      yield* server.start
      const again = yield* Effect.retry(store.get("name"), { times: 20 })
      assert.deepStrictEqual(again, Option.some(entry))
      // What was told to have failed is not done behind the back.
      yield* Effect.sleep("200 millis")
      assert.deepStrictEqual(yield* store.get("name"), Option.some(entry))
      assert.isTrue(Option.isSome(yield* store.compareAndSet("name", Option.some(entry.generation), "new")))
    })
  )

  it.scopedLive(
    "restarted in the middle of writes: each is done or unavailable, and none is lost that was told",
    () =>
      Effect.gen(function* () {
        const { server, store } = yield* setUp({ deadline: "2 seconds" })
        yield* store.put("count", "0")
        const counting = yield* Effect.fork(
          Effect.forEach(
            Array.from({ length: 400 }, (_, index) => index),
            () =>
              Effect.gen(function* () {
                const current = yield* store.get("count")
                const next = Number(Option.getOrThrow(current).text) + 1
                return yield* store.compareAndSet(
                  "count",
                  Option.map(current, ({ generation }) => generation),
                  String(next)
                )
              }).pipe(Effect.option)
          )
        )
        for (let restart = 0; restart < 3; restart++) {
          yield* Effect.sleep("50 millis")
          yield* server.kill
          yield* server.start
        }
        const outcomes = yield* Fiber.join(counting)
        const told = outcomes.filter((outcome) => Option.isSome(Option.flatten(outcome))).length
        const failed = outcomes.filter(Option.isNone).length
        const count = Number(Option.getOrThrow(yield* store.get("count")).text)
        assert.isAtLeast(count, told)
        assert.isAtMost(count, told + failed)
        assert.isAbove(told, 100)
      })
  )

  it.scopedLive("a server that does not answer is unavailable at the deadline", () =>
    Effect.gen(function* () {
      const { server, store } = yield* setUp({ deadline: "300 millis" })
      yield* store.put("name", "text")
      yield* server.signal("SIGSTOP")
      yield* Effect.addFinalizer(() => server.signal("SIGCONT"))
      const began = Date.now()
      assert.strictEqual(yield* reasonOf(store.get("name")), "unavailable")
      assert.isBelow(Date.now() - began, 3000)
      yield* server.signal("SIGCONT")
      assert.strictEqual(
        Option.getOrThrow(yield* Effect.retry(store.get("name"), { times: 10 })).text,
        "text"
      )
    })
  )
})
