/**
 * `oidc-provider` with what a web application may want of a server: pushed, signed and rich requests, responses in
 * JWTs, encryption, introspection, and logout. Its clients are confidential, and sign with one key.
 */
import * as Redacted from "effect/Redacted"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { JsonWebKey } from "effect-oauth/Jwk"
import { exportJWK, exportPKCS8, generateKeyPair } from "jose"
import type { ClientMetadata, Configuration } from "oidc-provider"
import type { ProviderFailed } from "./provider.js"
import { resourceScope, startProvider } from "./provider.js"

export interface WebProvider {
  readonly issuer: string
  readonly redirectUri: string
  readonly postLogoutRedirectUri: string
  /** The key with which each client authenticates and signs. */
  readonly key: { readonly pem: Redacted.Redacted<string>; readonly kid: string }
  /** The key that the server encrypts to, for the client `sealed`. */
  readonly decryptionKey: Redacted.Redacted<JsonWebKey>
}

/** `plain` gets everything in plain, `signed` in signed JWTs, `sealed` in signed and encrypted ones. */
export type WebClient = "plain" | "signed" | "sealed"

export const startWebProvider = (
  options: {
    /** Where `plain` and `signed` are told of logouts. */
    readonly backChannelLogoutUri?: string
    readonly configuration?: Partial<Configuration>
  } = {}
): Effect.Effect<WebProvider, ProviderFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const signing = yield* Effect.promise(() => generateKeyPair("ES256", { extractable: true }))
    const sealing = yield* Effect.promise(() => generateKeyPair("ECDH-ES", { extractable: true }))
    const kid = "client-key"
    const redirectUri = "http://127.0.0.1/callback"
    const postLogoutRedirectUri = "http://127.0.0.1/bye"
    const jwks = {
      keys: yield* Effect.promise(async () => [
        { ...(await exportJWK(signing.publicKey)), kty: "EC", alg: "ES256", use: "sig", kid },
        { ...(await exportJWK(sealing.publicKey)), kty: "EC", alg: "ECDH-ES", use: "enc", kid: "sealing" }
      ])
    }
    const client = (client_id: WebClient, more: Partial<ClientMetadata> = {}): ClientMetadata => ({
      client_id,
      jwks,
      application_type: "native",
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      redirect_uris: [redirectUri],
      post_logout_redirect_uris: [postLogoutRedirectUri],
      grant_types: ["authorization_code", "refresh_token", "client_credentials", "implicit"],
      response_types: ["code", "code id_token"],
      id_token_signed_response_alg: "ES256",
      authorization_details_types: ["payment"],
      authorization_signed_response_alg: "ES256",
      ...(options.backChannelLogoutUri === undefined || client_id === "sealed"
        ? {}
        : {
            backchannel_logout_uri: options.backChannelLogoutUri,
            backchannel_logout_session_required: true
          }),
      ...more
    })
    const signed: Partial<ClientMetadata> = {
      userinfo_signed_response_alg: "ES256",
      introspection_signed_response_alg: "ES256"
    }
    const encrypted = (use: string) => ({
      [`${use}_encrypted_response_alg`]: "ECDH-ES",
      [`${use}_encrypted_response_enc`]: "A128GCM"
    })
    const { issuer } = yield* startProvider({
      configuration: {
        clients: [
          client("plain"),
          client("signed", signed),
          client("sealed", {
            ...signed,
            ...encrypted("id_token"),
            ...encrypted("userinfo"),
            ...encrypted("introspection"),
            ...encrypted("authorization")
          })
        ],
        responseTypes: ["code", "code id_token"],
        acrValues: ["urn:example:mfa"],
        // The server's own client refuses addresses of this machine, where the application of a test listens.
        fetch: (url, { body = null, headers = {}, method = "GET", signal = null } = {}) =>
          fetch(url, { body, headers, method, signal, redirect: "manual" }),
        features: {
          devInteractions: { enabled: true },
          clientCredentials: { enabled: true },
          revocation: {
            enabled: true,
            allowedPolicy: (_, { clientId }, token) => token.clientId === clientId
          },
          introspection: { enabled: true, allowedPolicy: () => true },
          pushedAuthorizationRequests: { enabled: true },
          requestObjects: { enabled: true },
          jwtResponseModes: { enabled: true },
          jwtIntrospection: { enabled: true },
          jwtUserinfo: { enabled: true },
          userinfo: { enabled: true },
          encryption: { enabled: true },
          backchannelLogout: { enabled: true },
          dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
          rpInitiatedLogout: {
            enabled: true,
            logoutSource: (ctx, form) => {
              ctx.body = `${form}<button autofocus form="op.logoutForm" name="logout" value="yes">Leave</button>`
            }
          },
          richAuthorizationRequests: {
            enabled: true,
            types: { payment: { validate: () => {} } },
            authorizationDetailsForGrantSource: (ctx) => detailsOf(ctx.oidc.params),
            authorizationDetailsForAccessToken: (ctx, _, source) =>
              detailsOf(ctx.oidc.params) ??
              (source !== undefined && "rar" in source ? source.rar : undefined),
            authorizationDetailsForIntrospection: (_, token) => ("rar" in token ? token.rar : undefined)
          },
          resourceIndicators: {
            enabled: true,
            useGrantedResource: () => true,
            getResourceServerInfo: (_, resource) => ({
              scope: resourceScope,
              audience: resource,
              accessTokenFormat: "opaque",
              accessTokenTTL: 600
            })
          }
        },
        ...options.configuration
      }
    })
    return {
      issuer,
      redirectUri,
      postLogoutRedirectUri,
      key: { pem: Redacted.make(yield* Effect.promise(() => exportPKCS8(signing.privateKey))), kid },
      decryptionKey: Redacted.make({
        ...(yield* Effect.promise(() => exportJWK(sealing.privateKey))),
        kty: "EC",
        use: "enc",
        kid: "sealing"
      })
    }
  })

const detailsOf = (parameters: unknown) => {
  const text =
    typeof parameters === "object" && parameters !== null && "authorization_details" in parameters
      ? parameters.authorization_details
      : undefined
  return typeof text === "string" ? JSON.parse(text) : undefined
}
