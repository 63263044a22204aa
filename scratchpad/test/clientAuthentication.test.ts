/** Every way to authenticate, against a server that nobody here wrote. */
import { assert, describe, it } from "@effect/vitest"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as MutualTls from "effect-oauth-node/MutualTls"
import * as ClientAttestation from "effect-oauth/ClientAttestation"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Dpop from "effect-oauth/Dpop"
import * as Introspection from "effect-oauth/Introspection"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { decodeJwt } from "jose"
import type { ClientMetadata } from "oidc-provider"
import type { Certificate } from "../support/certificates.js"
import { makeAuthority } from "../support/certificates.js"
import type { SecureProvider } from "../support/secureProvider.js"
import { startSecureProvider } from "../support/secureProvider.js"

const flows = (
  server: SecureProvider,
  clientId: string,
  authentication: ClientAuthentication.ClientAuthentication,
  http: Layer.Layer<HttpClient.HttpClient, unknown>,
  dpop?: Dpop.Dpop
) =>
  Layer.merge(ClientCredentials.layer, Introspection.layer).pipe(
    Layer.provideMerge(OAuthClient.layer({ issuer: server.issuer, clientId, authentication, dpop })),
    Layer.provide(http),
    Layer.orDie
  )

const http = (server: SecureProvider, shown: Certificate) =>
  MutualTls.layer({
    certificate: shown.certificate,
    key: Redacted.make(shown.key),
    ca: server.authority.certificate
  })

const token = Effect.flatMap(ClientCredentials.ClientCredentials, ({ request }) => request())

/** One keyring's client by private_key_jwt. */
const signing = (alg: "RS256" | "PS256" | "ES256" | "ES384" | "EdDSA") =>
  Effect.gen(function* () {
    const keyring = yield* Keyring.generate({ alg, kid: `key-${alg}` })
    const { keys } = yield* keyring.jwks
    const client: ClientMetadata = {
      client_id: `client-${alg}`,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: alg,
      jwks: { keys: keys.map((key) => ({ ...key, kty: String(key.kty) })) }
    }
    return { alg, keyring, client }
  })

