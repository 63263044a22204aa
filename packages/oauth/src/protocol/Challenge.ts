/**
 * Challenges: the `WWW-Authenticate` header, RFC 9110 section 11.6.1.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as ChallengeScanner from "./internal/challengeScanner.js"

/**
 * One challenge of a server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Challenge {
  /** As the server wrote it; compared without regard to case, as `find` does. */
  readonly scheme: string
  /** The single value of schemes such as `Negotiate`. */
  readonly token68: Option.Option<string>
  /** By name in lower case; the values unquoted. */
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * How much of a header is read, in characters.
 *
 * @since 0.1.0
 * @category constants
 */
export const maximumLength: number = 16_384

/**
 * A challenge from a scheme and its parameters. Parameters that are undefined
 * are left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  scheme: string,
  parameters: Readonly<Record<string, string | undefined>> = {}
): Challenge => {
  const kept = new Map<string, string>()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && !kept.has(name.toLowerCase())) kept.set(name.toLowerCase(), value)
  }
  return { scheme, token68: Option.none(), parameters: kept }
}

/**
 * Reads the challenges of a header; several header fields are joined with
 * commas before.
 *
 * The whole grammar is read: several challenges, `token68`, quoted strings with
 * quoted pairs, tokens, white space around `=`, empty list elements. Values
 * that are neither quoted nor tokens, such as a bare URL, are taken up to the
 * next comma or space, and parameters without commas between them one by one,
 * since servers send them. Never fails: a challenge that
 * breaks the grammar, or in which a parameter comes twice (RFC 9110 section
 * 11.2, RFC 6750 section 3), is left out, as is one that does not end within
 * the first 16 384 characters. Takes time in proportion to the length.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parse = (header: string): ReadonlyArray<Challenge> =>
  ChallengeScanner.scan(header.slice(0, maximumLength), header.length > maximumLength)

/**
 * The first challenge of a scheme, whose name is compared without regard to
 * case.
 *
 * @since 0.1.0
 * @category reading
 */
export const find = (challenges: ReadonlyArray<Challenge>, scheme: string): Option.Option<Challenge> =>
  Option.fromNullable(challenges.find((challenge) => challenge.scheme.toLowerCase() === scheme.toLowerCase()))

/**
 * A parameter of a challenge, whose name is compared without regard to case.
 *
 * @since 0.1.0
 * @category reading
 */
export const parameter = (challenge: Challenge, name: string): Option.Option<string> =>
  Option.fromNullable(challenge.parameters.get(name.toLowerCase()))

/**
 * Writes challenges as one header value, the parameters as quoted strings.
 *
 * What a header may not carry is dropped, so that no value can end the header
 * or forge a parameter: control and non-ASCII characters everywhere; names and
 * schemes that are not tokens; in `error`, `error_description`, `error_uri` and
 * `scope` also what RFC 6750 section 3 excludes, double quotes and backslashes
 * among it.
 *
 * @since 0.1.0
 * @category formatting
 */
export const format = (challenges: ReadonlyArray<Challenge>): string =>
  challenges
    .filter((challenge) => isToken(challenge.scheme))
    .map((challenge) => [challenge.scheme, ...contentOf(challenge)].join(" "))
    .join(", ")

/** What follows the scheme: one text or none. */
const contentOf = (challenge: Challenge): ReadonlyArray<string> => {
  const written = new Map<string, string>()
  for (const [name, value] of challenge.parameters) {
    const lower = name.toLowerCase()
    if (isToken(lower) && !written.has(lower))
      written.set(lower, `${lower}="${escape(restrict(lower, value))}"`)
  }
  if (written.size > 0) return [[...written.values()].join(", ")]
  return Option.toArray(Option.filter(challenge.token68, isToken68))
}

const isToken = (text: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)

const isToken68 = (text: string): boolean => /^[A-Za-z0-9\-._~+/]+=*$/.test(text)

const escape = (value: string): string => value.replace(/["\\]/g, "\\$&")

/** The characters which a parameter may have. */
const restrict = (name: string, value: string): string => {
  switch (name) {
    case "error":
    case "error_description":
    case "scope":
      return value.replace(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, "")
    case "error_uri":
      return value.replace(/[^\x21\x23-\x5B\x5D-\x7E]/g, "")
    default:
      return value.replace(/[^\x20-\x7E]/g, "")
  }
}
