/**
 * A lock between processes: a directory with one file in it, that says who
 * holds it and for how long.
 *
 * A holder makes its directory aside, with its file in it, and renames it into
 * place, which the file system does only where nothing is or what is there is
 * empty: so one is first. Every file has a name that nobody else ever has. To
 * take a stale lock over is to remove the file of that holder, never "what is
 * there": who is late with it removes nothing. And a holder writes new contents
 * beside its file, inside the lock, and puts them in place from there: while
 * they are there nobody else enters, and once they were removed there is nothing
 * that a holder, who stood still for however long, could put in place.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import type { PrivateDirectory } from "./privateDirectory.js"

/** How long a holder has, and how long others wait; in milliseconds. */
export interface Timing {
  readonly expiry: number
  readonly patience: number
}

/** What the holder can do while it holds the lock. */
export interface Held<E> {
  /**
   * Fails when the lock is no longer ours, or when half of its time is over, as
   * after a pause of the machine. The other half is for what cannot be taken back.
   */
  readonly confirm: Effect.Effect<void, E>
  /** Puts a content in the place of a file; of one who lost the lock, never. */
  readonly replace: (file: string, text: string) => Effect.Effect<void, E>
  /**
   * Keeps the lock after its use, renewed again and again, until something that cannot be stopped has come
   * to its end; that is waited for several times.
   */
  readonly keepUntil: (settled: Effect.Effect<unknown>) => Effect.Effect<void>
}

interface Acquired {
  /** The file in the lock that is ours. */
  readonly own: string
  /** By a clock that nobody sets. */
  readonly since: number
}

const holderOf = Schema.decodeUnknownOption(
  Schema.parseJson(Schema.Struct({ pid: Schema.Int, host: Schema.String, expiry: Schema.Finite }))
)

const orEmpty = (read: () => string): string => {
  try {
    return read().trim()
  } catch {
    return ""
  }
}

/** Where a process id says which process: not in another container, even one that calls itself the same. */
export const host = (): string =>
  [
    hostname(),
    orEmpty(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    orEmpty(() => readlinkSync("/proc/self/ns/pid"))
  ].join(" ")

const textOf = (expiry: number): string => JSON.stringify({ pid: process.pid, host: host(), expiry })

/** Without a dot: what a holder wrote is called by its name, a dot and more. */
const newName = (): string => randomBytes(12).toString("hex")

const ownerOf = (entry: string): string => entry.split(".", 1)[0] ?? ""

/** Milliseconds that only ever go on. */
const elapsed: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

/** Whether a process of this machine is gone; one that we may not signal is there. */
const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH"
  }
}

const isDead = (text: string): boolean =>
  Option.exists(
    holderOf(text),
    ({ host: where, pid }) => pid > 0 && pid !== process.pid && where === host() && isGone(pid)
  )

/** What its holder said; of one that nobody can read, and of one longer than any can be, what we would say. */
const expiryOf = (text: string, ours: number): number =>
  Option.match(holderOf(text), {
    onNone: () => ours,
    onSome: ({ expiry }) => (expiry > 0 && expiry <= 10 * ours ? expiry : ours)
  })

/**
 * Runs under the lock. Waits while another has it, takes one over that is
 * stale, and fails with `unavailable` when patience ends. A lock is stale when
 * its holder, a process of this machine, is gone, or when it is older than its
 * expiry: by the clock of the file system, which all who share it share, and
 * from then on by a clock that nobody can set.
 */
