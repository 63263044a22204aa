/**
 * Where the endpoints of a server may be, beyond the endpoint rules.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AuthorizationServerMetadata } from "./AuthorizationServerMetadata.js"
import * as Endpoint from "./Endpoint.js"
import { DiscoveryError } from "./OAuthError.js"

/**
 * Judges the metadata of a server before any of its endpoints is used: for
 * those who take metadata from servers they do not know. Given as `discovery: {
 * endpointPolicy }` to an `OAuthClient`, or to `Discovery.server`, it holds
 * whenever metadata is read. A policy fails with `forbidden_url`, and names the
 * member.
 *
 * Without one the endpoint rules alone hold (https, or http to this machine
 * from this machine; no user information, no fragment), since many honest
 * servers have endpoints on several hosts.
 *
 * @since 0.1.0
 * @category models
 */
export interface EndpointPolicy {
  (metadata: AuthorizationServerMetadata): Effect.Effect<void, DiscoveryError>
}

/**
 * Every endpoint and `jwks_uri` is on the origin of the issuer: same scheme,
 * host and port.
 *
 * @since 0.1.0
 * @category policies
 */
export const sameOrigin: EndpointPolicy = (metadata) => check(metadata, [])

/**
 * Every endpoint and `jwks_uri` is on the origin of the issuer or on one of
 * these, each written as a browser writes origins: `https://keys.example`,
 * without a path, a slash at the end or the default port. One that is written
 * otherwise fails, so that a mistake is not a hole.
 *
 * @since 0.1.0
 * @category policies
 */
export const origins =
  (allowed: ReadonlyArray<string>): EndpointPolicy =>
  (metadata) => {
    const wrong = allowed.find(
      (origin) => !Option.exists(Endpoint.parts(origin), (parts) => parts.origin === origin)
    )
    return wrong === undefined
      ? check(metadata, allowed)
      : Effect.fail(
          new DiscoveryError({
            operation: "EndpointPolicy.origins",
            reason: "forbidden_url",
            actual: Endpoint.show(wrong),
            message: `EndpointPolicy.origins: ${Endpoint.show(wrong)} is not an origin as it is written in canonical form, such as https://keys.example or https://keys.example:8443.`
          })
        )
  }

const check = (
  metadata: AuthorizationServerMetadata,
  allowed: ReadonlyArray<string>
): Effect.Effect<void, DiscoveryError> => {
  const home = Option.map(Endpoint.parts(metadata.issuer), (parts) => parts.origin)
  const places = [...Option.toArray(home), ...allowed]
  for (const [member, url] of endpoints(metadata)) {
    const why = Option.orElse(Endpoint.problem(url, { allowInsecure: true }), () =>
      Option.exists(Endpoint.parts(url), (parts) => places.includes(parts.origin))
        ? Option.none()
        : Option.some(
            allowed.length === 0
              ? "is not on the origin of its issuer"
              : "is neither on the origin of its issuer nor on one that is allowed"
          )
    )
    if (Option.isSome(why)) {
      return Effect.fail(
        new DiscoveryError({
          operation: "EndpointPolicy",
          reason: "forbidden_url",
          expected: places.join(" "),
          actual: Endpoint.show(url),
          message: `The server ${Endpoint.show(metadata.issuer)} names ${Endpoint.show(url)} as its ${member}, which the endpoint policy forbids: it ${why.value}. If this is meant, allow the origin with EndpointPolicy.origins.`
        })
      )
    }
  }
  return Effect.void
}

/** Every member that is requested or opened, known to the toolkit or not; pages for people are not endpoints. */
const endpoints = (metadata: AuthorizationServerMetadata): ReadonlyArray<readonly [string, string]> => {
  const own = named(metadata)
  const aliases = metadata.mtls_endpoint_aliases
  return aliases === undefined
    ? own
    : [...own, ...named(aliases).map(([member, url]) => [`mtls_endpoint_aliases.${member}`, url] as const)]
}

const named = (document: Readonly<Record<string, unknown>>): ReadonlyArray<readonly [string, string]> =>
  Object.entries(document).flatMap(([member, value]) =>
    typeof value === "string" && /_endpoint$|^jwks_uri$|^check_session_iframe$/.test(member)
      ? [[member, value] as const]
      : []
  )
