/** Telling the server that tokens are not wanted any more. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { TokenEndpoint } from "../../../client/TokenEndpoint.js"
import type { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import * as HeldTokens from "./held.js"
import * as Instant from "./instant.js"
import type { Machine } from "./machine.js"

export type Kind = "refresh_token" | "access_token"
export type Problem = TokenEndpoint.RequestError | TokenStoreError

/** What became of tokens at the server, of all that were revoked one after the other. */
export interface Tally {
  readonly revoked: Set<Kind>
  readonly alive: Set<Kind>
  readonly failures: Array<Problem>
  last: TokenSet | undefined
}

export const nothing = (): Tally => ({ revoked: new Set(), alive: new Set(), failures: [], last: undefined })

/**
 * The refresh token first, with which most servers revoke what it gave (RFC 7009
 * section 2.1); then the access token, where it is good still. Not twice in a row.
 */
export const revoke = (
  { revocation }: Pick<Machine, "revocation">,
  tokens: TokenSet | undefined,
  tally: Tally
): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (tokens === undefined || (tally.last !== undefined && HeldTokens.areSame(tally.last, tokens))) return
    const { alive, failures, revoked } = tally
    tally.last = tokens
    const now = yield* Instant.now
    let isFirstRevoked = false
    for (const [kind, token] of goodOf(tokens, now)) {
      if (Option.isNone(revocation)) {
        alive.add(kind)
        continue
      }
      const exit = yield* Effect.either(revocation.value.revoke(token, { tokenTypeHint: kind }))
      if (exit._tag === "Right") {
        revoked.add(kind)
        isFirstRevoked = true
        continue
      }
      alive.add(kind)
      // A server that revokes access tokens with their refresh token alone does nothing wrong.
      if (!(isFirstRevoked && isUnsupported(exit.left))) failures.push(exit.left)
    }
  })

/** A program that was never given `Revocation` should not learn from its users that it revokes nothing. */
export const warn = ({ revocation }: Machine, { alive }: Tally): Effect.Effect<void> =>
  Option.isSome(revocation) || alive.size === 0
    ? Effect.void
    : Effect.logWarning(
        "TokenManager.logout: nothing was revoked at the server, which goes on accepting: " +
          `${[...alive].join(", ")}. The program has no Revocation: provide Revocation.layer to TokenManager.layer.`
      )

const goodOf = (
  { accessToken, expiresAt, refreshToken }: TokenSet,
  now: Instant.Instant
): ReadonlyArray<readonly [Kind, TokenSet["accessToken"]]> => [
  ...Option.toArray(Option.map(refreshToken, (token) => ["refresh_token", token] as const)),
  ...(Option.exists(expiresAt, (at) => now.wall >= at) ? [] : [["access_token", accessToken] as const])
]

const isUnsupported = (error: Problem): boolean =>
  error._tag === "OAuthResponseError" && error.error === "unsupported_token_type"

/** Tokens that came to a session after its logout: nobody else knows of them. */
export const discard = (machine: Machine, tokens: TokenSet): Effect.Effect<void> =>
  Option.isNone(machine.revocation)
    ? Effect.void
    : Effect.asVoid(Effect.forkIn(Effect.uninterruptible(revoke(machine, tokens, nothing())), machine.scope))
