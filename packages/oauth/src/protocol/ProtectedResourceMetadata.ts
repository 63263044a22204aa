/**
 * What a protected resource says of itself, and where: RFC 9728.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Endpoint from "./Endpoint.js"
import * as MetadataDocument from "./internal/metadataDocument.js"
import * as Issuer from "./Issuer.js"
import { DiscoveryError, type ProtocolViolation } from "./OAuthError.js"

const members = {
  resource: "text",
  authorization_servers: "list",
  jwks_uri: "text",
  scopes_supported: "list",
  bearer_methods_supported: "list",
  resource_signing_alg_values_supported: "list",
  resource_name: "text",
  resource_documentation: "text",
  resource_policy_uri: "text",
  resource_tos_uri: "text",
  tls_client_certificate_bound_access_tokens: "flag",
  authorization_details_types_supported: "list",
  dpop_signing_alg_values_supported: "list",
  dpop_bound_access_tokens_required: "flag",
  signed_metadata: "text"
} as const satisfies MetadataDocument.Shape

/**
 * The metadata of a protected resource, with the member names of RFC 9728
 * section 2. Members which the toolkit does not know are kept as they came.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProtectedResourceMetadata extends MetadataDocument.Document<typeof members> {
  readonly resource: string
}

/**
 * Reads a metadata document from parsed JSON.
 *
 * `resource` is required and every known member must have its type; the first
 * that has not is a `ProtocolViolation` which names the member and never shows
 * its value. A known optional member that is `null` counts as absent. Whether
 * the document is the right resource's is `checkResource`.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (
  operation: string,
  json: unknown
): Effect.Effect<ProtectedResourceMetadata, ProtocolViolation> => {
  const refuse = (reason: "missing" | "type", member: string) =>
    MetadataDocument.violation(operation, "RFC 9728 section 2", reason, member)
  if (!MetadataDocument.isObject(json)) return refuse("type", "")
  const document = MetadataDocument.tidy(members, json)
  if (document["resource"] === undefined) return refuse("missing", "resource")
  return isMetadata(document)
    ? Effect.succeed(document)
    : refuse("type", MetadataDocument.wrongMember(members, document) ?? "")
}

const isMetadata = (document: Readonly<Record<string, unknown>>): document is ProtectedResourceMetadata =>
  typeof document["resource"] === "string" && MetadataDocument.wrongMember(members, document) === undefined

const suffix = "/.well-known/oauth-protected-resource"

/** A resource taken apart, if its well-known URL can be built from its text. */
const resourceParts = (resource: string): Option.Option<Endpoint.Parts> =>
  Option.filter(Endpoint.parts(resource), (parts) => !Endpoint.hasDotSegment(parts.path))

/**
 * Where the metadata of a resource is: `/.well-known/oauth-protected-resource`
 * inserted between the host and the path, the path and the query kept as they
 * are, a path of only `/` removed (RFC 9728 section 3.1). `None` for a text
 * that may not be a resource identifier.
 *
 * @since 0.1.0
 * @category discovery
 */
export const wellKnownUrl = (resource: string): Option.Option<string> =>
  Option.map(
    resourceParts(resource),
    ({ base, path, query }) => `${base}${suffix}${path === "/" ? "" : path}${query}`
  )

/**
 * A place where the metadata of a resource may be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Candidate {
  readonly url: string
  readonly source: "challenge" | "path" | "root"
  /** How the `resource` of a document found there is compared: see `checkResource`. */
  readonly match: Match
}

/**
 * How the `resource` of a document is compared with the one asked for: `exact`
 * for the well-known URL of the resource itself and for documents on another
 * origin; `prefix` for others on the resource's own origin, which may describe
 * the whole host.
 *
 * @since 0.1.0
 * @category models
 */
export type Match = "exact" | "prefix"

