/** RFC 9449 section 11.1: what was used once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as TestClock from "effect/TestClock"
import * as ReplayStore from "effect-oauth/ReplayStore"
import { contract } from "./support/replayContract.js"

contract("the store in memory", ReplayStore.layerMemory)

describe("ReplayStore in memory", () => {
  it.effect("forgets what has expired, and never anything else: when full it fails", () =>
    Effect.gen(function* () {
      const { add } = yield* ReplayStore.makeMemory({ maximum: 3 })
      assert.isTrue(yield* add("a", "1 second"))
      assert.isTrue(yield* add("b", "10 seconds"))
      assert.isTrue(yield* add("c", "10 seconds"))
      const error = yield* Effect.flip(add("d", "1 second"))
      assert.strictEqual(`${error._tag} ${error.reason}`, "TokenStoreError unavailable")
      // What is known can be told still.
      assert.isFalse(yield* add("a", "1 second"))
      assert.isFalse(yield* add("b", "1 second"))
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(yield* add("d", "1 second"))
      assert.isFalse(yield* add("b", "1 second"))
    })
  )

  it.effect("a key that was added again is kept as long as it was then told", () =>
    Effect.gen(function* () {
      const { add } = yield* ReplayStore.makeMemory()
      yield* add("a", 100)
      yield* TestClock.adjust(200)
      assert.isTrue(yield* add("a", "5 seconds"))
      for (const seconds of [1, 1, 1, 1]) {
        yield* TestClock.adjust(seconds * 1000)
        assert.isFalse(yield* add("a", "5 seconds"))
      }
    })
  )

  it.effect("a clock that is set back lets nothing be used again", () =>
    Effect.gen(function* () {
      const { add } = yield* ReplayStore.makeMemory()
      yield* TestClock.setTime(1_000_000)
      yield* add("a", "1 minute")
      yield* TestClock.setTime(900_000)
      assert.isFalse(yield* add("a", "1 minute"))
      yield* TestClock.setTime(1_059_999)
      assert.isFalse(yield* add("a", "1 minute"))
    })
  )
})

describe("ReplayStore.keyOf", () => {
  it.effect.prop(
    "is another for other parts, wherever they are cut",
    { a: FastCheck.array(FastCheck.string()), b: FastCheck.array(FastCheck.string()) },
    ({ a, b }) =>
      Effect.gen(function* () {
        const same = JSON.stringify(a) === JSON.stringify(b)
        assert.strictEqual((yield* ReplayStore.keyOf(...a)) === (yield* ReplayStore.keyOf(...b)), same)
        assert.match(yield* ReplayStore.keyOf(...a), /^[A-Za-z0-9_-]{43}$/)
      })
  )

  it.effect("ab and c are not a and bc", () =>
    Effect.gen(function* () {
      assert.notStrictEqual(yield* ReplayStore.keyOf("ab", "c"), yield* ReplayStore.keyOf("a", "bc"))
    })
  )
})
