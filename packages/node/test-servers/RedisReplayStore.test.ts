/** What was used once, in a real Redis: the contract of every such store, and what happens when the server goes away. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestServices from "effect/TestServices"
import * as RedisReplayStore from "effect-oauth-node/RedisReplayStore"
import { Redis } from "ioredis"
import { inspect } from "node:util"
import { contract } from "../../oauth/test/keys/support/replayContract.js"
import * as Server from "./support/redis.js"

const missing =
  "No redis-server was found, so nothing was remembered in one. Install redis-server, or name one in REDIS_SERVER_PATH."
const isSkipped = Option.isNone(Server.executable) && !Server.isRequired
if (isSkipped) process.stderr.write(`\nSKIPPED: ${missing}\n`)

const started = TestServices.provideLive(
  Effect.flatMap(
    Effect.orDieWith(Server.executable, () => new Error(missing)),
    Server.serve
  )
)

describe.skipIf(isSkipped)("in a real Redis", () => {
  contract(
    "RedisReplayStore",
    Layer.unwrapScoped(Effect.map(started, ({ url }) => RedisReplayStore.layer({ url: Redacted.make(url) }))),
    (millis) => TestServices.provideLive(Effect.sleep(millis))
  )

  it.scopedLive("two connections are two machines, and a script that is sent again is the first still", () =>
    Effect.gen(function* () {
      const { url } = yield* started
      const one = yield* RedisReplayStore.connect({ url: Redacted.make(url) })
      const two = yield* RedisReplayStore.connect({ url: Redacted.make(url) })
      const answers = yield* Effect.all(
        [one, two, one, two].map((store) => store.add("key", "1 minute")),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter((isNew) => isNew).length, 1)
      const redis = yield* Effect.acquireRelease(
        Effect.sync(() => new Redis(url)),
        (client) => Effect.sync(() => client.disconnect())
      )
      const twice = RedisReplayStore.make({
        eval: async (script, keys, ...args) => {
          await redis.eval(script, keys, ...args)
          return redis.eval(script, keys, ...args)
        }
      })
      assert.isTrue(yield* twice.add("again", "1 minute"))
      assert.isFalse(yield* twice.add("again", "1 minute"))
    })
  )

  it.scopedLive(
    "a server that hangs or is gone is unavailable, and what was used is known when it is back",
    () =>
      Effect.gen(function* () {
        const server = yield* started
        const store = yield* RedisReplayStore.connect({
          url: Redacted.make(server.url),
          deadline: "300 millis"
        })
        assert.isTrue(yield* store.add("canary-key", "1 minute"))
        yield* server.signal("SIGSTOP")
        const hung = yield* Effect.flip(store.add("canary-key", "1 minute"))
        yield* server.signal("SIGCONT")
        yield* server.kill
        const gone = yield* Effect.flip(store.add("canary-key", "1 minute"))
        for (const error of [hung, gone]) {
          assert.strictEqual(error.reason, "unavailable")
          assert.notInclude(inspect(error, { depth: null, showHidden: true }), "canary")
        }
        yield* server.start
        const back = yield* Effect.retry(store.add("canary-key", "1 minute"), { times: 20 })
        assert.isFalse(back)
      })
  )

  it.effect("an answer that is none of the script's is not believed", () =>
    Effect.gen(function* () {
      for (const answer of [null, 1, true, "OK", ["first"]]) {
        const store = RedisReplayStore.make({ eval: () => Promise.resolve(answer) })
        assert.strictEqual((yield* Effect.flip(store.add("a", 1000))).reason, "unavailable")
      }
      const failing = RedisReplayStore.make({ eval: (...args) => Promise.reject(new Error(args.join(" "))) })
      assert.notInclude(inspect(yield* Effect.flip(failing.add("canary", 1000)), { depth: null }), "canary")
    })
  )
})
