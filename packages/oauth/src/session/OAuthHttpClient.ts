/**
 * An HttpClient that carries tokens.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Discovery from "../client/Discovery.js"
import type { Dpop } from "../client/Dpop.js"
import { HttpLimits } from "../http/HttpLimits.js"
import type {
  DiscoveryError,
  JwtError,
  KeyringError,
  ProtocolViolation,
  StepUpRequired,
  TransportError
} from "../protocol/OAuthError.js"
import type { ProtectedResourceMetadata } from "../protocol/ProtectedResourceMetadata.js"
import * as Scope from "../protocol/Scope.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import * as Carry from "./internal/carrying/carry.js"
import * as Exchange from "./internal/carrying/exchange.js"
import * as Places from "./internal/carrying/places.js"
import * as StepUps from "./internal/carrying/stepUps.js"
import { TokenManager } from "./TokenManager.js"

export { causeOf, toHttpClient } from "./internal/carrying/plainFailures.js"

/**
 * The `HttpClient` of a program whose requests carry the tokens of one
 * `TokenManager`; a program with several makes each with `make`.
 *
 * @since 0.1.0
 * @category services
 */
export class OAuthHttpClient extends Context.Tag("effect-oauth/OAuthHttpClient")<
  OAuthHttpClient,
  OAuthHttpClient.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace OAuthHttpClient {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service extends Client<Failure<TokenManager.GetError> | StepUpRequired> {}
}

/**
 * Where tokens come from: a `TokenManager`, or anything that can do this much.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tokens<out E> {
  /**
   * Of what kind their `TokenSource` is: for any but `refresh_token` there is no login that could be made again, and
   * `StepUpRequired` says so.
   */
  readonly kind?: string | undefined
  /** One that is valid. */
  readonly get: Effect.Effect<TokenSet, E>
  /** Another than the one that a resource refused; asked by many for the same, one renewal. */
  readonly renew: (refused: Redacted.Redacted<string>) => Effect.Effect<TokenSet, E>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<out E> {
  readonly tokens: Tokens<E>
  /**
   * Where the token goes, and nowhere else: origins (`https://api.example`) and
   * resources (`https://api.example/mcp`: this path, and what is below it by
   * whole segments). https, or http to this machine; `HttpLimits.allowInsecure`
   * allows more.
   */
  readonly resources: readonly [string, ...ReadonlyArray<string>]
  /** The key that the tokens are bound to, which is that of the `OAuthClient` (RFC 9449). */
  readonly dpop?: Dpop | undefined
  /**
   * What a resource that wants more of the person makes of a request: a failure
   * with `StepUpRequired`, or the response as it came. error
   */
  readonly stepUp?: "error" | "response" | undefined
}

/**
 * Options with which there is no `StepUpRequired`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PassiveOptions<out E> extends Options<E> {
  readonly stepUp: "response"
}

/**
 * How a request may fail besides the ways of an `HttpClient` and `StepUpRequired`.
 *
 * @since 0.1.0
 * @category errors
 */
export type Failure<E> = E | TransportError | ProtocolViolation | KeyringError | JwtError

/**
 * A client that carries tokens, with its failures in its type.
 *
 * @since 0.1.0
 * @category models
 */
export type Client<F, R = never> = HttpClient.HttpClient.With<HttpClientError.HttpClientError | F, R>

/**
 * Makes of a client one that carries tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transform<out F> {
  <E, R>(client: HttpClient.HttpClient.With<E, R>): Client<E | F, R>
}

/**
 * Makes the `HttpClient` of the program into one that carries tokens, for the
 * requests that the options name:
 *
 * - `Authorization: Bearer`, or `DPoP` with a proof for this method, URL and
 *   token, the nonce that the origin asked for last, and one more try when it
 *   asks for another (RFC 9449 sections 7 to 9). A request that has an
 *   `Authorization` of its own is left alone.
 * - It does not follow redirects: the 3xx is the response. (A browser shows it as
 *   status 0.) `HttpClient.followRedirects` around this client is safe, since each
 *   request is judged by its own URL; below this client it is not.
 * - 401 with `invalid_token`, or without any error (RFC 6750 section 3.1): one
 *   renewal, and one replay with the other token where the body can be sent
 *   again, which a stream cannot. A token that was refused when it was new
 *   is not renewed for half a minute.
 * - `insufficient_scope` and `insufficient_user_authentication` (RFC 9470) fail
 *   with `StepUpRequired`.
 *
 * Everything else is what the `HttpClient` does: bodies stay streams. Neither
 * responses nor errors have the token in their request. Its span hides both
 * headers; a tracer that prints the failure in a span whole, and not its words,
 * prints what was sent.
 *
 * For a client that may follow redirects by itself, as `FetchHttpClient` does, it
 * sets `redirect` in the `RequestInit` of the program's context, in the place of
 * one that its layer was built with. That is spared on each request with a client
 * that never follows any (`Redirects.neverFollowed`, as `NodeHttp.layer` of
 * `effect-oauth-node` says of its own), or where the program provides
 * `{ redirect: "manual" }` itself.
 *
 * Put `HttpClient.filterStatusOk` around this client, not below it, and
 * `HttpClient.withScope` below it. Fails with `forbidden_url` for a resource that
 * is none.
 *
 * @since 0.1.0
 * @category constructors
 */