export const hold = <A, E extends object, E2, R>(
  directory: PrivateDirectory<E>,
  name: string,
  timing: Timing,
  use: (held: Held<E>) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(acquire(directory, name, timing, restore), ({ own, since }) => {
      const lost = directory.problem("unavailable", "the lock was lost; nothing was changed")
      const mine = join(name, own)
      const confirm = Effect.flatMap(Effect.zip(directory.age(mine), elapsed), ([age, now]) =>
        Option.exists(age, (age) => Math.max(age, now - since) < timing.expiry / 2)
          ? Effect.void
          : Effect.fail(lost)
      )
      // Looked at after the content is there: who takes the lock over after that finds it, and removes it.
      const isOurs = Effect.filterOrFail(directory.version(mine), Option.isSome, () => lost)
      const replace = (file: string, text: string) =>
        Effect.flatMap(directory.stage(mine, text), (staged) =>
          isOurs.pipe(
            Effect.zipRight(directory.commit(staged, file)),
            Effect.tapError(() => directory.remove(staged))
          )
        )
      const released = (mine: string) =>
        Effect.ignore(Effect.zipRight(directory.take(mine), directory.vacate(name)))
      // Under another name each time, so that who finds the old one too old takes away nothing.
      const renewed = (mine: string): Effect.Effect<string, E> => {
        const next = join(name, newName())
        return Effect.as(directory.renew(mine, next, textOf(timing.expiry)), next)
      }
      const kept = (mine: string, settled: Effect.Effect<unknown>): Effect.Effect<void> =>
        Effect.flatMap(Effect.timeoutOption(settled, timing.expiry / 3), (done) =>
          Option.isSome(done)
            ? released(mine)
            : Effect.matchEffect(renewed(mine), {
                onFailure: () => released(mine),
                onSuccess: (next) => kept(next, settled)
              })
        )
      let release = released(mine)
      const keepUntil = (settled: Effect.Effect<unknown>) =>
        Effect.sync(() => {
          release = Effect.asVoid(Effect.forkDaemon(Effect.interruptible(kept(mine, settled))))
        })
      return Effect.ensuring(
        use({ confirm, replace, keepUntil }),
        Effect.suspend(() => release)
      )
    })
  )

const acquire = <E extends object>(
  directory: PrivateDirectory<E>,
  name: string,
  { expiry, patience }: Timing,
  restore: <A, E2, R>(effect: Effect.Effect<A, E2, R>) => Effect.Effect<A, E2, R>
): Effect.Effect<Acquired, E> =>
  Effect.gen(function* () {
    const began = yield* elapsed
    const clear = yield* clearer(directory, name, expiry)
    for (;;) {
      // From before the file is there: others count from when it is.
      const now = yield* elapsed
      const isFree = yield* clear
      if (isFree) {
        const own = newName()
        if (yield* directory.enter(name, own, textOf(expiry))) return { own, since: now }
      }
      if (now - began >= patience) {
        return yield* Effect.fail(
          directory.problem("unavailable", `another process holds ${join(directory.path, name)}`)
        )
      }
      yield* restore(Effect.sleep(10))
    }
  })

/** Takes away what is stale in a lock, as far as those who look with it know, and says whether nothing is left. */
const clearer = <E extends object>(directory: PrivateDirectory<E>, name: string, expiry: number) =>
  Effect.sync(() => {
    const seen = new Map<string, number>()

    const isStale = (holder: string) =>
      Effect.gen(function* () {
        const text = Option.getOrElse(yield* directory.read(join(name, holder)), () => "")
        if (isDead(text)) return true
        const now = yield* elapsed
        const since =
          seen.get(holder) ??
          now -
            Math.max(
              0,
              Option.getOrElse(yield* directory.age(join(name, holder)), () => 0)
            )
        seen.set(holder, since)
        return now - since >= expiryOf(text, expiry)
      })

    /** Takes away what is over, and gives what is not. */
    const keep = (entries: ReadonlyArray<string>, isOver: (entry: string) => Effect.Effect<boolean, E>) =>
      Effect.filter(entries, (entry) =>
        Effect.flatMap(isOver(entry), (over) =>
          over ? Effect.as(directory.take(join(name, entry)), false) : Effect.succeed(true)
        )
      )

    return Effect.gen(function* () {
      const entries = yield* directory.list(name)
      const isHolder = (entry: string) => ownerOf(entry) === entry
      const holders = yield* keep(entries.filter(isHolder), isStale)
      const contents = entries.filter((entry) => !isHolder(entry))
      yield* keep(contents, (entry) => Effect.succeed(!holders.includes(ownerOf(entry))))
      return holders.length === 0
    })
  })
