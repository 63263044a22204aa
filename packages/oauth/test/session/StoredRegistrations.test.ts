import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as EncryptedSecretStore from "effect-oauth/EncryptedSecretStore"
import * as Keyring from "effect-oauth/Keyring"
import type { RegisteredClient } from "effect-oauth/RegisteredClient"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StoredRegistrations from "effect-oauth/StoredRegistrations"

const client: RegisteredClient = {
  issuer: "https://issuer.test",
  clientId: "generated-id",
  clientSecret: Option.some(Redacted.make("canary-secret")),
  issuedAt: Option.none(),
  secretExpiresAt: Option.none(),
  authenticationMethod: "client_secret_basic",
  redirectUris: [],
  management: Option.none(),
  metadata: {},
  changes: []
}
const key = { issuer: client.issuer, name: "app" }

describe("StoredRegistrations", () => {
  it.effect("gives back what was put, and forgets what was deleted", () =>
    Effect.gen(function* () {
      const store = StoredRegistrations.make(yield* SecretStore.makeMemory)
      assert.isTrue(Option.isNone(yield* store.get(key)))
      yield* store.put(key, client)
      const found = Option.getOrThrow(yield* store.get(key))
      assert.strictEqual(Redacted.value(Option.getOrThrow(found.clientSecret)), "canary-secret")
      assert.isTrue(Option.isNone(yield* store.get({ ...key, issuer: `${key.issuer}/` })))
      yield* store.delete(key)
      assert.isTrue(Option.isNone(yield* store.get(key)))
    })
  )

  it.effect("tells of the storage's own reason: a key that is not there is forbidden, not unavailable", () =>
    Effect.gen(function* () {
      const inner = yield* SecretStore.makeMemory
      const secrets = EncryptedSecretStore.make(inner, yield* Keyring.generate())
      yield* StoredRegistrations.make(secrets).put(key, client)
      const other = EncryptedSecretStore.make(inner, yield* Keyring.generate())
      const error = yield* Effect.flip(StoredRegistrations.make(other).get(key))
      assert.strictEqual(error.reason, "forbidden")
    })
  )
})
