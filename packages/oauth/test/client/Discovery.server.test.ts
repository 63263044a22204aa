import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import type { ServerMetadataOptions } from "effect-oauth/WellKnown"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

/** Discovery, and a server with these documents; nothing is tried twice. */
const layer = (
  server: TestIssuer.TestIssuer.Options = {},
  limits: Parameters<typeof HttpLimits.layer>[0] = {}
) =>
  Discovery.layer.pipe(
    Layer.provideMerge(TestIssuer.layer(server)),
    Layer.provide(HttpLimits.layer({ retries: 0, ...limits }))
  )

const server = (issuer: string, options?: ServerMetadataOptions) =>
  Effect.flatMap(Discovery.Discovery, (discovery) => discovery.server(issuer, options))

const asked = Effect.flatMap(TestIssuer.TestIssuer, (issuer) =>
  Effect.map(issuer.requests, (all) => all.map(({ url }) => url.href))
)

const inserted = "https://issuer.test/.well-known/oauth-authorization-server/t1"
const openidInserted = "https://issuer.test/.well-known/openid-configuration/t1"
const appended = "https://issuer.test/t1/.well-known/openid-configuration"

describe("Discovery.server", () => {
  for (const issuer of ["https://issuer.test/t1", "https://issuer.test/t1/"]) {
    it.effect(`DESIGN rule 5, seeds E.2: ${issuer}: path insertion, OpenID insertion, OpenID append`, () =>
      Effect.gen(function* () {
        const cases = [
          ["oauth-authorization-server", [inserted]],
          ["openid-configuration-inserted", [inserted, openidInserted]],
          ["openid-configuration", [inserted, openidInserted, appended]]
        ] as const
        for (const [kind, urls] of cases) {
          yield* Effect.gen(function* () {
            const metadata = yield* server(issuer)
            assert.strictEqual(metadata.issuer, issuer)
            assert.deepStrictEqual(yield* asked, [...urls])
          }).pipe(Effect.provide(layer({ issuer, wellKnown: [kind] })))
        }
      })
    )
  }

  it.effect("RFC 8414 section 3.1: without a path there are two places", () =>
    Effect.gen(function* () {
      yield* server(H.issuer)
      assert.deepStrictEqual(yield* asked, [
        "https://issuer.test/.well-known/oauth-authorization-server",
        "https://issuer.test/.well-known/openid-configuration"
      ])
    }).pipe(Effect.provide(layer({ wellKnown: ["openid-configuration"] })))
  )

  it.effect("the caller may name one well-known place, or another address altogether", () =>
    Effect.gen(function* () {
      yield* server(H.issuer, { wellKnown: "openid-configuration" })
      yield* server(H.issuer, { metadataUrl: "https://issuer.test/.well-known/oauth-authorization-server" })
      assert.deepStrictEqual(yield* asked, [
        "https://issuer.test/.well-known/openid-configuration",
        "https://issuer.test/.well-known/oauth-authorization-server"
      ])
      yield* H.fails(
        server(H.issuer, { metadataUrl: "http://issuer.test/m" }),
        "TransportError",
        "forbidden_url"
      )
    }).pipe(Effect.provide(layer()))
  )

  const absent: ReadonlyArray<readonly [what: string, misbehaviour: Misbehaviour.Misbehaviour]> = [
    ["404", Misbehaviour.status(404)],
    ["403", Misbehaviour.html(403)],
    ["a page of HTML", Misbehaviour.html(200)],
    ["an array", Misbehaviour.rawBody("[]")],
    ["text", Misbehaviour.rawBody('"text"')],
    ["null", Misbehaviour.rawBody("null")],
    ["broken JSON", Misbehaviour.rawBody('{"issuer":')],
    ["UTF-16", Misbehaviour.encoding("utf-16le")],
    ["nothing", Misbehaviour.rawBody("")],
    ["an object without issuer", Misbehaviour.missingMember("issuer")],
    ["an issuer that is no text", Misbehaviour.changedMember("issuer", 7)],
    ["a redirect", Misbehaviour.redirect("https://issuer.test/elsewhere")]
  ]
  for (const [what, misbehaviour] of absent) {
    it.effect(`DESIGN rule 5: ${what} counts as absent, and the next place is tried`, () =>
      Effect.gen(function* () {
        const issuer = "https://issuer.test/t1"
        yield* H.misbehave("metadata", misbehaviour, { times: 1 })
        assert.strictEqual((yield* server(issuer)).issuer, issuer)
        yield* H.misbehave("metadata", misbehaviour)
        const error = yield* H.fails(
          server(issuer, { wellKnown: "openid-configuration" }),
          "DiscoveryError",
          "not_found"
        )
        assert.include(error.message, appended)
      }).pipe(Effect.provide(layer({ issuer: "https://issuer.test/t1" })))
    )
  }

  const mismatches: ReadonlyArray<readonly [actual: string, words: string]> = [
    ["https://issuer.test/", "trailing slash"],
    ["https://evil.test", "host: evil.test"],
    ["https://ISSUER.test", "letter case"],
    ["https://issuer.test:443", "port"],
    ["http://issuer.test", "scheme"],
    ["https://issuer.test/t1", "path"],
    ["not a url", "not a URL"]
  ]
  for (const [actual, words] of mismatches) {
    it.effect(`DESIGN rule 4, peers 4c 78: a document of ${actual} is fatal, and told why`, () =>
      Effect.gen(function* () {
        yield* H.misbehave("metadata", Misbehaviour.wrongIssuer(actual))
        const error = yield* H.fails(server(H.issuer), "DiscoveryError", "issuer_mismatch")
        assert.include(error.message, words)
        assert.strictEqual(error.expected, H.issuer)
        assert.strictEqual(error.actual, actual)
        assert.strictEqual((yield* asked).length, 1)
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("peers 4c 78: an issuer that may not be one is refused before anything is sent", () =>
    Effect.gen(function* () {
      for (const issuer of [
        "http://issuer.test",
        "/issuer",
        "issuer.test",
        "https://user@issuer.test",
        "https://issuer.test?x=1",
        "https://issuer.test#x",
        "https://issuer.test/../a",
        "file:///etc",
        ""
      ]) {
        yield* H.fails(server(issuer), "DiscoveryError", "forbidden_url")
      }
      assert.deepStrictEqual(yield* asked, [])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a member of the wrong type is a violation that names it; unknown members are kept", () =>
    Effect.gen(function* () {
      const metadata = yield* server(H.issuer)
      assert.deepStrictEqual(metadata["vendor"], { nested: [1] })
      assert.isUndefined(metadata.userinfo_endpoint)
      yield* TestClock.adjust("1 hour")
      yield* H.misbehave(
        "metadata",
        Misbehaviour.changedMember("token_endpoint", ["https://issuer.test/token"])
      )
      const error = yield* H.fails(server(H.issuer), "ProtocolViolation", "type")
      assert.strictEqual(error.member, "token_endpoint")
    }).pipe(Effect.provide(layer({ metadata: { vendor: { nested: [1] }, userinfo_endpoint: null } })))
  )

  it.effect("peers 4c 73: a document of 10 MB, and one that never ends, are cut off at 256 KiB", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      for (const odd of [
        Misbehaviour.hugeBody(10_000_000),
        Misbehaviour.endlessBody,
        Misbehaviour.hugeBody(300_000)
      ]) {
        yield* H.misbehave("metadata", odd)
        const error = yield* H.fails(server(H.issuer), "TransportError", "too_large")
        assert.include(error.message, "262144 bytes")
        assert.strictEqual(yield* issuer.openBodies, 0)
      }
      yield* H.misbehave("metadata", Misbehaviour.hugeBody(200_000))
      yield* server(H.issuer)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("an outage is not an absence: no connection, no answer, 503, 429", () =>
    Effect.gen(function* () {
      for (const [odd, reason] of [
        [Misbehaviour.connectionFailure, "unreachable"],
        [Misbehaviour.brokenBody, "unreachable"],
        [Misbehaviour.hang, "timeout"],
        [Misbehaviour.slowBody("1 second"), "timeout"],
        [Misbehaviour.status(503, { retryAfter: "3" }), "status"],
        [Misbehaviour.status(429), "status"]
      ] as const) {
        yield* H.misbehave("metadata", odd)
        const error = yield* H.fails(H.asTimePasses(server(H.issuer)), "TransportError", reason)
        assert.isTrue(error.retriable)
      }
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a place that is down does not hide the next one", () =>
    Effect.gen(function* () {
      yield* H.misbehave("metadata", Misbehaviour.status(503), { times: 1 })
      assert.strictEqual((yield* server("https://issuer.test/t1")).issuer, "https://issuer.test/t1")
    }).pipe(Effect.provide(layer({ issuer: "https://issuer.test/t1" })))
  )

  it.effect("DESIGN rule 2: a redirect on the same origin is followed where that is asked for", () =>
    Effect.gen(function* () {
      const there = "https://issuer.test/.well-known/openid-configuration"
      yield* H.misbehave("metadata", Misbehaviour.redirect(there), { times: 1 })
      assert.strictEqual((yield* server(H.issuer)).issuer, H.issuer)
      assert.deepStrictEqual(yield* asked, [
        "https://issuer.test/.well-known/oauth-authorization-server",
        there
      ])
    }).pipe(Effect.provide(layer({}, { metadataRedirects: 3 })))
  )

  it.effect("peers 4c 83: one fetch for a thousand callers, kept for an hour; a failure is not kept", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const calls = Array.from({ length: 1000 }, () => server(H.issuer))
      yield* H.misbehave("metadata", Misbehaviour.status(503))
      yield* H.fails(server(H.issuer), "TransportError", "status")
      yield* issuer.behave()
      yield* issuer.forgetRequests
      yield* Effect.all(calls, { concurrency: "unbounded" })
      assert.strictEqual(yield* issuer.count("metadata"), 1)
      yield* TestClock.adjust("59 minutes")
      yield* server(H.issuer)
      assert.strictEqual(yield* issuer.count("metadata"), 1)
      yield* TestClock.adjust("1 minutes")
      yield* server(H.issuer)
      assert.strictEqual(yield* issuer.count("metadata"), 2)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 84: what is kept of one issuer is not another's", () =>
    Effect.gen(function* () {
      yield* server(H.issuer)
      yield* H.fails(server(`${H.issuer}/`), "DiscoveryError", "issuer_mismatch")
      yield* H.fails(server(`${H.issuer}/t2`), "DiscoveryError", "not_found")
    }).pipe(Effect.provide(layer()))
  )
})
