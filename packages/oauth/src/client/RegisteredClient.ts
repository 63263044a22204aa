/**
 * A client as one server has registered it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { DiscoveryError, KeyringError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import type { ClientAuthentication } from "./ClientAuthentication.js"
import * as ClientAuthenticationMethods from "./ClientAuthentication.js"

const change = Schema.Struct({
  member: Schema.String,
  /** What was asked for. */
  requested: Schema.Unknown,
  /** What the server registered; none where it left the member out. */
  registered: Schema.optionalWith(Schema.Unknown, { as: "Option" })
})

const registered = Schema.Struct({
  /** The server whose client it is: it is a client nowhere else. */
  issuer: Schema.String,
  clientId: Schema.String,
  clientSecret: Schema.optionalWith(Schema.Redacted(Schema.String), { as: "Option" }),
  /** In milliseconds since the epoch, as the server tells. */
  issuedAt: Schema.optionalWith(Schema.Number, { as: "Option" }),
  /** When the secret ends, in milliseconds since the epoch; none where it does not. */
  secretExpiresAt: Schema.optionalWith(Schema.Number, { as: "Option" }),
  /** How it authenticates at the token endpoint. */
  authenticationMethod: Schema.String,
  redirectUris: Schema.Array(Schema.String),
  /** Where the registration is managed, and the token for it (RFC 7592 section 3). */
  management: Schema.optionalWith(
    Schema.Struct({ uri: Schema.String, accessToken: Schema.Redacted(Schema.String) }),
    { as: "Option" }
  ),
  /** What the server registered, by the names of the registry; without the secrets above. */
  metadata: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  /** The members which the server registered otherwise than asked, or not at all. */
  changes: Schema.Array(change)
})

/**
 * A client that a server registered (RFC 7591 section 3.2.1), stamped with the
 * issuer of that server.
 *
 * @since 0.1.0
 * @category models
 */
export interface RegisteredClient extends Schema.Schema.Type<typeof registered> {}

/**
 * To keep a registration: encoded, its secret and the token that manages it are
 * plain text.
 *
 * @since 0.1.0
 * @category schemas
 */
export const RegisteredClient: Schema.Schema<RegisteredClient, typeof registered.Encoded> = registered

/**
 * A member that the server registered otherwise than it was asked to.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change extends Schema.Schema.Type<typeof change> {}

/**
 * Whether the secret has ended (`client_secret_expires_at`, RFC 7591 section
 * 3.2.1). A client without a secret, or whose secret does not end, has not.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isExpired = (client: RegisteredClient): Effect.Effect<boolean> =>
  Effect.map(Clock.currentTimeMillis, (now) => Option.exists(client.secretExpiresAt, (end) => end <= now))

/**
 * How the client proves who it is: by the method that the server registered,
 * with the secret it gave. For a method that takes no secret (`private_key_jwt`,
 * `tls_client_auth`), the authentication that the caller has for it is used.
 *
 * Fails with `unsupported` where neither is to be had. A secret that has ended
 * (`client_secret_expires_at`) is not sent any more: what needs it then fails with
 * a `KeyringError` of reason `forbidden`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const authentication = <R = never>(
  client: RegisteredClient,
  other?: ClientAuthentication<R>
): Effect.Effect<ClientAuthentication<R>, DiscoveryError> => {
  const method = client.authenticationMethod
  if (method === "none") return Effect.succeed(ClientAuthenticationMethods.none)
  if (Option.isSome(client.clientSecret)) {
    const byIt = bySecret(client, client.clientSecret.value)
    if (byIt !== undefined) return Effect.succeed(untilItsEnd(client, byIt))
  }
  return other !== undefined && !method.startsWith("client_secret_")
    ? Effect.succeed(other)
    : Effect.fail(
        new DiscoveryError({
          operation: "RegisteredClient.authentication",
          reason: "unsupported",
          actual: Text.sanitize(method),
          message: `${client.issuer} registered this client with token_endpoint_auth_method ${Text.sanitize(method)}, for which there are no credentials here. Ask for another method in the metadata, or give the ClientAuthentication for it.`
        })
      )
}

const hmacs = ["HS256", "HS384", "HS512"] as const

const bySecret = (
  { authenticationMethod: method, metadata }: RegisteredClient,
  secret: Redacted.Redacted<string>
): ClientAuthentication | undefined => {
  if (method === "client_secret_basic") return ClientAuthenticationMethods.clientSecretBasic(secret)
  if (method === "client_secret_post") return ClientAuthenticationMethods.clientSecretPost(secret)
  if (method !== "client_secret_jwt") return undefined
  const algorithm = hmacs.find((name) => name === metadata["token_endpoint_auth_signing_alg"])
  return ClientAuthenticationMethods.clientSecretJwt(secret, { algorithm })
}

/** A program may run for longer than its secret is good. */
const untilItsEnd = (
  client: RegisteredClient,
  authentication: ClientAuthentication
): ClientAuthentication => ({
  authenticate: (request) =>
    Effect.flatMap(isExpired(client), (ended) =>
      ended ? Effect.fail(secretEnded(request.operation, client)) : authentication.authenticate(request)
    )
})

const secretEnded = (operation: string, { issuer }: RegisteredClient): KeyringError =>
  new KeyringError({
    operation,
    reason: "forbidden",
    issuer,
    retriable: false,
    message: `${operation}: the secret that ${issuer} gave this client has ended (client_secret_expires_at), and was not sent. Read the registration again with Registration.read, or have ClientSelection register the client anew.`
  })
