/**
 * A real authorization server on a free loopback port: `oidc-provider`, which
 * nobody here wrote. Keeps everything in memory and stops with its scope.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { exportJWK, exportPKCS8, generateKeyPair } from "jose"
import type { JSONWebKeySet } from "jose"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Configuration, default as Provider, JWKS } from "oidc-provider"
import { registerTokenExchange, tokenExchangeGrant } from "./tokenExchangeGrant.js"

export class ProviderFailed extends Data.TaggedError("ProviderFailed")<{ readonly message: string }> {}

export interface RunningProvider {
  readonly issuer: string
  /** A public native client; any port on http://127.0.0.1/callback. */
  readonly cli: { readonly clientId: string; readonly redirectUri: string }
  /** A confidential client that signs its assertions. */
  readonly service: {
    readonly clientId: string
    readonly pem: Redacted.Redacted<string>
    readonly kid: string
  }
  /** A confidential client with a secret that must be encoded (RFC 6749 section 2.3.1). */
  readonly secretClient: { readonly clientId: string; readonly secret: Redacted.Redacted<string> }
  readonly provider: Provider
}

/** The scopes of every protected resource of the server. */
export const resourceScope = "notes:read notes:write"

/** Every absolute URI is a resource, whose tokens are JWTs for it alone (RFC 8707). */
export const resourceIndicators: NonNullable<Configuration["features"]>["resourceIndicators"] = {
  enabled: true,
  useGrantedResource: () => true,
  getResourceServerInfo: (_, resource) => ({
    scope: resourceScope,
    audience: resource,
    accessTokenFormat: "jwt",
    accessTokenTTL: 600,
    jwt: { sign: { alg: "ES256" } }
  })
}

export const startProvider = (
  options: { readonly configuration?: Partial<Configuration> } = {}
): Effect.Effect<RunningProvider, ProviderFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const server = createServer()
    const port = yield* Effect.acquireRelease(
      Effect.async<number, ProviderFailed>((resume) => {
        server.once("error", (error) => resume(new ProviderFailed({ message: error.message })))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const issuer = `http://127.0.0.1:${port}`
    const encrypts = options.configuration?.features?.encryption?.enabled === true
    const signing = yield* Effect.promise(() => signingKeys(encrypts))
    const service = yield* Effect.promise(serviceKey)
    const secret = Redacted.make("s%3cret+with/odd:characters and spaces")

    const { default: OidcProvider, errors } = yield* Effect.acquireUseRelease(
      mute,
      () => Effect.promise(() => import("oidc-provider")),
      (unmute) => unmute
    )
    const provider = yield* Effect.acquireUseRelease(
      mute,
      () =>
        Effect.sync(
          () =>
            new OidcProvider(issuer, {
              clients: [
                {
                  client_id: "notes-cli",
                  application_type: "native",
                  token_endpoint_auth_method: "none",
                  redirect_uris: ["http://127.0.0.1/callback"],
                  grant_types: ["authorization_code", "refresh_token"],
                  response_types: ["code"]
                },
                {
                  client_id: "notes-service",
                  token_endpoint_auth_method: "private_key_jwt",
                  token_endpoint_auth_signing_alg: "ES256",
                  jwks: { keys: [service.publicJwk] },
                  grant_types: ["client_credentials", tokenExchangeGrant],
                  response_types: [],
                  redirect_uris: []
                },
                {
                  client_id: "notes:batch",
                  client_secret: Redacted.value(secret),
                  token_endpoint_auth_method: "client_secret_basic",
                  grant_types: ["client_credentials"],
                  response_types: [],
                  redirect_uris: []
                }
              ],
              jwks: signing.keys,
              cookies: { keys: ["a key that signs cookies in tests"] },
              pkce: { required: () => true },
              rotateRefreshToken: true,
              // `act` of an exchanged token (RFC 8693 section 4.1)
              extraTokenClaims: (_, token) => ("extra" in token ? token.extra : undefined),
              scopes: ["openid", "offline_access", ...resourceScope.split(" ")],
              findAccount: (_, id) => ({
                accountId: id,
                claims: () =>
                  Promise.resolve({ sub: id, email: `${id}@example.com`, name: `The person ${id}` })
              }),
              features: {
                devInteractions: { enabled: true },
                clientCredentials: { enabled: true },
                revocation: {
                  enabled: true,
                  allowedPolicy: (_, { clientId }, token) => token.clientId === clientId
                },
                introspection: { enabled: true },
                resourceIndicators
              },
              ttl: {
                AccessToken: 600,
                AuthorizationCode: 60,
                ClientCredentials: 600,
                Grant: 3600,
                IdToken: 600,
                Interaction: 600,
                RefreshToken: 3600,
                Session: 3600
              },
              ...options.configuration
            })
        ),
      (unmute) => unmute
    )
    registerTokenExchange(provider, errors, signing.publicKeys)
    server.on("request", provider.callback())

    return {
      issuer,
      cli: { clientId: "notes-cli", redirectUri: "http://127.0.0.1/callback" },
      service: { clientId: "notes-service", pem: service.pem, kid: service.kid },
      secretClient: { clientId: "notes:batch", secret },
      provider
    }
  })

/** The key that the server is sent secrets by; it refuses to have one where it uses none. */
const sealingKey = async () => {
  const { privateKey } = await generateKeyPair("ECDH-ES", { extractable: true })
  return { ...(await exportJWK(privateKey)), kty: "EC", use: "enc", kid: "server-sealing" }
}

const signingKeys = async (
  encrypts: boolean
): Promise<{ readonly keys: JWKS; readonly publicKeys: JSONWebKeySet }> => {
  const ec = await generateKeyPair("ES256", { extractable: true })
  const rsa = await generateKeyPair("RS256", { extractable: true })
  const one = { kty: "RSA", alg: "RS256", use: "sig", kid: "server-rsa" }
  const other = { kty: "EC", alg: "ES256", use: "sig", kid: "server-ec" }
  return {
    keys: {
      keys: [
        { ...(await exportJWK(rsa.privateKey)), ...one },
        { ...(await exportJWK(ec.privateKey)), ...other },
        ...(encrypts ? [await sealingKey()] : [])
      ]
    },
    publicKeys: {
      keys: [
        { ...(await exportJWK(rsa.publicKey)), ...one },
        { ...(await exportJWK(ec.publicKey)), ...other }
      ]
    }
  }
}

const serviceKey = async () => {
  const pair = await generateKeyPair("ES256", { extractable: true })
  const kid = "service-key"
  return {
    kid,
    pem: Redacted.make(await exportPKCS8(pair.privateKey)),
    publicJwk: { ...(await exportJWK(pair.publicKey)), kty: "EC", alg: "ES256", use: "sig", kid }
  }
}

/** The server warns on the console of its quick-start settings and of older Node versions: both are meant here. */
const mute = Effect.sync(() => {
  const { info, warn } = console
  console.info = () => {}
  console.warn = () => {}
  return Effect.sync(() => {
    console.info = info
    console.warn = warn
  })
})
