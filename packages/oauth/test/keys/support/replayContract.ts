/** What every store of used keys keeps to. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as ReplayStore from "effect-oauth/ReplayStore"

export const contract = <E>(
  name: string,
  layer: Layer.Layer<ReplayStore.ReplayStore, E>,
  /** How time passes for the store. */
  pass: (millis: number) => Effect.Effect<void> = (millis) => TestClock.adjust(millis)
): void => {
  const add = (key: string, millis: number) =>
    Effect.flatMap(ReplayStore.ReplayStore, (store) => store.add(key, millis))

  describe(`${name} keeps to the contract of ReplayStore`, () => {
    it.effect("a key is new once, until it has expired", () =>
      Effect.gen(function* () {
        assert.isTrue(yield* add("a", 1500))
        assert.isFalse(yield* add("a", 1500))
        assert.isTrue(yield* add("b", 100_000))
        yield* pass(2000)
        assert.isTrue(yield* add("a", 1500))
        assert.isFalse(yield* add("b", 1500))
        assert.isFalse(yield* add("a", 1500))
      }).pipe(Effect.provide(layer))
    )

    it.effect("a second use does not prolong it", () =>
      Effect.gen(function* () {
        yield* add("a", 1500)
        yield* pass(500)
        assert.isFalse(yield* add("a", 10_000))
        yield* pass(1500)
        assert.isTrue(yield* add("a", 1500))
      }).pipe(Effect.provide(layer))
    )

    it.effect("of many who add a key at once one is the first", () =>
      Effect.gen(function* () {
        const answers = yield* Effect.all(
          Array.from({ length: 40 }, () => add("a", 10_000)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(answers.filter((isNew) => isNew).length, 1)
      }).pipe(Effect.provide(layer))
    )
  })
}
