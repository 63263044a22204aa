/** Where a token may go: which requests are for the origins and resources that it was given for. */
import * as UrlParams from "@effect/platform/UrlParams"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Endpoint from "../../../protocol/Endpoint.js"
import { DiscoveryError } from "../../../protocol/OAuthError.js"

/** Whether a request to this URL may carry the token. */
export type Places = (url: string) => boolean

interface Place {
  readonly origin: string
  /** Begins with `/`; of an origin it is that alone. */
  readonly path: string
  /** Origin and path, as a plain URL begins. */
  readonly start: string
}

/**
 * Reads the places that a program names. One that is written in another way
 * than a URL parser writes it fails, since it would match nothing, or not what
 * is meant.
 */
export const make = (
  operation: string,
  resources: ReadonlyArray<string>,
  options: Endpoint.Options
): Effect.Effect<Places, DiscoveryError> =>
  Effect.map(
    Effect.forEach(resources, (resource) => place(operation, resource, options)),
    (places) => (url) => covers(places, url)
  )

const place = (
  operation: string,
  resource: string,
  options: Endpoint.Options
): Effect.Effect<Place, DiscoveryError> => {
  const refuse = (why: string) =>
    new DiscoveryError({
      operation,
      reason: "forbidden_url",
      actual: Endpoint.show(resource),
      message: `${operation}: ${Endpoint.show(resource)} may not be a place where the token goes: it ${why}.`
    })
  const problem = Endpoint.problem(resource, options)
  if (Option.isSome(problem)) return refuse(problem.value)
  const { hash, origin, pathname, search } = new URL(resource)
  if (search !== "" || hash !== "" || /[?#]/.test(resource)) return refuse("has a query")
  const path = Option.match(Endpoint.parts(resource), { onNone: () => "", onSome: (parts) => parts.path })
  if (path !== "" && path !== pathname)
    return refuse(`has a path that is another to a URL parser: ${pathname}`)
  if (climbs(pathname)) return refuse("has a path with dot segments")
  return Effect.succeed({ origin, path: pathname, start: `${origin}${pathname}` })
}

const covers = (places: ReadonlyArray<Place>, url: string): boolean => {
  for (const { path, start } of places) {
    // The common case, without a parser: the place as it is written, and then nothing that a parser would change.
    if (
      url.startsWith(start) &&
      plain.test(path.endsWith("/") ? `/${url.slice(start.length)}` : url.slice(start.length))
    )
      return true
  }
  const target = parse(url)
  if (target === undefined) return false
  return places.some(
    ({ origin, path }) =>
      origin === target.origin &&
      (path === "/" || (isBelow(target.pathname, path) && !climbs(target.pathname)))
  )
}

/** Segments of characters that a parser leaves as they are, none with a dot or a semicolon at its beginning; then query or fragment. */
const plain = /^(?:\/(?:[\w!$&'()*+,=:@~-][\w!$&'()*+,=:@~.-]*)?)*(?:[?#]|$)/

/** Whole segments: `/v1` stands for `/v1` and `/v1/a`, not for `/v12`. */
const isBelow = (pathname: string, path: string): boolean =>
  pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`)

/**
 * What the client below makes of a URL. None for one whose host another reader
 * could take for another: it must be written as a parser writes it, without
 * user information, backslashes, white space around it or control characters.
 */
const parse = (url: string): URL | undefined => {
  const [, place] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? []
  // What is relative is so to the page, in a browser; a second slash would begin a host.
  if (place === undefined && !/^\/(?![/\\])/.test(url)) return undefined
  if (forbidden.test(url.replace(/[?#].*$/s, ""))) return undefined
  const made = UrlParams.makeUrl(url, [], Option.none())
  if (Either.isLeft(made)) return undefined
  const { host, hostname, password, port, protocol, username } = made.right
  if (username !== "" || password !== "") return undefined
  if (place === undefined) return made.right
  const standard = port === "" ? `${hostname}:${protocol === "https:" ? 443 : 80}` : host
  return place.toLowerCase() === host || place.toLowerCase() === standard ? made.right : undefined
}

/** A parser drops tabs and line ends wherever they are, and reads backslashes as slashes. */

const forbidden = /[\u0000-\u001F\u007F\\]|^\s|\s$/

/**
 * Whether a path climbs for a server that decodes it once more than a URL
 * parser, or drops the parameters of its segments: `/v1/..%2fadmin`,
 * `/v1/%252e%252e/admin`, `/v1/..;/admin`.
 */
const climbs = (pathname: string): boolean => {
  let text = pathname
  for (let round = 0; round < 4; round++) text = text.replace(/%25/g, "%")
  text = text.replace(/%2e|%c0%ae/gi, ".").replace(/%2f|%5c|%c0%af|\\/gi, "/")
  return /(?:^|\/)\.{1,2}(?:;[^/]*)?(?=\/|$)/.test(text)
}
