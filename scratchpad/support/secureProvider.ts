/**
 * `oidc-provider` over https on loopback, in two places: one for everybody, and one that asks for a client
 * certificate and is the alias of the first (RFC 8705 section 5). The authority is made for the run.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { JWK } from "jose"
import { createPublicKey, randomBytes } from "node:crypto"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { TLSSocket } from "node:tls"
import type { ClientMetadata, Configuration } from "oidc-provider"
import { type Authority, makeAuthority } from "./certificates.js"

export interface SecureProvider {
  readonly issuer: string
  /** Where the requests with a certificate go. */
  readonly alias: string
  readonly authority: Authority
  /** The paths that were asked for at the alias. */
  readonly atAlias: Array<string>
}

const aliased = {
  token_endpoint: "token",
  introspection_endpoint: "token/introspection",
  revocation_endpoint: "token/revocation",
  pushed_authorization_request_endpoint: "request"
}

const service: Partial<ClientMetadata> = {
  grant_types: ["client_credentials"],
  response_types: [],
  redirect_uris: []
}

/** A certificate that was shown; `subject` as OpenSSL writes it. */
const certificateOf = (socket: unknown) =>
  socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined

export const startSecureProvider = (options: {
  readonly clients: (authority: Authority) => ReadonlyArray<ClientMetadata>
  /** Whose attestations of clients count. */
  readonly attester?: JWK
  /** Whether proofs of possession are taken, each with a nonce. */
  readonly dpop?: boolean
}): Effect.Effect<SecureProvider, never, Scope.Scope> =>
  Effect.gen(function* () {
    const authority = makeAuthority("The authority of a test")
    const own = authority.issue("localhost")
    const listen = (asks: boolean) =>
      Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer({
            cert: own.certificate,
            key: own.key,
            requestCert: asks,
            rejectUnauthorized: false,
            ca: authority.certificate
          })
          server.listen(0, "localhost", () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.async<void>((resume) => {
            server.close(() => resume(Effect.void))
            server.closeAllConnections()
          })
      )
    const urlOf = (server: ReturnType<typeof createServer>) =>
      `https://localhost:${(server.address() as AddressInfo).port}`
    const open = yield* listen(false)
    const asking = yield* listen(true)
    const issuer = urlOf(open)
    const alias = urlOf(asking)
    const configuration: Configuration = {
      clients: options.clients(authority).map((client) => ({ ...service, ...client })),
      clientAuthMethods: [
        "none",
        "client_secret_basic",
        "client_secret_jwt",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
        ...(options.attester === undefined ? [] : ["attest_jwt_client_auth" as const])
      ],
      enabledJWA: {
        clientAuthSigningAlgValues: ["HS256", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
      },
      discovery: {
        mtls_endpoint_aliases: Object.fromEntries(
          Object.entries(aliased).map(([name, path]) => [name, `${alias}/${path}`])
        )
      },
      scopes: ["openid", "offline_access", "notes:read"],
      ttl: { ClientCredentials: 600 },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        dPoP:
          options.dpop === true
            ? { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true }
            : { enabled: false },
        introspection: { enabled: true, allowedPolicy: () => true },
        revocation: { enabled: true },
        mTLS: {
          enabled: true,
          certificateBoundAccessTokens: true,
          selfSignedTlsClientAuth: true,
          tlsClientAuth: true,
          getCertificate: (ctx) => certificateOf(ctx.req.socket),
          certificateAuthorized: (ctx) => ctx.req.socket instanceof TLSSocket && ctx.req.socket.authorized,
          certificateSubjectMatches: (ctx, _, expected) => certificateOf(ctx.req.socket)?.subject === expected
        },
        ...(options.attester === undefined
          ? {}
          : {
              attestClientAuth: {
                enabled: true,
                ack: "draft-12",
                challengeSecret: randomBytes(32),
                getAttestationSignaturePublicKey: () =>
                  createPublicKey({ key: { ...options.attester }, format: "jwk" }),
                assertAttestationJwtAndPop: () => undefined
              }
            })
      }
    }
    const provider = yield* Effect.acquireUseRelease(
      mute,
      () =>
        Effect.promise(async () => {
          const { default: OidcProvider } = await import("oidc-provider")
          return new OidcProvider(issuer, configuration)
        }),
      (unmute) => unmute
    )
    const atAlias: Array<string> = []
    const answer = provider.callback()
    open.on("request", (request, response) => void answer(request, response))
    asking.on("request", (request, response) => {
      atAlias.push(request.url ?? "")
      void answer(request, response)
    })
    return { issuer, alias, authority, atAlias }
  })

/** The server warns on the console of settings that are meant here. */
const mute = Effect.sync(() => {
  const { info, warn } = console
  console.info = () => {}
  console.warn = () => {}
  return Effect.sync(() => {
    console.info = info
    console.warn = warn
  })
})
