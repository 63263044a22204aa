/** Secrets in a keychain: one made for the tests, and what the system's says where there is none. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type { TokenStoreError } from "effect-oauth/OAuthError"
import * as SecretStore from "effect-oauth/SecretStore"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as KeychainSecretStore from "effect-oauth-node/KeychainSecretStore"
import * as fs from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import { secretStoreContract } from "../../oauth/test/session/support/secretStoreContract.js"
import { filesOf, temporary } from "./support/directories.js"

const canary = "canary-stored-secret-3fd91c"

/** A keychain that takes its time, as one that asks another process does. */
const fake = (
  maxBytes: Option.Option<number> = Option.none()
): { readonly entries: Map<string, string>; readonly keychain: KeychainSecretStore.Keychain } => {
  const entries = new Map<string, string>()
  const later = <A>(run: () => A) => new Promise<A>((resolve) => setImmediate(() => resolve(run())))
  return {
    entries,
    keychain: {
      get: (account) => later(() => entries.get(account)),
      set: (account, text) => later(() => void entries.set(account, text)),
      remove: (account) => later(() => void entries.delete(account)),
      maxBytes
    }
  }
}

secretStoreContract("KeychainSecretStore", {
  make: Effect.map(temporary, (parent) => {
    const { entries, keychain } = fake()
    const directory = join(parent, "locks")
    return {
      layer: Layer.effect(SecretStore.SecretStore, KeychainSecretStore.make(keychain, { directory })),
      shown: Effect.sync(() => [...entries.keys(), ...filesOf(directory)]),
      spoil: () =>
        Effect.sync(() => {
          for (const account of entries.keys()) entries.set(account, `${canary} {`)
        })
    }
  }),
  rounds: 2
})

const reasonOf = <A, R>(effect: Effect.Effect<A, TokenStoreError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

describe("KeychainSecretStore", () => {
  it.scopedLive(
    "programs that share the keychain take turns: of those who compare and set one is first",
    () =>
      Effect.gen(function* () {
        const directory = join(yield* temporary, "locks")
        const { keychain } = fake()
        const stores = yield* Effect.replicateEffect(KeychainSecretStore.make(keychain, { directory }), 4)
        for (let round = 0; round < 5; round++) {
          const current = yield* stores[0]?.get("name") ?? Effect.succeedNone
          const expected = Option.map(current, ({ generation }) => generation)
          const all = yield* Effect.forEach(stores, (store) => store.compareAndSet("name", expected, "t"), {
            concurrency: "unbounded"
          })
          assert.strictEqual(all.filter(Option.isSome).length, 1)
        }
        assert.deepStrictEqual(filesOf(directory), [])
      })
  )

  it.scoped("wincred.h: a text longer than the keychain allows is refused, and nothing changed", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "locks")
      const store = yield* KeychainSecretStore.make(fake(Option.some(2560)).keychain, { directory })
      yield* store.put("name", "before")
      assert.strictEqual(yield* reasonOf(store.put("name", "ü".repeat(1280))), "forbidden")
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "before")
    })
  )

  it.scopedLive(
    "a keychain that refuses or does not answer is unavailable, and what it says is not shown",
    () =>
      Effect.gen(function* () {
        const directory = join(yield* temporary, "locks")
        const saying = (answer: () => Promise<never>): KeychainSecretStore.Keychain => ({
          get: answer,
          set: answer,
          remove: answer,
          maxBytes: Option.none()
        })
        const never = () => new Promise<never>(() => undefined)
        for (const answer of [() => Promise.reject(new Error(canary)), never]) {
          const store = yield* KeychainSecretStore.make(saying(answer), { directory, deadline: "50 millis" })
          for (const operation of [store.get("n"), store.put("n", canary), store.delete("n")]) {
            const error = yield* Effect.flip(operation)
            assert.strictEqual(error.reason, "unavailable")
            assert.notInclude(inspect(error, { depth: null, showHidden: true }), canary)
          }
          if (answer !== never) assert.deepStrictEqual(filesOf(directory), [])
        }
      })
  )

  it.scopedLive("who is interrupted in its turn has written before another writes", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "locks")
      const { entries, keychain } = fake()
      const slow: KeychainSecretStore.Keychain = {
        ...keychain,
        set: async (account, text) => {
          await new Promise((resolve) => setTimeout(resolve, 100))
          entries.set(account, text)
        }
      }
      const store = yield* KeychainSecretStore.make(slow, { directory })
      const first = yield* Effect.fork(store.put("name", "first"))
      yield* Effect.sleep("50 millis")
      yield* Fiber.interrupt(first)
      yield* store.put("name", "second")
      yield* Effect.sleep("150 millis")
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "second")
    })
  )
})

