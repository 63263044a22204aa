/** A file system that cannot bring the names of a directory to the disk, as some of FUSE and SMB. */
import { assert, describe, it } from "@effect/vitest"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FileHandle } from "node:fs/promises"
import { statSync } from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import { filesOf, temporary } from "./support/directories.js"

const flushes = vi.hoisted(() => ({ refused: 0 }))

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>()
  const open: typeof real.open = async (path, flags, mode): Promise<FileHandle> => {
    if (typeof path === "string" && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
      flushes.refused += 1
      throw Object.assign(new Error("EINVAL"), { code: "EINVAL" })
    }
    return real.open(path, flags, mode)
  }
  return { ...real, open }
})

describe("SecretStore: unavailable means that what was kept is kept still", () => {
  it.scoped("what was put in place or removed is not said to have failed when only its flush did", () =>
    Effect.gen(function* () {
      const directory = join(yield* temporary, "secrets")
      const store = yield* FileSecretStore.make({ directory })
      const { generation } = yield* store.put("name", "one")
      const second = yield* store.compareAndSet("name", Option.some(generation), "two")
      assert.isTrue(Option.isSome(second))
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "two")
      yield* store.delete("name")
      assert.deepStrictEqual(filesOf(directory), [])
      assert.isAtLeast(flushes.refused, 3)
    })
  )
})
