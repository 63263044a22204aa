/**
 * How a client proves who it is at the endpoints of its server.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import type { Wire, WireResponse } from "../http/Wire.js"
import type { JwtAlgorithm } from "../keys/JwtAlgorithm.js"
import type { KeyringService } from "../keys/Keyring.js"
import * as Keyring from "../keys/Keyring.js"
import type { AuthorizationServerMetadata, EndpointName } from "../protocol/AuthorizationServerMetadata.js"
import * as GrantType from "../protocol/GrantType.js"
import { DiscoveryError } from "../protocol/OAuthError.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"
import type { AssertionSource, SourceError } from "./AssertionSource.js"
import * as ClientAssertion from "./ClientAssertion.js"
import { keptAssertions } from "./internal/keptAssertions.js"
import { publicClient } from "./internal/publicClient.js"

/**
 * A form parameter; secrets are `Redacted` until they are on the wire.
 *
 * @since 0.1.0
 * @category models
 */
export type Parameter = readonly [name: string, value: string | Redacted.Redacted<string>]

/**
 * What authentication adds to a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  /** Headers by their names, such as `authorization`, where the method uses some. */
  readonly headers?: Readonly<Record<string, Redacted.Redacted<string>>> | undefined
  readonly parameters: ReadonlyArray<Parameter>
  /** What else is secret in them: a server may send it back in an error, where it must not stay. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted<string>> | undefined
  /**
   * Whether an answer refuses them for want of what it brings itself, such as a
   * challenge: then the whole request is made anew, one time, with other
   * credentials and another DPoP proof.
   */
  readonly again?: ((response: WireResponse) => boolean) | undefined
}

/**
 * The request that a client authenticates: credential and endpoint come from
 * the same client, so that one server's credential never meets another's
 * endpoint.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthenticationRequest {
  readonly operation: string
  readonly clientId: string
  readonly metadata: AuthorizationServerMetadata
  /** The URL that the request goes to. */
  readonly endpoint: string
  /** Which of the server's endpoints that is, where it is known. */
  readonly endpointName?: EndpointName | undefined
  /** The way to the client's server, for methods that must ask it something first. */
  readonly wire: Wire
}

/**
 * Why authentication could not be made.
 *
 * @since 0.1.0
 * @category errors
 */
export type AuthenticationError = SourceError

/**
 * A way to authenticate; `R` is what it needs, and becomes what
 * `OAuthClient.layer` asks for.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientAuthentication<out R = never> {
  readonly authenticate: (
    request: AuthenticationRequest
  ) => Effect.Effect<Credentials, AuthenticationError, R>
  /** Whether what goes to an endpoint goes to its alias for mutual TLS (RFC 8705 section 5): always, or never. */
  readonly usesAlias?: ((endpoint: EndpointName) => boolean) | undefined
  /** Wraps every exchange of the client, where the method learns something from the answers. */
  readonly adapt?: ((wire: Wire) => Wire) | undefined
}

