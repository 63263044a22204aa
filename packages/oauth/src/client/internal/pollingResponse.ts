/** The answer to a request that a person decides on elsewhere (RFC 8628 section 3.2, CIBA Core section 7.3). */
import * as Effect from "effect/Effect"
import { ProtocolViolation } from "../../protocol/OAuthError.js"

export interface Reader {
  readonly operation: string
  /** `"RFC 8628 section 3.2"`. */
  readonly specification: string
  readonly body: Readonly<Record<string, unknown>>
}

/** How long it may take, and how long to wait between two requests, in seconds. */
export interface Terms {
  readonly lifetime: number
  readonly interval: number
}

const defaultInterval = 5

/** Whatever a server says, it is not asked more often than this. */
const minInterval = 1

/** A day: nobody waits longer for a person. */
const maxLifetime = 86_400

/** A member that must be text with something in it, and not more than such text has. */
export const text = (
  reader: Reader,
  member: string,
  maxLength = 4096
): Effect.Effect<string, ProtocolViolation> => {
  const value = reader.body[member]
  if (value === undefined || value === null || value === "") {
    return Effect.fail(violation(reader, member, "missing", `${member} is required`))
  }
  if (typeof value !== "string")
    return Effect.fail(violation(reader, member, "type", `${member} must be a string`))
  return value.length <= maxLength
    ? Effect.succeed(value)
    : Effect.fail(violation(reader, member, "value", `${member} is at most ${maxLength} characters long`))
}

/**
 * `expires_in`, which is required, and `interval`, which is 5 where the server is
 * silent or says 0. Numbers, finite and not negative; an interval in which the
 * time runs out leaves nothing to ask for.
 */
export const terms = (reader: Reader): Effect.Effect<Terms, ProtocolViolation> =>
  Effect.gen(function* () {
    const expiresIn = yield* seconds(reader, "expires_in")
    if (expiresIn === undefined || expiresIn === 0) {
      return yield* violation(reader, "expires_in", "missing", "expires_in is required, and more than 0")
    }
    const lifetime = Math.min(expiresIn, maxLifetime)
    const told = yield* seconds(reader, "interval")
    const interval = told === undefined || told === 0 ? defaultInterval : Math.max(told, minInterval)
    if (told !== undefined && interval >= lifetime) {
      return yield* violation(reader, "interval", "value", "interval must be shorter than expires_in")
    }
    return { lifetime, interval }
  })

const seconds = (reader: Reader, member: string): Effect.Effect<number | undefined, ProtocolViolation> => {
  const value = reader.body[member] ?? undefined
  if (value === undefined) return Effect.succeed(undefined)
  if (typeof value !== "number") {
    return Effect.fail(violation(reader, member, "type", `${member} must be a number of seconds`))
  }
  return Number.isFinite(value) && value >= 0
    ? Effect.succeed(value)
    : Effect.fail(
        violation(reader, member, "value", `${member} must be a number of seconds that is not negative`)
      )
}

/** What the answer does not keep; no value of it is shown. */
export const violation = (
  { operation, specification }: Reader,
  member: string,
  reason: ProtocolViolation["reason"],
  rule: string
): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason,
    member,
    rule: `${specification}: ${rule}`,
    message: `${operation}: the answer of the server is not valid: ${rule} (${specification}).`
  })