describe("client authentication at oidc-provider", () => {
  it.scopedLive("RFC 7523 section 2.2: private_key_jwt by RS, PS, ES and EdDSA keys", () =>
    Effect.gen(function* () {
      const clients = yield* Effect.forEach(["RS256", "PS256", "ES256", "ES384", "EdDSA"] as const, signing)
      const server = yield* startSecureProvider({ clients: () => clients.map(({ client }) => client) })
      const shown = server.authority.issue("nobody")
      for (const { alg, client, keyring } of clients) {
        const authentication: ClientAuthentication.ClientAuthentication = {
          authenticate: (request) =>
            Effect.provideService(
              ClientAuthentication.privateKeyJwt({ algorithm: alg satisfies JwtAlgorithm }).authenticate(
                request
              ),
              Keyring.KeyringService,
              keyring
            )
        }
        const tokens = yield* Effect.provide(
          token,
          flows(server, client.client_id, authentication, http(server, shown))
        )
        assert.strictEqual(tokens.tokenType, "Bearer", alg)
      }
      assert.deepStrictEqual(server.atAlias, [], "without mutual TLS the aliases are left alone")
    })
  )

  it.scopedLive("OpenID Connect Core section 9: client_secret_jwt by HS256 and HS512", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("a secret with more than sixty-four bytes, as HS512 wants it: 0123456789")
      const server = yield* startSecureProvider({
        clients: () =>
          (["HS256", "HS512"] as const).map((alg) => ({
            client_id: alg,
            client_secret: Redacted.value(secret),
            token_endpoint_auth_method: "client_secret_jwt",
            token_endpoint_auth_signing_alg: alg
          }))
      })
      const shown = server.authority.issue("nobody")
      for (const algorithm of ["HS256", "HS512"] as const) {
        const authentication = ClientAuthentication.clientSecretJwt(secret, { algorithm })
        const tokens = yield* Effect.provide(
          token,
          flows(server, algorithm, authentication, http(server, shown))
        )
        assert.strictEqual(tokens.tokenType, "Bearer", algorithm)
      }
    })
  )

  it.scopedLive(
    "RFC 8705 sections 2.1, 3 and 5: tls_client_auth, at the aliases, with tokens bound to it",
    () =>
      Effect.gen(function* () {
        const server = yield* startSecureProvider({
          clients: () => [
            {
              client_id: "machine",
              token_endpoint_auth_method: "tls_client_auth",
              tls_client_auth_subject_dn: "CN=machine.example",
              tls_client_certificate_bound_access_tokens: true
            }
          ]
        })
        const shown = server.authority.issue("machine.example")
        yield* Effect.gen(function* () {
          const tokens = yield* token
          const { introspect } = yield* Introspection.Introspection
          const told = yield* introspect(tokens.accessToken)
          assert.isTrue(told.active)
          assert.include(JSON.stringify(told), '"cnf":{"x5t#S256":')
        }).pipe(
          Effect.provide(flows(server, "machine", ClientAuthentication.tlsClientAuth, http(server, shown)))
        )
        assert.deepStrictEqual(server.atAlias, ["/token", "/token/introspection"])

        const other = server.authority.issue("other.example")
        const error = yield* Effect.flip(
          Effect.provide(
            token,
            flows(server, "machine", ClientAuthentication.tlsClientAuth, http(server, other))
          )
        )
        assert.strictEqual(error.reason, "invalid_client")
        const stranger = makeAuthority("Another authority").issue("machine.example")
        const refused = yield* Effect.flip(
          Effect.provide(
            token,
            flows(server, "machine", ClientAuthentication.tlsClientAuth, http(server, stranger))
          )
        )
        assert.strictEqual(refused.reason, "invalid_client")
      })
  )

  it.scopedLive("RFC 8705 section 2.2: self_signed_tls_client_auth by a registered certificate", () =>
    Effect.gen(function* () {
      const own = makeAuthority("self.example")
      const jwk = own.publicKey.export({ format: "jwk" })
      const server = yield* startSecureProvider({
        clients: () => [
          {
            client_id: "self",
            token_endpoint_auth_method: "self_signed_tls_client_auth",
            jwks: { keys: [{ ...jwk, kty: "EC", x5c: [own.x5c] }] }
          }
        ]
      })
      const authentication = ClientAuthentication.selfSignedTlsClientAuth
      const tokens = yield* Effect.provide(token, flows(server, "self", authentication, http(server, own)))
      assert.strictEqual(tokens.tokenType, "Bearer")
      const refused = yield* Effect.flip(
        Effect.provide(
          token,
          flows(server, "self", authentication, http(server, makeAuthority("self.example")))
        )
      )
      assert.strictEqual(refused.reason, "invalid_client")
    })
  )

  it.scopedLive(
    "attestation-based client authentication: an attested key, with the challenge of the server",
    () =>
      Effect.gen(function* () {
        const backend = yield* Keyring.generate({ alg: "ES256" })
        const [attester] = (yield* backend.jwks).keys
        const instance = yield* Keyring.generate({ alg: "ES256" })
        const [confirmed] = (yield* instance.jwks).keys
        const signer = yield* JwtSigner.fromKeyring(backend)
        const attestation = signer.sign(
          { sub: "wallet", cnf: { jwk: confirmed } },
          { typ: "oauth-client-attestation+jwt" }
        )
        const server = yield* startSecureProvider({
          clients: () => [{ client_id: "wallet", token_endpoint_auth_method: "attest_jwt_client_auth" }],
          attester: { kty: "EC", crv: attester?.crv ?? "", x: attester?.x ?? "", y: attester?.y ?? "" }
        })
        const authentication = yield* ClientAttestation.make({ attestation, keyring: instance })
        const shown = server.authority.issue("nobody")
        const [first, second] = yield* Effect.provide(
          Effect.all([token, token]),
          flows(server, "wallet", authentication, http(server, shown))
        )
        assert.notStrictEqual(Redacted.value(first.accessToken), Redacted.value(second.accessToken))
        assert.strictEqual(decodeJwt(Redacted.value(yield* attestation)).sub, "wallet")

        const thief = yield* ClientAttestation.make({
          attestation,
          keyring: yield* Keyring.generate({ alg: "ES256" })
        })
        const error = yield* Effect.flip(
          Effect.provide(token, flows(server, "wallet", thief, http(server, shown)))
        )
        assert.strictEqual(error.reason, "invalid_client")
      })
  )

  it.scopedLive(
    "attestation-based client authentication with a proof of possession: two keys, two nonces",
    () =>
      Effect.gen(function* () {
        const backend = yield* Keyring.generate({ alg: "ES256" })
        const [attester] = (yield* backend.jwks).keys
        const instance = yield* Keyring.generate({ alg: "ES256" })
        const [confirmed] = (yield* instance.jwks).keys
        const signer = yield* JwtSigner.fromKeyring(backend)
        const server = yield* startSecureProvider({
          clients: () => [{ client_id: "wallet", token_endpoint_auth_method: "attest_jwt_client_auth" }],
          attester: { kty: "EC", crv: attester?.crv ?? "", x: attester?.x ?? "", y: attester?.y ?? "" },
          dpop: true
        })
        const authentication = yield* ClientAttestation.make({
          attestation: signer.sign(
            { sub: "wallet", cnf: { jwk: confirmed } },
            { typ: "oauth-client-attestation+jwt" }
          ),
          keyring: instance
        })
        const over = http(server, server.authority.issue("nobody"))
        const bound = yield* Effect.provide(
          Effect.all([token, token]),
          flows(server, "wallet", authentication, over, yield* Dpop.make())
        )
        assert.deepStrictEqual(
          bound.map(({ tokenType }) => tokenType),
          ["DPoP", "DPoP"]
        )
      })
  )
})
