/** RFC 8705 section 3 end to end: tokens of `oidc-provider` bound to a certificate of a local authority. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Introspection from "effect-oauth/Introspection"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as MutualTls from "effect-oauth-node/MutualTls"
import * as PeerCertificate from "effect-oauth-node/PeerCertificate"
import * as CertificateHeader from "effect-oauth-resource-server/CertificateHeader"
import { ClientCertificate } from "effect-oauth-resource-server/Incoming"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import { X509Certificate } from "node:crypto"
import { createServer } from "node:https"
import type { Certificate } from "../../../scratchpad/support/certificates.js"
import { makeAuthority } from "../../../scratchpad/support/certificates.js"
import { startSecureProvider } from "../../../scratchpad/support/secureProvider.js"
import * as N from "./support/notes.js"

/** The provider, a client that its certificate identifies, and a token that is bound to it. */
const setUp = Effect.gen(function* () {
  const { authority, issuer } = yield* startSecureProvider({
    clients: () => [
      {
        client_id: "machine",
        token_endpoint_auth_method: "tls_client_auth",
        tls_client_auth_subject_dn: "CN=machine.example",
        tls_client_certificate_bound_access_tokens: true,
        scope: "notes:read"
      }
    ]
  })
  const own = authority.issue("machine.example")
  const http = (shown: Certificate) =>
    MutualTls.layer({
      certificate: shown.certificate,
      key: Redacted.make(shown.key),
      ca: authority.certificate
    })
  const client = OAuthClient.layer({
    issuer,
    clientId: "machine",
    authentication: ClientAuthentication.tlsClientAuth
  }).pipe(Layer.provide(http(own)))
  const { accessToken } = yield* Effect.provide(
    Effect.flatMap(ClientCredentials.ClientCredentials, (flow) => flow.request({ scope: ["notes:read"] })),
    ClientCredentials.layer.pipe(Layer.provide(client))
  )
  /** The provider tells no audience of a token that was asked for without a resource. */
  const verifier = (resource: string, boundTokensOnly = false) =>
    Layer.merge(
      ResourceServer.layerVerifier({ resource, issuer, boundTokensOnly }),
      IntrospectionVerifier.layer({ audience: resource, allowMissingAudience: true }).pipe(
        Layer.provide(Introspection.layer),
        Layer.provide(client)
      )
    )
  const server = yield* Effect.sync(() => authority.issue("localhost"))
  /** Asks for a certificate, and accepts any. */
  const secure = () =>
    createServer({ cert: server.certificate, key: server.key, requestCert: true, rejectUnauthorized: false })
  return { accessToken, authority, http, own, secure, verifier }
})

const call = (url: string, token: Redacted.Redacted<string>, headers: Record<string, string> = {}) =>
  Effect.flatMap(HttpClient.HttpClient, (http) =>
    http.execute(HttpClientRequest.bearerToken(HttpClientRequest.get(url, { headers }), token))
  )

const header = (shown: Certificate) => ({
  "client-cert": `:${new X509Certificate(shown.certificate).raw.toString("base64")}:`
})

describe("certificate-bound tokens", () => {
  it.scopedLive("RFC 8705 section 3: are accepted from the connection of their client alone", () =>
    Effect.gen(function* () {
      const { accessToken, authority, http, own, secure, verifier } = yield* setUp
      const { answered, resource } = yield* N.serve(
        "/notes",
        (resource) =>
          Layer.provideMerge(
            verifier(resource, true),
            Layer.merge(
              SenderConstraint.layerMutualTls(),
              Layer.succeed(ClientCertificate, PeerCertificate.thumbprint)
            )
          ),
        secure
      )
      const response = yield* Effect.provide(call(resource, accessToken), http(own))
      assert.strictEqual(response.status, 200)
      assert.include(yield* response.text, '"bound":"MutualTls"')
      // Another client of the same authority, another authority, and nobody.
      const another = authority.issue("machine.example")
      const foreign = makeAuthority("Another authority").issue("machine.example")
      for (const layer of [http(another), http(foreign)]) {
        assert.strictEqual((yield* Effect.provide(call(resource, accessToken), layer)).status, 401)
      }
      // A header is nothing on a connection that is not a proxy's.
      const claimed = yield* Effect.provide(call(resource, accessToken, header(own)), http(another))
      assert.strictEqual(claimed.status, 401)
      assert.deepStrictEqual(answered, ["200", ...Array<string>(3).fill("401 invalid_token")])
    }).pipe(Effect.orDie)
  )

  it.scopedLive(
    "RFC 9440: are accepted from what a declared proxy tells, and from nobody else who tells it",
    () =>
      Effect.gen(function* () {
        const { accessToken, authority, own, verifier } = yield* setUp
        const behind = (proxies: ReadonlyArray<string>) =>
          N.serve("/notes", (resource) =>
            Layer.provideMerge(
              verifier(resource),
              Layer.merge(
                SenderConstraint.layerMutualTls(),
                CertificateHeader.layer({ proxy: PeerCertificate.isFrom(proxies) })
              )
            )
          )
        const { resource } = yield* behind(["127.0.0.0/8"])
        const status = (url: string, headers?: Record<string, string>) =>
          Effect.map(call(url, accessToken, headers), (response) => response.status).pipe(
            Effect.provide(NodeHttpClient.layerUndici)
          )
        assert.strictEqual(yield* status(resource, header(own)), 200)
        assert.strictEqual(yield* status(resource, header(authority.issue("machine.example"))), 401)
        assert.strictEqual(yield* status(resource), 401)
        const { resource: elsewhere } = yield* behind(["10.0.0.7"])
        assert.strictEqual(yield* status(elsewhere, header(own)), 401)
      }).pipe(Effect.orDie)
  )

  it.scopedLive("are refused by an API that does not look at certificates", () =>
    Effect.gen(function* () {
      const { accessToken, http, own, secure, verifier } = yield* setUp
      const { resource } = yield* N.serve("/notes", verifier, secure)
      assert.strictEqual((yield* Effect.provide(call(resource, accessToken), http(own))).status, 401)
    }).pipe(Effect.orDie)
  )
})
