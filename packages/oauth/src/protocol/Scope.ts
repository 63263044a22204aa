/**
 * Scopes: RFC 6749 section 3.3.
 *
 * A scope is a set of case-sensitive words. It is kept sorted and without
 * duplicates, so that two equal scopes are written alike.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Text from "./Text.js"

/**
 * A set of scope tokens, sorted and unique.
 *
 * @since 0.1.0
 * @category models
 */
export type Scope = ReadonlyArray<string>

/**
 * Whether a text is one scope token: at least one character, all of them
 * visible ASCII other than the double quote and the backslash.
 *
 * @since 0.1.0
 * @category rules
 */
export const isToken = (text: string): boolean => /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(text)

/**
 * Why some texts are not scope tokens, or `None` when all are: for what a
 * program asks, where leaving a token out in silence would hide a mistake such
 * as `["openid profile"]`.
 *
 * @since 0.1.0
 * @category rules
 */
export const problem = (tokens: Iterable<string>): Option.Option<string> =>
  Option.map(
    Option.fromNullable([...tokens].find((token) => !isToken(token))),
    (token) => `"${Text.sanitize(token)}" is not a scope token: one element each, without spaces and quotes`
  )

/**
 * The scope of some tokens. What is not a token (`isToken`) is left out: a text
 * with a space, a quote or a line break never becomes a permission.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (tokens: Iterable<string>): Scope => [...new Set(tokens)].filter(isToken).sort()

/**
 * The scope which a text says, as in the `scope` member of a response or a
 * challenge. Tokens are separated by spaces, or by `separator` for a provider
 * that writes commas. What is not a token is left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (text: string, separator: string = " "): Scope => make(text.split(separator))

/**
 * The tokens, separated by spaces.
 *
 * @since 0.1.0
 * @category formatting
 */
export const format = (scope: Scope): string => make(scope).join(" ")

/**
 * The tokens of either.
 *
 * @since 0.1.0
 * @category combining
 */
export const union = (a: Scope, b: Scope): Scope => make([...a, ...b])

/**
 * Which of the wanted tokens were not granted. Tokens are compared whole:
 * `readonly` does not grant `read`.
 *
 * @since 0.1.0
 * @category comparing
 */
export const missing = (wanted: Scope, granted: Scope): Scope => {
  const given = new Set(granted)
  return make(wanted).filter((token) => !given.has(token))
}

/**
 * Whether every wanted token was granted.
 *
 * @since 0.1.0
 * @category comparing
 */
export const includes = (granted: Scope, wanted: Scope): boolean => {
  const given = new Set(granted)
  return wanted.every((token) => given.has(token))
}

/**
 * Whether two scopes have the same tokens, in whatever order they are written.
 *
 * @since 0.1.0
 * @category comparing
 */
export const equals = (a: Scope, b: Scope): boolean => format(a) === format(b)
