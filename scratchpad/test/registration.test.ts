import * as HttpClient from "@effect/platform/HttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import type { ClientMetadata } from "effect-oauth/ClientMetadata"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as RegisteredClient from "effect-oauth/RegisteredClient"
import * as Registration from "effect-oauth/Registration"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { logIn } from "../support/logIn.js"
import { startRegistrar } from "../support/registrar.js"

const redirectUri = "http://127.0.0.1/callback"

const job: ClientMetadata = {
  client_name: "A job",
  grant_types: ["client_credentials"],
  response_types: [],
  redirect_uris: []
}

const app: ClientMetadata = {
  client_name: "An app",
  application_type: "native",
  token_endpoint_auth_method: "none",
  redirect_uris: [redirectUri],
  grant_types: ["authorization_code"],
  response_types: ["code"]
}

/** A token for a registered client, by what the server registered for it. */
const token = <R = never>(
  client: RegisteredClient.RegisteredClient,
  other?: ClientAuthentication.ClientAuthentication<R>
) =>
  Effect.flatMap(RegisteredClient.authentication(client, other), (authentication) =>
    Effect.flatMap(ClientCredentials.ClientCredentials, (flow) =>
      flow.request({ scope: ["notes:read"] })
    ).pipe(
      Effect.provide(
        OAuth.layerKeyless.pipe(
          Layer.provide(
            OAuthClient.layer<R>({ issuer: client.issuer, clientId: client.clientId, authentication })
          )
        )
      )
    )
  )

const registering = Registration.layer.pipe(Layer.provideMerge(NodeHttpClient.layerUndici))