describe("KeychainSecretStore: a person who answers the keychain's question late", () => {
  /** Two programs over one keychain, whose first change waits for the person. */
  const asked = Effect.gen(function* () {
    const directory = join(yield* temporary, "locks")
    const { entries, keychain } = fake()
    // The lock expires after three of these: no machine is too busy to prolong it in time.
    const options = { directory, deadline: "500 millis" } as const
    const b = yield* KeychainSecretStore.make(keychain, options)
    const { generation } = yield* b.put("name", "T1")
    const expected = Option.some(generation)
    const answered = yield* Deferred.make<boolean>()
    const waiting = async (change: () => Promise<void>) => {
      if (await Effect.runPromise(Deferred.await(answered))) return change()
      throw new Error(canary)
    }
    const slow: KeychainSecretStore.Keychain = {
      ...keychain,
      set: (account, text) => waiting(() => keychain.set(account, text)),
      remove: (account) => waiting(() => keychain.remove(account))
    }
    const a = yield* KeychainSecretStore.make(slow, options)
    const answer = (yes: boolean) => Deferred.succeed(answered, yes)
    return { a, b, answer, directory, entries, expected }
  })

  it.scopedLive("what is written then is not written over what another wrote meanwhile: nobody did", () =>
    Effect.gen(function* () {
      const { a, answer, b, directory, expected } = yield* asked
      assert.strictEqual(yield* reasonOf(a.compareAndSet("name", expected, "T1 and a lease")), "unavailable")
      // for longer than the lock's expiry, three deadlines, and than b is patient
      assert.strictEqual(yield* reasonOf(b.compareAndSet("name", expected, "T2")), "unavailable")
      assert.strictEqual(Option.getOrThrow(yield* b.get("name")).text, "T1")
      yield* answer(true)
      assert.deepStrictEqual(yield* b.compareAndSet("name", expected, "T2"), Option.none())
      yield* Effect.sleep("50 millis")
      assert.strictEqual(Option.getOrThrow(yield* b.get("name")).text, "T1 and a lease")
      assert.deepStrictEqual(filesOf(directory), [])
    })
  )

  it.scopedLive("a refusal lets the others go on", () =>
    Effect.gen(function* () {
      const { a, answer, b, directory, expected } = yield* asked
      assert.strictEqual(yield* reasonOf(a.delete("name")), "unavailable")
      const waiting = yield* Effect.fork(b.compareAndSet("name", expected, "T2"))
      yield* Effect.sleep("150 millis")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* answer(false)
      assert.isTrue(Option.isSome(yield* Fiber.join(waiting)))
      assert.strictEqual(Option.getOrThrow(yield* b.get("name")).text, "T2")
      assert.deepStrictEqual(filesOf(directory), [])
    })
  )
})

describe.skipIf(process.platform !== "linux")("the keychain of a machine that has none", () => {
  const noService = Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env["DBUS_SESSION_BUS_ADDRESS"]
      process.env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nowhere"
      return before
    }),
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env["DBUS_SESSION_BUS_ADDRESS"]
        else process.env["DBUS_SESSION_BUS_ADDRESS"] = before
      })
  )

  it.scopedLive("is unavailable: never the keyring of the kernel in its place", () =>
    Effect.gen(function* () {
      yield* noService
      const directory = join(yield* temporary, "locks")
      assert.strictEqual(
        yield* reasonOf(KeychainSecretStore.open({ directory, deadline: "10 seconds" })),
        "unavailable"
      )
    })
  )

  it.scopedLive("the fallback is used that the program named, and said so", () =>
    Effect.gen(function* () {
      yield* noService
      const parent = yield* temporary
      const files = FileSecretStore.layer({ directory: join(parent, "files") })
      const said: Array<string> = []
      const logger = Logger.make(({ message }) => void said.push(String(message)))
      yield* Effect.gen(function* () {
        const inUse = yield* KeychainSecretStore.StorageInUse
        assert.strictEqual(inUse.storage, "fallback")
        if (inUse.storage === "fallback") {
          assert.strictEqual(inUse.name, "files")
          assert.strictEqual(inUse.problem.reason, "unavailable")
        }
        yield* (yield* SecretStore.SecretStore).put("name", canary)
      }).pipe(
        Effect.provide(
          KeychainSecretStore.layerOrElse(
            { name: "files", layer: files },
            { directory: join(parent, "locks") }
          ).pipe(Layer.provide(Logger.replace(Logger.defaultLogger, logger)))
        )
      )
      assert.match(said.join("\n"), /fallback: files/)
      assert.strictEqual(filesOf(join(parent, "files")).length, 1)
    })
  )
})

describe("KeychainSecretStore.orElse", () => {
  it.scoped("the keychain is used where there is one", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "locks")
      const { entries, keychain } = fake()
      const other = Layer.fail("the fallback was built" as const)
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* KeychainSecretStore.StorageInUse).storage, "keychain")
        yield* (yield* SecretStore.SecretStore).put("name", canary)
      }).pipe(
        Effect.provide(
          KeychainSecretStore.orElse(KeychainSecretStore.make(keychain, { directory }), {
            name: "none",
            layer: other
          })
        )
      )
      assert.strictEqual(entries.size, 1)
    })
  )

  it.scoped("what is forbidden is told, and not gone around", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "locks")
      fs.mkdirSync(directory, { mode: 0o755 })
      const layer = KeychainSecretStore.orElse(KeychainSecretStore.make(fake().keychain, { directory }), {
        name: "memory",
        layer: SecretStore.layerMemory
      })
      assert.strictEqual(yield* reasonOf(Effect.scoped(Layer.build(layer))), "forbidden")
    })
  )
})
