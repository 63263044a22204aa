/**
 * Which URLs may be used: rule 1 of the wire.
 *
 * https everywhere; plain http to this machine only. The rules look at the
 * text as it is written, not at what a URL parser makes of it, so that two
 * readers of one URL cannot disagree about the host.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { DiscoveryError } from "./internal/exchangeErrors.js"
import * as Text from "./Text.js"

/**
 * What a caller may loosen.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Accept plain http to any host; false unless said. */
  readonly allowInsecure?: boolean | undefined
  /**
   * The URL of the server that names this one. One that is elsewhere may not
   * name this machine, which would let it aim our requests at local services
   * (unless `allowInsecure`).
   */
  readonly namedBy?: string | undefined
}

/**
 * A URL taken apart as it is written: nothing decoded, nothing normalised.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parts {
  /** Scheme and authority: `https://as.example:8443`. */
  readonly base: string
  /** The same, normalised: lower case, the default port left out. */
  readonly origin: string
  /** The host in lower case; an IPv6 address in brackets. */
  readonly host: string
  /** The path, empty or beginning with `/`. */
  readonly path: string
  /** The query with its `?`, or empty. */
  readonly query: string
}

const maximumLength = 8192
const shape = /^(https?):\/\/([^/?]*)([^?]*)(.*)$/i
const authority = /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([0-9]{1,5}))?$/i
const notUrlText = /[^!$&'()*+,\-./0-9:;=?@A-Z[\]_a-z~%#]/
/** Of a host that is written canonically, as `problem` has it: what only digits follow is an IPv4 address. */
const loopbackHost = /^(localhost|\[::1\]|127\.[\d.]+)$/
/** Names of this machine to which plain http is not allowed: unspecified addresses, mapped ones, RFC 6761 section 6.3. */
const otherName = /^(.+\.localhost|0\.0\.0\.0|\[::(ffff:(7f..|0):[\da-f]+)?\])$/

const parseUrl = Option.liftThrowable((text: string) => new URL(text))

/**
 * Why a URL may not be used as an endpoint, or `None` when it may.
 *
 * Accepted: `https`, and `http` to `localhost`, `[::1]` and the addresses
 * `127.0.0.0/8` written as four plain decimal numbers. Refused: every other
 * scheme, user information, a fragment, white space, control and non-ASCII
 * characters, backslashes, a host that ends in a dot, and a host which a URL
 * parser would rewrite (`2130706433`, `0x7f.1`, `127.1`). The answer continues
 * a sentence that names the URL: `"uses plain http to a host that ..."`.
 *
 * @since 0.1.0
 * @category rules
 */
export const problem = (url: string, options?: Options): Option.Option<string> =>
  Option.fromNullable(wrong(url, options))

const wrong = (url: string, options?: Options): string | undefined => {
  if (url.length > maximumLength) return `is longer than ${maximumLength} characters`
  if (notUrlText.test(url)) {
    return "has white space, a control, a backslash or a non-ASCII character"
  }
  if (url.includes("#")) return "has a fragment"
  const match = shape.exec(url)
  if (match === null) return "is not an absolute https URL"
  const [, scheme = "", place = ""] = match
  if (place.includes("@")) return "has user information before its host"
  const host = authority.exec(place)?.[1]?.toLowerCase()
  const parsed = Option.getOrUndefined(parseUrl(url))
  if (host === undefined || parsed?.hostname !== host || parsed.port === "0") {
    return "has a host or port that is not written plainly"
  }
  if (options?.allowInsecure) return undefined
  if (scheme.toLowerCase() === "http" && !loopbackHost.test(host)) {
    return "uses plain http to a host that is not this machine; use https"
  }
  const by = options?.namedBy
  return by !== undefined && isThisMachine(host) && !isLoopback(by)
    ? `is on this machine, but its server ${show(by)} is not`
    : undefined
}

const isThisMachine = (host: string): boolean => loopbackHost.test(host) || otherName.test(host)

/**
 * Takes a usable URL apart, as it is written. `None` for a URL that is refused
 * even where plain http is allowed.
 *
 * @since 0.1.0
 * @category rules
 */
export const parts = (url: string): Option.Option<Parts> => {
  if (wrong(url, { allowInsecure: true }) !== undefined) return Option.none()
  const [, scheme = "", place = "", path = "", query = ""] = shape.exec(url) ?? []
  return Option.map(parseUrl(url), (parsed) => ({
    base: `${scheme}://${place}`,
    origin: parsed.origin,
    host: place.replace(/:[0-9]+$/, "").toLowerCase(),
    path,
    query
  }))
}

/**
 * Whether a path has `.` or `..` segments, also as `%2e`: a URL parser removes
 * them, and what was built from the text would point elsewhere.
 *
 * @since 0.1.0
 * @category rules
 */
export const hasDotSegment = (path: string): boolean => /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path)

