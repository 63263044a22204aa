import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const api = "https://api.test/notes"
const root = "https://api.test/.well-known/oauth-protected-resource"
const path = `${root}/notes`

const layer = (options: TestIssuer.TestIssuer.Options = {}) =>
  Discovery.layer.pipe(
    Layer.provideMerge(TestIssuer.layer({ resources: [api], resourceScopes: ["notes:read"], ...options })),
    Layer.provide(HttpLimits.layer({ retries: 0 }))
  )

const resource = (url: string, challenge?: string) =>
  Effect.flatMap(Discovery.Discovery, (discovery) => discovery.resource(url, { challenge }))

const fromResource = (url: string) =>
  Effect.flatMap(Discovery.Discovery, (discovery) => discovery.fromResource(url))

const asked = Effect.flatMap(TestIssuer.TestIssuer, (issuer) =>
  Effect.map(issuer.requests, (all) => all.map(({ url }) => url.href))
)

describe("Discovery.resource", () => {
  it.effect(
    "RFC 9728 section 5.1: a challenge of scheme DPoP counts where there is none of scheme Bearer",
    () =>
      Effect.gen(function* () {
        const { challengedScope } = yield* resource(api, 'DPoP algs="ES256", scope="bound"')
        assert.deepStrictEqual(challengedScope, ["bound"])
        const both = yield* resource(api, 'DPoP scope="bound", Bearer scope="plain"')
        assert.deepStrictEqual(both.challengedScope, ["plain"])
      }).pipe(Effect.provide(layer()))
  )
})

