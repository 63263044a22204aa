/** The clients of Redis and of the keychain are optional: who does not use them does not need them. */
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Everything from "effect-oauth-node"

for (const name of ["ioredis", "@napi-rs/keyring"]) {
  vi.doMock(name, () => {
    throw new Error("not installed")
  })
}

describe("without the optional peers", () => {
  it.scoped("the package is there, and says what is to be installed where it is used", () =>
    Effect.gen(function* () {
      const redis = Everything.RedisSecretStore.connect({ url: Redacted.make("redis://localhost") })
      const noRedis = yield* Effect.flip(redis)
      assert.strictEqual(noRedis.reason, "unavailable")
      assert.include(noRedis.message, "install ioredis")
      const noKeychain = yield* Effect.flip(Everything.KeychainSecretStore.open({ directory: "/nowhere" }))
      assert.strictEqual(noKeychain.reason, "unavailable")
      assert.include(noKeychain.message, "@napi-rs/keyring is not installed")
    })
  )
})
