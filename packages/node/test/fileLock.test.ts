/** A lock between processes: one holder at a time, whoever died with it. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as fs from "node:fs"
import { join } from "node:path"
import * as Lock from "../src/internal/fileLock.js"
import * as Directory from "../src/internal/privateDirectory.js"
import { filesOf, plantLock, temporary } from "./support/directories.js"

class Problem {
  constructor(
    readonly reason: Directory.Reason,
    readonly what: string
  ) {}
}

const open = (path: string) => Directory.make(path, (reason, what) => new Problem(reason, what))

/** As a process leaves it that was killed. */
const plantDead = (directory: string): string =>
  plantLock(
    join(directory, "a.lock"),
    JSON.stringify({ pid: 2 ** 22 + 1, host: Lock.host(), expiry: 60_000 })
  )

const valueOf = (path: string): number => Number(fs.readFileSync(join(path, "value"), "utf8"))

/** One more than there is: what is lost when two do so at once. */
const increment = (
  path: string,
  directory: Directory.PrivateDirectory<Problem>,
  timing: Lock.Timing,
  between: Effect.Effect<unknown> = Effect.void
) =>
  Lock.hold(directory, "a.lock", timing, (held) =>
    Effect.gen(function* () {
      const value = valueOf(path)
      yield* between
      yield* held.replace("value", String(value + 1))
    })
  )

const withValue = Effect.tap(temporary, (path) =>
  Effect.sync(() => fs.writeFileSync(join(path, "value"), "0", { mode: 0o600 }))
)

/** The same directory, where something happens before each step. */
const interrupting = (
  path: string,
  before: (step: string, name: string) => Effect.Effect<unknown>
): Directory.PrivateDirectory<Problem> => {
  const real = open(path)
  const slowed =
    <Rest extends ReadonlyArray<unknown>, A, E>(
      step: string,
      run: (name: string, ...rest: Rest) => Effect.Effect<A, E>
    ) =>
    (name: string, ...rest: Rest): Effect.Effect<A, E> =>
      Effect.zipRight(before(step, name), run(name, ...rest))
  return {
    ...real,
    read: slowed("read", real.read),
    version: slowed("version", real.version),
    age: slowed("age", real.age),
    stage: slowed("stage", real.stage),
    commit: slowed("commit", real.commit),
    remove: slowed("remove", real.remove),
    enter: slowed("enter", real.enter),
    list: slowed("list", real.list),
    take: slowed("take", real.take),
    renew: slowed("renew", real.renew),
    vacate: slowed("vacate", real.vacate)
  }
}

