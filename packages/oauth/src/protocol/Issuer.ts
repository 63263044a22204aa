/**
 * Issuer identifiers: their rules, their comparison, and where their metadata
 * is found.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Endpoint from "./Endpoint.js"
import { DiscoveryError } from "./OAuthError.js"
import * as Text from "./Text.js"

/**
 * Why a text may not be an issuer identifier, or `None` when it may: the rules
 * of an endpoint, no query (RFC 8414 section 2), and no `.` or `..` segments,
 * from which no well-known URL could be built.
 *
 * @since 0.1.0
 * @category rules
 */
export const problem = (issuer: string, options?: Endpoint.Options): Option.Option<string> =>
  Option.orElse(Endpoint.problem(issuer, options), () => {
    if (issuer.includes("?"))
      return Option.some("has a query, which an issuer may not have (RFC 8414 section 2)")
    return Option.exists(Endpoint.parts(issuer), (parts) => Endpoint.hasDotSegment(parts.path))
      ? Option.some("has a . or .. segment in its path")
      : Option.none()
  })

/**
 * Accepts a text as an issuer identifier, or fails with `forbidden_url`.
 *
 * @since 0.1.0
 * @category rules
 */
export const validate = (
  operation: string,
  issuer: string,
  options?: Endpoint.Options
): Effect.Effect<string, DiscoveryError> =>
  Option.match(problem(issuer, options), {
    onNone: () => Effect.succeed(issuer),
    onSome: (why) =>
      Effect.fail(
        new DiscoveryError({
          operation,
          reason: "forbidden_url",
          message: `The issuer ${Endpoint.show(issuer)} may not be used: it ${why}.`,
          actual: Endpoint.show(issuer)
        })
      )
  })

/**
 * In words, how `actual` differs from `expected`: `"differs by a trailing
 * slash"`, `"differs in the host: as.example, not as.test"`. The texts in it
 * are made safe to show.
 *
 * @since 0.1.0
 * @category comparing
 */
export const difference = (expected: string, actual: string): string => {
  if (expected === actual) return "does not differ"
  if (`${expected}/` === actual) return "differs by a trailing slash, which was not expected"
  if (expected === `${actual}/`) return "differs by a trailing slash, which was expected"
  if (expected.trim() === actual.trim()) return "differs by white space around it"
  const wanted = take(expected)
  const given = take(actual)
  if (given === undefined) return "is not a URL"
  if (wanted === undefined) return "differs: what was expected is not a URL"
  const says = (part: string, want: string, got: string): string =>
    `differs in the ${part}: ${Text.sanitize(got)}, not ${Text.sanitize(want)}`
  if (wanted.scheme.toLowerCase() !== given.scheme.toLowerCase())
    return says("scheme", wanted.scheme, given.scheme)
  if (wanted.host.toLowerCase() !== given.host.toLowerCase()) return says("host", wanted.host, given.host)
  if (wanted.port !== given.port) return says("port", wanted.port || "none", given.port || "none")
  if (expected.toLowerCase() === actual.toLowerCase()) return "differs in letter case"
  if (wanted.user !== given.user) return "differs in the user information before the host"
  if (wanted.rest.split("?")[0] === given.rest.split("?")[0]) return "differs in the query"
  return says("path", wanted.rest.split("?")[0] || "none", given.rest.split("?")[0] || "none")
}

/** The pieces of anything that looks like a URL, for the sake of comparing. */
const take = (text: string) => {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?(\[[^\]]*\]|[^/?#:]*)(?::([0-9]*))?(.*)$/is.exec(
    text
  )
  if (match === null) return undefined
  const [, scheme = "", user = "", host = "", port = "", rest = ""] = match
  return { scheme, user, host, port, rest }
}

/**
 * Compares two issuer identifiers, character for character (RFC 8414 section
 * 3.3, RFC 9207 section 2.4), and fails with `issuer_mismatch` when they are
 * not the same. The message shows both and says in which part they differ.
 *
 * @since 0.1.0
 * @category comparing
 */
export const check = (
  operation: string,
  expected: string,
  actual: string
): Effect.Effect<void, DiscoveryError> =>
  expected === actual
    ? Effect.void
    : Effect.fail(
        new DiscoveryError({
          operation,
          reason: "issuer_mismatch",
          message:
            `The server says that it is ${Endpoint.show(actual)}, but ${Endpoint.show(expected)} was expected: ` +
            `it ${difference(expected, actual)}. Issuers are compared character for character ` +
            `(RFC 8414 section 3.3); if this is the right server, configure its issuer as it writes it.`,
          expected: Endpoint.show(expected),
          actual: Endpoint.show(actual)
        })
      )

/**
 * Where the metadata of an issuer may be, in the order in which to try:
 *
 * 1. RFC 8414 section 3.1: `/.well-known/oauth-authorization-server` inserted
 *    between host and path
 * 2. `/.well-known/openid-configuration` inserted likewise (RFC 8414 section 5)
 * 3. `/.well-known/openid-configuration` appended (OpenID Connect Discovery 1.0
 *    section 4)
 *
 * A slash at the end of the path is removed first. Without a path the last two
 * are one. Empty for a text that may not be an issuer.
 *
 * @since 0.1.0
 * @category discovery
 */
export const wellKnownUrls = (issuer: string): ReadonlyArray<string> => {
  if (Option.isSome(problem(issuer, { allowInsecure: true }))) return []
  return Option.match(Endpoint.parts(issuer), {
    onNone: () => [],
    onSome: ({ base, path }) => {
      const inner = path.replace(/\/$/, "")
      return [
        ...new Set([
          `${base}/.well-known/oauth-authorization-server${inner}`,
          `${base}/.well-known/openid-configuration${inner}`,
          `${base}${inner}/.well-known/openid-configuration`
        ])
      ]
    }
  })
}
