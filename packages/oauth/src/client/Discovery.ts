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
import * as Challenge from "../protocol/Challenge.js"
import * as Endpoint from "../protocol/Endpoint.js"
import { DiscoveryError } from "../protocol/OAuthError.js"
import type { ProtocolViolation, TransportError } from "../protocol/OAuthError.js"
import * as ProtectedResourceMetadata from "../protocol/ProtectedResourceMetadata.js"
import * as ScopeSet from "../protocol/Scope.js"

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
     * locations. The document must be about this resource (section 3.3).
     */
    readonly resource: (
      url: string,
      options?: { readonly challenge?: string | undefined }
    ) => Effect.Effect<Resource, Error>
    /**
     * Asks a resource without a token, and goes by the challenge of its 401
     * (RFC 9728 section 5.1).
     */
    readonly fromResource: (url: string) => Effect.Effect<Resource, Error>
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
      header: string | undefined
    ): Effect.Effect<Discovery.Resource, Discovery.Error> =>
      Effect.gen(function* () {
        yield* Endpoint.validate(operation, "resource", url, { allowInsecure: wire.limits.allowInsecure })
        const challenge =
          header === undefined
            ? Option.none()
            : // A resource that takes bound tokens alone challenges with DPoP (RFC 9728 section 5.1, RFC 9449 section 7.1).
              Option.orElse(Challenge.find(Challenge.parse(header), "Bearer"), () =>
                Challenge.find(Challenge.parse(header), "DPoP")
              )
        const named = (parameter: string) =>
          Option.flatMap(challenge, (one) => Challenge.parameter(one, parameter))
        const candidates = ProtectedResourceMetadata.candidates({
          resource: url,
          challengeUrl: Option.getOrUndefined(named("resource_metadata")),
          allowInsecure: wire.limits.allowInsecure
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
        const [first, ...rest] = metadata.authorization_servers ?? []
        if (first === undefined) {
          return yield* new DiscoveryError({
            operation,
            reason: "not_found",
            message: `The protected resource ${Endpoint.show(url)} names no authorization server in its metadata. Give the issuer yourself.`
          })
        }
        return {
          resource: metadata.resource,
          authorizationServers: [first, ...rest],
          challengedScope: Option.match(named("scope"), {
            onNone: () => [],
            onSome: (scope) => ScopeSet.parse(scope)
          }),
          metadata
        } satisfies Discovery.Resource
      }).pipe(Telemetry.flow(operation, { resource: Endpoint.show(url) }))

    return {
      server,
      resource: (url, options) => resource("Discovery.resource", url, options?.challenge),
      fromResource: (url) =>
        Effect.flatMap(wire.get("Discovery.fromResource", url), (response) =>
          resource("Discovery.fromResource", url, response.headers["www-authenticate"])
        )
    }
  })

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
