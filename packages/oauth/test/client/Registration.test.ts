import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as EndpointPolicy from "effect-oauth/EndpointPolicy"
import * as RegisteredClient from "effect-oauth/RegisteredClient"
import * as Quirks from "effect-oauth/Quirks"
import * as Registration from "effect-oauth/Registration"
import * as Wire from "effect-oauth/Wire"
import { inspect } from "node:util"
import * as Elsewhere from "./support/elsewhere.js"
import * as R from "./support/registrar.js"
import * as H from "./support/setup.js"

const method = <K extends keyof Registration.Registration.Service>(name: K) =>
  Effect.map(Registration.Registration, (registration) => registration[name])

const publicKey = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}

describe("Registration.register", () => {
  it.effect("RFC 7591 section 3.1: posts the metadata as JSON, once, without credentials", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered())
      const client = yield* R.register({
        metadata: { redirect_uris: [H.redirectUri], client_name: "Tests", scope: "a b", logo_uri: undefined }
      })
      assert.strictEqual((yield* Elsewhere.received).length, 1)
      const request = yield* Elsewhere.lastReceived
      assert.strictEqual(`${request.method} ${request.url.href}`, `POST ${R.registrationEndpoint}`)
      assert.strictEqual(request.headers["content-type"], "application/json")
      assert.strictEqual(request.headers["accept"], "application/json")
      assert.isUndefined(request.headers["authorization"])
      assert.deepStrictEqual(JSON.parse(request.body), {
        redirect_uris: [H.redirectUri],
        client_name: "Tests",
        scope: "a b"
      })
      assert.strictEqual(client.issuer, H.issuer)
      assert.strictEqual(client.clientId, "generated-id")
      assert.strictEqual(Redacted.value(Option.getOrThrow(client.clientSecret)), "generated-secret")
      assert.strictEqual(Option.getOrThrow(client.issuedAt), 1_700_000_000_000)
      assert.isTrue(Option.isNone(client.secretExpiresAt))
      assert.deepStrictEqual(client.redirectUris, [H.redirectUri])
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect(
    "seeds 2.0: extra members are merged, and the named ones win; initial token; software statement",
    () =>
      Effect.gen(function* () {
        yield* Elsewhere.answers(200, R.registered())
        yield* R.register({
          additional: { redirect_uris: ["https://other.test/"], "client_name#ja": "テスト", nothing: null },
          softwareStatement: "header.claims.signature",
          initialAccessToken: Redacted.make("iat-123")
        })
        const request = yield* Elsewhere.lastReceived
        assert.strictEqual(request.headers["authorization"], "Bearer iat-123")
        assert.deepStrictEqual(JSON.parse(request.body), {
          redirect_uris: [H.redirectUri],
          "client_name#ja": "テスト",
          software_statement: "header.claims.signature"
        })
      }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7591 section 3.2.1: what the server registered otherwise is told, an order is not", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(
        201,
        R.registered({
          grant_types: "refresh_token authorization_code",
          scope: "b a",
          client_name: "Renamed",
          contacts: [],
          response_types: "code"
        })
      )
      const { changes, metadata } = yield* R.register({
        metadata: {
          redirect_uris: [H.redirectUri],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          scope: "a b",
          client_name: "Tests",
          contacts: ["a@example.com"],
          tos_uri: "https://app.test/tos"
        }
      })
      assert.deepStrictEqual(changes, [
        { member: "client_name", requested: "Tests", registered: Option.some("Renamed") },
        { member: "contacts", requested: ["a@example.com"], registered: Option.some([]) },
        { member: "tos_uri", requested: "https://app.test/tos", registered: Option.none() }
      ])
      assert.deepStrictEqual(metadata["grant_types"], ["refresh_token", "authorization_code"])
      assert.notProperty(metadata, "client_secret")
      assert.notProperty(metadata, "registration_access_token")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7591 section 3.2.1: the end of the secret is an instant, and honoured", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered({ client_secret_expires_at: 3600 }))
      const client = yield* R.register()
      assert.deepStrictEqual(client.secretExpiresAt, Option.some(3_600_000))
      assert.isFalse(yield* RegisteredClient.isExpired(client))
      yield* TestClock.adjust("59 minutes")
      assert.isFalse(yield* RegisteredClient.isExpired(client))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(yield* RegisteredClient.isExpired(client))
    }).pipe(Effect.provide(R.layer()))
  )

  for (const method of ["client_secret_basic", "client_secret_post", "client_secret_jwt"]) {
    it.effect(`RFC 7591 section 3.2.1: a secret that has ended is not sent any more (${method})`, () =>
      Effect.gen(function* () {
        const client_secret = "a canary of thirty-two bytes or more: 0123456789"
        yield* Elsewhere.answers(
          201,
          R.registered({ client_secret, client_secret_expires_at: 60, token_endpoint_auth_method: method })
        )
        const { authenticate } = yield* RegisteredClient.authentication(yield* R.register())
        const wire = yield* Wire.make
        const metadata = { issuer: H.issuer }
        const endpoint = `${H.issuer}/token`
        const credentials = authenticate({
          operation: "Test.request",
          clientId: "generated-id",
          metadata,
          endpoint,
          wire
        })
        yield* credentials
        yield* TestClock.adjust("60 seconds")
        const error = yield* H.fails(credentials, "KeyringError", "forbidden")
        assert.notInclude(error.message, "canary")
      }).pipe(Effect.provide(R.layer()))
    )
  }

  it.effect("RFC 7591 section 3.2.2: the errors of the server come out typed, without what was sent", () =>
    Effect.gen(function* () {
      const initialAccessToken = Redacted.make("the-initial-token")
      for (const error of [
        "invalid_redirect_uri",
        "invalid_client_metadata",
        "invalid_software_statement",
        "unapproved_software_statement"
      ]) {
        yield* Elsewhere.answers(
          400,
          { error, error_description: "bad redirect_uri the-initial-token" },
          {},
          { times: 1 }
        )
        const failure = yield* H.fails(R.register({ initialAccessToken }), "OAuthResponseError", error)
        assert.strictEqual(failure.status, 400)
        for (const text of [inspect(failure), JSON.stringify(failure)])
          assert.notInclude(text, "the-initial-token")
      }
      yield* Elsewhere.answers(401, { error: "invalid_token" }, {}, { times: 1 })
      yield* H.fails(R.register(), "OAuthResponseError", "invalid_token")
      yield* Elsewhere.answers(403, "<html></html>", {}, { times: 1 })
      yield* H.fails(R.register(), "TransportError", "status")
      yield* Elsewhere.answers(307, "", { location: "https://evil.test/" }, { times: 1 })
      yield* H.fails(R.register({ initialAccessToken }), "TransportError", "redirect")
      assert.strictEqual((yield* Elsewhere.received).length, 7, "nothing is sent twice")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect.each([
    ["no client_id", { client_id: undefined }, "missing", "client_id"],
    ["an empty client_id", { client_id: "" }, "missing", "client_id"],
    ["a client_id that is a number", { client_id: 5 }, "type", "client_id"],
    [
      "a secret without its end",
      { client_secret_expires_at: undefined },
      "missing",
      "client_secret_expires_at"
    ],
    ["an end that is text", { client_secret_expires_at: "0" }, "type", "client_secret_expires_at"],
    ["an end before the epoch", { client_secret_expires_at: -1 }, "type", "client_secret_expires_at"],
    ["an end that no date holds", { client_secret_expires_at: 1e300 }, "type", "client_secret_expires_at"],
    ["a secret that is no text", { client_secret: ["x"] }, "type", "client_secret"],
    ["redirect URIs that are none", { redirect_uris: [1] }, "type", "redirect_uris"]
  ] as const)("RFC 7591 section 3.2.1: an answer with %s is refused", ([, members, reason, member]) =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered(members))
      const error = yield* H.fails(R.register(), "ProtocolViolation", reason)
      assert.strictEqual(error.member, member)
      assert.notInclude(inspect(error), "generated-secret")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("assumeSecretExpiresAt: a secret without its end is taken to end when the switch says", () =>
    Effect.gen(function* () {
      const ends = (assumeSecretExpiresAt: number, members: Readonly<Record<string, unknown>>) =>
        Effect.gen(function* () {
          yield* Elsewhere.answers(201, R.registered(members), {}, { times: 1 })
          const quirks = Quirks.make({ assumeSecretExpiresAt })
          return Option.getOrUndefined((yield* R.register({ quirks })).secretExpiresAt)
        })
      assert.isUndefined(yield* ends(0, { client_secret_expires_at: undefined }))
      assert.strictEqual(yield* ends(60, { client_secret_expires_at: undefined }), 60_000)
      assert.strictEqual(yield* ends(60, { client_secret_expires_at: 90 }), 90_000, "what it says counts")
      assert.isUndefined(yield* ends(60, { client_secret: undefined, client_secret_expires_at: undefined }))
      yield* Elsewhere.answers(201, R.registered({ client_secret_expires_at: "0" }))
      const quirks = Quirks.make({ assumeSecretExpiresAt: 0 })
      yield* H.fails(R.register({ quirks }), "ProtocolViolation", "type")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect(
    "peers 4c 68: of a page with 201 it is told that it is no JSON, and of a list that it is no object",
    () =>
      Effect.gen(function* () {
        for (const status of [200, 201]) {
          yield* Elsewhere.answers(status, "<html></html>", {}, { times: 1 })
          yield* H.fails(R.register(), "TransportError", "content")
          yield* Elsewhere.answers(status, "[]", {}, { times: 1 })
          yield* H.fails(R.register(), "ProtocolViolation", "type")
        }
      }).pipe(Effect.provide(R.layer()))
  )

  it.effect("only 200 and 201 are a registration", () =>
    Effect.gen(function* () {
      for (const status of [202, 203, 400, 500]) {
        yield* Elsewhere.answers(status, R.registered(), {}, { times: 1 })
        yield* H.fails(R.register(), "TransportError", "status")
      }
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect.each([
    ["no redirect URI", {}, "redirect_uris"],
    ["an empty list of them", { redirect_uris: [] }, "redirect_uris"],
    ["plain http elsewhere", { redirect_uris: ["http://remote.example/callback"] }, "redirect_uris"],
    ["no URI", { redirect_uris: ["not-a-uri"] }, "redirect_uris"],
    ["a fragment", { redirect_uris: ["https://app.test/#a"] }, "redirect_uris"],
    ["the same twice", { redirect_uris: [H.redirectUri, H.redirectUri] }, "redirect_uris"],
    [
      "jwks and jwks_uri",
      { redirect_uris: [H.redirectUri], jwks: { keys: [] }, jwks_uri: "https://app.test/k" },
      "jwks"
    ],
    ["a private key", { redirect_uris: [H.redirectUri], jwks: { keys: [{ ...publicKey, d: "x" }] } }, "jwks"],
    ["keys over http", { redirect_uris: [H.redirectUri], jwks_uri: "http://app.test/k" }, "jwks_uri"],
    ["a page that is script", { redirect_uris: [H.redirectUri], logo_uri: "javascript:alert(1)" }, "logo_uri"]
  ] as const)("what no server should take is not sent: %s", ([, metadata, member]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(R.register({ metadata }))
      assert.strictEqual(error._tag, "ProtocolViolation")
      assert.strictEqual(error._tag === "ProtocolViolation" ? error.member : "", member)
      assert.deepStrictEqual(yield* Elsewhere.received, [])
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("a client without redirection needs no redirect URI", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered({ redirect_uris: undefined }))
      const client = yield* R.register({ metadata: { grant_types: ["client_credentials"] } })
      assert.deepStrictEqual(client.redirectUris, [])
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("DESIGN rule 4: a server without a registration endpoint is told, none is guessed", () =>
    Effect.gen(function* () {
      yield* H.fails(R.register(), "DiscoveryError", "missing_endpoint")
      assert.deepStrictEqual(yield* Elsewhere.received, [])
    }).pipe(Effect.provide(R.layer({ registration_endpoint: undefined })))
  )

  it.effect("peers 4c 79: a registration endpoint on this machine, of a server that is not, is refused", () =>
    Effect.gen(function* () {
      yield* H.fails(R.register(), "DiscoveryError", "forbidden_url")
    }).pipe(Effect.provide(R.layer({ registration_endpoint: "http://127.0.0.1:8080/register" })))
  )
})

describe("Registration, managed", () => {
  const elsewhere = { registration_client_uri: "https://elsewhere.test/manage" }
  const sameOrigin = { endpointPolicy: EndpointPolicy.sameOrigin }

  it.effect("seeds D.1: the token goes to no place that the endpoint policy forbids", () =>
    Effect.gen(function* () {
      const server = { issuer: H.issuer, registration_endpoint: R.registrationEndpoint }
      yield* Elsewhere.answers(201, R.registered(elsewhere))
      for (const request of [{ discovery: sameOrigin }, { discovery: sameOrigin, server }]) {
        const client = yield* R.register(request)
        assert.strictEqual(client.clientId, "generated-id")
        assert.deepStrictEqual(client.management, Option.none())
        const error = yield* H.fails((yield* method("read"))(client), "DiscoveryError", "missing_endpoint")
        assert.include(error.message, "endpoint policy")
      }
      assert.strictEqual(
        Option.getOrThrow((yield* R.register()).management).uri,
        elsewhere.registration_client_uri
      )
      yield* Elsewhere.answers(201, R.registered())
      const client = yield* R.register({ discovery: sameOrigin })
      assert.strictEqual(Option.getOrThrow(client.management).uri, R.managementUri)
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7592 section 3: who answers there can move the registration on its origin only", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered(), {}, { times: 1 })
      const client = yield* R.register()
      const read = yield* method("read")
      for (const [named, kept] of [
        ["https://elsewhere.test/manage", R.managementUri],
        ["http://127.0.0.1:8080/x", R.managementUri],
        ["/register/other", R.managementUri],
        [`${H.issuer}/register/other`, `${H.issuer}/register/other`]
      ] as const) {
        const moved = R.registered({ registration_client_uri: named, registration_access_token: "rat-2" })
        yield* Elsewhere.answers(200, moved)
        const { accessToken, uri } = Option.getOrThrow((yield* read(client)).management)
        assert.deepStrictEqual([uri, Redacted.value(accessToken)], [kept, "rat-2"], named)
      }
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("peers 4c 79: a server elsewhere does not have this machine asked with the token", () =>
    Effect.gen(function* () {
      for (const uri of ["http://127.0.0.1:8080/x", "https://[::ffff:7f00:1]/x", "http://elsewhere.test/x"]) {
        yield* Elsewhere.answers(201, R.registered({ registration_client_uri: uri }))
        const client = yield* R.register()
        const error = yield* H.fails((yield* method("read"))(client), "DiscoveryError", "forbidden_url")
        assert.include(error.message, "registration_client_uri")
      }
      assert.isTrue((yield* Elsewhere.received).every(({ url }) => url.href === R.registrationEndpoint))
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7592 section 2.1: read, with the token of the registration; a new token is kept", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered(), {}, { times: 1 })
      const client = yield* R.register()
      yield* Elsewhere.answers(
        200,
        R.registered({
          registration_access_token: "rat-2",
          client_secret: "secret-2",
          client_secret_expires_at: 60
        })
      )
      const read = yield* method("read")
      const after = yield* read(client)
      const request = yield* Elsewhere.lastReceived
      assert.strictEqual(`${request.method} ${request.url.href}`, `GET ${R.managementUri}`)
      assert.strictEqual(request.headers["authorization"], "Bearer rat-1")
      assert.strictEqual(Redacted.value(Option.getOrThrow(after.management).accessToken), "rat-2")
      assert.strictEqual(Redacted.value(Option.getOrThrow(after.clientSecret)), "secret-2")
      assert.deepStrictEqual(after.secretExpiresAt, Option.some(60_000))

      yield* read(after)
      assert.strictEqual((yield* Elsewhere.lastReceived).headers["authorization"], "Bearer rat-2")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7592 section 2.2: update sends the id and nothing that is the server's; secrets stay", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered({ client_secret_expires_at: 100 }), {}, { times: 1 })
      const client = yield* R.register()
      yield* Elsewhere.answers(200, {
        client_id: "generated-id",
        redirect_uris: [H.redirectUri],
        client_name: "New",
        token_endpoint_auth_method: "client_secret_basic"
      })
      const update = yield* method("update")
      const after = yield* update(client, {
        metadata: { redirect_uris: [H.redirectUri], client_name: "New" },
        additional: { client_id: "other", client_secret_expires_at: 9e9, registration_access_token: "x" }
      })
      const request = yield* Elsewhere.lastReceived
      assert.strictEqual(request.method, "PUT")
      assert.deepStrictEqual(JSON.parse(request.body), {
        client_id: "generated-id",
        redirect_uris: [H.redirectUri],
        client_name: "New"
      })
      assert.strictEqual(Redacted.value(Option.getOrThrow(after.clientSecret)), "generated-secret")
      assert.deepStrictEqual(after.secretExpiresAt, Option.some(100_000))
      assert.deepStrictEqual(after.management, client.management)
      assert.deepStrictEqual(after.changes, [])

      yield* Elsewhere.answers(200, R.registered({ client_id: "somebody-else" }))
      const error = yield* H.fails(
        update(client, { metadata: { redirect_uris: [H.redirectUri] } }),
        "ProtocolViolation",
        "mismatch"
      )
      assert.strictEqual(error.member, "client_id")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("RFC 7592 section 2.3: delete; what the server refuses comes out, without the token", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered(), {}, { times: 1 })
      const client = yield* R.register()
      const remove = yield* method("delete")
      yield* Elsewhere.answers(
        401,
        { error: "invalid_token", error_description: "not rat-1" },
        {},
        { times: 1 }
      )
      const error = yield* H.fails(remove(client), "OAuthResponseError", "invalid_token")
      assert.notInclude(inspect(error), "rat-1")
      yield* Elsewhere.answers(405, "", {}, { times: 1 })
      yield* H.fails(remove(client), "TransportError", "status")
      yield* Elsewhere.answers(200, "")
      yield* remove(client)
      assert.strictEqual((yield* Elsewhere.lastReceived).method, "DELETE")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("a registration that cannot be managed, or is managed on this machine, is told", () =>
    Effect.gen(function* () {
      const read = yield* method("read")
      yield* Elsewhere.answers(201, R.registered({ registration_access_token: undefined }), {}, { times: 1 })
      yield* H.fails(read(yield* R.register()), "DiscoveryError", "missing_endpoint")
      for (const uri of [
        "http://localhost/x",
        "http://issuer.test/x",
        "https://u@issuer.test/",
        "file:///etc/passwd"
      ]) {
        yield* Elsewhere.answers(201, R.registered({ registration_client_uri: uri }), {}, { times: 1 })
        yield* H.fails(read(yield* R.register()), "DiscoveryError", "forbidden_url")
      }
    }).pipe(Effect.provide(R.layer()))
  )
})

describe("RegisteredClient.authentication", () => {
  const headerOf = (
    members: Readonly<Record<string, unknown>>,
    other?: ClientAuthentication.ClientAuthentication
  ) =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(201, R.registered(members), {}, { times: 1 })
      const client = yield* R.register()
      const authentication = yield* RegisteredClient.authentication(client, other)
      return yield* authentication.authenticate({
        operation: "test",
        clientId: client.clientId,
        metadata: { issuer: H.issuer },
        endpoint: `${H.issuer}/token`,
        wire: yield* Wire.make
      })
    })

  it.effect("is what the server registered, whatever was asked", () =>
    Effect.gen(function* () {
      const basic = yield* headerOf({})
      assert.strictEqual(
        Redacted.value(Option.getOrThrow(Option.fromNullable(basic.headers?.["authorization"]))),
        "Basic Z2VuZXJhdGVkLWlkOmdlbmVyYXRlZC1zZWNyZXQ="
      )
      const silent = yield* headerOf({ token_endpoint_auth_method: undefined })
      assert.isDefined(
        silent.headers?.["authorization"],
        "RFC 7591 section 2: the default is client_secret_basic"
      )
      const post = yield* headerOf({ token_endpoint_auth_method: "client_secret_post" })
      assert.deepStrictEqual(
        post.parameters.map(([name]) => name),
        ["client_id", "client_secret"]
      )
      const none = yield* headerOf({ token_endpoint_auth_method: "none" })
      assert.deepStrictEqual(none.parameters, [["client_id", "generated-id"]])
      const own: ClientAuthentication.ClientAuthentication = {
        authenticate: () => Effect.succeed({ parameters: [["own", "1"]] })
      }
      const other = yield* headerOf(
        { token_endpoint_auth_method: "private_key_jwt", client_secret: undefined },
        own
      )
      assert.deepStrictEqual(other.parameters, [["own", "1"]])
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("a method that nobody has credentials for is told", () =>
    Effect.gen(function* () {
      const lost = headerOf({ client_secret: undefined }, ClientAuthentication.none)
      yield* H.fails(lost, "DiscoveryError", "unsupported")
      yield* H.fails(
        headerOf({ token_endpoint_auth_method: "private_key_jwt" }),
        "DiscoveryError",
        "unsupported"
      )
    }).pipe(Effect.provide(R.layer()))
  )
})