export function make<E>(
  options: PassiveOptions<E>
): Effect.Effect<Client<Failure<E>>, DiscoveryError, HttpClient.HttpClient>
export function make<E>(
  options: Options<E>
): Effect.Effect<Client<Failure<E> | StepUpRequired>, DiscoveryError, HttpClient.HttpClient>
export function make<E>(
  options: Options<E>
): Effect.Effect<Client<Failure<E> | StepUpRequired>, DiscoveryError, HttpClient.HttpClient> {
  return Effect.flatMap(HttpClient.HttpClient, (client) =>
    Effect.map(transform(options), (carrying) => carrying(client))
  )
}

/**
 * The same for any client, such as one with a base URL of its own. What is
 * learned (tokens that are refused always, what was asked of the person) is
 * shared by all clients that one transformation makes.
 *
 * @since 0.1.0
 * @category constructors
 */
export function transform<E>(options: PassiveOptions<E>): Effect.Effect<Transform<Failure<E>>, DiscoveryError>
export function transform<E>(
  options: Options<E>
): Effect.Effect<Transform<Failure<E> | StepUpRequired>, DiscoveryError>
export function transform<E>({
  dpop,
  resources,
  stepUp,
  tokens
}: Options<E>): Effect.Effect<Transform<Failure<E> | StepUpRequired>, DiscoveryError> {
  return Effect.gen(function* () {
    const { allowInsecure } = yield* HttpLimits
    const places = yield* Places.make("OAuthHttpClient.make", resources, { allowInsecure })
    const exchange = Exchange.make({
      tokens,
      carry: Carry.make(places, dpop),
      stepUps: stepUp === "response" ? undefined : yield* StepUps.make(Carry.operation, tokens.kind)
    })
    return <E1, R>(client: HttpClient.HttpClient.With<E1, R>) => {
      const execute = exchange(client)
      return HttpClient.makeWith(
        (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) => Effect.flatMap(request, execute),
        Effect.succeed
      )
    }
  })
}

/**
 * The client of a program, with the tokens of its `TokenManager`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Omit<Options<never>, "tokens">
): Layer.Layer<OAuthHttpClient, DiscoveryError, HttpClient.HttpClient | TokenManager> =>
  Layer.effect(
    OAuthHttpClient,
    Effect.flatMap(TokenManager, (tokens) => make({ ...options, tokens }))
  )

/**
 * What a client needs to know of a resource before a person can log in for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Needs {
  /** Of the servers the first; which of them a program trusts is for the program to say. */
  readonly issuer: string
  readonly issuers: readonly [string, ...ReadonlyArray<string>]
  /** The identifier to ask tokens for (RFC 8707), and for `resources` of this client. */
  readonly resource: string
  /** What its challenge asked for; where it named nothing, the scopes that the resource knows. */
  readonly scope: ReadonlyArray<string>
  /** Whether it takes only tokens that are bound to a key (RFC 9449). */
  readonly dpopRequired: boolean
  readonly metadata: ProtectedResourceMetadata
}

/**
 * Finds out from nothing but the URL of a resource who issues tokens for it
 * and what to ask for: asks it without a token and goes by its challenge, to
 * the metadata that it publishes (RFC 9728 section 5.1). What it says goes to
 * `OAuthClient.layer` or `ClientSelection` (issuer), to `Authorization.begin`
 * (scope, resource) and to `make` (resource).
 *
 * A program that has met the 401 already gives the `WWW-Authenticate` value of
 * it, or undefined where it had none: then the resource is not asked again.
 *
 * The identifier may be shorter than the URL where a document on the resource's
 * own origin says so, up to the whole host. On a host that several parties share,
 * give `match: "exact"`.
 *
 * @since 0.1.0
 * @category discovery
 */
export const discover = (
  url: string,
  refused?: { readonly challenge: string | undefined },
  trust?: Discovery.Discovery.Trust
): Effect.Effect<Needs, Discovery.Discovery.Error, Discovery.Discovery> =>
  Effect.flatMap(Discovery.Discovery, (discovery) =>
    Effect.map(
      refused === undefined
        ? discovery.fromResource(url, trust)
        : discovery.resource(url, { ...trust, ...refused }),
      ({ authorizationServers, challengedScope, metadata, resource }): Needs => ({
        issuer: authorizationServers[0],
        issuers: authorizationServers,
        resource,
        scope: challengedScope.length > 0 ? challengedScope : Scope.make(metadata.scopes_supported ?? []),
        dpopRequired: metadata.dpop_bound_access_tokens_required === true,
        metadata
      })
    )
  )
