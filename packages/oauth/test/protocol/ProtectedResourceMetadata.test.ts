import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Metadata from "../../src/protocol/ProtectedResourceMetadata.js"

const decode = (json: unknown) => Metadata.decode("Test.op", json)
const wellKnown = "https://mcp.example.com/.well-known/oauth-protected-resource"

describe("ProtectedResourceMetadata.decode", () => {
  it.effect("RFC 9728 section 3.2: the example, with unknown members kept", () =>
    Effect.gen(function* () {
      const json = {
        resource: "https://resource.example.com",
        authorization_servers: ["https://as1.example.com", "https://as2.example.net"],
        bearer_methods_supported: ["header", "body"],
        scopes_supported: ["profile", "email", "phone"],
        resource_documentation: "https://resource.example.com/resource_documentation.html",
        "resource_name#fr": "Données",
        vendor: { x: 1 }
      }
      assert.deepStrictEqual<unknown>(yield* decode(json), json)
    })
  )

  it.effect(
    "RFC 9728 section 2: resource is required, known members have their types, values are not shown",
    () =>
      Effect.gen(function* () {
        const missing = yield* Effect.flip(decode({ authorization_servers: [] }))
        assert.strictEqual(missing.reason, "missing")
        assert.strictEqual(missing.rule, "RFC 9728 section 2: resource is required")
        for (const [member, bad] of [
          ["resource", 1],
          ["authorization_servers", "https://canary.example"],
          ["authorization_servers", [{ issuer: "https://canary.example" }]],
          ["authorization_servers", [null]],
          ["scopes_supported", "canary"],
          ["jwks_uri", ["canary"]],
          ["dpop_bound_access_tokens_required", "true"]
        ] as const) {
          const error = yield* Effect.flip(decode({ resource: "https://a.example", [member]: bad }))
          assert.strictEqual(error.reason, "type")
          assert.strictEqual(error.member, member)
          assert.notInclude(JSON.stringify(error), "canary")
        }
      })
  )

  it.effect("peers 4c 75: a __proto__ member lends nothing", () =>
    Effect.gen(function* () {
      const json: unknown = JSON.parse(
        '{"resource":"https://a.example","__proto__":{"authorization_servers":["https://evil.example"]}}'
      )
      const metadata = yield* decode(json)
      assert.isUndefined(metadata.authorization_servers)
      assert.deepStrictEqual(Object.keys(metadata), ["resource"])
    })
  )

  it.effect("what is not a JSON object is refused", () =>
    Effect.gen(function* () {
      for (const json of [null, [], "<html>", 1]) {
        assert.strictEqual((yield* Effect.flip(decode(json))).reason, "type")
      }
    })
  )
})

describe("ProtectedResourceMetadata.wellKnownUrl", () => {
  it("seeds 4.5, RFC 9728 section 3.1: the well-known path is inserted before the path and the query", () => {
    for (const [rest, expected] of [
      ["", ""],
      ["/", ""],
      ["/mcp", "/mcp"],
      ["?k=v", "?k=v"],
      ["/?k=v", "?k=v"],
      ["/mcp?k=v", "/mcp?k=v"],
      ["/mcp/", "/mcp/"],
      ["/mcp/?k=v", "/mcp/?k=v"]
    ] as const) {
      assert.deepStrictEqual(
        Metadata.wellKnownUrl(`https://mcp.example.com${rest}`),
        Option.some(`${wellKnown}${expected}`)
      )
    }
  })

  it("none is made of a text that may not be a resource identifier", () => {
    for (const resource of [
      "",
      "mcp.example.com",
      "https://a.example/#x",
      "https://u@a.example",
      "https://a.example/../x",
      "urn:x:y"
    ]) {
      assert.deepStrictEqual(Metadata.wellKnownUrl(resource), Option.none(), resource)
    }
  })
})

describe("ProtectedResourceMetadata.candidates", () => {
  const urls = (resource: string, challengeUrl?: string) =>
    Metadata.candidates({ resource, challengeUrl }).map(({ match, source, url }) => [source, url, match])

  it("DESIGN rule 5: challenge URL, path insertion, root", () => {
    assert.deepStrictEqual(urls("https://mcp.example.com/mcp?k=v", "https://meta.example/prm"), [
      ["challenge", "https://meta.example/prm", "exact"],
      ["path", `${wellKnown}/mcp?k=v`, "exact"],
      ["root", wellKnown, "prefix"]
    ])
    assert.deepStrictEqual(urls("https://mcp.example.com/mcp"), [
      ["path", `${wellKnown}/mcp`, "exact"],
      ["root", wellKnown, "prefix"]
    ])
    assert.deepStrictEqual(urls("https://mcp.example.com/"), [["path", wellKnown, "exact"]])
  })

  it("RFC 9728 section 3.3, peers 4c 95: only the resource's own origin speaks for a path above it, if at all", () => {
    const matches = (challengeUrl: string, match?: "exact") =>
      Metadata.candidates({ resource: "https://mcp.example.com/a/mcp", challengeUrl, match }).map(
        (candidate) => candidate.match
      )
    assert.deepStrictEqual(matches("https://mcp.example.com/prm"), ["prefix", "exact", "prefix"])
    assert.deepStrictEqual(matches("https://MCP.example.com:443/prm"), ["prefix", "exact", "prefix"])
    for (const url of [
      "https://mcp.example.com:8443/prm",
      "https://mcp.example.com.evil.example/prm",
      "https://evil.example/https://mcp.example.com/"
    ]) {
      assert.deepStrictEqual(matches(url), ["exact", "exact", "prefix"], url)
    }
    assert.deepStrictEqual(matches("https://mcp.example.com/prm", "exact"), ["exact", "exact", "exact"])
  })

  it("no address is tried twice", () => {
    assert.deepStrictEqual(urls("https://mcp.example.com/mcp", wellKnown), [
      ["challenge", wellKnown, "prefix"],
      ["path", `${wellKnown}/mcp`, "exact"]
    ])
    assert.deepStrictEqual(urls("https://mcp.example.com/mcp", `${wellKnown}/mcp`), [
      ["challenge", `${wellKnown}/mcp`, "prefix"],
      ["root", wellKnown, "prefix"]
    ])
  })

  it("peers 4c 79, 95: a challenge may not name a forbidden URL, nor this machine from elsewhere", () => {
    const without = urls("https://mcp.example.com/mcp")
    for (const url of [
      "http://meta.example/prm",
      "file:///etc/passwd",
      "https://u@meta.example",
      "https://[::1]/x",
      "http://127.0.0.1:6379/",
      "https://x.localhost/prm",
      "https://[::ffff:7f00:1]/prm",
      "/prm",
      ""
    ]) {
      assert.deepStrictEqual(urls("https://mcp.example.com/mcp", url), without, url)
    }
    assert.strictEqual(urls("http://localhost:3000/mcp", "http://localhost:3000/prm").length, 3)
  })

  it("none for a resource that may not be asked", () => {
    for (const resource of [
      "http://mcp.example.com",
      "https://a.example/#x",
      "https://a.example/..",
      "nonsense"
    ]) {
      assert.deepStrictEqual(urls(resource, "https://meta.example/prm"), [])
    }
    assert.strictEqual(
      Metadata.candidates({ resource: "http://mcp.internal", allowInsecure: true }).length,
      1
    )
  })
})

