/**
 * How a session is.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Option from "effect/Option"
import type { ReauthorizationRequired } from "../protocol/OAuthError.js"

/**
 * What a program may show of a session; nothing of it is secret.
 *
 * - `SignedOut`: there is none
 * - `Active`: there are tokens. `expiresAt` is that of the access token, in
 *   milliseconds since the epoch, none where the server did not say; `saved` tells
 *   whether the store has these tokens: where it has not, they end with the process
 * - `Refreshing`: new tokens are being asked for
 * - `Ended`: only a person can begin it anew
 *
 * @since 0.1.0
 * @category models
 */
export type SessionState =
  | { readonly _tag: "SignedOut" }
  | { readonly _tag: "Active"; readonly expiresAt: Option.Option<number>; readonly saved: boolean }
  | { readonly _tag: "Refreshing" }
  | { readonly _tag: "Ended"; readonly reason: ReauthorizationRequired["reason"] }

const states = Data.taggedEnum<SessionState>()

/**
 * @since 0.1.0
 * @category constructors
 */
export const signedOut: SessionState = states.SignedOut()

/**
 * @since 0.1.0
 * @category constructors
 */
export const active = (state: {
  readonly expiresAt: Option.Option<number>
  readonly saved: boolean
}): SessionState => states.Active(state)

/**
 * @since 0.1.0
 * @category constructors
 */
export const refreshing: SessionState = states.Refreshing()

/**
 * @since 0.1.0
 * @category constructors
 */
export const ended = (reason: ReauthorizationRequired["reason"]): SessionState => states.Ended({ reason })
