/**
 * Who we are, at which server.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import * as AtOnce from "../http/AtOnce.js"
import * as SingleFlight from "../http/SingleFlight.js"
import * as WellKnown from "../http/WellKnown.js"
import * as Wire from "../http/Wire.js"
import type { JwtDecrypter } from "../keys/JwtDecrypter.js"
import type { Keyring } from "../keys/Keyring.js"
import type { IdTokenClaims } from "../keys/JwtProfile.js"
import type { VerifiedJwt } from "../keys/JwtVerifier.js"
import type { Policy } from "../keys/RemoteJwks.js"
import * as AuthorizationServerMetadata from "../protocol/AuthorizationServerMetadata.js"
import * as Endpoint from "../protocol/Endpoint.js"
import * as Issuer from "../protocol/Issuer.js"
import type {
  DiscoveryError,
  JwtError,
  KeyringError,
  ProtocolViolation,
  TransportError
} from "../protocol/OAuthError.js"
import type { AuthenticationError, ClientAuthentication, Credentials } from "./ClientAuthentication.js"
import type { Dpop } from "./Dpop.js"
import { list } from "./internal/list.js"
import { loaded } from "./internal/loaded.js"
import { publicClient } from "./internal/publicClient.js"
import type { Expectation } from "./internal/serverTokens.js"
import type { Quirks } from "./Quirks.js"

/**
 * A client of one authorization server: its identity, its credential and the
 * server's endpoints in one value, so that one tenant's secret cannot reach
 * another's endpoint. Every flow is built on it.
 *
 * @since 0.1.0
 * @category services
 */
export class OAuthClient extends Context.Tag("effect-oauth/OAuthClient")<
  OAuthClient,
  OAuthClient.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace OAuthClient {
  /**
   * Why the server's metadata could not be had.
   *
   * @since 0.1.0
   * @category errors
   */
  export type MetadataError = DiscoveryError | TransportError | ProtocolViolation

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly issuer: string
    readonly clientId: string
    /** The redirect URIs of the registration; the first is the default. */
    readonly redirectUris: ReadonlyArray<string>
    /** Read on first use, kept for an hour; a failure is not kept. */
    readonly metadata: Effect.Effect<AuthorizationServerMetadata.AuthorizationServerMetadata, MetadataError>
    /** The URL of an endpoint, as the metadata names it and the endpoint rules allow it. */
    readonly endpoint: (
      operation: string,
      name: AuthorizationServerMetadata.EndpointName
    ) => Effect.Effect<string, MetadataError>
    /** The credentials of this client for a request to one of its server's endpoints, by URL and, where it has one, name. */
    readonly authenticate: (
      operation: string,
      endpoint: string,
      name?: AuthorizationServerMetadata.EndpointName
    ) => Effect.Effect<Credentials, MetadataError | AuthenticationError>
    /** The server's own keys: those of its `jwks_uri`. */
    readonly serverKeys: Keyring
    /** Verifies an ID token of the server for this client (OpenID Connect Core section 3.1.3.7). */
    readonly verifyIdToken: (
      idToken: Redacted.Redacted<string>,
      expectation: Expectation
    ) => Effect.Effect<VerifiedJwt<IdTokenClaims>, MetadataError | JwtError | KeyringError>
    /** What opens the tokens and answers that the server encrypts to this client. */
    readonly decrypter: JwtDecrypter.Service | undefined
    /** The key that its tokens are bound to, where they are. */
    readonly dpop: Dpop | undefined
    /** How the server deviates, where it does. */
    readonly quirks: Quirks | undefined
    readonly wire: Wire.Wire
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options<out R = never> {
    /** The issuer identifier, byte for byte as the server's metadata has it. */
    readonly issuer: string
    readonly clientId: string
    /** `ClientAuthentication.none` unless given. */
    readonly authentication?: ClientAuthentication<R> | undefined
    /** The redirect URIs of the registration, exactly; the first is the default. */
    readonly redirectUri?: string | ReadonlyArray<string> | undefined
    /** The server's metadata, where it is known: then none is fetched. It is read when the client is made. */
    readonly metadata?: AuthorizationServerMetadata.AuthorizationServerMetadata | undefined
    /** Bind tokens to a key (RFC 9449): what `Dpop.make` makes. */
    readonly dpop?: Dpop | undefined
    /**
     * Opens what the server encrypts to this client: ID tokens, UserInfo,
     * introspection and authorization responses, logout tokens. What
     * `JwtDecrypter.make` makes.
     */
    readonly decrypter?: JwtDecrypter.Service | undefined
    /** The named deviations of the server: what `Quirks.make` makes. */
    readonly quirks?: Quirks | undefined
    /** How the server's keys are kept; `sameOrigin` is the stricter policy on where they may be. */
    readonly serverKeys?: Partial<Policy> | undefined
    /** Where else to look for the metadata, and where its endpoints may be, also those of `metadata`. */
    readonly discovery?: WellKnown.ServerMetadataOptions | undefined
  }
}

