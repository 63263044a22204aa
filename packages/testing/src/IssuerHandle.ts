/**
 * What a test can do with an issuer.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Misbehaviour } from "./Misbehaviour.js"
import type { Endpoint, RecordedRequest } from "./RecordedRequest.js"
import type { KeySet, TestClient } from "./TestClient.js"
import type { ConnectionBroken, NoCallback } from "./TestIssuerError.js"
import type { AccessTokenOptions, IdTokenOptions } from "./TestToken.js"
import type { Decision, TestUser } from "./TestUser.js"

/**
 * Where the endpoints of an issuer are.
 *
 * @since 0.1.0
 * @category models
 */
export interface IssuerUrls {
  readonly authorization: string
  readonly token: string
  readonly jwks: string
  readonly userinfo: string
  readonly introspection: string
  readonly revocation: string
  readonly device_authorization: string
  readonly verification: string
}

/**
 * The public keys of an issuer, as its JWKS document shows them.
 *
 * @since 0.1.0
 * @category models
 */
export interface PublishedKeys {
  readonly keys: Array<{
    readonly kty: string
    readonly kid: string
    readonly alg: string
    readonly use: string
    readonly [member: string]: unknown
  }>
}

/**
 * The control handle of an issuer.
 *
 * @since 0.1.0
 * @category models
 */
export interface IssuerHandle {
  readonly issuer: string
  /** Where its endpoints are. */
  readonly urls: IssuerUrls
  /** The issuer and its protected resources as a client; never follows a redirect. */
  readonly httpClient: HttpClient.HttpClient
  /** The same server for a platform that mounts it on a socket (`HttpServer.serve`, `HttpApp.toWebHandler`). */
  readonly app: HttpApp.Default<ConnectionBroken>
  /** The same server from web `Request` to web `Response`. */
  readonly handle: (request: Request) => Effect.Effect<Response, ConnectionBroken>
  /** Which endpoint a URL means here; none when its origin is not served. */
  readonly endpointOf: (url: string | URL) => Option.Option<Endpoint>

  /** Registers a user, or replaces the one with this `sub`. */
  readonly addUser: (user: TestUser) => Effect.Effect<void>
  /** Registers a client, or replaces the one with this id. */
  readonly addClient: (client: TestClient) => Effect.Effect<void>
  /** Accepts assertions and subject tokens of another issuer. */
  readonly trust: (issuer: string, jwks: KeySet) => Effect.Effect<void>

  /** What people decide from now on. At first: consent of the first user. */
  readonly decide: (decision: Decision) => Effect.Effect<void>
  /**
   * A user agent: opens the authorization URL, lets the person decide, and
   * gives back the URL it was redirected to. Nothing listens there.
   */
  readonly authorize: (
    url: string,
    decision?: Decision
  ) => Effect.Effect<string, NoCallback | ConnectionBroken>
  /** Someone types a user code in and decides (RFC 8628 section 3.3); `false` when no device shows that code. */
  readonly decideDevice: (userCode: string, decision?: Decision) => Effect.Effect<boolean>

  /** Signs with a new key from now on; with `overlap` the old ones stay published. Default: no overlap. */
  readonly rotateKeys: (options?: { readonly overlap?: boolean }) => Effect.Effect<void>
  /** The keys that are published. */
  readonly jwks: Effect.Effect<PublishedKeys>
  /** How many seconds the clock of the issuer is ahead of `Clock`; negative for behind. */
  readonly setSkew: (seconds: number) => Effect.Effect<void>

  /** An access token, without any grant. */
  readonly mintAccessToken: (options?: AccessTokenOptions) => Effect.Effect<string>
  /** An ID token, without any grant. */
  readonly mintIdToken: (options?: IdTokenOptions) => Effect.Effect<string>
  /** Stops accepting a token. */
  readonly revoke: (token: string) => Effect.Effect<void>

  /** Everything received so far, the oldest first. */
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** What one endpoint received. */
  readonly requestsTo: (endpoint: Endpoint) => Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** How often an endpoint was asked. */
  readonly count: (endpoint: Endpoint) => Effect.Effect<number>
  /** Forgets what was received. */
  readonly forgetRequests: Effect.Effect<void>
  /** How many endless, slow or stalled bodies are still being sent: 0 once a client has let go of them. */
  readonly openBodies: Effect.Effect<number>

  /**
   * Misbehaves at an endpoint: for the next `times` requests, or for all until
   * `behave`. Counted scripts are used up in order, before the one that is for all.
   */
  readonly misbehave: (
    endpoint: Endpoint,
    misbehaviour: Misbehaviour | ReadonlyArray<Misbehaviour>,
    options?: { readonly times?: number }
  ) => Effect.Effect<void>
  /** Behaves again, at one endpoint or at all. */
  readonly behave: (endpoint?: Endpoint) => Effect.Effect<void>
}
