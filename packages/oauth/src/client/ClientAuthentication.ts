/**
 * How a client proves who it is at the endpoints of its server.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Redacted from "effect/Redacted"
import type { JwtAlgorithm } from "../keys/JwtAlgorithm.js"
import type { KeyringService } from "../keys/Keyring.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import * as GrantType from "../protocol/GrantType.js"
import { DiscoveryError } from "../protocol/OAuthError.js"
import type { JwtError, KeyringError } from "../protocol/OAuthError.js"
import * as ClientAssertion from "./ClientAssertion.js"

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
  /** The `Authorization` header, where the method uses one. */
  readonly authorization?: Redacted.Redacted<string> | undefined
  readonly parameters: ReadonlyArray<Parameter>
  /** What else is secret in them: a server may send it back in an error, where it must not stay. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted<string>> | undefined
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
}

/**
 * Why authentication could not be made.
 *
 * @since 0.1.0
 * @category errors
 */
export type AuthenticationError = DiscoveryError | KeyringError | JwtError

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
}

/**
 * A public client: only `client_id` is sent (RFC 6749 section 3.2.1).
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: ClientAuthentication = {
  authenticate: ({ clientId }) => Effect.succeed({ parameters: [["client_id", clientId]] })
}

/**
 * `client_secret_basic` (RFC 6749 section 2.3.1): id and secret, each
 * serialised as application/x-www-form-urlencoded, in the `Authorization`
 * header and nowhere else.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecretBasic = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  authenticate: ({ clientId }) =>
    Effect.sync(() => ({
      authorization: Redacted.make(
        `Basic ${Encoding.encodeBase64(`${formEncode(clientId)}:${formEncode(Redacted.value(secret))}`)}`
      ),
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
 * A client secret, sent by the method that the server's metadata names:
 * `client_secret_basic` where it is listed or nothing is (RFC 8414 section 2),
 * else `client_secret_post`. A server that lists neither is a `DiscoveryError`
 * with reason `unsupported`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const clientSecret = (secret: Redacted.Redacted<string>): ClientAuthentication => ({
  authenticate: (request) => {
    const supported = request.metadata.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
    if (supported.includes("client_secret_basic")) return clientSecretBasic(secret).authenticate(request)
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
export const privateKeyJwt = (options: PrivateKeyJwtOptions = {}): ClientAuthentication<KeyringService> => ({
  authenticate: (request) =>
    Effect.gen(function* () {
      const assertions = yield* ClientAssertion.make
      const audience = options.audience ?? "issuer"
      const assertion = yield* assertions.sign({
        clientId: request.clientId,
        audience:
          audience === "issuer"
            ? request.metadata.issuer
            : audience === "endpoint"
              ? request.endpoint
              : audience.value,
        algorithm: options.algorithm,
        algorithms: request.metadata.token_endpoint_auth_signing_alg_values_supported,
        kid: options.kid,
        lifetime: options.lifetime
      })
      return {
        parameters: [
          ["client_id", request.clientId],
          ["client_assertion_type", GrantType.clientAssertionJwtBearer],
          ["client_assertion", assertion]
        ]
      }
    })
})

/** What URLSearchParams does to a value, and no more. */
const formEncode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)
