/** A lock between processes: one holder at a time, whoever died with it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import * as Lock from "../src/internal/fileLock.js"
import * as Directory from "../src/internal/privateDirectory.js"
import { filesOf, temporary } from "./support/directories.js"

class Problem {
  constructor(
    readonly reason: Directory.Reason,
    readonly what: string
  ) {}
}

const open = (path: string) => Directory.make(path, (reason, what) => new Problem(reason, what))

/** As a process leaves it that was killed. */
const plantDead = (directory: string): void =>
  fs.writeFileSync(
    join(directory, "a.lock"),
    JSON.stringify({ pid: 2 ** 22 + 1, host: Lock.host(), expiry: 60_000, nonce: Math.random() }),
    { mode: 0o600 }
  )

describe("a lock file", () => {
  it.scopedLive("one holds it at a time, also when many find the lock of one that died", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      let inside = 0
      let held = 0
      const once = Effect.suspend(() =>
        Lock.hold(open(path), "a.lock", { expiry: 60_000, patience: 30_000 }, ({ confirm }) =>
          Effect.gen(function* () {
            inside += 1
            assert.strictEqual(inside, 1)
            yield* Effect.sleep("2 millis")
            yield* confirm
            inside -= 1
            held += 1
          })
        )
      )
      for (let round = 0; round < 15; round++) {
        plantDead(path)
        yield* Effect.replicateEffect(once, 6, { concurrency: "unbounded", discard: true })
      }
      assert.strictEqual(held, 90)
      assert.deepStrictEqual(filesOf(path), [])
    })
  )

  it.scopedLive("who died while taking a lock over holds nobody up", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      plantDead(path)
      fs.renameSync(join(path, "a.lock"), join(path, "a.lock.taking"))
      plantDead(path)
      yield* Effect.timeout(
        Lock.hold(open(path), "a.lock", { expiry: 60_000, patience: 30_000 }, () => Effect.void),
        "5 seconds"
      )
      assert.deepStrictEqual(filesOf(path), [])
    })
  )

  it.scopedLive("who had its time cannot confirm, and takes nobody's lock away", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const timing = { expiry: 100, patience: 2000 }
      const late = yield* Effect.flip(
        Lock.hold(open(path), "a.lock", timing, ({ confirm }) =>
          Effect.gen(function* () {
            yield* Effect.sleep("150 millis")
            fs.writeFileSync(join(path, "a.lock"), "of another", { mode: 0o600 })
            yield* confirm
          })
        )
      )
      assert.strictEqual(late.reason, "unavailable")
      assert.strictEqual(fs.readFileSync(join(path, "a.lock"), "utf8"), "of another")
    })
  )

  it.scopedLive("another machine, or another container of the same name, is not known to be dead", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const elsewhere = { pid: 2 ** 22 + 1, host: `${Lock.host()}!`, expiry: 60_000 }
      fs.writeFileSync(join(path, "a.lock"), JSON.stringify(elsewhere), { mode: 0o600 })
      const waited = yield* Effect.flip(
        Lock.hold(open(path), "a.lock", { expiry: 60_000, patience: 200 }, () => Effect.void)
      )
      assert.strictEqual(waited.reason, "unavailable")
    })
  )
})
