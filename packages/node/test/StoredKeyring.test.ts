/** A key that is made once, by several processes that begin at once, and files that a keychain has the key of. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as EncryptedSecretStore from "effect-oauth/EncryptedSecretStore"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StoredKeyring from "effect-oauth/StoredKeyring"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as KeychainSecretStore from "effect-oauth-node/KeychainSecretStore"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { filesOf, temporary } from "./support/directories.js"

const program = fileURLToPath(new URL("./support/storedKeyProgram.ts", import.meta.url))

const kidOf = (directory: string) =>
  Effect.async<string>((resume) => {
    const args = ["--conditions=effect-oauth-source", "--import", "tsx", program, directory]
    const child = execFile(process.execPath, args, (error, stdout) =>
      resume(error === null ? Effect.succeed(stdout.trim()) : Effect.die(error))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("StoredKeyring in files", { timeout: 60_000 }, () => {
  it.scopedLive("processes that begin at once end up with the same key", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "keys")
      const kids = yield* Effect.all(
        Array.from({ length: 4 }, () => kidOf(directory)),
        { concurrency: "unbounded" }
      )
      assert.match(kids[0] ?? "", /^[\w-]{43}$/)
      assert.strictEqual(new Set(kids).size, 1)
      assert.strictEqual(yield* kidOf(directory), kids[0])
    })
  )
})

describe("files that the keychain has the key of", () => {
  it.scoped("texts of any length, though the keychain takes 2560 bytes; nothing of them in the files", () =>
    Effect.gen(function* () {
      const parent = yield* temporary
      const files = join(parent, "files")
      const entries = new Map<string, string>()
      const keychain = KeychainSecretStore.make(
        {
          get: async (account) => entries.get(account),
          set: async (account, text) => void entries.set(account, text),
          remove: async (account) => void entries.delete(account),
          maxBytes: Option.some(2560)
        },
        { directory: join(parent, "locks") }
      )
      const layer = EncryptedSecretStore.layer(
        Effect.provideServiceEffect(StoredKeyring.make({ name: "files" }), SecretStore.SecretStore, keychain)
      ).pipe(Layer.provide(FileSecretStore.layer({ directory: files })))
      const text = "canary ".repeat(10_000)
      const written = Effect.flatMap(SecretStore.SecretStore, (store) => store.put("name", text))
      const read = Effect.flatMap(SecretStore.SecretStore, (store) => store.get("name"))

      yield* Effect.provide(written, layer)
      assert.strictEqual(Option.getOrThrow(yield* Effect.provide(read, layer)).text, text)
      for (const name of filesOf(files)) {
        assert.notInclude(fs.readFileSync(join(files, name), "utf8"), "canary")
      }
      assert.strictEqual(entries.size, 1)
      // The keychain forgot: what is there cannot be read by anybody.
      entries.clear()
      assert.strictEqual((yield* Effect.flip(Effect.provide(read, layer))).reason, "forbidden")
    })
  )
})
