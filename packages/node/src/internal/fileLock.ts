/** A lock between processes: a file that says who holds it, and for how long. */
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
  /** Fails when the lock is no longer ours, as after a pause of the machine. */
  readonly confirm: Effect.Effect<void, E>
  /** Whether it was taken over from one who died or had its time: who may have left something behind. */
  readonly tookOver: boolean
}

interface Acquired {
  readonly text: string
  /** By a clock that nobody sets. */
  readonly since: number
  readonly tookOver: boolean
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

const textOf = (expiry: number): string =>
  JSON.stringify({ pid: process.pid, host: host(), expiry, nonce: randomBytes(12).toString("hex") })

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
    Effect.flatMap(acquire(directory, name, timing, restore), ({ since, text, tookOver }) => {
      const confirm = Effect.flatMap(Effect.zip(directory.read(name), elapsed), ([held, now]) =>
        now - since < timing.expiry && Option.contains(held, text)
          ? Effect.void
          : Effect.fail(directory.problem("unavailable", "the lock was lost; nothing was changed"))
      )
      // Looked at first, since to take away what is another's by now, and to put it back, is a risk for that one.
      const release = Effect.flatMap(directory.read(name), (held) =>
        Option.contains(held, text) ? directory.removeIf(name, text) : Effect.void
      )
      return Effect.ensuring(use({ confirm, tookOver }), Effect.ignore(release))
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
    const text = textOf(expiry)
    let tookOver = false
    let seen: { readonly text: string; readonly since: number } | undefined
    for (;;) {
      // From before the file is there: others count from when it is.
      const now = yield* elapsed
      if (yield* directory.create(name, text)) return { text, since: now, tookOver }
      const held = yield* directory.read(name)
      if (Option.isSome(held)) {
        if (seen?.text !== held.value) {
          const age = Option.getOrElse(yield* directory.age(name), () => 0)
          seen = { text: held.value, since: now - Math.max(0, age) }
        }
        if (isDead(held.value) || now - seen.since >= expiryOf(held.value, expiry)) {
          tookOver = (yield* takeAway(directory, name, held.value, expiry)) || tookOver
        }
      }
      if (now - began >= patience) {
        return yield* Effect.fail(
          directory.problem("unavailable", `another process holds ${join(directory.path, name)}`)
        )
      }
      yield* restore(Effect.sleep(Option.isSome(held) ? 10 : 0))
    }
  })

/**
 * Takes a stale lock away, as the only one to do so: otherwise who comes a
 * moment later would take away the lock that was made in its place.
 */
const takeAway = <E extends object>(
  directory: PrivateDirectory<E>,
  name: string,
  stale: string,
  expiry: number
): Effect.Effect<boolean, E> =>
  Effect.gen(function* () {
    const marker = `${name}.taking`
    if (yield* directory.create(marker, textOf(expiry))) {
      return yield* Effect.ensuring(
        Effect.flatMap(directory.read(name), (held) =>
          Option.contains(held, stale) ? Effect.as(directory.remove(name), true) : Effect.succeed(false)
        ),
        directory.remove(marker)
      )
    }
    const other = yield* directory.read(marker)
    if (Option.isSome(other)) {
      const age = Option.getOrElse(yield* directory.age(marker), () => 0)
      if (isDead(other.value) || age >= expiry) yield* directory.removeIf(marker, other.value)
    }
    return false
  })
