import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as A from "./support/answers.js"
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

  const elsewhere = `${api}?described=elsewhere`
  const metadataOf = `${path}?described=elsewhere`
  for (const header of [
    `Bearer realm="x", DPoP algs="ES256", resource_metadata="${metadataOf}"`,
    `Bearer realm="x", Bearer error="invalid_token", resource_metadata="${metadataOf}"`,
    `DPoP resource_metadata="${metadataOf}", Bearer scope="read"`,
    `Basic resource_metadata="https://evil.test/prm", dpop resource_metadata="${metadataOf}"`
  ]) {
    it.effect(
      `RFC 9728 section 5.1, peers 4c 74: the challenge that names metadata is found: ${header}`,
      () =>
        Effect.gen(function* () {
          yield* resource(elsewhere, header)
          assert.deepStrictEqual(yield* asked, [metadataOf])
        }).pipe(Effect.provide(layer({ resources: [elsewhere] })))
    )
  }

  it.effect(
    "RFC 9728 section 5.1, peers 4c 74: of two places that challenges name, the Bearer one is read",
    () =>
      Effect.gen(function* () {
        yield* resource(
          api,
          `DPoP resource_metadata="https://api.test/dpop", Bearer resource_metadata="${path}"`
        )
        assert.deepStrictEqual(yield* asked, [path])
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

  for (const [what, body] of [
    ["streams", Misbehaviour.stalledBody],
    ["never ends", Misbehaviour.endlessBody],
    ["is larger than any document", Misbehaviour.hugeBody(10_000_000)]
  ] as const) {
    it.effect(`RFC 9728 section 5.1: of an answer that ${what} only the head is waited for`, () =>
      Effect.gen(function* () {
        yield* H.misbehave("resource", body)
        assert.strictEqual((yield* fromResource(api)).resource, api)
        assert.deepStrictEqual(yield* asked, [api, path])
      }).pipe(Effect.provide(layer()))
    )
  }

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

  for (const slashed of ["https://api.test/mcp/", "https://api.test/", "https://api.test/mcp/?v=1"]) {
    it.effect(`RFC 9728 section 3.1: the slash at the end of ${slashed} stays where it is`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* resource(slashed)).resource, slashed)
        assert.strictEqual((yield* fromResource(slashed)).resource, slashed)
      }).pipe(Effect.provide(layer({ resources: [slashed] })))
    )
  }

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

  const wide = "https://host.test/tenant-a/mcp"
  const host = "https://host.test/"
  /** The document that a challenge of one tenant names, which is about the whole host. */
  const wider = (at: string, match?: "exact") =>
    Effect.flatMap(Discovery.Discovery, (discovery) =>
      discovery.resource(wide, { challenge: `Bearer resource_metadata="${at}"`, match })
    ).pipe(
      Effect.provide(Discovery.layer),
      Effect.provide(
        A.answering(({ url }) =>
          url.href === at
            ? Response.json({ resource: host, authorization_servers: [H.issuer] })
            : new Response("", { status: 404 })
        )
      )
    )

  for (const at of [
    "https://attacker.test/prm",
    "https://host.test:8443/prm",
    "https://host.test.attacker.test/prm"
  ]) {
    it.effect(
      `RFC 9728 section 3.3, peers 4c 95: ${at} cannot have tokens for the whole host sent to one path`,
      () =>
        Effect.gen(function* () {
          const error = yield* H.fails(wider(at), "DiscoveryError", "resource_mismatch")
          assert.strictEqual(error.expected, wide)
          assert.strictEqual(error.actual, host)
        })
    )
  }

  it.effect("RFC 9728 section 3.3, peers 4c 95: a host speaks for its paths, unless exact is asked for", () =>
    Effect.gen(function* () {
      const own = "https://host.test/prm"
      // What somebody who answers for one path of a shared host gets: tokens for all of it.
      assert.strictEqual((yield* wider(own)).resource, host)
      yield* H.fails(wider(own, "exact"), "DiscoveryError", "resource_mismatch")
      const discovery = yield* Discovery.Discovery
      assert.strictEqual((yield* discovery.fromResource(api, { match: "exact" })).resource, api)
      yield* H.fails(
        discovery.fromResource(`${api}/7`, { match: "exact" }),
        "DiscoveryError",
        "resource_mismatch"
      )
    }).pipe(Effect.provide(layer()))
  )

  const listing = (servers: ReadonlyArray<string>, url: string = api) =>
    H.misbehave("resource_metadata", Misbehaviour.changedMember("authorization_servers", servers)).pipe(
      Effect.zipRight(resource(url))
    )

  for (const server of [
    "http://127.0.0.1:8080/x",
    "http://localhost",
    "https://[::ffff:7f00:1]",
    "https://0.0.0.0",
    "https://as.localhost",
    "http://169.254.169.254",
    "file:///etc"
  ]) {
    it.effect(`peers 4c 79, 80, 95: a resource elsewhere does not name ${server} as its server`, () =>
      Effect.gen(function* () {
        const error = yield* H.fails(listing([server]), "DiscoveryError", "forbidden_url")
        assert.include(error.message, "authorization_servers")
        const { authorizationServers } = yield* listing([server, H.issuer, "https://other.test"])
        assert.deepStrictEqual(authorizationServers, [H.issuer, "https://other.test"])
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("peers 4c 79: a resource on this machine names a server on it, and so does who allows it", () =>
    Effect.gen(function* () {
      const servers = ["http://127.0.0.1:8080"] as const
      const here = "http://localhost:3000/mcp"
      assert.deepStrictEqual((yield* listing(servers, here)).authorizationServers, servers)
    }).pipe(
      Effect.provide(layer({ resources: ["http://localhost:3000/mcp"] })),
      Effect.zipRight(
        Effect.gen(function* () {
          const servers = ["http://127.0.0.1:8080"] as const
          assert.deepStrictEqual((yield* listing(servers)).authorizationServers, servers)
        }).pipe(
          Effect.provide(
            Discovery.layer.pipe(
              Layer.provideMerge(TestIssuer.layer({ resources: [api] })),
              Layer.provide(HttpLimits.layer({ allowInsecure: true }))
            )
          )
        )
      )
    )
  )

  it.effect("peers 4c 96: a key in the query of a resource is in no error", () =>
    Effect.gen(function* () {
      const keyed = "https://api.test/elsewhere?apiKey=canary-key"
      const header = 'Bearer resource_metadata="https://api.test/prm?apiKey=canary-key"'
      for (const misbehaviour of [
        Misbehaviour.status(404),
        Misbehaviour.rawBody("{}"),
        Misbehaviour.html(200)
      ]) {
        yield* H.misbehave("other", misbehaviour)
        const error = yield* H.fails(resource(keyed, header), "DiscoveryError", "not_found")
        assert.include(error.message, `${root}/elsewhere (`)
        assert.notInclude(JSON.stringify(error) + String(error), "canary")
      }
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
