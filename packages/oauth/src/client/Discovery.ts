/**
 * Finding servers and resources.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as FlightCache from "../http/FlightCache.js"
import * as Telemetry from "../http/Telemetry.js"
import * as WellKnown from "../http/WellKnown.js"
import * as Wire from "../http/Wire.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import type { Challenge } from "../protocol/Challenge.js"
import * as Endpoint from "../protocol/Endpoint.js"
import { DiscoveryError } from "../protocol/OAuthError.js"
import type { ProtocolViolation, TransportError } from "../protocol/OAuthError.js"
import * as ProtectedResourceMetadata from "../protocol/ProtectedResourceMetadata.js"
import * as ScopeSet from "../protocol/Scope.js"
import * as StepUpChallenge from "../protocol/StepUpChallenge.js"

/**
 * Reads what servers (RFC 8414, OpenID Connect Discovery 1.0) and protected
 * resources (RFC 9728) publish about themselves, from an issuer or from the
 * challenge of a resource; keeps it for an hour, and no failure.
 *
 * @since 0.1.0
 * @category services
 */
export class Discovery extends Context.Tag("effect-oauth/Discovery")<Discovery, Discovery.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Discovery {
  /**
   * @since 0.1.0
   * @category errors
   */
  export type Error = DiscoveryError | TransportError | ProtocolViolation

  /**
   * What a protected resource wants of its clients.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Resource {
    /** The identifier to ask tokens for (RFC 8707), as its metadata spells it. */
    readonly resource: string
    /** The servers whose tokens it takes; never empty. */
    readonly authorizationServers: readonly [string, ...ReadonlyArray<string>]
    /** The scope that its challenge asked for; empty where it named none. */
    readonly challengedScope: ReadonlyArray<string>
    readonly metadata: ProtectedResourceMetadata.ProtectedResourceMetadata
  }

  /**
   * Which documents about a resource are believed.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Trust {
    /**
     * `exact`: only one whose `resource` is the URL asked for, to the letter (RFC
     * 9728 section 3.3). Unless given, one on the resource's own origin may also
     * be about a path above it, such as the whole host, since many are; where
     * several parties share a host, each can so have tokens for all of it sent to
     * its own path.
     */
    readonly match?: "exact" | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * The metadata of an authorization server, by its issuer. Tries RFC 8414
     * path insertion, OpenID path insertion, OpenID path append; the document
     * must name the issuer byte for byte.
     */
    readonly server: (
      issuer: string,
      options?: WellKnown.ServerMetadataOptions
    ) => Effect.Effect<AuthorizationServerMetadata, Error>
    /**
     * The metadata of a protected resource, by its URL. Where the
     * `WWW-Authenticate` value of its answer is given, the document that it names
     * is read first; else, or where that one cannot be had, the well-known
     * locations. The document must be about this resource (section 3.3), and one
     * that is on another origin exactly so; on its own, see `Trust`. Servers that
     * may not be used are left out, those on this machine too where the resource is
     * elsewhere; `forbidden_url` where none is left.
     */
    readonly resource: (
      url: string,
      options?: Trust & { readonly challenge?: string | undefined }
    ) => Effect.Effect<Resource, Error>
    /**
     * Asks a resource without a token, and goes by the challenge of its 401
     * (RFC 9728 section 5.1). Only the head of its answer is waited for.
     */
    readonly fromResource: (url: string, options?: Trust) => Effect.Effect<Resource, Error>
  }
}

/**
 * Makes the service over a wire: for who answers in the place of the network.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromWire = (wire: Wire.Wire): Effect.Effect<Discovery.Service, never, Scope.Scope> =>
  Effect.gen(function* () {
    const servers = yield* FlightCache.make<AuthorizationServerMetadata, Discovery.Error>({
      maximum: 256,
      keepUntil: (_, now) => now + Duration.toMillis("1 hour")
    })

    // What is kept is what the server says; each who asks judges it by its own policy.
    const server: Discovery.Service["server"] = (issuer, { endpointPolicy, ...options } = {}) =>
      servers
        .get(
          JSON.stringify([issuer, options.metadataUrl, options.wellKnown]),
          WellKnown.serverMetadata(wire, "Discovery.server", issuer, options)
        )
        .pipe(
          Effect.tap((metadata) => endpointPolicy?.(metadata) ?? Effect.void),
          Telemetry.flow("Discovery.server", { issuer: Endpoint.show(issuer) })
        )

    const resource = (
      operation: string,
      url: string,
      header: string | undefined,
      trust: Discovery.Trust | undefined
    ): Effect.Effect<Discovery.Resource, Discovery.Error> =>
      Effect.gen(function* () {
        const { allowInsecure } = wire.limits
        yield* Endpoint.validate(operation, "resource", url, { allowInsecure })
        const told = challengesOf(header)
        const named = (name: string) =>
          told.flatMap(({ parameters }) => Option.toArray(Option.fromNullable(parameters.get(name))))[0]
        const candidates = ProtectedResourceMetadata.candidates({
          resource: url,
          challengeUrl: named("resource_metadata"),
          match: trust?.match,
          allowInsecure
        })
        const found = yield* WellKnown.firstDocument(
          wire,
          operation,
          candidates.map((candidate) => candidate.url),
          (json) => typeof json["resource"] === "string",
          `the protected resource ${Endpoint.show(url)}`
        )
        const metadata = yield* ProtectedResourceMetadata.decode(operation, found.json)
        const match = candidates.find((candidate) => candidate.url === found.url)?.match ?? "exact"
        yield* ProtectedResourceMetadata.checkResource(operation, url, metadata.resource, match)
        const rules = { allowInsecure, namedBy: url }
        const listed = metadata.authorization_servers ?? []
        const [first, ...rest] = listed.filter((server) => Option.isNone(Endpoint.problem(server, rules)))
        if (first === undefined) {
          for (const server of listed)
            yield* Endpoint.validate(operation, "authorization_servers", server, rules)
          return yield* new DiscoveryError({
            operation,
            reason: "not_found",
            message: `The protected resource ${Endpoint.show(url)} names no authorization server in its metadata. Give the issuer yourself.`
          })
        }
        return {
          resource: metadata.resource,
          authorizationServers: [first, ...rest],
          challengedScope: ScopeSet.parse(named("scope") ?? ""),
          metadata
        } satisfies Discovery.Resource
      }).pipe(Telemetry.flow(operation, { resource: Endpoint.show(url) }))

    return {
      server,
      resource: (url, options) => resource("Discovery.resource", url, options?.challenge, options),
      fromResource: (url, options) =>
        Effect.flatMap(wire.get("Discovery.fromResource", url, { headOnly: true }), (response) =>
          resource("Discovery.fromResource", url, response.headers["www-authenticate"], options)
        )
    }
  })

/**
 * The challenges that may name the metadata. A resource that takes bound tokens alone challenges with DPoP
 * (RFC 9728 section 5.1, RFC 9449 section 7.1); of both, Bearer comes first.
 */
const challengesOf = (header = ""): ReadonlyArray<Challenge> => {
  const all = StepUpChallenge.challenges(header)
  const isBearer = ({ scheme }: Challenge) => scheme.toLowerCase() === "bearer"
  return [...all.filter(isBearer), ...all.filter((one) => !isBearer(one))]
}

/**
 * Makes the service from the `HttpClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Discovery.Service, never, HttpClient.HttpClient | Scope.Scope> =
  Effect.flatMap(Wire.make, fromWire)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Discovery, never, HttpClient.HttpClient> = Layer.scoped(Discovery, make)
