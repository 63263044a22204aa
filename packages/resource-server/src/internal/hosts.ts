/** The resources of a server that is reached under several hosts: of the same path, one for each host. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Endpoint from "effect-oauth/Endpoint"
import * as Jwt from "effect-oauth/Jwt"
import * as ForwardedHost from "../ForwardedHost.js"
import type { Received } from "../Incoming.js"
import { Misdirected } from "../Refusal.js"
import type { AcceptedIssuer } from "./profiles.js"

/**
 * What a server is under one host.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resource {
  /** The resource identifier (RFC 8707, RFC 9728 section 1.2). */
  readonly resource: string
  /** Scheme, host and port that clients use, such as `https://api.example`. */
  readonly origin: string
  /** Where the metadata of the resource is (RFC 9728), for the challenge. */
  readonly metadataUrl: Option.Option<string>
}

/**
 * What a server is under all its hosts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hosts {
  /** What it is: the resource of its configuration, and with `forwarded` one for each further host. */
  readonly resources: ReadonlyArray<Resource>
  /**
   * Which of these a request is for: that of the configuration, unless a
   * declared proxy tells another host. Fails for a host that is none of them.
   */
  readonly of: (received: Received) => Effect.Effect<Resource, Misdirected>
  /**
   * Whether a verified token is for one of the resources, by `aud` or the
   * `audience` of its issuer. Always where there is one: its verifier has compared.
   */
  readonly accepts: (claims: Jwt.JwtClaims, resource: string) => boolean
  /** The headers on which it depends what the server is (`Vary`). */
  readonly vary: ReadonlyArray<string>
}

/**
 * A declared proxy, and the hosts that it may tell.
 *
 * @since 0.1.0
 * @category models
 */
export interface Forwarded extends ForwardedHost.Options {
  /**
   * The hosts besides that of `resource`, with a port that is not the usual one
   * (`api.example.org`, `api.example:8443`), in ASCII. The scheme is that of
   * `resource`. Requests for any other host, or by another scheme, are refused
   * with 421.
   */
  readonly hosts: ReadonlyArray<string>
}

/** The server has one resource, whatever a request says. */
export const one = (own: Resource): Hosts => {
  const always = Effect.succeed(own)
  return { resources: [own], of: () => always, accepts: () => true, vary: [] }
}

/**
 * All that is ever told of a host is made here, of the configuration. What a
 * request says only chooses one of them: nothing is made of it.
 * Where a host cannot be one, the answer is why.
 */
export const several = (
  own: Resource,
  options: Forwarded,
  issuers: ReadonlyArray<AcceptedIssuer>,
  rules: Endpoint.Options
): Hosts | string => {
  const url = new URL(own.origin)
  const known = new Map([[url.host, own]])
  for (const host of options.hosts) {
    const origin = `${url.protocol}//${host}`
    const problem = Endpoint.problem(origin, rules)
    if (Option.isSome(problem)) return problem.value
    const parts = Endpoint.parts(origin)
    if (!Option.exists(parts, ({ path, query }) => path + query === "")) return "has a path"
    const named = Option.getOrThrow(parts).origin
    const at = new URL(named).host
    if (!known.has(at)) known.set(at, under(own, named))
  }
  const read = ForwardedHost.read(options)
  const always = Effect.succeed(own)
  const all = new Map([...known].map(([host, resource]) => [host, Effect.succeed(resource)]))
  const scheme = url.protocol.slice(0, -1)
  const usual = scheme === "https" ? /:443$/ : /:80$/
  return {
    resources: [...known.values()],
    accepts: acceptsOf(issuers),
    vary: varyBy[options.header],
    of: (received) => {
      const told = read(received)
      switch (told._tag) {
        case "Nothing":
          return always
        case "Unclear":
          return unclear
        case "Host":
          return told.scheme === undefined || told.scheme === scheme
            ? (all.get(told.host.replace(usual, "")) ?? unknown)
            : unknown
      }
    }
  }
}

/** Of `Host`, caches know. */
const varyBy = {
  forwarded: ["forwarded"],
  "x-forwarded": ["x-forwarded-host", "x-forwarded-proto"],
  host: []
}

/** A verifier for all the resources has been content with a token for any of them. */
const acceptsOf = (issuers: ReadonlyArray<AcceptedIssuer>): Hosts["accepts"] => {
  const audiences = new Map(issuers.map(({ audience, issuer }) => [issuer, audience]))
  const only = issuers.length === 1 ? issuers[0]?.issuer : undefined
  return (claims, resource) => {
    const issuer = claims["iss"] ?? only
    const wanted = (typeof issuer === "string" ? audiences.get(issuer) : undefined) ?? resource
    return Jwt.audiences(claims).some((one) =>
      typeof wanted === "string" ? one === wanted : wanted.includes(one)
    )
  }
}

/** The resource as it is under another origin; a metadata URL that is elsewhere stays there. */
const under = (own: Resource, origin: string): Resource => {
  const moved = (url: string): string =>
    Option.match(Endpoint.parts(url), {
      onNone: () => url,
      onSome: (parts) => (parts.origin === own.origin ? origin + url.slice(parts.base.length) : url)
    })
  return { resource: moved(own.resource), origin, metadataUrl: Option.map(own.metadataUrl, moved) }
}

const misdirected = (why: string): Effect.Effect<never, Misdirected> =>
  Effect.suspend(() => new Misdirected({ error: "misdirected_request", error_description: why }))

const unknown = misdirected("The request is for a host that is none of this resource")

const unclear = misdirected("The host that the request is for cannot be told")