/**
 * Where to look for the metadata of a resource, in the order in which to try:
 * the `resource_metadata` URL of its challenge, the well-known URL of its path,
 * the well-known URL of its host.
 *
 * A challenge's URL that may not be used as an endpoint is left out, and so is
 * one on this machine from a resource that is elsewhere (unless
 * `allowInsecure`). Empty for a text that may not be a resource identifier.
 *
 * Who answers for one path of a host can name by its challenge a document on
 * that host which speaks for all of it, and so have tokens for the whole host
 * sent to its path. On a host that several parties share, ask for `match:
 * "exact"`, which RFC 9728 section 3.3 demands to the letter.
 *
 * @since 0.1.0
 * @category discovery
 */
export const candidates = (
  options: {
    readonly resource: string
    /** `resource_metadata` of the resource's challenge (RFC 9728 section 5.1). */
    readonly challengeUrl?: string | undefined
    /** `exact` takes a `prefix` from nowhere, the resource's own origin included. */
    readonly match?: "exact" | undefined
  } & Endpoint.Options
): ReadonlyArray<Candidate> => {
  const { allowInsecure, challengeUrl, match = "prefix", resource } = options
  if (Option.isSome(Endpoint.problem(resource, { allowInsecure }))) return []
  return Option.match(resourceParts(resource), {
    onNone: () => [],
    onSome: ({ base, origin, path, query }) => {
      const derived = `${base}${suffix}${path === "/" ? "" : path}${query}`
      const found: Array<Candidate> = [{ url: derived, source: "path", match: "exact" }]
      if (derived !== `${base}${suffix}`) found.push({ url: `${base}${suffix}`, source: "root", match })
      if (challengeUrl === undefined) return found
      return Option.isNone(Endpoint.problem(challengeUrl, { allowInsecure, namedBy: resource }))
        ? [
            { url: challengeUrl, source: "challenge", match: isOn(origin, challengeUrl) ? match : "exact" },
            ...found.filter((candidate) => candidate.url !== challengeUrl)
          ]
        : found
    }
  })
}

const isOn = (origin: string, url: string): boolean =>
  Option.exists(Endpoint.parts(url), (parts) => parts.origin === origin)

/**
 * Checks that a document is about the resource that was asked for (RFC 9728
 * section 3.3), and fails with `resource_mismatch` when it is not; the message
 * shows both and says in which part they differ.
 *
 * `exact` (the default): character for character, except that `https://a` and
 * `https://a/` are one resource, since an empty path and `/` are the same
 * request. `prefix`: also a resource on the same origin whose path is a prefix
 * of the path asked for, up to a whole segment: `https://a/mcp` stands for
 * `https://a/mcp/tools`, not for `https://a/mcp2`.
 *
 * @since 0.1.0
 * @category discovery
 */
export const checkResource = (
  operation: string,
  expected: string,
  actual: string,
  match: Match = "exact"
): Effect.Effect<void, DiscoveryError> =>
  isSame(expected, actual) || (match === "prefix" && covers(actual, expected))
    ? Effect.void
    : Effect.fail(
        new DiscoveryError({
          operation,
          reason: "resource_mismatch",
          message:
            `The metadata is about the resource ${Endpoint.show(actual)}, but ${Endpoint.show(expected)} was asked for: ` +
            `it ${Issuer.difference(expected, actual)} (RFC 9728 section 3.3).`,
          expected: Endpoint.show(expected),
          actual: Endpoint.show(actual)
        })
      )

const isSame = (expected: string, actual: string): boolean => {
  if (expected === actual) return true
  const both = Option.all([Endpoint.parts(expected), Endpoint.parts(actual)])
  return Option.exists(
    both,
    ([a, b]) => a.base === b.base && rooted(a) + a.query === rooted(b) + b.query && rooted(a) === "/"
  )
}

const rooted = (parts: Endpoint.Parts): string => (parts.path === "" ? "/" : parts.path)

/** Whether a resource without a query stands for another below it. */
const covers = (outer: string, inner: string): boolean => {
  const both = Option.all([resourceParts(outer), resourceParts(inner)])
  return Option.exists(both, ([a, b]) => {
    if (a.origin !== b.origin || a.query !== "") return false
    const path = rooted(a)
    return rooted(b) === path || rooted(b).startsWith(path.endsWith("/") ? path : `${path}/`)
  })
}
