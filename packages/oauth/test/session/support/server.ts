/** A server as a session sees it: it rotates refresh tokens, detects reuse and then ends the family. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { OAuthResponseError, TransportError } from "effect-oauth/OAuthError"
import type { SessionKey } from "effect-oauth/SessionKey"
import type { TokenSet } from "effect-oauth/TokenSet"
import type { SourceError, TokenSource } from "effect-oauth/TokenSource"

export const issuer = "https://issuer.test"
export const key: SessionKey = { issuer, clientId: "app", subject: "alice" }

/** What becomes of one request. */
export interface Answer {
  /** Before the server acts, on the way there. */
  readonly before?: Effect.Effect<unknown>
  /** After it has acted, on the way back. */
  readonly after?: Effect.Effect<unknown>
  /** It does not act at all. */
  readonly ignored?: boolean
  /** What arrives instead of its answer. */
  readonly error?: SourceError
}

export interface Server {
  readonly source: TokenSource
  /** The tokens of a new login. */
  readonly login: Effect.Effect<TokenSet>
  /** What becomes of the next requests, in turn. */
  readonly script: (...answers: ReadonlyArray<Answer>) => void
  /** How many requests came. */
  readonly requests: () => number
  /** How many were on their way at once, at most. */
  readonly atOnce: () => number
  /** How often a spent refresh token came. */
  readonly reuses: () => number
  /** Another grant: it needs no refresh token, and spends none. */
  readonly anew: TokenSource
}

/** With `grace` a spent refresh token is good until the one that came for it has been used. */
export const make = (lifetime = 3600, grace = false): Server => {
  const families = new Map<string, { readonly family: number; used: boolean; successor: string }>()
  const ended = new Set<number>()
  const script: Array<Answer> = []
  let count = 0
  let requests = 0
  let reuses = 0
  let underway = 0
  let atOnce = 0

  const issue = (family: number): Effect.Effect<TokenSet> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      count += 1
      const refreshToken = `canary-refresh-${count}`
      families.set(refreshToken, { family, used: false, successor: "" })
      return {
        issuer,
        accessToken: Redacted.make(`canary-access-${count}`),
        tokenType: "Bearer",
        expiresAt: Option.some(now + lifetime * 1000),
        scope: ["notes"],
        refreshToken: Option.some(Redacted.make(refreshToken)),
        idToken: Option.none(),
        issuedTokenType: Option.none(),
        authorizationDetails: Option.none(),
        additional: Redacted.make({})
      }
    })

  const act = (current: Option.Option<TokenSet>): Effect.Effect<TokenSet, SourceError> =>
    Effect.suspend(() => {
      const given = Option.flatMap(current, ({ refreshToken }) => refreshToken)
      const record = Option.isSome(given) ? families.get(Redacted.value(given.value)) : undefined
      if (record === undefined || ended.has(record.family)) return Effect.fail(invalidGrant())
      if (record.used && !(grace && families.get(record.successor)?.used === false)) {
        reuses += 1
        ended.add(record.family)
        return Effect.fail(invalidGrant())
      }
      record.used = true
      return Effect.tap(issue(record.family), (tokens) => {
        record.successor = Option.getOrThrow(Option.map(tokens.refreshToken, Redacted.value))
      })
    })

  const through = (acting: Effect.Effect<TokenSet, SourceError>): Effect.Effect<TokenSet, SourceError> =>
    Effect.gen(function* () {
      const answer = script.shift() ?? {}
      requests += 1
      underway += 1
      atOnce = Math.max(atOnce, underway)
      yield* answer.before ?? Effect.void
      const exit = answer.ignored === true ? undefined : yield* Effect.exit(acting)
      yield* answer.after ?? Effect.void
      if (answer.error !== undefined) return yield* answer.error
      return exit === undefined ? yield* unreachable() : yield* exit
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          underway -= 1
        })
      )
    )

  return {
    source: {
      kind: "refresh_token",
      spends: true,
      canRenew: Option.exists((tokens) => Option.isSome(tokens.refreshToken)),
      renew: (current) => through(act(current))
    },
    anew: {
      kind: "client_credentials",
      spends: false,
      canRenew: () => true,
      renew: () => through(Effect.map(issue(-1), (tokens) => ({ ...tokens, refreshToken: Option.none() })))
    },
    login: Effect.suspend(() => issue(count + 1)),
    script: (...answers) => {
      script.push(...answers)
    },
    requests: () => requests,
    atOnce: () => atOnce,
    reuses: () => reuses
  }
}

export const invalidGrant = (): OAuthResponseError =>
  new OAuthResponseError({
    operation: "Refresh.refresh",
    reason: "invalid_grant",
    error: "invalid_grant",
    status: 400,
    retriable: false,
    message: "Refresh.refresh: the server answered invalid_grant."
  })

export const status = (code: number, retryAfter?: number): TransportError =>
  new TransportError({
    operation: "Refresh.refresh",
    reason: "status",
    url: `${issuer}/token`,
    status: code,
    retryAfter,
    retriable: true,
    message: `Refresh.refresh: ${issuer}/token answered with status ${code}.`
  })

export const unreachable = (): TransportError =>
  new TransportError({
    operation: "Refresh.refresh",
    reason: "unreachable",
    url: `${issuer}/token`,
    retriable: true,
    message: `Refresh.refresh: ${issuer}/token could not be reached.`
  })

export const accessOf = (tokens: TokenSet): string => Redacted.value(tokens.accessToken)
