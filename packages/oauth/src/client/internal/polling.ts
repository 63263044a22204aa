/** Asking again and again whether a person has decided (RFC 8628 section 3.5, CIBA Core section 11). */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { AuthorizationError } from "../../protocol/OAuthError.js"
import type { OAuthError, OAuthResponseError, TransportError } from "../../protocol/OAuthError.js"
import type { OAuthClient } from "../OAuthClient.js"
import type * as Pace from "./pace.js"

/**
 * What came of one request: the person has not decided, the server wants fewer
 * requests, the request failed in a way that may pass, or tokens came. `next` is
 * how long it takes to the next request.
 */
export type Progress<A> =
  | { readonly _tag: "Pending"; readonly next: Duration.Duration }
  | {
      readonly _tag: "SlowDown"
      readonly next: Duration.Duration
      /** What the server wants between two requests from now on. */
      readonly interval: Duration.Duration
    }
  | {
      readonly _tag: "Retrying"
      readonly next: Duration.Duration
      readonly error: TransportError | OAuthResponseError
    }
  | { readonly _tag: "Granted"; readonly value: A }

export interface Poll<A, E> {
  readonly operation: string
  /** One request. */
  readonly request: Effect.Effect<A, E>
  /** Seconds between two requests. */
  readonly interval: number
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
  /** Remembers the interval that the server wants from now on. */
  readonly slowed: (interval: number) => Effect.Effect<void>
}

/** What a transaction tells that is asked for. */
export interface Transaction {
  readonly issuer: string
  readonly clientId: string
  readonly interval: number
  readonly expiresAt: number
}

/** Asks for the outcome of a transaction that the client itself has begun at its server. */
export const of = <A, E>(
  client: OAuthClient.Service,
  operation: string,
  transaction: Transaction & { readonly code: Redacted.Redacted<string> },
  pace: Pace.Pace,
  request: Effect.Effect<A, E>
): Effect.Effect<Poll<A, E>, AuthorizationError> => {
  const { clientId, code, expiresAt, interval, issuer } = transaction
  return issuer === client.issuer && clientId === client.clientId
    ? Effect.map(pace.of(code), (slowed = 0) => ({
        operation,
        request,
        interval: Math.max(interval, slowed),
        expiresAt,
        slowed: (seconds) => pace.learn(code, seconds, expiresAt)
      }))
    : Effect.fail(
        new AuthorizationError({
          operation,
          reason: "issuer_mismatch",
          message: `${operation}: the transaction was begun by another client or at another server, and its code is not sent to this one.`
        })
      )
}

/**
 * A fifth is added to what the server wants: its clock and ours differ, and the
 * timers of some virtual machines run fast by as much.
 */
const drift = 1.2

/** RFC 8628 section 3.5: for good, with each `slow_down`. */
const slowDownSeconds = 5

/** After failures the wait doubles, up to this many seconds or the interval, whichever is longer. */
const maxBackOffSeconds = 60

/** What is waited for at the most, whatever the server says: a day. */
const maxSeconds = 86_400

const { seconds } = Duration

interface State {
  readonly interval: number
  /** Failures in a row. */
  readonly failures: number
  /** Seconds to the next request. */
  readonly wait: number
}

interface Step<A> {
  readonly event: Progress<A>
  readonly next: State
}

/** A clock that only goes forward where the platform has one: what a person does to the time of day does not matter. */
const elapsed = Effect.clockWith((clock) => Effect.succeed(Number(clock.unsafeCurrentTimeNanos()) / 1e9))

/**
 * One wait and one request. The wait begins when the answer before it is here,
 * so that no jump of a clock and no slow answer brings two requests together.
 */
