/**
 * The documents that a protected resource publishes, so that clients find their
 * way by themselves.
 *
 * @since 0.1.0
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import type { ClientMetadata } from "effect-oauth/ClientMetadata"
import * as Discovery from "effect-oauth/Discovery"
import * as Endpoint from "effect-oauth/Endpoint"
import * as JwtSigner from "effect-oauth/JwtSigner"
import { KeyringService } from "effect-oauth/Keyring"
import type { DiscoveryError, OAuthError, ProtocolViolation } from "effect-oauth/OAuthError"
import type { ProtectedResourceMetadata } from "effect-oauth/ProtectedResourceMetadata"
import * as SingleFlight from "effect-oauth/SingleFlight"
import type { Misdirected } from "./Refusal.js"
import type { Resource } from "./ResourceServer.js"
import { ResourceServer } from "./ResourceServer.js"
import { ResourceServerError } from "./ResourceServerError.js"

/**
 * A JSON document at a path of this server, open to everybody.
 *
 * @since 0.1.0
 * @category models
 */
export interface Published {
  /** As clients write it, percent-encoded, without query. */
  readonly path: `/${string}`
  /**
   * The document as JSON has it, for the request under way. When it cannot be had
   * now, the answer is 503; when it is asked for under a host that is none, 421.
   */
  readonly document: Effect.Effect<object, OAuthError | Misdirected, HttpServerRequest.HttpServerRequest>
  /** The headers of a request on which the document depends. None unless given. */
  readonly vary?: ReadonlyArray<string> | undefined
  /** For how long those on the way may keep it. */
  readonly maxAge: Duration.Duration
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** `max-age` of `Cache-Control`. An hour; for keys, 5 minutes. */
  readonly maxAge?: Duration.DurationInput | undefined
}

/**
 * What the metadata says besides `resource` and `authorization_servers`, with
 * the member names of RFC 9728 section 2, and any others.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResourceOptions extends Options {
  readonly metadata?:
    | (Omit<ProtectedResourceMetadata, "resource" | "signed_metadata"> & {
        readonly [member: string]: unknown
      })
    | undefined
}

/** Signed metadata is made anew after half of its life, and kept by others no longer. */
const signedFor = Duration.hours(2)
const madeAnewAfter = Duration.times(signedFor, 0.5)

const pathOf = (what: string, url: string): Effect.Effect<`/${string}`, ResourceServerError> => {
  const path = Option.getOrUndefined(Option.map(Endpoint.parts(url), (parts) => parts.path))
  // A router would take a star for any text.
  return path === undefined || !isPath(path) || path.includes("*")
    ? new ResourceServerError({
        reason: "option",
        option: what,
        message: `Published: ${what} has no path at which it could be published.`
      })
    : Effect.succeed(path)
}

const isPath = (path: string): path is `/${string}` => path.startsWith("/")

const metadataUrlOf = (server: ResourceServer.Service): Effect.Effect<string, ResourceServerError> =>
  Option.match(server.metadataUrl, {
    onNone: () =>
      new ResourceServerError({
        reason: "option",
        option: "metadataUrl",
        message: "Published: give ResourceServer a metadataUrl, since its resource is not a URL."
      }),
    onSome: Effect.succeed
  })

const plain = (
  server: ResourceServer.Service,
  { resource }: Resource,
  metadata: ResourceOptions["metadata"]
): ProtectedResourceMetadata => ({
  bearer_methods_supported: ["header"],
  authorization_servers: server.issuers,
  ...metadata,
  resource
})

/** The document of the resource that the request is for, each as it is made of it. */
const ofRequest = <E>(
  server: ResourceServer.Service,
  documents: ReadonlyMap<string, Effect.Effect<object, E>>
): Effect.Effect<object, E | Misdirected, HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.flatMap(
      server.of(request),
      ({ resource }) => documents.get(resource) ?? Effect.dieMessage("unreachable")
    )
  )

/**
 * The metadata of this resource (RFC 9728), at the path of the URL that its
 * challenges name: inserted before the path of the resource, unless
 * `ResourceServer` has another.
 *
 * @since 0.1.0
 * @category documents
 */
export const resource = (
  options: ResourceOptions = {}
): Effect.Effect<Published, ResourceServerError, ResourceServer> =>
  Effect.gen(function* () {
    const server = yield* ResourceServer
    const documents = new Map(
      server.resources.map((one) => [one.resource, Effect.succeed(plain(server, one, options.metadata))])
    )
    return {
      path: yield* resourcePath(server),
      document: ofRequest(server, documents),
      maxAge: ageOf(options),
      vary: server.vary
    }
  })

