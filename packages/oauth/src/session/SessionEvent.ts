/**
 * What happens to a session.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { OAuthError, ReauthorizationRequired } from "../protocol/OAuthError.js"

/**
 * What a program may log of a session; nothing of it is secret.
 *
 * - `Acquired`: it began, with the tokens of a login (`adopt`), or with the first
 *   ones of a source that needs no login
 * - `Refreshed`: this manager got new tokens
 * - `Adopted`: the tokens of another process were found in the store
 * - `ReuseDetected`: a refresh token was refused that had been spent before: `by`
 *   another process (`winner`, whose tokens are in the store), or in a refresh whose
 *   answer never arrived (`interrupted`)
 * - `Failed`: a refresh failed, and changed nothing; `tag` and `reason` are those
 *   of the error
 * - `Unsaved`: the store could not be written; the new tokens are in memory alone,
 *   and saving goes on being tried. `Saved`: that succeeded
 * - `Ended`: only a person can begin it anew; `LoggedOut`: `logout` ended it
 *
 * @since 0.1.0
 * @category models
 */
export type SessionEvent =
  | { readonly _tag: "Acquired" }
  | { readonly _tag: "Refreshed" }
  | { readonly _tag: "Adopted" }
  | { readonly _tag: "ReuseDetected"; readonly by: "winner" | "interrupted" }
  | { readonly _tag: "Failed"; readonly tag: OAuthError["_tag"]; readonly reason: string }
  | { readonly _tag: "Unsaved" }
  | { readonly _tag: "Saved" }
  | { readonly _tag: "Ended"; readonly reason: ReauthorizationRequired["reason"] }
  | { readonly _tag: "LoggedOut" }

/**
 * Its constructors, and `$match`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const SessionEvent: Data.TaggedEnum.Constructor<SessionEvent> = Data.taggedEnum<SessionEvent>()
