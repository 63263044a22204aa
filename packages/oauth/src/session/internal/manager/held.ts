/** The tokens that a manager holds in memory, and until when they do. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import * as Instant from "./instant.js"
import type { Login } from "./login.js"

export interface Held {
  readonly tokens: TokenSet
  /** Made once, since `get` is hot. */
  readonly given: Effect.Effect<TokenSet>
  readonly since: Instant.Instant
  /** Until then `get` gives them without asking. */
  readonly usableUntil: number
  /** From then on they are renewed in the background, where that is wanted. */
  readonly aheadFrom: number
  /** Until then the access token is good, as the server said. */
  readonly validUntil: number
  /** Of which login they are; a new one is moved behind what the store has when it is first seen. */
  login: Login
  /** Whether its place is taken for good: writing them was begun. */
  placed: boolean
  /** Whether the store had them when it was last looked at. */
  saved: boolean
  /** Whether a resource has refused the access token. */
  refused: boolean
}

/**
 * `granted` just now, tokens that live for less than twice the leeway are given
 * for half of their life: else each `get` would ask for new ones.
 */
export const make = (options: {
  readonly tokens: TokenSet
  readonly since: Instant.Instant
  readonly leeway: number
  readonly granted: boolean
  readonly saved: boolean
  readonly login: Login
  readonly placed: boolean
  readonly refused: Redacted.Redacted<string> | undefined
}): Held => {
  const { granted, leeway, login, placed, refused, saved, since, tokens } = options
  const validUntil = Option.getOrElse(tokens.expiresAt, () => Number.POSITIVE_INFINITY)
  const usableUntil = validUntil - (granted ? Math.min(leeway, (validUntil - since.wall) / 2) : leeway)
  const ahead = Math.min(leeway, (usableUntil - since.wall) / 4)
  return {
    tokens,
    given: Effect.succeed(tokens),
    since,
    usableUntil,
    aheadFrom: usableUntil - Math.max(0, ahead),
    validUntil,
    login,
    placed,
    saved,
    refused: refused !== undefined && isSame(tokens.accessToken, refused)
  }
}

/** Whether `get` gives them as they are: the hot path. */
export const isUsable = (held: Held, clock: Clock.Clock): boolean =>
  !held.refused && !Instant.hasPassed(held.usableUntil, held.since, Instant.read(clock))

/** Whether the access token is good at all. */
export const isValid = (held: Held, now: Instant.Instant): boolean =>
  !held.refused && !Instant.hasPassed(held.validUntil, held.since, now)

/** Whether nothing is to be done about them, also not in the background. */
export const isFresh = (held: Held, now: Instant.Instant, ahead: boolean): boolean =>
  !held.refused && !Instant.hasPassed(ahead ? held.aheadFrom : held.usableUntil, held.since, now)

export const isSame = (one: Redacted.Redacted<string>, other: Redacted.Redacted<string>): boolean =>
  Redacted.value(one) === Redacted.value(other)

/** Whether two are the tokens of one response. */
export const areSame = (one: TokenSet, other: TokenSet): boolean =>
  isSame(one.accessToken, other.accessToken) &&
  Option.getOrUndefined(Option.map(one.refreshToken, Redacted.value)) ===
    Option.getOrUndefined(Option.map(other.refreshToken, Redacted.value))
