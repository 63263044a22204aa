/**
 * Issuer identifiers: their rules, their comparison, and where their metadata
 * is found.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Endpoint from "./Endpoint.js"
import { DiscoveryError } from "./internal/exchangeErrors.js"
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
    if (issuer.includes("?")) return Option.some("has a query (RFC 8414 section 2)")
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
  Endpoint.accept(operation, "The issuer", issuer, problem(issuer, options))

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
  if (expected.toLowerCase() === actual.toLowerCase()) return "differs in letter case"
  if (!URL.canParse(actual) || !URL.canParse(expected)) return "is not a URL"
  const given = new URL(actual)
  const wanted = new URL(expected)
  const found = parts.find(([, part]) => given[part] !== wanted[part])
  if (found === undefined) return "differs by a default port, a query or user information"
  const [name, part] = found
  return `differs in the ${name}: ${Text.sanitize(given[part])}, not ${Text.sanitize(wanted[part])}`
}

/** What may be shown of a URL: the rest of it may be a secret. */
const parts = [
  ["scheme", "protocol"],
  ["host", "host"],
  ["path", "pathname"]
] as const

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
            `it ${difference(expected, actual)}. If this is the right server, configure its issuer ` +
            `exactly as it writes it (RFC 8414 section 3.3).`,
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