/**
 * A public client: only `client_id` is sent (RFC 6749 section 3.2.1).
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: ClientAuthentication = publicClient

/**
 * `client_secret_basic` (RFC 6749 section 2.3.1): id and secret, each
 * serialised as application/x-www-form-urlencoded, in the `Authorization`
 * header and nowhere else.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecretBasic = (secret: Redacted.Redacted<string>): ClientAuthentication => {
  // One client says the same every time.
  let last: { readonly clientId: string; readonly credentials: Effect.Effect<Credentials> } | undefined
  return {
    authenticate: ({ clientId }) => {
      if (last?.clientId !== clientId) {
        const headers = basic(`${formEncode(clientId)}:${formEncode(Redacted.value(secret))}`)
        last = { clientId, credentials: Effect.succeed({ headers, parameters: [], secrets: [secret] }) }
      }
      return last.credentials
    }
  }
}

/**
 * `client_secret_basic` as many servers read it: id and secret are not encoded
 * before base64, as RFC 7617 would have it and RFC 6749 section 2.3.1 does not.
 * A deviation, needed where an id or secret has a character that the encoding
 * changes and the server does not decode it (Reddit, X, Zoom). An id with a
 * colon cannot be sent so, and is a `DiscoveryError` with reason `unsupported`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecretBasicRaw = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  authenticate: ({ clientId, operation }) =>
    clientId.includes(":")
      ? Effect.fail(
          new DiscoveryError({
            operation,
            reason: "unsupported",
            message: `${operation}: a client id with a colon cannot be sent by clientSecretBasicRaw. Use ClientAuthentication.clientSecretBasic or clientSecretPost.`
          })
        )
      : Effect.sync(() => ({
          headers: basic(`${clientId}:${Redacted.value(secret)}`),
          parameters: [],
          secrets: [secret]
        }))
})

/**
 * `client_secret_post` (RFC 6749 section 2.3.1): id and secret in the body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecretPost = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  authenticate: ({ clientId }) =>
    Effect.succeed({
      parameters: [
        ["client_id", clientId],
        ["client_secret", secret]
      ]
    })
})

/**
 * A client secret, sent by the method that the server's metadata names for the
 * endpoint (revocation and introspection may have methods of their own), or else
 * for the token endpoint: `client_secret_basic` where it is listed or nothing is
 * (RFC 8414 section 2), else `client_secret_post`. A server that lists neither is
 * a `DiscoveryError` with reason `unsupported`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecret = (secret: Redacted.Redacted<string>): ClientAuthentication => {
  const inHeader = clientSecretBasic(secret)
  const authenticate: ClientAuthentication["authenticate"] = (request) => {
    const supported = offered(request, "methods") ?? ["client_secret_basic"]
    if (supported.includes("client_secret_basic")) return inHeader.authenticate(request)
    if (supported.includes("client_secret_post")) return clientSecretPost(secret).authenticate(request)
    return Effect.fail(
      new DiscoveryError({
        operation: request.operation,
        reason: "unsupported",
        expected: "client_secret_basic, client_secret_post",
        message: `${request.operation}: ${request.metadata.issuer} does not take a client secret by client_secret_basic or client_secret_post. Authenticate the client in another way, such as ClientAuthentication.privateKeyJwt().`
      })
    )
  }
  return { authenticate }
}

/**
 * A secret that is fetched or made for every request: out of a vault, or the
 * signed one of `appleSecret`. It is sent by `method`: `clientSecret` unless
 * given. Fetch slow ones through `Effect.cachedWithTTL`.
 *
 * @example
 * import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
 * import * as Effect from "effect/Effect"
 * import * as Redacted from "effect/Redacted"
 *
 * const fromVault = Effect.succeed(Redacted.make("of the day"))
 * const authentication = ClientAuthentication.clientSecretFrom(
 *   fromVault,
 *   ClientAuthentication.clientSecretPost
 * )
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecretFrom = <R = never>(
  secret: Effect.Effect<Redacted.Redacted<string>, AuthenticationError, R>,
  method: (secret: Redacted.Redacted<string>) => ClientAuthentication = clientSecret
): ClientAuthentication<R> => ({
  authenticate: (request) => Effect.flatMap(secret, (known) => method(known).authenticate(request))
})

/**
 * The options of `privateKeyJwt`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PrivateKeyJwtOptions {
  /** The `aud` of the assertion: the issuer (the default), the URL of the endpoint, or a text of its own. */
  readonly audience?: "issuer" | "endpoint" | { readonly value: string } | undefined
  /** The JWS algorithm; else that of the key. */
  readonly algorithm?: JwtAlgorithm | undefined
  /** Which of the keyring's keys signs; else its current one. */
  readonly kid?: string | undefined
  /** How long an assertion may be used; 60 seconds. */
  readonly lifetime?: Duration.DurationInput | undefined
}

/**
 * `private_key_jwt` (RFC 7523 section 2.2): a fresh assertion for every
 * request, signed with a key of the `KeyringService`. Where the server lists
 * the algorithms it takes, the keyring is asked for a key of one of them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const privateKeyJwt = (options: PrivateKeyJwtOptions = {}): ClientAuthentication<KeyringService> => {
  const assertions = keptAssertions()
  return {
    authenticate: (request) =>
      Effect.flatMap(assertions, (signer) => signedAssertion(signer, request, options))
  }
}

/**
 * The options of `clientSecretJwt`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientSecretJwtOptions extends Pick<PrivateKeyJwtOptions, "audience" | "lifetime"> {
  /** HS256 unless given. */
  readonly algorithm?: "HS256" | "HS384" | "HS512" | undefined
}