describe("Discovery.fromResource", () => {
  it.effect("RFC 9728 section 5.1: goes by the challenge of a 401", () =>
    Effect.gen(function* () {
      const found = yield* fromResource(api)
      assert.strictEqual(found.resource, api)
      assert.deepStrictEqual(found.authorizationServers, [H.issuer])
      assert.deepStrictEqual(found.challengedScope, ["notes:read"])
      assert.deepStrictEqual(yield* asked, [api, path])
      const [request] = yield* Effect.flatMap(TestIssuer.TestIssuer, (issuer) => issuer.requests)
      assert.isUndefined(request?.headers["authorization"])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9728 section 3.1: below a resource, its challenge tells which resource that is", () =>
    Effect.gen(function* () {
      const found = yield* fromResource(`${api}/7?draft=1`)
      assert.strictEqual(found.resource, api)
    }).pipe(Effect.provide(layer()))
  )

  const challenges: ReadonlyArray<readonly [what: string, challenge: string | undefined]> = [
    ["no challenge", undefined],
    ["a bare Bearer", "Bearer"],
    ["another scheme", 'Basic realm="x"'],
    ["seeds 4.4: an error without resource_metadata", 'Bearer error="invalid_token"'],
    ["peers 4c 74: unbalanced quotes", 'Bearer resource_metadata="https://api.test/x'],
    ["peers 4c 74: a hundred kilobytes", `Bearer realm="${"x".repeat(100_000)}"`],
    ["peers 4c 74: thousands of commas", `Bearer ${",".repeat(5000)}`],
    ["a document on another scheme", 'Bearer resource_metadata="http://api.test/x"'],
    ["a file", 'Bearer resource_metadata="file:///etc/passwd"'],
    ["peers 4c 79: a document on this machine", 'Bearer resource_metadata="http://127.0.0.1:8080/x"']
  ]
  for (const [what, challenge] of challenges) {
    it.effect(`RFC 9728 section 3.1: with ${what}, the well-known place is read`, () =>
      Effect.gen(function* () {
        yield* H.misbehave("resource", Misbehaviour.header("www-authenticate", challenge))
        assert.strictEqual((yield* fromResource(api)).resource, api)
        assert.deepStrictEqual(yield* asked, [api, path])
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("a Bearer challenge among others is found, in any case", () =>
    Effect.gen(function* () {
      const other = `${root}/other`
      yield* H.misbehave(
        "resource",
        Misbehaviour.header(
          "www-authenticate",
          `Negotiate, Digest realm="a, Bearer resource_metadata=x", bearer Scope="b a", RESOURCE_METADATA="${other}"`
        )
      )
      const found = yield* fromResource("https://api.test/other/7")
      assert.deepStrictEqual(found.challengedScope, ["a", "b"])
      assert.deepStrictEqual(yield* asked, ["https://api.test/other/7", other])
    }).pipe(Effect.provide(layer({ resources: ["https://api.test/other"] })))
  )

  it.effect("an outage of the resource is told as one", () =>
    Effect.gen(function* () {
      yield* H.misbehave("resource", Misbehaviour.status(503))
      yield* H.fails(fromResource(api), "TransportError", "status")
      yield* H.misbehave("resource", Misbehaviour.connectionFailure)
      yield* H.fails(fromResource(api), "TransportError", "unreachable")
    }).pipe(Effect.provide(layer()))
  )
})

describe("Discovery.resource", () => {
  it.effect("DESIGN rule 5: challenge URL, path insertion, root", () =>
    Effect.gen(function* () {
      const challenged = "https://api.test/metadata"
      const found = yield* resource("https://api.test/deep/path", `Bearer resource_metadata="${challenged}"`)
      assert.strictEqual(found.resource, "https://api.test")
      assert.deepStrictEqual(yield* asked, [challenged, `${root}/deep/path`, root])
    }).pipe(Effect.provide(layer({ resources: ["https://api.test"] })))
  )

  const absent: ReadonlyArray<readonly [what: string, misbehaviour: Misbehaviour.Misbehaviour]> = [
    ["404", Misbehaviour.status(404)],
    ["HTML", Misbehaviour.html(200)],
    ["an array", Misbehaviour.rawBody("[]")],
    ["an object without resource", Misbehaviour.missingMember("resource")]
  ]
  for (const [what, misbehaviour] of absent) {
    it.effect(`seeds 2.0: ${what} where the challenge points, and the well-known place is read`, () =>
      Effect.gen(function* () {
        yield* H.misbehave("resource_metadata", misbehaviour, { times: 1 })
        const found = yield* resource(api, `Bearer resource_metadata="${path}?from=challenge"`)
        assert.strictEqual(found.resource, api)
      }).pipe(Effect.provide(layer({ resources: [api, `${api}?from=challenge`] })))
    )
  }

  const foreign: ReadonlyArray<readonly [rule: string, actual: string, asked: string]> = [
    ["peers 4c 95: another origin", "https://evil.test/notes", api],
    ["RFC 9728 section 3.3: another path", "https://api.test/other", api],
    ["RFC 9728 section 3.3: a path that is only a prefix of the word", "https://api.test/not", api],
    ["RFC 9728 section 3.3: a slash", `${api}/`, api],
    ["RFC 9728 section 3.3: the root, from the place of the path", "https://api.test", api]
  ]
  for (const [rule, actual, url] of foreign) {
    it.effect(`${rule}: a document about ${actual} is fatal`, () =>
      Effect.gen(function* () {
        yield* H.misbehave("resource_metadata", Misbehaviour.changedMember("resource", actual))
        const error = yield* H.fails(resource(url), "DiscoveryError", "resource_mismatch")
        assert.strictEqual(error.expected, url)
        assert.strictEqual(error.actual, actual)
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("peers 4c 95: a challenge that names a document of another origin is believed by neither", () =>
    Effect.gen(function* () {
      yield* H.misbehave(
        "resource_metadata",
        Misbehaviour.changedMember("resource", "https://evil.test/notes")
      )
      yield* H.fails(
        resource(api, `Bearer resource_metadata="${path}"`),
        "DiscoveryError",
        "resource_mismatch"
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("seeds 2.0: no authorization server, and one that is no text", () =>
    Effect.gen(function* () {
      for (const none of [undefined, null, []]) {
        yield* H.misbehave("resource_metadata", Misbehaviour.changedMember("authorization_servers", none))
        const error = yield* H.fails(resource(api), "DiscoveryError", "not_found")
        assert.include(error.message, "Give the issuer")
      }
      for (const odd of [[{ issuer: H.issuer }], "https://issuer.test", [7]]) {
        yield* H.misbehave("resource_metadata", Misbehaviour.changedMember("authorization_servers", odd))
        yield* H.fails(resource(api), "ProtocolViolation", "type")
      }
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a resource that may not be one is refused before anything is sent", () =>
    Effect.gen(function* () {
      for (const url of [
        "http://api.test",
        "api.test",
        "https://user@api.test",
        "https://api.test#x",
        "file:///x"
      ]) {
        yield* H.fails(resource(url), "DiscoveryError", "forbidden_url")
      }
      assert.deepStrictEqual(yield* asked, [])
    }).pipe(Effect.provide(layer()))
  )

  it.effect(
    "issue 2: a document of 10 MB is cut off, one that is not there is told with where was looked",
    () =>
      Effect.gen(function* () {
        yield* H.misbehave("resource_metadata", Misbehaviour.hugeBody(10_000_000), { times: 1 })
        yield* H.fails(resource(api), "TransportError", "too_large")
        const error = yield* H.fails(resource("https://api.test/elsewhere"), "DiscoveryError", "not_found")
        assert.include(error.message, `${root}/elsewhere (status 404)`)
        assert.include(error.message, `${root} (status 404)`)
      }).pipe(Effect.provide(layer()))
  )

  it.effect("from the resource to its server: both steps of a client that knows only the API", () =>
    Effect.gen(function* () {
      const discovery = yield* Discovery.Discovery
      const { authorizationServers } = yield* discovery.fromResource(api)
      const metadata = yield* discovery.server(authorizationServers[0])
      assert.strictEqual(metadata.token_endpoint, "https://issuer.test/token")
    }).pipe(Effect.provide(layer()))
  )
})