const step = <A, E extends OAuthError>(
  poll: Poll<A, E>,
  deadline: number,
  state: State
): Effect.Effect<Step<A>, E | AuthorizationError> =>
  Effect.gen(function* () {
    // Nothing could be asked any more in time: to wait for the end helps nobody.
    if ((yield* elapsed) + state.wait >= deadline) return yield* expired(poll.operation)
    yield* Effect.sleep(seconds(state.wait))
    if ((yield* elapsed) >= deadline) return yield* expired(poll.operation)

    const answer = yield* Effect.either(poll.request)
    if (answer._tag === "Right") return { event: { _tag: "Granted", value: answer.right }, next: state }
    const error: OAuthError = answer.left
    if (error._tag === "OAuthResponseError" && error.error === "authorization_pending") {
      const next = after(state.interval, 0, error.retryAfter)
      return { event: { _tag: "Pending", next: seconds(next.wait) }, next }
    }
    if (error._tag === "OAuthResponseError" && error.error === "slow_down") {
      const interval = Math.max(state.interval + slowDownSeconds, error.interval ?? 0)
      const next = after(interval, 0, error.retryAfter)
      yield* poll.slowed(interval)
      const event = { _tag: "SlowDown", next: seconds(next.wait), interval: seconds(interval) } as const
      return { event, next }
    }
    if ((error._tag === "OAuthResponseError" || error._tag === "TransportError") && error.retriable) {
      const next = after(state.interval, state.failures + 1, error.retryAfter)
      return { event: { _tag: "Retrying", next: seconds(next.wait), error }, next }
    }
    return yield* Effect.fail(decided(poll.operation, answer.left))
  })

/** When to ask next: as often as allowed, half as often with each failure in a row, and not before `Retry-After`. */
const after = (interval: number, failures: number, retryAfter: number | undefined): State => {
  const backOff = Math.min(interval * 2 ** failures, Math.max(interval, maxBackOffSeconds))
  return {
    interval,
    failures,
    // In whole milliseconds, as timers count.
    wait: Math.ceil(Math.max(backOff * drift, retryAfter ?? 0) * 1000) / 1000
  }
}

const begin = <A, E>(poll: Poll<A, E>): Effect.Effect<{ readonly deadline: number; readonly first: State }> =>
  Effect.zipWith(Clock.currentTimeMillis, elapsed, (millis, now) => ({
    deadline: now + Math.min((poll.expiresAt - millis) / 1000, maxSeconds),
    first: after(poll.interval, 0, undefined)
  }))

/** What happens, until the tokens are there. */
export const progress = <A, E extends OAuthError>(
  poll: Poll<A, E>
): Stream.Stream<Progress<A>, E | AuthorizationError> =>
  Stream.unwrap(
    Effect.map(begin(poll), ({ deadline, first }) =>
      Stream.paginateEffect(first, (state) =>
        Effect.map(step(poll, deadline, state), ({ event, next }) => [
          event,
          event._tag === "Granted" ? Option.none() : Option.some(next)
        ])
      )
    )
  )

/** The tokens, once they are there. */
export const complete = <A, E extends OAuthError>(
  poll: Poll<A, E>
): Effect.Effect<A, E | AuthorizationError> => {
  const from = (deadline: number, state: State): Effect.Effect<A, E | AuthorizationError> =>
    Effect.flatMap(step(poll, deadline, state), ({ event, next }) =>
      event._tag === "Granted" ? Effect.succeed(event.value) : from(deadline, next)
    )
  return Effect.flatMap(begin(poll), ({ deadline, first }) => from(deadline, first))
}

/** One request, now: for when it is known that the person has decided. */
export const once = <A, E extends OAuthError>(poll: Poll<A, E>): Effect.Effect<A, E | AuthorizationError> =>
  Effect.mapError(poll.request, (error) => decided(poll.operation, error))

const expired = (operation: string): AuthorizationError =>
  new AuthorizationError({
    operation,
    reason: "expired",
    message: `${operation}: nobody decided in the time that the server gives; begin again.`
  })

/** What the server says of the person's decision, told as of an authorization; any other failure as it is. */
const decided = <E extends OAuthError>(operation: string, failure: E): E | AuthorizationError => {
  const error: OAuthError = failure
  if (error._tag !== "OAuthResponseError") return failure
  const { description } = error
  const because = description === undefined ? "" : ` (${description})`
  const make = (reason: "denied" | "expired", problem: string) =>
    new AuthorizationError({
      operation,
      reason,
      error: error.error,
      description,
      message: `${operation}: ${problem}${because}.`
    })
  switch (error.error) {
    case "access_denied":
      return make("denied", "access was denied, by the person or by the server")
    case "expired_token":
      return make("expired", "nobody decided in the time that the server gives; begin again")
    default:
      return failure
  }
}