/**
 * Whether a URL points to this machine: `localhost`, `[::1]` or a canonical
 * address of `127.0.0.0/8`, and, by the other names that systems resolve to it,
 * `*.localhost`, `0.0.0.0`, `[::]` and mapped addresses such as
 * `[::ffff:7f00:1]`. A URL that may not be used does not.
 *
 * @since 0.1.0
 * @category rules
 */
export const isLoopback = (url: string): boolean =>
  Option.exists(parts(url), (found) => isThisMachine(found.host))

/**
 * A URL as it may be shown in an error or a log: scheme, host and path,
 * without user information, query and fragment, cut at a safe length.
 *
 * @since 0.1.0
 * @category showing
 */
export const show = (url: string): string =>
  Text.sanitize(
    url
      .slice(0, maximumLength)
      .replace(/[?#].*$/s, "")
      .replace(/^([a-z][a-z0-9+.-]*:[/\\]*)[^/\\]*@/i, "$1")
  )

/**
 * Accepts a URL as an endpoint, or fails with `forbidden_url` and a message
 * that names the member and the rule it breaks.
 *
 * @since 0.1.0
 * @category rules
 */
export const validate = (
  operation: string,
  member: string,
  url: string,
  options?: Options
): Effect.Effect<string, DiscoveryError> => accept(operation, member, url, problem(url, options))

/**
 * The URL where it has no problem, or the failure of `validate`.
 *
 * @since 0.1.0
 * @category rules
 */
export const accept = (
  operation: string,
  member: string,
  url: string,
  problem: Option.Option<string>
): Effect.Effect<string, DiscoveryError> =>
  Option.isNone(problem)
    ? Effect.succeed(url)
    : Effect.fail(
        new DiscoveryError({
          operation,
          reason: "forbidden_url",
          message: `${member} ${show(url)} may not be used: it ${problem.value}.`,
          actual: show(url)
        })
      )

const privateUse = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:(.*)$/i

/**
 * Why a URI may not be used as a redirect URI, or `None` when it may.
 *
 * Accepted: what `problem` accepts (https, loopback http), and a private-use
 * scheme that is a reversed domain name, `com.example.app:/callback` (RFC 8252
 * section 7.1: it has at least one dot). Refused: a fragment (RFC 6749 section
 * 3.1.2), every other scheme, white space and control characters.
 *
 * @since 0.1.0
 * @category rules
 */
export const redirectUriProblem = (uri: string, options?: Options): Option.Option<string> => {
  const match = privateUse.exec(uri)
  if (match === null) return problem(uri, options)
  if (uri.length > maximumLength) return Option.some(`is longer than ${maximumLength} characters`)
  if (notUrlText.test(uri)) {
    return Option.some("has white space, a control, a backslash or a non-ASCII character")
  }
  if (uri.includes("#")) return Option.some("has a fragment")
  const [, rest = ""] = match
  if (!rest.startsWith("/")) return Option.some("is not written as com.example.app:/callback")
  if (/^\/\/[^/?]*@/.test(rest)) return Option.some("has user information before its host")
  return Option.none()
}
