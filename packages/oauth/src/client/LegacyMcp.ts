/**
 * Authorization servers of MCP servers that were written before MCP had
 * protected resource metadata.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Telemetry from "../http/Telemetry.js"
import * as WellKnown from "../http/WellKnown.js"
import * as Wire from "../http/Wire.js"
import * as AuthorizationServerMetadata from "../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../protocol/Endpoint.js"
import * as Issuer from "../protocol/Issuer.js"
import { DiscoveryError } from "../protocol/OAuthError.js"
import * as Discovery from "./Discovery.js"

/**
 * The authorization server of an MCP server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Server {
  readonly issuer: string
  /** For `OAuthClient.layer`, or `ClientSelection`, with this issuer. */
  readonly metadata: AuthorizationServerMetadata.AuthorizationServerMetadata
  /**
   * Who says so: the origin of the MCP server, the issuer that this origin named,
   * or nobody, since the endpoints are those that MCP presumes.
   */
  readonly source: "origin" | "issuer" | "presumed"
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Presume `/authorize`, `/token` and `/register` where the origin has no
   * metadata; false unless said.
   */
  readonly presumeEndpoints?: boolean | undefined
}

/**
 * Takes the origin of an MCP server as its authorization server, by the rules
 * of MCP 2025-03-26 ("Server Metadata Discovery"): the metadata is at
 * `/.well-known/oauth-authorization-server` of the origin, whatever the path of
 * the MCP server is; where there is none, the endpoints are presumed, if the
 * options say so. It is for servers that have no protected resource metadata,
 * of which `Discovery` says `not_found`; nothing else in the toolkit presumes any
 * of this.
 *
 * That document may name another issuer than the origin, which RFC 8414 section
 * 3.3 forbids. One on the same origin is accepted, since whoever publishes there
 * is whom the origin trusts. One elsewhere must say so itself: its own metadata
 * is read, and is what counts.
 *
 * @since 0.1.0
 * @category discovery
 */
export const server = (
  url: string,
  options: Options = {}
): Effect.Effect<Server, Discovery.Discovery.Error, Discovery.Discovery | HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const wire = yield* Wire.make
    yield* Endpoint.validate(operation, "resource", url, { allowInsecure: wire.limits.allowInsecure })
    const base = Option.match(Endpoint.parts(url), { onNone: () => url, onSome: (parts) => parts.base })
    const document = yield* WellKnown.firstDocument(
      wire,
      operation,
      [`${base}/.well-known/oauth-authorization-server`],
      (json) => typeof json["issuer"] === "string",
      `the authorization server of ${Endpoint.show(url)}`
    ).pipe(
      Effect.map(Option.some),
      // What is not there; an outage is another error.
      Effect.catchTag("DiscoveryError", (absent) =>
        options.presumeEndpoints === true ? Effect.succeed(Option.none()) : Effect.fail(absent)
      )
    )
    if (Option.isNone(document))
      return { issuer: base, metadata: presumed(base), source: "presumed" as const }
    const metadata = yield* AuthorizationServerMetadata.decode(operation, document.value.json)
    const { issuer } = metadata
    yield* Issuer.validate(operation, issuer, { allowInsecure: wire.limits.allowInsecure })
    if (originOf(issuer) === originOf(url)) return { issuer, metadata, source: "origin" as const }
    if (Endpoint.isLoopback(issuer) && !Endpoint.isLoopback(url)) return yield* pointsHere(url, issuer)
    const discovery = yield* Discovery.Discovery
    return { issuer, metadata: yield* discovery.server(issuer), source: "issuer" as const }
  }).pipe(Telemetry.flow(operation, { resource: Endpoint.show(url) }))

const operation = "LegacyMcp.server"

const originOf = (url: string): string | undefined =>
  Option.getOrUndefined(Option.map(Endpoint.parts(url), (parts) => parts.origin))

/** MCP 2025-03-26, "Fallbacks for Servers without Metadata Discovery". PKCE is required there. */
const presumed = (base: string): AuthorizationServerMetadata.AuthorizationServerMetadata => ({
  issuer: base,
  authorization_endpoint: `${base}/authorize`,
  token_endpoint: `${base}/token`,
  registration_endpoint: `${base}/register`,
  response_types_supported: ["code"],
  code_challenge_methods_supported: ["S256"]
})

const pointsHere = (url: string, issuer: string): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "forbidden_url",
    actual: Endpoint.show(issuer),
    message: `${operation}: ${Endpoint.show(url)} names an authorization server on this machine, ${Endpoint.show(issuer)}, which a server elsewhere may not.`
  })
