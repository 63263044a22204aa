/** Secrets in real files: who may see them, what a crash or a full disk leaves, and several processes at once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import type { TokenStoreError } from "effect-oauth/OAuthError"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as fs from "node:fs"
import { join } from "node:path"
import { secretStoreContract } from "../../oauth/test/session/support/secretStoreContract.js"
import { host } from "../src/internal/fileLock.js"
import { stateDirectory } from "../src/internal/stateDirectory.js"
import { countUp, filesOf, modeOf, plantLock, temporary } from "./support/directories.js"

const canary = "canary-stored-secret-3fd91c"

const only = (directory: string, ending: string): string =>
  join(directory, fs.readdirSync(directory).find((name) => name.endsWith(ending)) ?? "")

secretStoreContract("FileSecretStore", {
  make: Effect.map(temporary, (parent) => {
    const directory = join(parent, "made", "here")
    return {
      layer: FileSecretStore.layer({ directory }),
      shown: Effect.sync(() => filesOf(directory)),
      spoil: () => Effect.sync(() => fs.writeFileSync(only(directory, ".json"), `${canary} {`))
    }
  }),
  rounds: 3
})

const reasonOf = <A, R>(effect: Effect.Effect<A, TokenStoreError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

const opened = Effect.gen(function* () {
  const directory = join(yield* temporary, "secrets")
  return { directory, store: yield* FileSecretStore.make({ directory }) }
})

describe("FileSecretStore: where", () => {
  const home = "/home/ada"
  const at = (platform: string, environment: Record<string, string>, where = home) =>
    Option.getOrNull(stateDirectory({ platform, environment, home: where }))

  it("XDG Base Directory: the state of programs, and a relative path is ignored", () => {
    assert.strictEqual(at("linux", {}), "/home/ada/.local/state/effect-oauth")
    assert.strictEqual(at("linux", { XDG_STATE_HOME: "/state" }), "/state/effect-oauth")
    assert.strictEqual(at("freebsd", { XDG_STATE_HOME: "state" }), "/home/ada/.local/state/effect-oauth")
    assert.isNull(at("linux", {}, ""))
  })

  it("the folders of macOS and Windows", () => {
    assert.strictEqual(
      at("darwin", { XDG_STATE_HOME: "/state" }),
      "/home/ada/Library/Application Support/effect-oauth"
    )
    const local = "C:\\Users\\ada\\AppData\\Local"
    const roaming = "C:\\Users\\ada\\AppData\\Roaming"
    assert.strictEqual(at("win32", { LOCALAPPDATA: local, APPDATA: roaming }), `${local}\\effect-oauth`)
    assert.strictEqual(at("win32", { APPDATA: roaming }), `${roaming}\\effect-oauth`)
    assert.strictEqual(at("win32", {}, "C:\\Users\\ada"), `${local}\\effect-oauth`)
  })
})

describe.skipIf(process.platform === "win32")("FileSecretStore: who may see the secrets", () => {
  it.scopedLive("the directory is 0700 and every file 0600, at every moment, whatever the umask", () =>
    Effect.gen(function* () {
      const before = process.umask(0)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.umask(before)))
      const directory = join(yield* temporary, "secrets")
      const modes = new Set<number>()
      const watcher = fs.watch(join(directory, ".."), { recursive: true }, (_, name) => {
        const stats = fs.lstatSync(join(directory, "..", name ?? ""), { throwIfNoEntry: false })
        if (stats?.isFile() === true) modes.add(stats.mode & 0o777)
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => watcher.close()))
      const store = yield* FileSecretStore.make({ directory })
      for (let turn = 0; turn < 20; turn++) {
        yield* store.put("name", canary)
        for (const name of filesOf(directory)) modes.add(modeOf(directory, name))
      }
      assert.strictEqual(modeOf(directory), 0o700)
      assert.deepStrictEqual([...modes], [0o600])
    })
  )

  for (const mode of [0o750, 0o705, 0o701, 0o777]) {
    it.scoped(`a directory of mode ${mode.toString(8)} is refused, also one that became so`, () =>
      Effect.gen(function* () {
        const { directory, store } = yield* opened
        yield* store.put("name", canary)
        fs.chmodSync(directory, mode)
        assert.strictEqual(yield* reasonOf(FileSecretStore.make({ directory })), "forbidden")
        assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
        assert.strictEqual(yield* reasonOf(store.put("name", canary)), "forbidden")
      })
    )
  }

  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    it.scoped(`a file of mode ${mode.toString(8)} is refused`, () =>
      Effect.gen(function* () {
        const { directory, store } = yield* opened
        const { generation } = yield* store.put("name", canary)
        fs.chmodSync(only(directory, ".json"), mode)
        assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
        assert.strictEqual(
          yield* reasonOf(store.compareAndSet("name", Option.some(generation), "new")),
          "forbidden"
        )
        assert.include(fs.readFileSync(only(directory, ".json"), "utf8"), canary)
      })
    )
  }

  it.scoped("links in the place of the directory or of a file are refused, and never written through", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      yield* store.put("name", canary)
      const file = only(directory, ".json")
      const elsewhere = join(directory, "..", "elsewhere")
      fs.writeFileSync(elsewhere, fs.readFileSync(file), { mode: 0o600 })
      fs.rmSync(file)
      fs.symlinkSync(elsewhere, file)
      assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
      yield* store.put("name", "new")
      assert.include(fs.readFileSync(elsewhere, "utf8"), canary)
      assert.isFalse(fs.lstatSync(file).isSymbolicLink())

      fs.renameSync(directory, `${directory}.moved`)
      fs.symlinkSync(`${directory}.moved`, directory)
      assert.strictEqual(yield* reasonOf(FileSecretStore.make({ directory })), "forbidden")
      assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
    })
  )

  it.scoped("a file of another user is refused", (context) =>
    Effect.gen(function* () {
      if (process.getuid?.() !== 0) return context.skip("only root can give files away")
      const { directory, store } = yield* opened
      yield* store.put("name", canary)
      fs.chownSync(only(directory, ".json"), 12345, 12345)
      assert.strictEqual(yield* reasonOf(store.get("name")), "forbidden")
    })
  )
})

describe("FileSecretStore: what goes wrong", () => {
  for (const content of [
    "",
    "{",
    '{"version":2}',
    `{"version":1,"name":"other","generation":"g","text":"t"}`
  ]) {
    it.scoped(`${content === "" ? "an empty file" : content}: set aside, reported once, then absent`, () =>
      Effect.gen(function* () {
        const { directory, store } = yield* opened
        yield* TestClock.adjust(1234)
        yield* store.put("name", canary)
        const file = only(directory, ".json")
        fs.writeFileSync(file, content)
        assert.strictEqual(yield* reasonOf(store.compareAndSet("name", Option.none(), "new")), "corrupt")
        assert.strictEqual(fs.readFileSync(`${file}.corrupt-1234`, "utf8"), content)
        assert.isTrue(Option.isNone(yield* store.get("name")))
        yield* store.delete("name")
        assert.deepStrictEqual(filesOf(directory), [])
      })
    )
  }

  it.scoped("the file of one entry in the place of another is corrupt", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      yield* store.put("one", canary)
      const one = only(directory, ".json")
      yield* store.put("other", "text")
      const other = filesOf(directory).find((name) => join(directory, name) !== one) ?? ""
      fs.copyFileSync(one, join(directory, other))
      assert.strictEqual(yield* reasonOf(store.get("other")), "corrupt")
      assert.isTrue(Option.isSome(yield* store.get("one")))
    })
  )

  it.scoped("a text that would not be read again is refused, and nothing changed", () =>
    Effect.gen(function* () {
      const { store } = yield* opened
      yield* store.put("name", "before")
      assert.strictEqual(yield* reasonOf(store.put("name", "x".repeat(1024 * 1024))), "forbidden")
      assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "before")
    })
  )

  it.scoped("what killed writers left behind is removed when it is old, not while it may be in use", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      yield* store.put("name", "text")
      const file = only(directory, ".json")
      const holder = plantLock(file.replace(/json$/, "lock"), "of another machine")
      const left = [`${file}.00.tmp`, `${holder}.00.tmp`]
      for (const path of left) fs.writeFileSync(path, canary, { mode: 0o600 })
      yield* FileSecretStore.make({ directory })
      assert.isTrue(left.every((path) => fs.existsSync(path)))
      const old = Date.now() / 1000 - 60
      for (const path of left) fs.utimesSync(path, old, old)
      yield* FileSecretStore.make({ directory })
      assert.isFalse(left.some((path) => fs.existsSync(path)))
    })
  )

  it.scopedLive("the lock of a process that died is taken over at once, with what it left", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      yield* store.put("name", "text")
      const dead = { pid: 2 ** 22 + 1, host: host(), expiry: 10_000 }
      const holder = plantLock(only(directory, ".json").replace(/json$/, "lock"), JSON.stringify(dead))
      fs.writeFileSync(`${holder}.00.tmp`, canary, { mode: 0o600 })
      yield* Effect.timeout(store.put("name", "new"), "2 seconds")
      assert.deepStrictEqual(filesOf(directory).length, 1)
    })
  )

  it.scopedLive(
    "a lock whose holder lives blocks no longer than its expiry, whatever the wall clock says",
    () =>
      Effect.gen(function* () {
        const { directory, store } = yield* opened
        yield* store.put("name", "text")
        const lock = only(directory, ".json").replace(/json$/, "lock")
        const held = { pid: process.pid, host: "elsewhere", expiry: 400 }
        // made in the future, as after a clock was set back
        plantLock(lock, JSON.stringify(held), -3600)
        const began = Date.now()
        yield* Effect.timeout(store.put("name", "new"), "3 seconds")
        assert.isAtLeast(Date.now() - began, 300)
      })
  )

  it.scopedLive("a disk that fails while writing leaves the old entry whole", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      yield* store.put("count", "41")
      // a limit on the size of files that no entry fits into: what a full disk does
      const ended = yield* countUp(directory, 1, { fileBlocks: 0 }).done
      assert.notStrictEqual(ended.code, 0)
      assert.include(ended.text, "EFBIG")
      assert.strictEqual(Option.getOrThrow(yield* store.get("count")).text, "41")
      assert.strictEqual(filesOf(directory).filter((name) => name.endsWith(".json")).length, 1)
      assert.strictEqual(filesOf(directory).length, 1)
    })
  )
})

describe("FileSecretStore: several processes", { timeout: 120_000 }, () => {
  it.scopedLive("count up together: no number is lost, none is given twice", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      const ended = yield* Effect.all(
        Array.from({ length: 3 }, () => countUp(directory, 30).done),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        ended.map(({ code }) => code),
        [0, 0, 0]
      )
      const said = ended.flatMap(({ numbers }) => numbers).sort((a, b) => a - b)
      assert.deepStrictEqual(
        said,
        Array.from({ length: 90 }, (_, index) => index + 1)
      )
      assert.strictEqual(Option.getOrThrow(yield* store.get("count")).text, "90")
      assert.strictEqual(filesOf(directory).length, 1)
    })
  )

  it.scopedLive("kill -9 in the middle: what a process said is kept, and the others go on", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* opened
      const survivor = countUp(directory, 60)
      const said: Array<number> = []
      for (let kill = 0; kill < 4; kill++) {
        const victim = countUp(directory, 1_000_000)
        yield* victim.begun
        yield* Effect.sleep(20 + 7 * kill)
        victim.kill()
        said.push(...(yield* victim.done).numbers)
      }
      const { code, numbers } = yield* survivor.done
      assert.strictEqual(code, 0)
      const all = [...said, ...numbers]
      assert.strictEqual(new Set(all).size, all.length)
      // A victim may have set one number that it could not say any more.
      const last = Number(Option.getOrThrow(yield* store.get("count")).text)
      assert.isAtMost(last - all.length, 4)
      assert.isAtLeast(last, all.length)
      yield* store.put("count", "0")
      assert.isFalse(filesOf(directory).some((name) => name.endsWith(".lock")))
    })
  )
})