/**
 * `client_secret_jwt` (OpenID Connect Core section 9, RFC 7523 section 2.2): a
 * fresh assertion for every request, with an HMAC by the client secret, which
 * itself is not sent. A secret that is shorter than the hash is a
 * `KeyringError` with reason `forbidden` (RFC 7518 section 3.2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecretJwt = (
  secret: Redacted.Redacted<string>,
  options: ClientSecretJwtOptions = {}
): ClientAuthentication => ({
  authenticate: (request) =>
    Effect.flatMap(Keyring.fromSecret({ secret, alg: options.algorithm ?? "HS256" }), (keyring) =>
      ClientAssertion.make.pipe(
        Effect.provideService(Keyring.KeyringService, keyring),
        Effect.flatMap((assertions) => signedAssertion(assertions, request, options)),
        Effect.map((credentials) => ({ ...credentials, secrets: [secret] }))
      )
    )
})

/**
 * `tls_client_auth` (RFC 8705 section 2.1): the client is who its certificate
 * says, by its subject, and the server trusts who issued it. `client_id` goes in
 * the body, and every request goes to the alias of its endpoint where the
 * server names one (section 5). The certificate is the `HttpClient`'s:
 * `MutualTls.layer` of `effect-oauth-node`, or a worker's binding.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tlsClientAuth: ClientAuthentication = {
  authenticate: publicClient.authenticate,
  // A person's browser has no such certificate (section 5: requests made directly).
  usesAlias: (endpoint) => endpoint !== "authorization_endpoint" && endpoint !== "end_session_endpoint"
}

/**
 * `self_signed_tls_client_auth` (RFC 8705 section 2.2): as `tlsClientAuth`, with
 * a certificate that the client has registered in its keys. A public client
 * whose tokens are bound to a certificate (section 4) sends the same.
 *
 * @since 0.1.0
 * @category constructors
 */
export const selfSignedTlsClientAuth: ClientAuthentication = tlsClientAuth

/**
 * The options of `assertion`.
 *
 * @since 0.1.0
 * @category models
 */
export interface AssertionOptions extends Pick<PrivateKeyJwtOptions, "audience"> {
  /** Whether `client_id` goes beside it: Entra wants it, others know the client by the assertion alone. true. */
  readonly identify?: boolean | undefined
  /** `client_assertion_type`: that of RFC 7523 unless given, such as the one of the SPIFFE draft. */
  readonly type?: string | undefined
}

/**
 * An assertion that somebody else signs (RFC 7521 section 4.2): the platform
 * that the program runs on. It is asked for anew for every request. The sources
 * of `WorkloadIdentity` in `effect-oauth-node` are Kubernetes, AWS, Azure, GCP,
 * Fly, GitHub Actions and SPIFFE; `AssertionSource.make` makes your own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const assertion = <R = never>(
  source: AssertionSource<R>,
  options: AssertionOptions = {}
): ClientAuthentication<R> => ({
  authenticate: (request) =>
    Effect.map(source.assertion(audienceOf(request, options.audience)), (signed) => ({
      parameters: [
        ...(options.identify === false ? [] : [["client_id", request.clientId] as const]),
        ["client_assertion_type", options.type ?? GrantType.clientAssertionJwtBearer],
        ["client_assertion", signed]
      ]
    }))
})

const audienceOf = (
  { endpoint, metadata }: AuthenticationRequest,
  audience: PrivateKeyJwtOptions["audience"] = "issuer"
): string => (audience === "issuer" ? metadata.issuer : audience === "endpoint" ? endpoint : audience.value)

const signedAssertion = (
  assertions: ClientAssertion.ClientAssertion.Service,
  request: AuthenticationRequest,
  options: PrivateKeyJwtOptions
): Effect.Effect<Credentials, KeyringError | JwtError> =>
  Effect.map(
    assertions.sign({
      clientId: request.clientId,
      audience: audienceOf(request, options.audience),
      algorithm: options.algorithm,
      algorithms: offered(request, "signing_alg_values"),
      kid: options.kid,
      lifetime: options.lifetime
    }),
    (signed): Credentials => ({
      parameters: [
        ["client_id", request.clientId],
        ["client_assertion_type", GrantType.clientAssertionJwtBearer],
        ["client_assertion", signed]
      ]
    })
  )

/** What the server lists for the endpoint, or else for its token endpoint (RFC 8414 section 2). */
const offered = (
  { endpointName, metadata }: AuthenticationRequest,
  what: "methods" | "signing_alg_values"
): ReadonlyArray<string> | undefined => {
  const ofToken = metadata[`token_endpoint_auth_${what}_supported`]
  switch (endpointName) {
    case "revocation_endpoint":
    case "introspection_endpoint":
      return metadata[`${endpointName}_auth_${what}_supported`] ?? ofToken
    default:
      return ofToken
  }
}

const basic = (credentials: string): Record<string, Redacted.Redacted<string>> => ({
  authorization: Redacted.make(`Basic ${Encoding.encodeBase64(credentials)}`)
})

/** What URLSearchParams does to a value, and no more. */
const formEncode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)