describe("ProtectedResourceMetadata.checkResource", () => {
  const outcome = (expected: string, actual: string, match?: Metadata.Match) =>
    Effect.either(Metadata.checkResource("Test.op", expected, actual, match))

  it.effect("RFC 9728 section 3.3: identical, an empty path being the same as /", () =>
    Effect.gen(function* () {
      for (const [expected, actual] of [
        ["https://a.example/mcp", "https://a.example/mcp"],
        ["https://a.example", "https://a.example/"],
        ["https://a.example/", "https://a.example"],
        ["https://a.example/?k=v", "https://a.example?k=v"]
      ] as const) {
        assert.strictEqual((yield* outcome(expected, actual))._tag, "Right", actual)
        assert.strictEqual((yield* outcome(expected, actual, "prefix"))._tag, "Right", actual)
      }
    })
  )

  it.effect("RFC 9728 section 3.3, peers 4c 95: any other resource is refused and the difference said", () =>
    Effect.gen(function* () {
      for (const [expected, actual, words] of [
        ["https://a.example/mcp", "https://a.example/mcp/", "by a trailing slash"],
        ["https://a.example/mcp/", "https://a.example/mcp", "by a trailing slash"],
        ["https://a.example/mcp", "https://a.example", "in the path: /, not /mcp"],
        ["https://a.example/mcp", "https://evil.example/mcp", "in the host: evil.example, not a.example"],
        ["https://a.example/mcp", "http://a.example/mcp", "in the scheme"],
        ["https://a.example/mcp", "https://a.example:8443/mcp", "in the host: a.example:8443"],
        ["https://a.example/mcp", "https://a.example/MCP", "in letter case"],
        ["https://a.example/mcp", "https://a.example/mcp?x", "a query"],
        ["https://a.example/mcp", "", "is not a URL"]
      ] as const) {
        const result = yield* outcome(expected, actual)
        assert.strictEqual(result._tag, "Left", actual)
        if (result._tag === "Left") {
          assert.strictEqual(result.left.reason, "resource_mismatch")
          assert.include(result.left.message, words)
        }
      }
    })
  )

  it.effect("MCP authorization: a document named by a challenge may speak for a whole segment above", () =>
    Effect.gen(function* () {
      for (const actual of [
        "https://a.example",
        "https://a.example/",
        "https://A.example:443",
        "https://a.example/mcp",
        "https://a.example/mcp/",
        "https://a.example/mcp/tools",
        "https://a.example/mcp/tools?k=v"
      ]) {
        assert.strictEqual(
          (yield* outcome("https://a.example/mcp/tools?k=v", actual, "prefix"))._tag,
          "Right",
          actual
        )
      }
      for (const actual of [
        "https://a.example/mc",
        "https://a.example/mcp/tool",
        "https://a.example/mcp/tools/",
        "https://a.example/mcp/tools/x",
        "https://a.example/mcp?k=v",
        "https://a.example/other",
        "https://a.example/x/../mcp",
        "https://a.example/%2e",
        "https://a.example/mcp#x",
        "http://a.example/mcp",
        "https://a.example:8443/mcp",
        "https://b.example/mcp",
        "https://a.example.evil.example/mcp",
        "https://u@a.example/mcp",
        "/mcp",
        ""
      ]) {
        assert.strictEqual(
          (yield* outcome("https://a.example/mcp/tools?k=v", actual, "prefix"))._tag,
          "Left",
          actual
        )
      }
      assert.strictEqual(
        (yield* outcome("https://a.example/mcp/../admin", "https://a.example/mcp", "prefix"))._tag,
        "Left"
      )
    })
  )

  it.effect.prop(
    "whatever a document says, what it speaks for is on its own origin",
    [FastCheck.webUrl({ withQueryParameters: true }), FastCheck.webUrl()],
    ([expected, other]) =>
      Effect.gen(function* () {
        for (const actual of [other, new URL(other).origin, new URL(expected).origin]) {
          const result = yield* outcome(expected, actual, "prefix")
          if (result._tag === "Right") assert.strictEqual(new URL(actual).origin, new URL(expected).origin)
        }
      })
  )
})