describe("registration with oidc-provider", () => {
  it.scopedLive("RFC 7591: what was registered can be used, by each method that takes a secret", () =>
    Effect.gen(function* () {
      const { issuer } = yield* startRegistrar()
      const { register } = yield* Registration.Registration
      for (const method of ["client_secret_basic", "client_secret_post", "client_secret_jwt"]) {
        const client = yield* register({
          issuer,
          metadata: { ...job, token_endpoint_auth_method: method }
        })
        assert.strictEqual(client.authenticationMethod, method)
        assert.deepStrictEqual(client.changes, [])
        yield* token(client)
      }
    }).pipe(Effect.provide(registering))
  )

  it.scopedLive("RFC 7591: a client that signs registers the public half of its key", () =>
    Effect.gen(function* () {
      const { issuer } = yield* startRegistrar()
      const { register } = yield* Registration.Registration
      const keyring = yield* Keyring.KeyringService
      const client = yield* register({
        issuer,
        metadata: {
          ...job,
          token_endpoint_auth_method: "private_key_jwt",
          token_endpoint_auth_signing_alg: "ES256",
          jwks: yield* keyring.jwks
        }
      })
      assert.isTrue(Option.isNone(client.clientSecret))
      yield* token(client, ClientAuthentication.privateKeyJwt())
    }).pipe(Effect.provide(registering), Effect.provide(Keyring.layerGenerate({ alg: "ES256" })))
  )

  it.scopedLive("RFC 7591 section 3: an initial access token, right, wrong and missing", () =>
    Effect.gen(function* () {
      const { issuer } = yield* startRegistrar({ initialAccessToken: "the-right-one" })
      const { register } = yield* Registration.Registration
      yield* register({ issuer, metadata: job, initialAccessToken: Redacted.make("the-right-one") })
      const wrong = yield* Effect.flip(
        register({ issuer, metadata: job, initialAccessToken: Redacted.make("the-wrong-one") })
      )
      assert.strictEqual(`${wrong._tag} ${wrong.reason}`, "OAuthResponseError invalid_token")
      const missing = yield* Effect.flip(register({ issuer, metadata: job }))
      assert.strictEqual(missing._tag, "OAuthResponseError")
    }).pipe(Effect.provide(registering))
  )

  it.scopedLive("RFC 7591 section 3.2.2: what the server refuses comes out by its name", () =>
    Effect.gen(function* () {
      const { issuer } = yield* startRegistrar()
      const { register } = yield* Registration.Registration
      const method = yield* Effect.flip(
        register({ issuer, metadata: { ...job, token_endpoint_auth_method: "made_up" } })
      )
      assert.strictEqual(`${method._tag} ${method.reason}`, "OAuthResponseError invalid_client_metadata")
      const uri = yield* Effect.flip(
        register({
          issuer,
          metadata: { ...app, application_type: "native", redirect_uris: ["https://127.0.0.1/callback"] }
        })
      )
      assert.strictEqual(`${uri._tag} ${uri.reason}`, "OAuthResponseError invalid_redirect_uri")
    }).pipe(Effect.provide(registering))
  )

  it.scopedLive("RFC 7592: read, update with a new token each time, delete", () =>
    Effect.gen(function* () {
      const { issuer } = yield* startRegistrar()
      const registration = yield* Registration.Registration
      const tokenOf = (client: RegisteredClient.RegisteredClient) =>
        Redacted.value(Option.getOrThrow(client.management).accessToken)

      const first = yield* registration.register({ issuer, metadata: job })
      const read = yield* registration.read(first)
      assert.strictEqual(read.metadata["client_name"], "A job")
      const second = yield* registration.update(read, { metadata: { ...job, client_name: "Renamed" } })
      assert.notStrictEqual(tokenOf(second), tokenOf(first))
      const stale = yield* Effect.flip(registration.read(first))
      assert.strictEqual(`${stale._tag} ${stale.reason}`, "OAuthResponseError invalid_token")
      const third = yield* registration.read(second)
      assert.strictEqual(third.metadata["client_name"], "Renamed")
      yield* token(third)
      yield* registration.delete(third)
      const gone = yield* Effect.flip(token(third))
      assert.strictEqual(`${gone._tag} ${gone.reason}`, "OAuthResponseError invalid_client")
    }).pipe(Effect.provide(registering))
  )

  const selecting = ClientSelection.layerDefault.pipe(
    Layer.provide(RegistrationStore.layerKeyValueStore),
    Layer.provide(KeyValueStore.layerMemory),
    Layer.provideMerge(NodeHttpClient.layerUndici)
  )

  it.scopedLive("ClientSelection: a login with a registration that was kept", () =>
    Effect.gen(function* () {
      const { issuer } = yield* startRegistrar()
      const { select } = yield* ClientSelection.ClientSelection
      const policy = { issuer, redirectUri, registration: { metadata: app } }
      const made = yield* select(policy)
      assert.strictEqual(made.source, "registered")
      const { client, source } = yield* select(policy)
      assert.strictEqual(`${source} ${client.clientId}`, `stored ${made.client.clientId}`)
      const { tokens } = yield* logIn({ scope: ["openid"] }).pipe(
        Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer(client))))
      )
      assert.strictEqual(tokens.issuer, issuer)
    }).pipe(Effect.provide(selecting))
  )

  it.scopedLive(
    "client ID metadata documents: a login with a URL as client id, and a document that lies",
    () =>
      Effect.gen(function* () {
        const url = "https://client.example/oauth/client.json"
        const { issuer, publish } = yield* startRegistrar()
        const { select } = yield* ClientSelection.ClientSelection
        yield* publish(url, yield* ClientIdMetadata.build(url, { ...app, client_name: "An app" }))
        const policy = { issuer, redirectUri, metadataDocument: { url }, registration: { metadata: app } }
        const { client, source } = yield* select(policy)
        assert.strictEqual(`${source} ${client.clientId}`, `metadata-document ${url}`)
        const { tokens } = yield* logIn({ scope: ["openid"] }).pipe(
          Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer(client))))
        )
        assert.strictEqual(tokens.issuer, issuer)
      }).pipe(Effect.provide(selecting))
  )

  it.scopedLive("client ID metadata documents: we and oidc-provider refuse the same documents", () =>
    Effect.gen(function* () {
      const { issuer, publish } = yield* startRegistrar()
      const http = yield* HttpClient.HttpClient
      const documents = [
        { client_id: "https://evil.example/x.json" },
        { token_endpoint_auth_method: "client_secret_basic" },
        { client_secret: "s" },
        { redirect_uris: [] },
        { redirect_uris: ["not-a-uri"] },
        { token_endpoint_auth_method: "private_key_jwt" },
        { logo_uri: "javascript:alert(1)" }
      ]
      for (const [index, members] of documents.entries()) {
        const url = `https://client.example/${index}.json`
        const document = { client_id: url, ...app, ...members }
        yield* publish(url, document)
        yield* Effect.flip(ClientIdMetadata.decode("test", url, document))
        const response = yield* http.get(`${issuer}/auth`, {
          urlParams: {
            client_id: url,
            response_type: "code",
            redirect_uri: redirectUri,
            scope: "openid",
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            code_challenge_method: "S256"
          }
        })
        assert.strictEqual(response.status, 400, JSON.stringify(members))
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})
