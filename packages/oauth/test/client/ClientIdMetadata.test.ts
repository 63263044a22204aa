import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import * as Elsewhere from "./support/elsewhere.js"
import * as R from "./support/registrar.js"
import * as H from "./support/setup.js"

const url = "https://client.example/app.json"
/** One that the server in memory answers for. */
const here = `${H.issuer}/clients/app.json`

const document = (members: Readonly<Record<string, unknown>> = {}) => ({
  client_id: url,
  client_name: "Tests",
  redirect_uris: ["http://127.0.0.1/callback", "https://client.example/callback"],
  ...members
})

const key = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
}

describe("ClientIdMetadata.urlProblem", () => {
  it.each([
    "https://client.example/app.json",
    "https://client.example:8443/a/b",
    "https://client.example/app.json?v=1",
    "https://client.example/a/"
  ])("seeds 4.8: %s may be a client id", (id) => {
    assert.isTrue(Option.isNone(ClientIdMetadata.urlProblem(id)))
  })

  it.each([
    ["http://client.example/app.json", "plain http"],
    ["http://127.0.0.1/app.json", "not an https URL"],
    ["https://client.example", "no path"],
    ["https://client.example/", "no path"],
    ["https://client.example?x=/y", "no path"],
    ["https://user@client.example/app.json", "user information"],
    ["https://client.example/app.json#fragment", "fragment"],
    ["https://client.example/a/../b", "segment"],
    ["https://client.example/./b", "segment"],
    ["https://client.example/a/%2E%2e/b", "segment"],
    ["https://client.example/a/.%2e", "segment"],
    ["https://client.example\\/a", "character"],
    ["https://2130706433/a", "not written plainly"],
    ["app", "not an absolute"],
    ["", "not an absolute"]
  ])("seeds 4.8, draft section 3: %j may not", (id, why) => {
    assert.include(Option.getOrThrow(ClientIdMetadata.urlProblem(id)), why)
  })

  it("a URL of this machine only where a test says so", () => {
    const options = { allowLoopback: true }
    assert.isTrue(Option.isNone(ClientIdMetadata.urlProblem("http://127.0.0.1:8080/app.json", options)))
    assert.isTrue(Option.isSome(ClientIdMetadata.urlProblem("http://client.example/app.json", options)))
  })
})

describe("ClientIdMetadata.decode and build", () => {
  const decode = (json: unknown) => ClientIdMetadata.decode("test", url, json)

  it.effect("draft section 4: a document about the client at its URL; what is unknown is kept", () =>
    Effect.gen(function* () {
      const read = yield* decode(document({ future: { a: 1 }, logo_uri: null }))
      assert.deepStrictEqual(read, document({ future: { a: 1 } }))
      yield* decode(document({ grant_types: ["client_credentials"], redirect_uris: undefined }))
      yield* decode(document({ token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [key] } }))
      yield* decode(
        document({ token_endpoint_auth_method: "private_key_jwt", jwks_uri: "https://client.example/k" })
      )
    })
  )

  it.effect.each([
    ["a list", [], "type", "(body)"],
    ["nothing", null, "type", "(body)"],
    ["without a client_id", document({ client_id: undefined }), "missing", "client_id"],
    ["about another", document({ client_id: `${url}/` }), "mismatch", "client_id"],
    ["about another host", document({ client_id: "https://evil.example/app.json" }), "mismatch", "client_id"],
    ["with a secret", document({ client_secret: "s" }), "value", "client_secret"],
    ["with the end of one", document({ client_secret_expires_at: 0 }), "value", "client_secret_expires_at"],
    [
      "with a method of secrets",
      document({ token_endpoint_auth_method: "client_secret_basic" }),
      "value",
      "token_endpoint_auth_method"
    ],
    [
      "with client_secret_jwt",
      document({ token_endpoint_auth_method: "client_secret_jwt" }),
      "value",
      "token_endpoint_auth_method"
    ],
    [
      "with private_key_jwt and no key",
      document({ token_endpoint_auth_method: "private_key_jwt" }),
      "missing",
      "jwks"
    ],
    ["with a private key", document({ jwks: { keys: [{ ...key, d: "x" }] } }), "value", "jwks"],
    ["with a shared key", document({ jwks: { keys: [{ kty: "oct", k: "x" }] } }), "value", "jwks"],
    ["with keys over http", document({ jwks_uri: "http://client.example/k" }), "value", "jwks_uri"],
    ["without redirect URIs", document({ redirect_uris: undefined }), "missing", "redirect_uris"],
    ["seeds 4.8: []", document({ redirect_uris: [] }), "missing", "redirect_uris"],
    [
      "seeds 4.8: remote http",
      document({ redirect_uris: ["http://remote.example/callback"] }),
      "value",
      "redirect_uris"
    ],
    ["seeds 4.8: relative", document({ redirect_uris: ["not-a-uri"] }), "value", "redirect_uris"],
    ["with script to go to", document({ redirect_uris: ["javascript:alert(1)"] }), "value", "redirect_uris"],
    ["with one twice", document({ redirect_uris: [url, url] }), "duplicate", "redirect_uris"],
    ["with a text for a list", document({ redirect_uris: url }), "type", "redirect_uris"],
    ["with a logo that is data", document({ logo_uri: "data:text/html,x" }), "value", "logo_uri"]
  ] as const)("draft section 4: a document %s is refused", ([, json, reason, member]) =>
    Effect.gen(function* () {
      const error = yield* H.fails(decode(json), "ProtocolViolation", reason)
      assert.strictEqual(error.member, member)
    })
  )

  it.effect("build: the document to publish, by the same rules", () =>
    Effect.gen(function* () {
      const metadata = { client_name: "Tests", redirect_uris: ["https://client.example/callback"] }
      const built = yield* ClientIdMetadata.build(url, metadata, {
        additional: { client_name: "Other", "client_name#ja": "テスト", client_id: "other" }
      })
      assert.deepStrictEqual(built, { "client_name#ja": "テスト", ...metadata, client_id: url })
      assert.deepStrictEqual(yield* decode(JSON.parse(JSON.stringify(built))), built)
      yield* H.fails(
        ClientIdMetadata.build(url, { ...metadata, token_endpoint_auth_method: "client_secret_post" }),
        "ProtocolViolation",
        "value"
      )
      yield* H.fails(
        ClientIdMetadata.build("https://client.example/", metadata),
        "DiscoveryError",
        "forbidden_url"
      )
    })
  )
})

