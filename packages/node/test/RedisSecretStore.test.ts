import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as RedisSecretStore from "effect-oauth-node/RedisSecretStore"
import { inspect } from "node:util"

const canary = "canary-stored-secret-3fd91c"

describe("RedisSecretStore", () => {
  for (const [url, allowed] of [
    ["redis://127.0.0.1:1", true],
    ["redis://user:secret@localhost:1/2", true],
    ["redis://[::1]:1", true],
    ["rediss://redis.example:1", true],
    ["redis://redis.example:1", false],
    ["redis://127.0.0.1.example:1", false],
    ["https://redis.example", false],
    [`${canary} no URL`, false]
  ] as const) {
    it.scoped(`DESIGN 5.1: ${allowed ? "uses" : "refuses"} ${url.replace(canary, "")}`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.either(RedisSecretStore.connect({ url: Redacted.make(url) }))
        assert.strictEqual(exit._tag === "Right", allowed)
        if (exit._tag === "Left") {
          assert.strictEqual(exit.left.reason, "forbidden")
          assert.notInclude(inspect(exit.left), canary)
        }
      })
    )
  }

  it.scoped("without TLS to another machine only when the program says so", () =>
    RedisSecretStore.connect({ url: Redacted.make("redis://redis.invalid:1"), allowInsecure: true })
  )

  it.scopedLive("nobody there is unavailable at the deadline", () =>
    Effect.gen(function* () {
      const url = Redacted.make(`redis://:${canary}@127.0.0.1:1`)
      const store = yield* RedisSecretStore.connect({ url, deadline: "50 millis" })
      for (const operation of [
        store.get("name"),
        store.put("name", canary),
        store.compareAndSet("name", Option.none(), canary),
        store.delete("name")
      ]) {
        const error = yield* Effect.flip(operation)
        assert.strictEqual(error.reason, "unavailable")
        assert.notInclude(inspect(error, { depth: null, showHidden: true }), canary)
      }
    })
  )

  it.effect(
    "an error of the client, which has the arguments in it, is not shown; nor is an answer believed",
    () =>
      Effect.gen(function* () {
        const failing = RedisSecretStore.make({
          eval: (...args) => Promise.reject(Object.assign(new Error(canary), { command: { args } }))
        })
        const error = yield* Effect.flip(failing.put("name", canary))
        assert.strictEqual(error.reason, "unavailable")
        assert.notInclude(inspect(error, { depth: null, showHidden: true }), canary)
        for (const answer of [null, 1, "OK", ["a"], ["a", 1], {}]) {
          const strange = RedisSecretStore.make({ eval: () => Promise.resolve(answer) })
          assert.strictEqual((yield* Effect.flip(strange.get("name"))).reason, "unavailable")
          assert.strictEqual((yield* Effect.flip(strange.put("name", "t"))).reason, "unavailable")
        }
      })
  )
})
