/**
 * A session that is kept alive.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import type { TokenEndpoint } from "../client/TokenEndpoint.js"
import type { ReauthorizationRequired, TokenStoreError } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { SessionEvent } from "./SessionEvent.js"
import type { SessionKey } from "./SessionKey.js"
import type { SessionState } from "./SessionState.js"

/**
 * Gives the access token of one session, and new ones before it expires: one
 * refresh at a time, whoever asks, in however many processes and machines share
 * the store.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenManager extends Context.Tag("effect-oauth/TokenManager")<
  TokenManager,
  TokenManager.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenManager {
  /**
   * Why there is no token. `ReauthorizationRequired` alone says that the session
   * is over; after any other the next `get` may succeed.
   *
   * @since 0.1.0
   * @category errors
   */
  export type GetError = TokenEndpoint.RequestError | ReauthorizationRequired | TokenStoreError

  /**
   * What came of a logout.
   *
   * @since 0.1.0
   * @category models
   */
  export interface LogoutReport {
    /** Whether the tokens are gone from the store. Where they are not, log out again. */
    readonly deleted: boolean
    /** What the server has revoked. */
    readonly revoked: ReadonlyArray<"refresh_token" | "access_token">
    /** What must be taken to be good still, at the server, until it expires. */
    readonly alive: ReadonlyArray<"refresh_token" | "access_token">
    /** Why, of the server and of the store. */
    readonly failures: ReadonlyArray<TokenEndpoint.RequestError | TokenStoreError>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly key: SessionKey
    /**
     * Tokens whose access token is good for the leeway at least; where it lives for
     * less than twice the leeway, for half of its life. When it cannot be renewed
     * now, the one at hand is given while it is good at all. Never begins a login.
     */
    readonly get: Effect.Effect<TokenSet, GetError>
    /**
     * Tokens with another access token than the one that a resource refused. Of all
     * who were refused with the same one, the first makes a refresh; the others get
     * what came of it.
     */
    readonly renew: (refused: Redacted.Redacted<string>) => Effect.Effect<TokenSet, GetError>
    /**
     * Begins the session with the tokens of a login, in the place of what was there.
     * When the store cannot be written it has begun all the same, in memory; saving
     * goes on being tried. Tokens of another issuer than the key's are refused
     * (`conflict`).
     */
    readonly adopt: (tokens: TokenSet) => Effect.Effect<void, TokenStoreError>
    /** How the session is. Looks into the store when nothing has been asked for yet, and never refreshes. */
    readonly state: Effect.Effect<SessionState>
    /** How it is, and how it is from then on. */
    readonly changes: Stream.Stream<SessionState>
    /** What happens from now on; who reads too slowly misses the oldest. */
    readonly events: Stream.Stream<SessionEvent>
    /**
     * Revokes the refresh token and the access token, where the program has
     * `Revocation`, and then deletes the session, also when revoking failed. In
     * the store stays a mark without tokens, from which other processes learn of it.
     */
    readonly logout: Effect.Effect<LogoutReport>
  }
}
