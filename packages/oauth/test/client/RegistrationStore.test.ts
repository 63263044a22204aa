import * as PlatformError from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { RegisteredClient } from "effect-oauth/RegisteredClient"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import { inspect } from "node:util"

const issuer = "https://issuer.test"

const client: RegisteredClient = {
  issuer,
  clientId: "generated-id",
  clientSecret: Option.some(Redacted.make("generated-secret")),
  issuedAt: Option.some(1_700_000_000_000),
  secretExpiresAt: Option.some(1_800_000_000_000),
  authenticationMethod: "client_secret_basic",
  redirectUris: ["https://app.test/a", "https://app.test/b"],
  management: Option.some({ uri: "https://issuer.test/register/1", accessToken: Redacted.make("rat-1") }),
  metadata: { client_name: "Tests", jwks: { keys: [] } },
  changes: [{ member: "scope", requested: "a", registered: Option.none() }]
}

const keys = {
  redirects: { issuer, redirectUris: ["https://app.test/a", "https://app.test/b"] },
  reversed: { issuer, redirectUris: ["https://app.test/b", "https://app.test/a", "https://app.test/a"] },
  fewer: { issuer, redirectUris: ["https://app.test/a"] },
  named: { issuer, name: "app" },
  slash: { issuer: `${issuer}/`, redirectUris: ["https://app.test/a", "https://app.test/b"] }
}

/** The same of every store. */
const contract = (name: string, layer: Layer.Layer<RegistrationStore.RegistrationStore>) =>
  describe(name, () => {
    it.effect("gives back what was put, by the set of redirect URIs or by a name", () =>
      Effect.gen(function* () {
        const store = yield* RegistrationStore.RegistrationStore
        assert.isTrue(Option.isNone(yield* store.get(keys.redirects)))
        yield* store.put(keys.redirects, client)
        assert.deepStrictEqual(yield* store.get(keys.redirects), Option.some(client))
        assert.deepStrictEqual(yield* store.get(keys.reversed), Option.some(client))
        for (const key of [keys.fewer, keys.named, keys.slash]) {
          assert.isTrue(Option.isNone(yield* store.get(key)))
        }
        yield* store.put(keys.named, { ...client, clientId: "another" })
        assert.strictEqual(Option.getOrThrow(yield* store.get(keys.named)).clientId, "another")
        assert.strictEqual(Option.getOrThrow(yield* store.get(keys.redirects)).clientId, "generated-id")
        yield* store.delete(keys.reversed)
        assert.isTrue(Option.isNone(yield* store.get(keys.redirects)))
        yield* store.delete(keys.redirects)
      }).pipe(Effect.provide(layer))
    )

    it.effect("seeds D.4: a registration is kept for its issuer and for no other", () =>
      Effect.gen(function* () {
        const store = yield* RegistrationStore.RegistrationStore
        const error = yield* Effect.flip(store.put(keys.slash, client))
        assert.strictEqual(`${error._tag} ${error.reason}`, "TokenStoreError conflict")
        assert.isTrue(Option.isNone(yield* store.get(keys.slash)))
      }).pipe(Effect.provide(layer))
    )
  })

describe("RegistrationStore", () => {
  contract("memory", RegistrationStore.layerMemory)
  contract(
    "KeyValueStore",
    RegistrationStore.layerKeyValueStore.pipe(Layer.provide(KeyValueStore.layerMemory))
  )

  const overMemory = RegistrationStore.layerKeyValueStore.pipe(Layer.provideMerge(KeyValueStore.layerMemory))

  /** The only name in the storage, which must be that of an entry put before. */
  const nameOf = (entries: ReadonlyMap<string, string>) => [...entries.keys()].at(-1) ?? ""

  it.effect("names nothing of the key, and the name can be a file's", () =>
    Effect.gen(function* () {
      const entries = new Map<string, string>()
      const store = RegistrationStore.make({
        get: (name) => Effect.sync(() => Option.fromNullable(entries.get(name))),
        set: (name, text) => Effect.sync(() => void entries.set(name, text)),
        remove: (name) => Effect.sync(() => void entries.delete(name))
      })
      yield* store.put(keys.redirects, client)
      assert.match(nameOf(entries), /^effect-oauth\.registration\.[\w-]{43}$/)
    })
  )

  it.effect.each([
    ["no JSON", "{"],
    ["no entry", "{}"],
    ["of a version to come", '{"version":2,"key":"k","client":{}}'],
    ["without an issuer, as before", '{"version":1,"key":"k","client":{"clientId":"generated-secret"}}']
  ] as const)("an entry that is %s is corrupt, and can be deleted", ([, text]) =>
    Effect.gen(function* () {
      const store = RegistrationStore.make({
        get: () => Effect.succeedSome(text),
        set: () => Effect.void,
        remove: () => Effect.void
      })
      const error = yield* Effect.flip(store.get(keys.redirects))
      assert.strictEqual(error.reason, "corrupt")
      assert.notInclude(inspect(error), "generated-secret")
      yield* store.delete(keys.redirects)
    })
  )

  it.effect("an entry of another issuer, or another key, is not given out", () =>
    Effect.gen(function* () {
      const entries = new Map<string, string>()
      const store = RegistrationStore.make({
        // A storage that mixes its entries up
        get: () => Effect.sync(() => Option.fromNullable([...entries.values()].at(-1))),
        set: (name, text) => Effect.sync(() => void entries.set(name, text)),
        remove: (name) => Effect.sync(() => void entries.delete(name))
      })
      yield* store.put(keys.redirects, client)
      for (const key of [keys.slash, keys.named, keys.fewer]) {
        const error = yield* Effect.flip(store.get(key))
        assert.strictEqual(error.reason, "corrupt")
      }
      const [name = "", text = ""] = [...entries][0] ?? []
      entries.set(name, text.replace('"issuer":"https://issuer.test"', '"issuer":"https://evil.test"'))
      assert.strictEqual((yield* Effect.flip(store.get(keys.redirects))).reason, "corrupt")
    })
  )

  it.effect("a storage that fails is unavailable, and shows nothing", () =>
    Effect.gen(function* () {
      const failure = new PlatformError.SystemError({
        module: "KeyValueStore",
        method: "set",
        reason: "Unknown",
        description: "could not write generated-secret"
      })
      const store = RegistrationStore.make({
        get: () => Effect.fail(failure),
        set: () => Effect.fail(failure),
        remove: () => Effect.fail(failure)
      })
      for (const effect of [store.get(keys.named), store.put(keys.named, client), store.delete(keys.named)]) {
        const error = yield* Effect.flip<unknown, { readonly reason: string }, never>(effect)
        assert.strictEqual(error.reason, "unavailable")
        assert.notInclude(inspect(error), "generated-secret")
      }
    })
  )

  it.effect("the KeyValueStore of the program has the entries", () =>
    Effect.gen(function* () {
      const store = yield* RegistrationStore.RegistrationStore
      const values = yield* KeyValueStore.KeyValueStore
      yield* store.put(keys.named, client)
      assert.strictEqual(yield* values.size, 1)
    }).pipe(Effect.provide(overMemory))
  )
})