describe("a lock", () => {
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

  it.scopedLive("what a holder left that died holds nobody up, and is removed", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      // while it wrote, and while it made its lock where an empty one was left
      fs.writeFileSync(`${plantDead(path)}.00.tmp`, "half")
      fs.writeFileSync(join(path, "a.lock", "0123.00.tmp"), "of one whose lock is gone")
      const once = Lock.hold(open(path), "a.lock", { expiry: 60_000, patience: 30_000 }, () => Effect.void)
      yield* Effect.timeout(once, "5 seconds")
      assert.deepStrictEqual(filesOf(path), [])
      fs.mkdirSync(join(path, "a.lock"))
      yield* Effect.timeout(once, "5 seconds")
      assert.deepStrictEqual(filesOf(path), [])
    })
  )

  it.scopedLive("who had its time cannot confirm, and takes nobody's lock away", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const timing = { expiry: 100, patience: 2000 }
      let other = ""
      const late = yield* Effect.flip(
        Lock.hold(open(path), "a.lock", timing, ({ confirm }) =>
          Effect.gen(function* () {
            yield* Effect.sleep("150 millis")
            fs.rmSync(join(path, "a.lock"), { recursive: true })
            other = plantLock(join(path, "a.lock"), "of another")
            yield* confirm
          })
        )
      )
      assert.strictEqual(late.reason, "unavailable")
      assert.isTrue(fs.existsSync(other))
    })
  )

  it.scopedLive("half of its time is for what cannot be taken back: then nobody confirms any more", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const confirmedAfter = (millis: number) =>
        Lock.hold(open(path), "a.lock", { expiry: 2000, patience: 2000 }, ({ confirm }) => {
          // a machine that slept: its clocks stood still, that of the file system did not
          const [own = ""] = filesOf(join(path, "a.lock"))
          const written = (Date.now() - millis) / 1000
          fs.utimesSync(join(path, "a.lock", own), written, written)
          return confirm
        })
      yield* confirmedAfter(0)
      assert.strictEqual((yield* Effect.flip(confirmedAfter(1100))).reason, "unavailable")
    })
  )

  it.scopedLive("who takes a stale lock away when its holder has released it takes nobody else's", () =>
    Effect.gen(function* () {
      const path = yield* withValue
      const timing = { expiry: 2000, patience: 20_000 }
      // of a machine that slept: older than its expiry, its holder alive
      const stale = plantLock(
        join(path, "a.lock"),
        JSON.stringify({ pid: process.ppid, host: Lock.host(), expiry: 2000 }),
        60
      )
      const isAboutTo = yield* Deferred.make<void>()
      const mayTake = yield* Deferred.make<void>()
      const taking = interrupting(path, (step, name) =>
        step === "take" && join(path, name) === stale
          ? Effect.zipRight(Deferred.succeed(isAboutTo, undefined), Deferred.await(mayTake))
          : Effect.void
      )
      const taker = yield* Effect.fork(increment(path, taking, timing))
      yield* Deferred.await(isAboutTo)
      fs.rmSync(join(path, "a.lock"), { recursive: true })
      const isIn = yield* Deferred.make<void>()
      const mayGoOn = yield* Deferred.make<void>()
      const inside = Effect.zipRight(Deferred.succeed(isIn, undefined), Deferred.await(mayGoOn))
      const next = yield* Effect.fork(increment(path, open(path), timing, inside))
      yield* Deferred.await(isIn)
      yield* Deferred.succeed(mayTake, undefined)
      const other = yield* Effect.fork(increment(path, open(path), timing))
      yield* Effect.sleep("200 millis")
      assert.strictEqual(valueOf(path), 0)
      yield* Deferred.succeed(mayGoOn, undefined)
      yield* Fiber.joinAll([taker, next, other])
      assert.strictEqual(valueOf(path), 3)
      assert.deepStrictEqual(filesOf(path), ["value"])
    })
  )

  for (const at of ["stage", "version", "commit"]) {
    it.scopedLive(
      `who stands still before it can ${at}, for however long, puts nothing in place after that`,
      () =>
        Effect.gen(function* () {
          const path = yield* withValue
          const timing = { expiry: 100, patience: 5000 }
          const stands = yield* Deferred.make<void>()
          const wakes = yield* Deferred.make<void>()
          const standing = interrupting(path, (step) =>
            step === at
              ? Effect.zipRight(Deferred.succeed(stands, undefined), Deferred.await(wakes))
              : Effect.void
          )
          const sleeper = yield* Effect.fork(increment(path, standing, timing))
          yield* Deferred.await(stands)
          yield* increment(path, open(path), timing)
          // also while another is inside
          yield* increment(
            path,
            open(path),
            { expiry: 5000, patience: 5000 },
            Effect.zipRight(Deferred.succeed(wakes, undefined), Fiber.await(sleeper))
          )
          assert.strictEqual((yield* Effect.flip(Fiber.join(sleeper))).reason, "unavailable")
          assert.strictEqual(valueOf(path), 2)
          assert.deepStrictEqual(filesOf(path), ["value"])
        })
    )
  }

  it.scopedLive(
    "no update is lost and none is done that was said to have failed, whoever stands still wherever",
    () =>
      Effect.gen(function* () {
        const path = yield* withValue
        const timing = { expiry: 25, patience: 30_000 }
        // seldom for longer than the expiry, at any step
        const stand = Effect.flatMap(Random.next, (chance) =>
          chance < 0.6
            ? Effect.void
            : chance < 0.95
              ? Effect.sleep(Duration.millis(4 * (chance - 0.6)))
              : Effect.sleep(Duration.millis(60))
        )
        const once = Effect.isSuccess(
          increment(
            path,
            interrupting(path, () => stand),
            timing,
            stand
          )
        )
        const all = yield* Effect.all(
          Array.from({ length: 6 }, () => Effect.replicateEffect(once, 15)),
          { concurrency: "unbounded" }
        )
        const done = all.flat().filter((isDone) => isDone).length
        assert.strictEqual(valueOf(path), done)
        // some were too late, and some were not: both were seen
        assert.isAbove(done, 0)
        assert.isBelow(done, 90)
        assert.deepStrictEqual(filesOf(path), ["value"])
      }).pipe(Effect.withRandom(Random.make("lost update"))),
    60_000
  )

  it.scopedLive("another machine, or another container of the same name, is not known to be dead", () =>
    Effect.gen(function* () {
      const path = yield* temporary
      const elsewhere = { pid: 2 ** 22 + 1, host: `${Lock.host()}!`, expiry: 60_000 }
      plantLock(join(path, "a.lock"), JSON.stringify(elsewhere))
      const waited = yield* Effect.flip(
        Lock.hold(open(path), "a.lock", { expiry: 60_000, patience: 200 }, () => Effect.void)
      )
      assert.strictEqual(waited.reason, "unavailable")
    })
  )
})