describe("ClientIdMetadata.fetch", () => {
  const fetch: Effect.Effect<
    ClientIdMetadata.ClientIdMetadata,
    Effect.Effect.Error<ReturnType<typeof ClientIdMetadata.fetch>>,
    HttpClient.HttpClient
  > = ClientIdMetadata.fetch(here)

  it.effect("reads the document at the URL, once", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(200, document({ client_id: here }))
      assert.strictEqual((yield* fetch).client_id, here)
      const request = yield* Elsewhere.lastReceived
      assert.strictEqual(`${request.method} ${request.url.href}`, `GET ${here}`)
      assert.strictEqual(request.headers["accept"], "application/json")
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("draft: no redirect, only 200, only JSON, only this client", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(302, "", { location: `${H.issuer}/other.json` }, { times: 1 })
      yield* H.fails(fetch, "TransportError", "redirect")
      yield* Elsewhere.answers(201, document({ client_id: here }), {}, { times: 1 })
      yield* H.fails(fetch, "TransportError", "status")
      yield* Elsewhere.answers(404, document({ client_id: here }), {}, { times: 1 })
      yield* H.fails(fetch, "TransportError", "status")
      yield* Elsewhere.answers(200, "<html></html>", {}, { times: 1 })
      yield* H.fails(fetch, "TransportError", "content")
      yield* Elsewhere.answers(200, document(), {}, { times: 1 })
      yield* H.fails(fetch, "ProtocolViolation", "mismatch")
      assert.strictEqual((yield* Elsewhere.received).length, 5)
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("draft: a document of more than 5 KiB is cut off, unless a server reads more", () =>
    Effect.gen(function* () {
      yield* Elsewhere.answers(200, document({ client_id: here, padding: "x".repeat(5 * 1024) }))
      yield* H.fails(fetch, "TransportError", "too_large")
      yield* ClientIdMetadata.fetch(here, { maxBytes: 10_000 })
    }).pipe(Effect.provide(R.layer()))
  )

  it.effect("a URL that may not be a client id is not fetched", () =>
    Effect.gen(function* () {
      yield* H.fails(ClientIdMetadata.fetch(`${H.issuer}/a/../b`), "DiscoveryError", "forbidden_url")
      yield* H.fails(ClientIdMetadata.fetch("http://127.0.0.1/a"), "DiscoveryError", "forbidden_url")
      assert.deepStrictEqual(yield* Elsewhere.received, [])
    }).pipe(Effect.provide(R.layer()))
  )
})

describe("ClientIdMetadata.clientId", () => {
  it.effect("draft section 5: only for a server that says it takes such ids", () =>
    Effect.gen(function* () {
      const server = { issuer: H.issuer, client_id_metadata_document_supported: true }
      assert.strictEqual(yield* ClientIdMetadata.clientId(server, url), url)
      yield* H.fails(ClientIdMetadata.clientId({ issuer: H.issuer }, url), "DiscoveryError", "unsupported")
      yield* H.fails(
        ClientIdMetadata.clientId(server, "https://client.example/"),
        "DiscoveryError",
        "forbidden_url"
      )
    })
  )
})
