/** Whose turn it is to refresh. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { SessionRecord } from "../../TokenStore.js"
import type * as Instant from "./instant.js"

export type Lease = Option.Option.Value<SessionRecord["lease"]>

/** A lease of another, and since when this manager has seen it unchanged. */
export interface Watch {
  readonly lease: Lease
  readonly since: number
}

/** What is known of a lease after looking at it once more. */
export const watch = (before: Watch | undefined, lease: Lease, now: Instant.Instant): Watch =>
  before?.lease.owner === lease.owner && before.lease.until === lease.until
    ? before
    : { lease, since: now.elapsed }

/**
 * Whether the lease of another holds no more: its instant has passed, or it was
 * watched for the whole time of a lease and nobody prolonged it, whatever its
 * instant says; so no clock that was set back makes it longer. `anchor` is when
 * this manager began: by that clock, too, the instant must have passed, so that one
 * that is set forward takes it from nobody.
 */
export const isOver = (
  { lease, since }: Watch,
  now: Instant.Instant,
  anchor: Instant.Instant,
  duration: number
): boolean => {
  const unchangedClock = anchor.wall + (now.elapsed - anchor.elapsed)
  return (
    Math.max(lease.until - now.wall, lease.until - unchangedClock) <= 0 || now.elapsed - since >= duration
  )
}

/** The wait before looking again: longer each time, and never quite that of others. */
export const pause = (round: number): Effect.Effect<void> =>
  Effect.flatMap(Random.nextRange(0.5, 1.5), (jitter) =>
    Effect.interruptible(Effect.sleep(Math.min(20 * 2 ** round, 500) * jitter))
  )
