/** Where sessions are kept: the keychain, private files, files that the keychain has the key of, Redis. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as KeychainSecretStore from "effect-oauth-node/KeychainSecretStore"
import * as RedisSecretStore from "effect-oauth-node/RedisSecretStore"
import * as EncryptedSecretStore from "effect-oauth/EncryptedSecretStore"
import * as Keyring from "effect-oauth/Keyring"
import type { SessionKey } from "effect-oauth/SessionKey"
import * as StoredKeyring from "effect-oauth/StoredKeyring"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Several machines: in Redis, which cannot read them. */
export const SharedSessions = TokenStore.layer.pipe(
  Layer.provide(
    EncryptedSecretStore.layer(
      Effect.flatMap(Config.redacted("SESSIONS_SECRET"), (secret) =>
        Keyring.fromSecret({ secret, alg: "HS256", kid: "2026" })
      )
    )
  ),
  Layer.provide(
    Layer.unwrapEffect(Effect.map(Config.redacted("REDIS_URL"), (url) => RedisSecretStore.layer({ url })))
  )
)

/** A person's machine: in files of any length, under a key that the keychain has, or a file where there is none. */
const sessionsIn = (directory: string) => {
  const inKeychain = KeychainSecretStore.layerOrElse(
    { name: "a file", layer: FileSecretStore.layer({ directory: join(directory, "key") }) },
    { service: "effect-oauth-example", directory: join(directory, "locks") }
  )
  const key = StoredKeyring.make({ name: "of the example" })
  return TokenStore.layer.pipe(
    Layer.provide(EncryptedSecretStore.layer(Effect.provide(key, inKeychain))),
    Layer.provide(FileSecretStore.layer({ directory: join(directory, "sessions") }))
  )
}

const key: SessionKey = { issuer: "https://issuer.example", clientId: "cli", scope: ["notes", "openid"] }

const begin = Effect.flatMap(TokenStore.TokenStore, (store) => store.put(key, TokenStore.emptyRecord))

/** As another run of the program finds it, with the scopes in another order. */
const find = Effect.flatMap(TokenStore.TokenStore, (store) =>
  store.get({ ...key, scope: ["openid", "notes"] })
)

const main = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "secret-stores-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  yield* Effect.provide(begin, sessionsIn(directory))
  const found = yield* Effect.provide(find, sessionsIn(directory))
  yield* Console.log(
    `found  ${Option.isSome(found)}, in ${readdirSync(join(directory, "sessions")).length} file`
  )
})

main.pipe(Effect.scoped, NodeRuntime.runMain)
