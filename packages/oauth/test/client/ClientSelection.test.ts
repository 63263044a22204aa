import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as EndpointPolicy from "effect-oauth/EndpointPolicy"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Quirks from "effect-oauth/Quirks"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Elsewhere from "./support/elsewhere.js"
import * as R from "./support/registrar.js"
import * as H from "./support/setup.js"

const documentUrl = "https://app.test/client.json"

const everything: ClientSelection.ClientSelection.Policy = {
  issuer: H.issuer,
  redirectUri: H.redirectUri,
  preRegistered: [
    { issuer: "https://other.test", clientId: "theirs" },
    { issuer: `${H.issuer}/`, clientId: "not quite" },
    {
      issuer: H.issuer,
      clientId: "ours",
      authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
    }
  ],
  metadataDocument: { url: documentUrl },
  registration: { metadata: { client_name: "Tests" } }
}

const unknown = { ...everything, preRegistered: everything.preRegistered?.slice(0, 2) }
const onlyRegistration = { ...unknown, metadataDocument: undefined }

const select = (policy: ClientSelection.ClientSelection.Policy) =>
  Effect.flatMap(ClientSelection.ClientSelection, (selection) => selection.select(policy))

const requests = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requests)

describe("ClientSelection", () => {
  it.effect(
    "seeds D.4: a client registered by hand comes first, at its issuer alone, and nobody is asked",
    () =>
      Effect.gen(function* () {
        const { client, source } = yield* select(everything)
        assert.strictEqual(`${source} ${client.clientId}`, "pre-registered ours")
        assert.isDefined(client.authentication)
        assert.strictEqual(client.redirectUri, H.redirectUri)
        assert.deepStrictEqual(yield* requests, [])
      }).pipe(Effect.provide(R.layer({ client_id_metadata_document_supported: true })))
  )

  it.effect("then the metadata document, where the server takes such ids", () =>
    Effect.gen(function* () {
      const { client, source } = yield* select(unknown)
      assert.strictEqual(`${source} ${client.clientId}`, `metadata-document ${documentUrl}`)
      assert.deepStrictEqual(yield* Elsewhere.received, [])
    }).pipe(Effect.provide(R.layer({ client_id_metadata_document_supported: true })))
  )

  it.effect("then a registration, which is kept and used again", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered())
      const first = yield* select(unknown)
      assert.strictEqual(`${first.source} ${first.client.clientId}`, "registered generated-id")
      assert.deepStrictEqual(JSON.parse((yield* Elsewhere.lastReceived).body), {
        client_name: "Tests",
        redirect_uris: [H.redirectUri]
      })
      const second = yield* select(unknown)
      assert.strictEqual(second.source, "stored")
      assert.deepStrictEqual(second.registration, first.registration)
      assert.strictEqual((yield* Elsewhere.received).length, 1)

      const selection = yield* ClientSelection.ClientSelection
      yield* selection.forget(unknown)
      assert.strictEqual((yield* select(unknown)).source, "registered")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("metadata and quirks of the policy hold for the registration and for the client", () =>
    Effect.gen(function* () {
      const known = {
        issuer: H.issuer,
        token_endpoint: `${H.issuer}/other/token`,
        registration_endpoint: R.registrationEndpoint
      }
      const quirks = Quirks.make({ assumeSecretExpiresAt: 0 })
      yield* Elsewhere.answers(201, R.registered({ client_secret_expires_at: undefined }))
      const { client } = yield* select({ ...onlyRegistration, metadata: known, quirks })
      assert.deepStrictEqual([client.metadata, client.quirks], [known, quirks])
      assert.deepStrictEqual(
        (yield* requests).map(({ url }) => url.href),
        [R.registrationEndpoint]
      )
      const theirs = { ...known, issuer: `${H.issuer}/` }
      for (const policy of [everything, unknown, onlyRegistration])
        yield* H.fails(select({ ...policy, metadata: theirs }), "DiscoveryError", "issuer_mismatch")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7591 section 3.2.1: a registration whose secret has ended is made anew", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered({ client_secret_expires_at: 60 }), {}, { times: 1 })
      yield* select(onlyRegistration)
      yield* TestClock.adjust("61 seconds")
      yield* Elsewhere.answers(201, R.registered({ client_id: "second" }))
      const after = yield* select(onlyRegistration)
      assert.strictEqual(`${after.source} ${after.client.clientId}`, "registered second")
      assert.strictEqual((yield* select(onlyRegistration)).client.clientId, "second")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("other redirect URIs are another registration, or renew the one of a name", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered(), {}, { times: 1 })
      const named = { ...onlyRegistration, registration: { metadata: {}, name: "app" } }
      yield* select(named)
      assert.strictEqual((yield* select(named)).source, "stored")
      const more = { ...named, redirectUri: [H.redirectUri, "https://app.test/other"] }
      yield* Elsewhere.answers(201, R.registered({ client_id: "second", redirect_uris: more.redirectUri }))
      assert.strictEqual((yield* select(more)).client.clientId, "second")
      assert.strictEqual((yield* select(named)).client.clientId, "second", "which has that URI too")
      assert.strictEqual((yield* select({ ...more, registration: { metadata: {} } })).source, "registered")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("those who come together share one registration", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered())
      const all = yield* Effect.all(
        Array.from({ length: 20 }, () => select(onlyRegistration)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter(({ source }) => source === "registered").length, 1)
      assert.strictEqual((yield* Elsewhere.received).length, 1)
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("a registration that the server has made is kept, whoever stops waiting", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      yield* H.misbehave(
        "other",
        Misbehaviour.custom(() =>
          Deferred.succeed(asked, undefined).pipe(
            Effect.zipRight(Deferred.await(go)),
            Effect.zipRight(Effect.sync(() => Response.json(R.registered(), { status: 201 })))
          )
        )
      )
      const fiber = yield* Effect.fork(select(onlyRegistration))
      yield* Deferred.await(asked)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(interrupted)
      assert.strictEqual((yield* select(onlyRegistration)).source, "stored")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("else an error that says what to do, and nothing is sent", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(select(unknown), "DiscoveryError", "unsupported")
      for (const text of [
        H.issuer,
        "by hand",
        "registration_endpoint",
        "metadata documents",
        "this issuer"
      ]) {
        assert.include(error.message, text)
      }
      yield* H.fails(select({ issuer: H.issuer }), "DiscoveryError", "unsupported")
      assert.deepStrictEqual(yield* Elsewhere.received, [])
    }).pipe(Effect.provide(R.layer({ registration_endpoint: undefined })))
  )

  it.effect("RFC 7591 section 3.2.1: a server that registers fewer redirect URIs is not asked again", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered())
      const other = "http://127.0.0.1/callback"
      const registration = { metadata: {}, name: "app" }
      const two = { ...onlyRegistration, registration, redirectUri: [H.redirectUri, other] }
      const first = yield* select(two)
      assert.strictEqual(first.source, "registered")
      assert.deepStrictEqual(first.client.redirectUri, [H.redirectUri])
      const second = yield* select(two)
      assert.strictEqual(second.source, "stored")
      assert.deepStrictEqual(second.client.redirectUri, [H.redirectUri])
      assert.strictEqual((yield* Elsewhere.received).length, 1)
      // One that it was never asked for is another matter.
      const three = { ...two, redirectUri: [H.redirectUri, other, "https://app.test/third"] }
      assert.strictEqual((yield* select(three)).source, "registered")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("a registration without any of the redirect URIs is no use, and told", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered({ redirect_uris: ["https://app.test/else"] }))
      yield* H.fails(select(onlyRegistration), "ProtocolViolation", "mismatch")
      yield* Elsewhere.answers(201, R.registered())
      assert.strictEqual((yield* select(onlyRegistration)).source, "registered")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("seeds D.1: the endpoint policy is asked before anything is sent there", () =>
    Effect.gen(function* () {
      const strict = { ...unknown, discovery: { endpointPolicy: EndpointPolicy.sameOrigin } }
      yield* H.fails(select(strict), "DiscoveryError", "forbidden_url")
      yield* H.fails(select({ ...strict, metadataDocument: undefined }), "DiscoveryError", "forbidden_url")
      assert.deepStrictEqual(yield* Elsewhere.received, [])
    }).pipe(
      Effect.provide(
        R.layer({
          registration_endpoint: "https://evil.test/register",
          client_id_metadata_document_supported: true
        })
      )
    )
  )

  const mixedUp = Layer.succeed(RegistrationStore.RegistrationStore, {
    get: () =>
      Effect.succeedSome({
        issuer: "https://evil.test",
        clientId: "theirs",
        clientSecret: Option.some(Redacted.make("their secret")),
        issuedAt: Option.none(),
        secretExpiresAt: Option.none(),
        authenticationMethod: "client_secret_basic",
        redirectUris: [H.redirectUri],
        management: Option.none(),
        metadata: {},
        changes: []
      }),
    put: () => Effect.void,
    delete: () => Effect.void
  })

  it.effect("seeds D.4: a store that gives the client of another issuer is not believed", () =>
    H.fails(select(onlyRegistration), "ProtocolViolation", "mismatch").pipe(
      Effect.provide(R.layer({}, mixedUp))
    )
  )

  it.effect("layerClient: the OAuthClient that was chosen", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered())
      const credentials = yield* Effect.gen(function* () {
        const client = yield* OAuthClient.OAuthClient
        assert.strictEqual(client.clientId, "generated-id")
        assert.deepStrictEqual(client.redirectUris, [H.redirectUri])
        return yield* client.authenticate("test", `${H.issuer}/token`)
      }).pipe(Effect.provide(ClientSelection.layerClient(onlyRegistration)))
      assert.include(
        Redacted.value(Option.getOrThrow(Option.fromNullable(credentials.headers?.["authorization"]))),
        "Basic "
      )
    }).pipe(Effect.provide(R.layer()))
  )
})

