/** Two clocks: one that people and machines set, and one that only goes forward. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** Both in milliseconds: `wall` since the epoch, `elapsed` since no matter when. */
export interface Instant {
  readonly wall: number
  readonly elapsed: number
}

export const read = (clock: Clock.Clock): Instant => ({
  wall: clock.unsafeCurrentTimeMillis(),
  elapsed: Number(clock.unsafeCurrentTimeNanos()) / 1e6
})

export const now: Effect.Effect<Instant> = Effect.clockWith((clock) => Effect.sync(() => read(clock)))

/**
 * Whether an instant `until`, as the wall clock of `since` told it, has passed by
 * either clock: one that was set back does not make time longer.
 */
export const hasPassed = (until: number, since: Instant, now: Instant): boolean =>
  now.wall >= until || now.elapsed - since.elapsed >= until - since.wall
