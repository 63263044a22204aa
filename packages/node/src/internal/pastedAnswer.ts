/**
 * An answer that the person carries over by hand.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { CallbackParameters } from "./callbackParameters.js"
import * as Parameters from "./callbackParameters.js"

/** Beginning of the query, where the text is the redirect URI with one, or a query alone. */
const queryOf = (text: string, redirectUri: string): Option.Option<string> => {
  const [address = ""] = text.split("#")
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(address)) {
    return address.startsWith(`${redirectUri}?`)
      ? Option.some(address.slice(redirectUri.length + 1))
      : Option.none()
  }
  return Option.some(address.replace(/^\?/, ""))
}

/**
 * Reads the callback URL, or its query, and checks it as the listener does. Left: what is wrong with it, for the
 * person who pasted it.
 */
export const read = (
  text: string,
  redirectUri: string,
  state: Redacted.Redacted<string>
): Either.Either<CallbackParameters, string> => {
  const trimmed = text.trim().replace(/^(["'<])(.*)["'>]$/, "$2")
  const query = queryOf(trimmed, redirectUri)
  if (Option.isNone(query)) {
    return Either.left(`That is another address: the one to paste begins with ${redirectUri}?`)
  }
  const parameters = Parameters.parse(query.value)
  const has = (wanted: string) =>
    Option.exists(parameters, (all) => all.some(([name, value]) => name === wanted && value !== ""))
  if (Option.isNone(parameters) || !(has("code") || has("error")) || !has("state")) {
    return Either.left("That is not the whole address that the browser ended at.")
  }
  return Parameters.hasState(parameters.value, state)
    ? Either.right(parameters.value)
    : Either.left("That address belongs to another login.")
}
