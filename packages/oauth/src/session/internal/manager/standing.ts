/** Which tokens count: those that a manager holds, or those that it finds in the store. */
import * as Option from "effect/Option"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { Entry, SessionRecord } from "../../TokenStore.js"
import { areSame } from "./held.js"
import type { Held } from "./held.js"
import * as Login from "./login.js"

export type Ending = Option.Option.Value<SessionRecord["ended"]>

export type Standing =
  /** What is held counts; where it is `missing`, the store has not got it. */
  | { readonly _tag: "Held"; readonly held: Held; readonly missing: boolean }
  /** What others have put into the store counts. */
  | { readonly _tag: "Stored"; readonly tokens: TokenSet; readonly login: Login.Login }
  | { readonly _tag: "Ended"; readonly reason: Ending }
  | { readonly _tag: "Nothing" }

/** Tokens that a manager knows to be dead, and could perhaps not take out of the store. */
export interface Forgotten {
  readonly tokens: TokenSet
  /** Given where all that descends from the login is dead as well, as after a logout. */
  readonly login: Login.Login | undefined
}

/**
 * What counts is what came later:
 *
 * - Of one login, the tokens after more refreshes; a logout ends them all.
 * - Of two logins, the later one, as long as what is held could not be saved; what
 *   was saved gives way to whatever the store has now.
 * - When the store has lost a session, what is held is the last that anybody knows
 *   of it: it is written back. A logout leaves a mark, and is not mistaken for a
 *   loss.
 */
export const of = (
  held: Held | undefined,
  forgotten: Forgotten | undefined,
  entry: Option.Option<Entry>
): Standing => {
  const theirs = storedOf(forgotten, entry)
  if (held === undefined || Option.isNone(entry)) return held === undefined ? theirs : missing(held)
  const { record } = entry.value
  if (Option.exists(record.tokens, (tokens) => areSame(tokens, held.tokens)))
    return { _tag: "Held", held, missing: false }
  return theirs._tag === "Nothing" || isLater(held, record) ? missing(held) : theirs
}

const missing = (held: Held): Standing => ({ _tag: "Held", held, missing: true })

const storedOf = (forgotten: Forgotten | undefined, entry: Option.Option<Entry>): Standing => {
  if (Option.isNone(entry)) return { _tag: "Nothing" }
  const { ended, login = Login.unnamed, tokens } = entry.value.record
  if (Option.isSome(tokens) && !isForgotten(forgotten, tokens.value, login))
    return { _tag: "Stored", tokens: tokens.value, login }
  return Option.isSome(ended) ? { _tag: "Ended", reason: ended.value } : { _tag: "Nothing" }
}

const isForgotten = (forgotten: Forgotten | undefined, tokens: TokenSet, login: Login.Login): boolean =>
  forgotten !== undefined &&
  (areSame(tokens, forgotten.tokens) ||
    (forgotten.login !== undefined && login.id !== "" && Login.isSame(login, forgotten.login)))

const isLater = (held: Held, { ended, login }: SessionRecord): boolean => {
  // A record that does not say of which login it is says nothing of the order either.
  if (held.saved && login === undefined) return false
  const theirs = login ?? Login.unnamed
  return Login.isSame(held.login, theirs)
    ? !Option.contains(ended, "revoked") && held.login.refreshes > theirs.refreshes
    : !held.saved && held.login.at > theirs.at
}