describe("OAuthClient with an endpoint policy", () => {
  const metadata = (options: Partial<OAuthClient.OAuthClient.Options>) =>
    Effect.gen(function* () {
      const client = yield* OAuthClient.OAuthClient
      return yield* client.endpoint("test", "token_endpoint")
    }).pipe(Effect.provide(OAuthClient.layer({ issuer: H.issuer, clientId: "app", ...options })))

  it.effect("seeds D.1: no endpoint of a server is used that names one elsewhere", () =>
    Effect.gen(function* () {
      const discovery = { endpointPolicy: EndpointPolicy.sameOrigin }
      yield* H.fails(metadata({ discovery }), "DiscoveryError", "forbidden_url")
      yield* metadata({ discovery: { endpointPolicy: EndpointPolicy.origins(["https://keys.test"]) } })
      yield* metadata({})
    }).pipe(Effect.provide(R.layer({ jwks_uri: "https://keys.test/keys" })))
  )

  it.effect("seeds D.1: it holds for metadata that is given as for metadata that is read", () =>
    Effect.gen(function* () {
      const discovery = { endpointPolicy: EndpointPolicy.sameOrigin }
      const strangers = { issuer: H.issuer, token_endpoint: "https://attacker.test/token" }
      yield* H.fails(metadata({ discovery, metadata: strangers }), "DiscoveryError", "forbidden_url")
      const own = { issuer: H.issuer, token_endpoint: `${H.issuer}/token` }
      assert.strictEqual(yield* metadata({ discovery, metadata: own }), own.token_endpoint)

      const registering = { ...own, registration_endpoint: "https://attacker.test/register" }
      yield* H.fails(
        R.register({ discovery, server: registering, initialAccessToken: Redacted.make("iat") }),
        "DiscoveryError",
        "forbidden_url"
      )
      for (const policy of [everything, onlyRegistration]) {
        const selected = select({ ...policy, discovery, metadata: registering })
        yield* H.fails(selected, "DiscoveryError", "forbidden_url")
      }
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(R.layer()))
  )
})
