/** A lock between processes: a file that says who holds it, and until when. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { KeyringError } from "effect-oauth/OAuthError"
import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { join } from "node:path"
import * as Directory from "./privateDirectory.js"

/** How long a holder has, and how long others wait; in milliseconds. */
export interface Timing {
  readonly expiry: number
  readonly patience: number
}

/** What the holder can do while it holds the lock. */
export interface Held {
  /** Fails when the lock is no longer ours, as after a pause of the machine. */
  readonly confirm: Effect.Effect<void, KeyringError>
}

const holderOf = Schema.decodeUnknownOption(
  Schema.parseJson(Schema.Struct({ pid: Schema.Int, host: Schema.String, expires: Schema.Finite }))
)

/** Whether a process of this machine is gone; one that we may not signal is there. */
const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH"
  }
}

/** One whose holder died, or had its time. An expiry further away than any can be is not believed. */
const isStale = (text: string, now: number, expiry: number): boolean =>
  Option.match(holderOf(text), {
    // Made a moment ago and not written yet, or broken: time will tell.
    onNone: () => false,
    onSome: ({ expires, host, pid }) =>
      now >= expires ||
      expires > now + 10 * expiry ||
      (host === hostname() && pid > 0 && pid !== process.pid && isGone(pid))
  })

/**
 * Runs under the lock. Waits while another has it, takes one over that is
 * stale, and fails with `unavailable` when patience ends.
 */
export const hold = <A, E, R>(
  directory: string,
  name: string,
  timing: Timing,
  use: (held: Held) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | KeyringError, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(acquire(directory, name, timing, restore), ({ expires, text }) => {
      const confirm = Effect.flatMap(
        Effect.zip(Directory.read(directory, name), Clock.currentTimeMillis),
        ([held, now]) =>
          now < expires && Option.contains(held, text)
            ? Effect.void
            : Effect.fail(Directory.problem("unavailable", "the lock was lost; nothing was changed"))
      )
      return Effect.ensuring(use({ confirm }), Effect.ignore(Directory.removeIf(directory, name, text)))
    })
  )

const acquire = (
  directory: string,
  name: string,
  { expiry, patience }: Timing,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    let seen: { readonly text: string; readonly since: number } | undefined
    for (;;) {
      const now = yield* Clock.currentTimeMillis
      const expires = now + expiry
      const text = JSON.stringify({
        pid: process.pid,
        host: hostname(),
        expires,
        nonce: randomBytes(12).toString("hex")
      })
      if (yield* Directory.create(directory, name, text)) return { expires, text }
      const held = yield* Directory.read(directory, name)
      if (Option.isSome(held)) {
        if (seen?.text !== held.value) seen = { text: held.value, since: now }
        // What nobody can read is stale as well, when it has been there for as long as any may be.
        if (isStale(held.value, now, expiry) || now - seen.since >= expiry) {
          yield* Directory.removeIf(directory, name, held.value)
          continue
        }
      }
      if (now - began >= patience) {
        return yield* Directory.problem("unavailable", `another process holds ${join(directory, name)}`)
      }
      yield* restore(Effect.sleep(20))
    }
  })
