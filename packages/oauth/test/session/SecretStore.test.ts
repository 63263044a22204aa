import * as PlatformError from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SecretStore from "effect-oauth/SecretStore"
import { secretStoreContract } from "./support/secretStoreContract.js"

secretStoreContract("SecretStore.layerMemory", { make: Effect.succeed({ layer: SecretStore.layerMemory }) })

/** A map that answers on a later turn of the fiber, as what is over a network does. */
const slow = (entries: Map<string, string>) => {
  const later = <A>(run: () => A) => Effect.zipRight(Effect.yieldNow(), Effect.sync(run))
  return Layer.succeed(
    KeyValueStore.KeyValueStore,
    KeyValueStore.makeStringOnly({
      get: (name) => later(() => Option.fromNullable(entries.get(name))),
      set: (name, text) => later(() => entries.set(name, text)),
      remove: (name) => later(() => entries.delete(name)),
      clear: Effect.sync(() => entries.clear()),
      size: Effect.sync(() => entries.size)
    })
  )
}

secretStoreContract("SecretStore.layerKeyValueStore", {
  make: Effect.sync(() => {
    const entries = new Map<string, string>()
    return {
      layer: Layer.provide(SecretStore.layerKeyValueStore, slow(entries)),
      shown: Effect.sync(() => [...entries.keys()]),
      spoil: (name) => Effect.sync(() => entries.set(name, "canary-stored-secret-3fd91c {"))
    }
  })
})

describe("SecretStore.layerKeyValueStore: what goes wrong", () => {
  it.effect("a KeyValueStore that fails is unavailable, and its error is not shown", () =>
    Effect.gen(function* () {
      const broken = Effect.fail(
        new PlatformError.SystemError({
          reason: "Busy",
          module: "KeyValueStore",
          method: "any",
          description: "canary"
        })
      )
      const storage = Layer.succeed(
        KeyValueStore.KeyValueStore,
        KeyValueStore.makeStringOnly({
          get: () => broken,
          set: () => broken,
          remove: () => broken,
          clear: broken,
          size: broken
        })
      )
      yield* Effect.gen(function* () {
        const store = yield* SecretStore.SecretStore
        const all = [
          store.get("name"),
          store.put("name", "text"),
          store.compareAndSet("name", Option.none(), "text"),
          store.delete("name")
        ]
        for (const operation of all) {
          const error = yield* Effect.flip(operation)
          assert.strictEqual(error.reason, "unavailable")
          assert.notInclude(JSON.stringify(error), "canary")
        }
      }).pipe(Effect.provide(Layer.provide(SecretStore.layerKeyValueStore, storage)))
    })
  )

  it.effect("the entry of another name is corrupt", () =>
    Effect.gen(function* () {
      const entries = new Map<string, string>()
      yield* Effect.gen(function* () {
        const store = yield* SecretStore.SecretStore
        yield* store.put("one", "text")
        entries.set("other", entries.get("one") ?? "")
        assert.strictEqual((yield* Effect.flip(store.get("other"))).reason, "corrupt")
      }).pipe(Effect.provide(Layer.provide(SecretStore.layerKeyValueStore, slow(entries))))
    })
  )

  it.effect("turns: one name does not wait for another", () =>
    Effect.gen(function* () {
      const turnOf = yield* SecretStore.makeTurns
      yield* Effect.fork(turnOf("stuck")(Effect.never))
      yield* Effect.yieldNow()
      assert.strictEqual(yield* turnOf("free")(Effect.succeed(1)), 1)
    })
  )
})
