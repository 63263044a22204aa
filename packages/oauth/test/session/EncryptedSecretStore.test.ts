/** What a storage keeps and cannot read: RFC 7516, RFC 5869. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as EncryptedSecretStore from "effect-oauth/EncryptedSecretStore"
import * as Keyring from "effect-oauth/Keyring"
import { KeyringError, type TokenStoreError } from "effect-oauth/OAuthError"
import * as KeyRotation from "effect-oauth/KeyRotation"
import * as SecretStore from "effect-oauth/SecretStore"
import * as TokenStore from "effect-oauth/TokenStore"
import * as R from "./support/run.js"
import { secretStoreContract } from "./support/secretStoreContract.js"
import * as Server from "./support/server.js"

const secretRing = (kid: string | undefined, letter: string) =>
  Keyring.fromSecret({ secret: Redacted.make(letter.repeat(32)), alg: "HS256", kid })

const over = (secrets: SecretStore.SecretStore.Service, keyring: Effect.Effect<Keyring.Keyring, unknown>) =>
  Layer.provide(EncryptedSecretStore.layer(keyring), Layer.succeed(SecretStore.SecretStore, secrets))

for (const [title, keyring] of [
  ["a secret", secretRing("one", "a")],
  ["a secret without a kid", secretRing(undefined, "a")],
  ["an EC key", Keyring.generate({ alg: "ES256" })],
  ["an Ed25519 key", Keyring.generate({ alg: "EdDSA" })],
  ["an RSA key", Keyring.generate({ alg: "RS256" })]
] as const) {
  secretStoreContract(`EncryptedSecretStore with ${title}`, {
    make: Effect.map(SecretStore.makeMemory, (inner) => ({
      layer: over(inner, keyring),
      // what the storage sees
      shown: Effect.map(Effect.orDie(inner.get("name")), (entry) => [
        JSON.stringify(Option.getOrNull(entry))
      ]),
      spoil: (name) => Effect.orDie(inner.put(name, "canary-stored-secret-3fd91c"))
    }))
  })
}

const reasonOf = <A, R>(effect: Effect.Effect<A, TokenStoreError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const setUp = Effect.gen(function* () {
  const inner = yield* SecretStore.makeMemory
  const keyring = yield* secretRing("one", "a")
  return { inner, keyring, store: EncryptedSecretStore.make(inner, keyring) }
})

const keptIn = (inner: SecretStore.SecretStore.Service, name: string) =>
  Effect.map(inner.get(name), (entry) => Option.getOrThrow(entry).text)

describe("EncryptedSecretStore: what is not ours does not open", () => {
  it.effect("an entry that was moved to another name is corrupt", () =>
    Effect.gen(function* () {
      const { inner, store } = yield* setUp
      yield* store.put("one", "text")
      yield* inner.put("other", yield* keptIn(inner, "one"))
      assert.strictEqual(yield* reasonOf(store.get("other")), "corrupt")
    })
  )

  it.effect("a change of any character is found", () =>
    Effect.gen(function* () {
      const { inner, store } = yield* setUp
      yield* store.put("name", "text")
      const kept = yield* keptIn(inner, "name")
      const places = FastCheck.sample(FastCheck.integer({ min: 0, max: kept.length - 1 }), 60)
      for (const at of places) {
        const other = kept.charAt(at) === "A" ? "B" : "A"
        yield* inner.put("name", kept.slice(0, at) + other + kept.slice(at + 1))
        const reason = yield* Effect.either(store.get("name"))
        // bits at the end of a base64url text may mean nothing: then it is the same text still
        if (reason._tag === "Left") assert.include(["corrupt", "forbidden"], reason.left.reason)
        else assert.strictEqual(Option.getOrThrow(reason.right).text, "text")
      }
    })
  )

  it.effect("another algorithm is not accepted, whatever the header says", () =>
    Effect.gen(function* () {
      const { inner, store } = yield* setUp
      yield* store.put("name", "text")
      const jwe = JSON.parse(yield* keptIn(inner, "name"))
      for (const header of [
        { alg: "dir", enc: "A256GCM", kid: "one" },
        { alg: "none", kid: "one" },
        { alg: "A256KW", enc: "A256GCM", kid: "one", zip: "DEF" },
        { alg: "PBES2-HS256+A128KW", enc: "A256GCM", p2c: 1e9, kid: "one" }
      ]) {
        const segment = Buffer.from(JSON.stringify(header)).toString("base64url")
        yield* inner.put("name", JSON.stringify({ ...jwe, protected: segment }))
        assert.strictEqual(yield* reasonOf(store.get("name")), "corrupt")
      }
    })
  )

  it.effect("what is not encrypted is corrupt, be it a session", () =>
    Effect.gen(function* () {
      const { inner, store } = yield* setUp
      for (const text of ["", "{}", '{"version":1}', "[]", "null"]) {
        yield* inner.put("name", text)
        assert.strictEqual(yield* reasonOf(store.get("name")), "corrupt")
      }
    })
  )

  it.effect("another key of the same kid is corrupt, a key that is not there forbidden", () =>
    Effect.gen(function* () {
      const { inner, store } = yield* setUp
      yield* store.put("name", "text")
      const same = EncryptedSecretStore.make(inner, yield* secretRing("one", "b"))
      const other = EncryptedSecretStore.make(inner, yield* secretRing("two", "a"))
      const none = EncryptedSecretStore.make(inner, Keyring.empty)
      assert.strictEqual(yield* reasonOf(same.get("name")), "corrupt")
      assert.strictEqual(yield* reasonOf(other.get("name")), "forbidden")
      assert.strictEqual(yield* reasonOf(none.get("name")), "forbidden")
      assert.strictEqual(yield* reasonOf(none.put("name", "new")), "forbidden")
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "text")
    })
  )

  it.effect("a key that cannot leave its place is forbidden, a keyring out of reach unavailable", () =>
    Effect.gen(function* () {
      const { inner, keyring } = yield* setUp
      const elsewhere: Keyring.Keyring = {
        ...keyring,
        signingKey: () => Effect.map(keyring.signingKey(), (key) => ({ ...key, privateJwk: Option.none() }))
      }
      const away: Keyring.Keyring = {
        ...keyring,
        signingKey: () =>
          Effect.fail(
            new KeyringError({ operation: "test", reason: "unavailable", retriable: true, message: "canary" })
          )
      }
      assert.strictEqual(
        yield* reasonOf(EncryptedSecretStore.make(inner, elsewhere).put("name", "t")),
        "forbidden"
      )
      const error = yield* Effect.flip(EncryptedSecretStore.make(inner, away).put("name", "t"))
      assert.strictEqual(error.reason, "unavailable")
      assert.notInclude(JSON.stringify(error), "canary")
    })
  )
})

describe("EncryptedSecretStore: keys that are replaced", () => {
  it.effect("reads what an older key wrote, and writes with the current one", () =>
    Effect.gen(function* () {
      const { inner, keyring: older, store } = yield* setUp
      yield* store.put("name", "text")
      const current = yield* secretRing("two", "b")
      const both = EncryptedSecretStore.make(inner, Keyring.combine(current, older))
      const entry = Option.getOrThrow(yield* both.get("name"))
      assert.strictEqual(entry.text, "text")
      yield* both.compareAndSet("name", Option.some(entry.generation), "text")
      const alone = EncryptedSecretStore.make(inner, current)
      assert.strictEqual(Option.getOrThrow(yield* alone.get("name")).text, "text")
      assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
    })
  )

  it.effect("the same text is never the same twice", () =>
    Effect.gen(function* () {
      const { inner, store } = yield* setUp
      yield* store.put("name", "text")
      const first = yield* keptIn(inner, "name")
      yield* store.put("name", "text")
      assert.notStrictEqual(yield* keptIn(inner, "name"), first)
    })
  )
})

describe("EncryptedSecretStore: keys that are replaced", () => {
  it.effect("a retiring key of a rotation opens what it sealed, until it is retained no more", () =>
    Effect.gen(function* () {
      const keyring = yield* KeyRotation.make()
      const store = EncryptedSecretStore.make(yield* SecretStore.makeMemory, keyring)
      yield* store.put("name", "text")
      yield* keyring.rotate
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "text")
      yield* store.put("newer", "text")
      yield* TestClock.adjust("2 days")
      yield* keyring.advance
      assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
      assert.strictEqual(Option.getOrThrow(yield* store.get("newer")).text, "text")
    })
  )

  /** A session in a storage, and another process without the key of that. */
  const withoutTheKey = Effect.gen(function* () {
    const inner = yield* SecretStore.makeMemory
    const server = Server.make()
    const withKey = (letter: string) =>
      Effect.map(secretRing(letter, letter), (keyring) => EncryptedSecretStore.make(inner, keyring))
    const before = yield* R.manage(yield* withKey("a"), { source: server.source })
    yield* before.adopt(yield* server.login)
    const secrets = yield* withKey("b")
    const manager = yield* R.manage(secrets, { source: server.source })
    yield* R.fails(manager.get, "TokenStoreError", "forbidden")
    const record = Effect.map(
      TokenStore.make(secrets).get(Server.key),
      (entry) => Option.getOrThrow(entry).record
    )
    return { manager, record, server }
  })

  it.scoped("SecretStore.put: a login takes the place of a session whose key is not at hand", () =>
    Effect.gen(function* () {
      const { manager, record, server } = yield* withoutTheKey
      const login = yield* server.login
      yield* manager.adopt(login)
      assert.strictEqual((yield* manager.get).accessToken, login.accessToken)
      assert.deepStrictEqual(
        Option.map((yield* record).tokens, Server.accessOf),
        Option.some(Server.accessOf(login))
      )
      assert.deepInclude(yield* manager.state, { saved: true })
    })
  )

  it.scoped("SecretStore.put: a logout deletes a session whose key is not at hand", () =>
    Effect.gen(function* () {
      const { manager, record } = yield* withoutTheKey
      assert.isTrue((yield* manager.logout).deleted)
      assert.deepStrictEqual((yield* record).ended, Option.some("revoked" as const))
    })
  )

  it.scoped("and a refresh takes the place of nothing that it cannot read", () =>
    Effect.gen(function* () {
      const inner = yield* SecretStore.makeMemory
      const server = Server.make()
      const mine = EncryptedSecretStore.make(inner, yield* secretRing("a", "a"))
      const theirs = EncryptedSecretStore.make(inner, yield* secretRing("b", "b"))
      const manager = yield* R.manage(mine, { source: server.source })
      const login = yield* server.login
      yield* manager.adopt(login)
      const other = TokenStore.make(theirs)
      server.script({
        after: Effect.orDie(other.put(Server.key, { ...TokenStore.emptyRecord, tokens: Option.some(login) }))
      })
      yield* manager.renew(login.accessToken)
      yield* R.pass("10 seconds")
      assert.isTrue(Option.isSome(Option.getOrThrow(yield* other.get(Server.key)).record.tokens))
      assert.deepInclude(yield* manager.state, { saved: false })
    })
  )
})
