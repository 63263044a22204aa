/**
 * How a session gets its next tokens.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { ClientCredentials } from "../client/ClientCredentials.js"
import { JwtBearer } from "../client/JwtBearer.js"
import { Refresh } from "../client/Refresh.js"
import type { TokenEndpoint } from "../client/TokenEndpoint.js"
import { TokenExchange } from "../client/TokenExchange.js"
import { ReauthorizationRequired } from "../protocol/OAuthError.js"
import type { TokenStoreError } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"

/**
 * Where a `TokenManager` gets tokens; `R` is what it needs for that, such as a
 * flow.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenSource<out R = never> {
  /** For metrics and spans: `refresh_token`, `client_credentials`. */
  readonly kind: string
  /**
   * Whether a refresh spends what it is made with, as one with a rotating refresh
   * token does. Then it is never made without the lease of the session, an intent
   * is recorded before, and a refusal (`invalid_grant`) ends the session.
   */
  readonly spends: boolean
  /** Whether there is something to get tokens with. */
  readonly canRenew: (current: Option.Option<TokenSet>) => boolean
  /** New tokens, in one request, from those at hand. */
  readonly renew: (current: Option.Option<TokenSet>) => Effect.Effect<TokenSet, SourceError, R>
}

/**
 * Why there are no new tokens.
 *
 * @since 0.1.0
 * @category errors
 */
export type SourceError = TokenEndpoint.RequestError | ReauthorizationRequired | TokenStoreError

/**
 * The refresh token of a login, whatever login it was: with a browser, on
 * another device, in the background. The session begins with `adopt`. When the
 * server sends a new ID token and its keys cannot be had to verify it, the new
 * tokens count, with the ID token of before: they replace one that is spent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refreshToken = (options?: Omit<Refresh.Options, "onKeyOutage">): TokenSource<Refresh> => ({
  kind: "refresh_token",
  spends: true,
  canRenew: Option.exists((tokens) => Option.isSome(tokens.refreshToken)),
  renew: Option.match({
    onNone: () => Effect.fail(nothingToRefresh()),
    onSome: (tokens) =>
      Effect.flatMap(Refresh, (flow) =>
        Effect.map(flow.refresh(tokens, { ...options, onKeyOutage: "keep" }), (result) => result.tokens)
      )
  })
})

/**
 * The client's own credentials (RFC 6749 section 4.4): no login, no refresh
 * token.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientCredentials = (options?: ClientCredentials.Options): TokenSource<ClientCredentials> =>
  anew(
    "client_credentials",
    Effect.flatMap(ClientCredentials, (flow) => flow.request(options))
  )

/**
 * A token exchange (RFC 8693). The subject token is asked for each time, so it
 * may be that of another manager (`Effect.map(manager.get, (tokens) => tokens.accessToken)`);
 * an actor token as well.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tokenExchange = <R1 = never, R2 = never>({
  actorToken,
  subjectToken,
  ...options
}: Omit<TokenExchange.Options, "subjectToken" | "actorToken"> & {
  readonly subjectToken: Effect.Effect<Redacted.Redacted<string>, SourceError, R1>
  readonly actorToken?: Effect.Effect<Redacted.Redacted<string>, SourceError, R2> | undefined
}): TokenSource<TokenExchange | R1 | R2> =>
  anew(
    "token_exchange",
    Effect.gen(function* () {
      const flow = yield* TokenExchange
      const actor = actorToken === undefined ? undefined : yield* actorToken
      return yield* flow.exchange({ ...options, subjectToken: yield* subjectToken, actorToken: actor })
    })
  )

/**
 * A signed assertion (RFC 7523 section 2.1), asked for each time: one that the
 * program signs, or the identity that its platform gives it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const jwtBearer = <R1 = never>({
  assertion,
  ...options
}: Omit<JwtBearer.Options, "assertion"> & {
  readonly assertion: Effect.Effect<Redacted.Redacted<string>, SourceError, R1>
}): TokenSource<JwtBearer | R1> =>
  anew(
    "jwt_bearer",
    Effect.gen(function* () {
      const flow = yield* JwtBearer
      return yield* flow.request({ ...options, assertion: yield* assertion })
    })
  )

/**
 * A source of one's own that needs no tokens of before and spends nothing: any
 * other grant, through `TokenEndpoint`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const anew = <R = never>(
  kind: string,
  request: Effect.Effect<TokenSet, SourceError, R>
): TokenSource<R> => ({ kind, spends: false, canRenew: () => true, renew: () => request })

const nothingToRefresh = (): ReauthorizationRequired =>
  new ReauthorizationRequired({
    operation: "TokenSource.refreshToken",
    reason: "no_session",
    message: "There are no tokens to refresh. Log in, and give the tokens of the login to TokenManager.adopt."
  })
