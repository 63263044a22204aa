/** Which tokens count: those that a manager holds, or those that it finds in the store. */
import * as Option from "effect/Option"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { Entry, SessionRecord } from "../../TokenStore.js"
import { areSame } from "./held.js"
import type { Held } from "./held.js"

export type Ending = Option.Option.Value<SessionRecord["ended"]>

export type Standing =
  /** What is held counts; where it is `missing`, the store has not got it. */
  | { readonly _tag: "Held"; readonly held: Held; readonly missing: boolean }
  /** What others have put into the store counts. */
  | { readonly _tag: "Stored"; readonly tokens: TokenSet }
  | { readonly _tag: "Ended"; readonly reason: Ending }
  | { readonly _tag: "Nothing" }

/**
 * `forgotten` are tokens that this manager knows to be dead, and could perhaps not
 * take out of the store.
 *
 * - What the store has from others counts more than what was saved before: they
 *   refreshed, or logged in.
 * - What could not be saved counts more than what it came in the place of, and than
 *   an end that others wrote because they had only that. It counts less than
 *   anything else: that is a login of others, or a logout.
 * - When the store has lost a session that had been saved, what is held is the last
 *   that anybody knows of it: it is written back. A logout leaves a mark, and is
 *   not mistaken for a loss.
 */
export const of = (
  held: Held | undefined,
  forgotten: TokenSet | undefined,
  entry: Option.Option<Entry>
): Standing => {
  const ended = Option.flatMap(entry, ({ record }) => record.ended)
  const stored = Option.flatMap(entry, ({ record }) => record.tokens).pipe(
    Option.filter((tokens) => forgotten === undefined || !areSame(tokens, forgotten))
  )
  const theirs: Standing = Option.isSome(stored)
    ? { _tag: "Stored", tokens: stored.value }
    : Option.isSome(ended)
      ? { _tag: "Ended", reason: ended.value }
      : { _tag: "Nothing" }

  if (held === undefined) return theirs
  if (Option.exists(stored, (tokens) => areSame(tokens, held.tokens)))
    return { _tag: "Held", held, missing: false }
  const ours: Standing = { _tag: "Held", held, missing: true }
  if (theirs._tag === "Nothing") return ours
  if (held.saved) return theirs
  const { replaces } = held
  if (replaces === "anything") return ours
  if (theirs._tag === "Stored")
    return replaces.some((tokens) => areSame(tokens, theirs.tokens)) ? ours : theirs
  return theirs.reason === "revoked" ? theirs : ours
}
