import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { TransportError } from "../../protocol/OAuthError.js"
import type { Limits } from "../HttpLimits.js"

/** In milliseconds. */
const firstDelay = 200

/**
 * Tries a read again after a failure that may pass: doubling delays with
 * jitter, or as long as the server asked for.
 */
export const withRetries = <A>(
  limits: Limits,
  read: Effect.Effect<A, TransportError>,
  tried = 0
): Effect.Effect<A, TransportError> =>
  Effect.catchAll(read, (error) => {
    const most = Duration.toMillis(limits.maxRetryDelay)
    const asked = (error.retryAfter ?? 0) * 1000
    if (!error.retriable || tried >= limits.retries || asked > most) return Effect.fail(error)
    return Effect.flatMap(Random.nextRange(0.5, 1), (jitter) =>
      Effect.zipRight(
        Effect.sleep(
          error.retryAfter === undefined ? Math.min(firstDelay * 2 ** tried, most) * jitter : asked
        ),
        withRetries(limits, read, tried + 1)
      )
    )
  })

const longest = 999_999_999

/** A `Retry-After` value in seconds from now. */
export const parseRetryAfter = (value: string | undefined): Effect.Effect<number | undefined> => {
  const text = value?.trim()
  if (text === undefined) return Effect.succeed(undefined)
  if (/^[0-9]+$/.test(text)) return Effect.succeed(Math.min(Number(text), longest))
  // Of a date only the form of RFC 9110 section 5.6.7, since Date.parse makes a date of "-5" too.
  const date = /^[A-Z][a-z]+, .* GMT$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(date)) return Effect.succeed(undefined)
  return Effect.map(Clock.currentTimeMillis, (now) => Math.max(0, Math.ceil((date - now) / 1000)))
}
