import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Keyring from "effect-oauth/Keyring"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StoredKeyring from "effect-oauth/StoredKeyring"
import { inspect } from "node:util"

const opened = (secrets: SecretStore.SecretStore.Service, options: Partial<StoredKeyring.Options> = {}) =>
  Effect.provideService(StoredKeyring.make({ name: "dpop", ...options }), SecretStore.SecretStore, secrets)

const keyOf = (ring: Keyring.Keyring) => Effect.map(ring.signingKey(), ({ jwk }) => jwk)

/** A storage, and the names and texts that were put there. */
const watched = Effect.map(SecretStore.makeMemory, (secrets) => {
  const entries = new Map<string, string>()
  const store: SecretStore.SecretStore.Service = {
    ...secrets,
    compareAndSet: (name, expected, text) =>
      Effect.tap(secrets.compareAndSet(name, expected, text), () => entries.set(name, text))
  }
  return { entries, store }
})

describe("StoredKeyring", () => {
  for (const alg of ["ES256", "EdDSA", "RS256"] as const) {
    it.effect(`a key for ${alg} is made once, and is the same ever after`, () =>
      Effect.gen(function* () {
        const secrets = yield* SecretStore.makeMemory
        const first = yield* opened(secrets, { alg })
        const second = yield* opened(secrets)
        assert.strictEqual((yield* second.signingKey()).algorithm, alg)
        assert.deepStrictEqual(yield* keyOf(second), yield* keyOf(first))
        assert.strictEqual((yield* second.jwks).keys.length, 1)
      })
    )
  }

  it.effect("of programs that begin at once all have the same key", () =>
    Effect.gen(function* () {
      const secrets = yield* SecretStore.makeMemory
      const all = yield* Effect.all(
        Array.from({ length: 20 }, () => Effect.flatMap(opened(secrets), keyOf)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(new Set(all.map(({ kid }) => kid)).size, 1)
    })
  )

  it.effect("another name is another key, and the name does not show", () =>
    Effect.gen(function* () {
      const { entries, store } = yield* watched
      const one = yield* keyOf(yield* opened(store))
      const other = yield* keyOf(yield* opened(store, { name: "ada@example.test" }))
      assert.notStrictEqual(one.kid, other.kid)
      for (const name of entries.keys()) assert.match(name, /^effect-oauth\.key\.[A-Za-z0-9_-]{43}$/)
    })
  )

  it.effect("a key of another algorithm than is asked for is refused, and stays", () =>
    Effect.gen(function* () {
      const secrets = yield* SecretStore.makeMemory
      const kept = yield* keyOf(yield* opened(secrets, { alg: "ES256" }))
      assert.strictEqual((yield* Effect.flip(opened(secrets, { alg: "RS256" }))).reason, "unsupported")
      assert.deepStrictEqual(yield* keyOf(yield* opened(secrets)), kept)
    })
  )

  it.effect("what is not a private key is corrupt, and nothing of it is said", () =>
    Effect.gen(function* () {
      const { entries, store } = yield* watched
      yield* opened(store)
      const [name = "", text = ""] = [...entries][0] ?? []
      const { d, ...publicHalf } = JSON.parse(text).key
      for (const key of [publicHalf, { ...publicHalf, d: 1 }, { kty: "canary" }]) {
        yield* store.put(name, JSON.stringify({ version: 1, key }))
        const exit = yield* Effect.either(Effect.flatMap(opened(store), keyOf))
        assert.isTrue(exit._tag === "Left")
        assert.notInclude(inspect(exit, { depth: null, showHidden: true }), d)
      }
      for (const planted of ["", "canary", '{"version":2}']) {
        yield* store.put(name, planted)
        const error = yield* Effect.flip(opened(store))
        assert.strictEqual(error.reason, "corrupt")
        assert.notInclude(JSON.stringify(error), "canary")
      }
    })
  )

  it.effect("is the keyring of the program as a layer", () =>
    Effect.gen(function* () {
      const keyring = yield* Keyring.KeyringService
      const { privateJwk } = yield* keyring.signingKey()
      assert.notInclude(inspect(keyring, { depth: null, showHidden: true }), "canary")
      assert.isString(Redacted.value(Option.getOrThrow(privateJwk))["d"])
    }).pipe(Effect.provide(Layer.provide(StoredKeyring.layer({ name: "dpop" }), SecretStore.layerMemory)))
  )
})
