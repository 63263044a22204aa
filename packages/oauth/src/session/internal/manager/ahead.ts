/** Refreshing before anybody has to wait for it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { SourceError } from "../../TokenSource.js"
import * as HeldTokens from "./held.js"
import * as Instant from "./instant.js"
import type { Machine } from "./machine.js"

/** In milliseconds. However the clock jumps, it is looked at that often. */
const longestSleep = 30_000
const shortestSleep = 1_000
const firstRetry = 5_000
const longestRetry = 300_000

/** Never ends. Where there is no session, or it has ended, there is nothing to do. */
export const keepAhead = (
  machine: Machine,
  flight: Effect.Effect<TokenSet, SourceError>,
  failures = 0
): Effect.Effect<never> =>
  Effect.gen(function* () {
    const { held } = machine.memory
    const now = yield* Instant.now
    if (held === undefined || !isDue(held, now)) {
      yield* Effect.sleep(untilDue(held, now))
      return failures
    }
    const exit = yield* Effect.exit(flight)
    yield* Effect.sleep(
      Exit.isSuccess(exit) && machine.memory.held !== held
        ? shortestSleep
        : Math.min(firstRetry * 2 ** failures, longestRetry)
    )
    return Exit.isSuccess(exit) && machine.memory.held !== held ? 0 : failures + 1
  }).pipe(Effect.flatMap((next) => keepAhead(machine, flight, next)))

const isDue = (held: HeldTokens.Held, now: Instant.Instant): boolean => !HeldTokens.isFresh(held, now, true)

const untilDue = (held: HeldTokens.Held | undefined, now: Instant.Instant): number => {
  if (held === undefined) return longestSleep
  const left = Math.min(
    held.aheadFrom - now.wall,
    held.aheadFrom - held.since.wall - (now.elapsed - held.since.elapsed)
  )
  return Math.min(Math.max(Math.ceil(left), 1), longestSleep)
}