const resourcePath = (server: ResourceServer.Service) =>
  Effect.flatMap(metadataUrlOf(server), (url) => pathOf("metadataUrl", url))

const ageOf = ({ maxAge }: Options, otherwise: Duration.DurationInput = "1 hour"): Duration.Duration =>
  Duration.decode(maxAge ?? otherwise)

/**
 * The same with `signed_metadata` (RFC 9728 section 2.2): a JWT of all the
 * members, signed by the signer of the program, with this resource as `iss`. One
 * signature serves for an hour.
 *
 * @since 0.1.0
 * @category documents
 */
export const resourceSigned = (
  options: ResourceOptions = {}
): Effect.Effect<Published, ResourceServerError, ResourceServer | JwtSigner.JwtSigner | Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* ResourceServer
    const signer = yield* JwtSigner.JwtSigner
    const sign = (one: Resource) => {
      const members = plain(server, one, options.metadata)
      return Effect.map(
        SingleFlight.make(
          Effect.map(
            signer.sign({ ...members, iss: one.resource }, { lifetime: signedFor }),
            (token): object => ({ ...members, signed_metadata: Redacted.value(token) })
          ),
          madeAnewAfter
        ),
        ({ get }) => [one.resource, get] as const
      )
    }
    return {
      path: yield* resourcePath(server),
      document: ofRequest(server, new Map(yield* Effect.forEach(server.resources, sign))),
      maxAge: Duration.min(ageOf(options), madeAnewAfter),
      vary: server.vary
    }
  })

/**
 * The public halves of the keyring of the program, for those who verify what it
 * signs (RFC 7517 section 5): `jwks_uri` of its metadata. Keep `maxAge` shorter
 * than the time for which `KeyRotation` shows a key before it signs.
 *
 * @since 0.1.0
 * @category documents
 */
export const jwks = (
  options: Options & {
    /** `/.well-known/jwks.json`. */
    readonly path?: `/${string}` | undefined
  } = {}
): Effect.Effect<Published, never, KeyringService> =>
  Effect.map(KeyringService, (keyring) => ({
    path: options.path ?? "/.well-known/jwks.json",
    document: keyring.jwks,
    maxAge: ageOf(options, "5 minutes")
  }))

/**
 * The document about the client that this program is (a client ID metadata
 * document), at the path of the URL that is its `client_id`.
 *
 * @since 0.1.0
 * @category documents
 */
export const client = (
  url: string,
  metadata: ClientMetadata & { readonly client_name: string },
  options: Options & ClientIdMetadata.Options = {}
): Effect.Effect<Published, ResourceServerError | DiscoveryError | ProtocolViolation> =>
  Effect.gen(function* () {
    const document = Effect.succeed(yield* ClientIdMetadata.build(url, metadata, options))
    return { path: yield* pathOf("client_id", url), document, maxAge: ageOf(options) }
  })

/**
 * The metadata of the authorization server as if this server were one, at
 * `/.well-known/oauth-authorization-server`: for MCP clients from before
 * resource metadata, who look for it here (MCP 2025-03-26). It is passed on as
 * it is, after the checks of `Discovery`; it names its own issuer, and a client
 * that compares that refuses it, rightly.
 *
 * @since 0.1.0
 * @category documents
 */
export const authorizationServer = (
  options: Options & {
    /** The one issuer of `ResourceServer`, unless given. */
    readonly issuer?: string | undefined
  } = {}
): Effect.Effect<Published, ResourceServerError, ResourceServer | Discovery.Discovery> =>
  Effect.gen(function* () {
    const { issuers } = yield* ResourceServer
    const discovery = yield* Discovery.Discovery
    const [first, ...others] = issuers
    const issuer = options.issuer ?? (others.length === 0 ? first : undefined)
    if (issuer === undefined || !issuers.includes(issuer)) {
      return yield* new ResourceServerError({
        reason: "option",
        option: "issuer",
        message: "Published.authorizationServer: name one of the issuers of ResourceServer."
      })
    }
    return {
      path: "/.well-known/oauth-authorization-server",
      document: discovery.server(issuer),
      maxAge: ageOf(options)
    } satisfies Published
  })