/**
 * Makes a client. An issuer or redirect URI that may not be used (RFC 8414
 * section 2; https, or http to the loopback interface) fails here, before
 * anything is sent; the server itself is asked on first use.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>(
  options: OAuthClient.Options<R>
): Effect.Effect<OAuthClient.Service, DiscoveryError, R | HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function* () {
    const { quirks } = options
    const authentication: ClientAuthentication<R> = options.authentication ?? publicClient
    const plain = yield* Wire.make
    const bent = quirks?.adapt(plain, options.issuer) ?? plain
    const wire = authentication.adapt?.(bent) ?? bent
    const rules = { allowInsecure: wire.limits.allowInsecure }
    const issuer = yield* Issuer.validate("OAuthClient.make", options.issuer, rules)
    const redirectUris = list(options.redirectUri)
    for (const uri of redirectUris) {
      yield* Endpoint.accept(
        "OAuthClient.make",
        "The redirect URI",
        uri,
        Endpoint.redirectUriProblem(uri, rules)
      )
    }

    const discovered = yield* SingleFlight.make(
      options.metadata === undefined
        ? WellKnown.serverMetadata(wire, "OAuthClient.metadata", issuer, options.discovery)
        : WellKnown.judged("OAuthClient.metadata", issuer, { ...options.metadata }, options.discovery),
      "1 hour"
    )
    const metadata = discovered.get
    // Metadata is kept, and its URL judged once.
    let last: { readonly of: unknown; readonly name: string; readonly url: Effect.Effect<string> } | undefined
    const endpoint: OAuthClient.Service["endpoint"] = (operation, name) =>
      Effect.flatMap(metadata, (known) => {
        if (last?.of === known && last.name === name) return last.url
        const url = AuthorizationServerMetadata.endpoint(operation, known, name, {
          ...rules,
          mutualTls: authentication.usesAlias?.(name)
        })
        if (AtOnce.isValue(url)) last = { of: known, name, url }
        return url
      })

    // Without the span that this is made in: what runs later belongs to that of its request.
    const { unsafeMap } = yield* Effect.context<R>()
    const context = Context.unsafeMake<R>(new Map(unsafeMap))
    context.unsafeMap.delete(Tracer.ParentSpan.key)

    const scope = yield* Effect.scope
    const { get: serverTokens } = yield* SingleFlight.make(
      loadServerTokens.pipe(
        Effect.flatMap(({ make }) =>
          make({
            ...options.serverKeys,
            issuer,
            clientId: options.clientId,
            decrypter: options.decrypter,
            jwksUri: endpoint("OAuthClient.serverKeys", "jwks_uri"),
            quirks,
            wire
          })
        ),
        Scope.extend(scope)
      ),
      Infinity
    )
    const serverKeys: Keyring = {
      signingKey: (query) => Effect.flatMap(serverTokens, ({ keys }) => keys.signingKey(query)),
      verificationKey: (asked, header) =>
        Effect.flatMap(serverTokens, ({ keys }) => keys.verificationKey(asked, header)),
      jwks: Effect.flatMap(serverTokens, ({ keys }) => keys.jwks)
    }

    return {
      issuer,
      clientId: options.clientId,
      redirectUris,
      metadata,
      endpoint,
      authenticate: (operation, endpoint, endpointName) =>
        Effect.flatMap(metadata, (known) => {
          const credentials = authentication.authenticate({
            operation,
            clientId: options.clientId,
            metadata: known,
            endpoint,
            endpointName,
            wire
          })
          return AtOnce.isValue(credentials) ? credentials : Effect.provide(credentials, context)
        }),
      serverKeys,
      verifyIdToken: (idToken, expectation) =>
        Effect.flatMap(Effect.zip(metadata, serverTokens), ([known, tokens]) =>
          tokens.verifyIdToken(idToken, known, expectation)
        ),
      decrypter: options.decrypter,
      dpop: options.dpop,
      quirks,
      wire
    }
  })

/**
 * The client of a program: needs an `HttpClient`, and what its authentication
 * needs.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options: OAuthClient.Options<R>
): Layer.Layer<OAuthClient, DiscoveryError, R | HttpClient.HttpClient> =>
  Layer.scoped(OAuthClient, make(options))

/**
 * The client of a program, from configuration.
 *
 * @example
 * import * as Config from "effect/Config"
 * import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
 * import * as OAuthClient from "effect-oauth/OAuthClient"
 *
 * const ClientLive = OAuthClient.layerConfig(
 *   Config.all({
 *     issuer: Config.string("OAUTH_ISSUER"),
 *     clientId: Config.string("OAUTH_CLIENT_ID"),
 *     authentication: Config.map(Config.redacted("OAUTH_CLIENT_SECRET"), ClientAuthentication.clientSecret)
 *   })
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = <R = never>(
  config: Config.Config<OAuthClient.Options<R>>
): Layer.Layer<OAuthClient, DiscoveryError | ConfigError, R | HttpClient.HttpClient> =>
  Layer.scoped(OAuthClient, Effect.flatMap(config, make))

/**
 * Verification is half of what a login weighs in a browser, and not needed
 * before its first ID token: a bundler makes a chunk of its own of it.
 */
const loadServerTokens = loaded("OAuthClient.serverKeys", () => import("./internal/serverTokens.js"))
