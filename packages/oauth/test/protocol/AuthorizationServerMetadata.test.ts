import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Metadata from "../../src/protocol/AuthorizationServerMetadata.js"

const issuer = "https://as.example"
const decode = (json: unknown) => Metadata.decode("Test.op", json)

describe("AuthorizationServerMetadata.decode", () => {
  it.effect("RFC 8414 section 3.2: the example, with unknown members kept", () =>
    Effect.gen(function* () {
      const json = {
        issuer: "https://server.example.com",
        authorization_endpoint: "https://server.example.com/authorize",
        token_endpoint: "https://server.example.com/token",
        token_endpoint_auth_methods_supported: ["client_secret_basic", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: ["RS256", "ES256"],
        userinfo_endpoint: "https://server.example.com/userinfo",
        jwks_uri: "https://server.example.com/jwks.json",
        registration_endpoint: "https://server.example.com/register",
        scopes_supported: ["openid", "profile"],
        response_types_supported: ["code", "code token"],
        service_documentation: "http://server.example.com/service_documentation.html",
        ui_locales_supported: ["en-US", "fr-CA"],
        claims_parameter_supported: true,
        mtls_endpoint_aliases: { token_endpoint: "https://mtls.example.com/token", vendor_endpoint: "x" },
        vendor: { nested: [1, null] },
        "vendor#ja-Jpan-JP": "名"
      }
      assert.deepStrictEqual<unknown>(yield* decode(json), json)
    })
  )

  it.effect("RFC 8414 section 2: issuer is required", () =>
    Effect.gen(function* () {
      for (const json of [{}, { Issuer: issuer }, { issuer: null }]) {
        const error = yield* Effect.flip(decode(json))
        assert.strictEqual(error._tag, "ProtocolViolation")
        assert.strictEqual(error.reason, "missing")
        assert.strictEqual(error.member, "issuer")
        assert.strictEqual(error.rule, "RFC 8414 section 2: issuer is required")
      }
      for (const bad of [1, true, [issuer], { issuer }]) {
        const error = yield* Effect.flip(decode({ issuer: bad }))
        assert.strictEqual(error.reason, "type")
        assert.strictEqual(error.member, "issuer")
      }
    })
  )

  it.effect("a known member of the wrong type is named, and its value is not shown", () =>
    Effect.gen(function* () {
      for (const [member, bad] of [
        ["token_endpoint", 1],
        ["token_endpoint", ["https://canary.example"]],
        ["jwks_uri", { canary: "canary" }],
        ["scopes_supported", "canary canary"],
        ["scopes_supported", ["openid", 1]],
        ["scopes_supported", ["openid", null]],
        ["scopes_supported", { 0: "canary", length: 1 }],
        ["code_challenge_methods_supported", "S256"],
        ["authorization_response_iss_parameter_supported", "true"],
        ["authorization_response_iss_parameter_supported", 1],
        ["require_pushed_authorization_requests", "canary"],
        ["mtls_endpoint_aliases", "canary"],
        ["mtls_endpoint_aliases", ["canary"]],
        ["client_id_metadata_document_supported", {}]
      ] as const) {
        const error = yield* Effect.flip(decode({ issuer, [member]: bad }))
        assert.strictEqual(error.reason, "type")
        assert.strictEqual(error.member, member)
        assert.include(error.message, "RFC 8414 section 2")
        assert.notInclude(JSON.stringify(error) + String(error), "canary")
      }
      const nested = yield* Effect.flip(decode({ issuer, mtls_endpoint_aliases: { token_endpoint: 7 } }))
      assert.strictEqual(nested.member, "mtls_endpoint_aliases.token_endpoint")
    })
  )

  it.effect("a known optional member that is null is absent; an unknown one is kept", () =>
    Effect.gen(function* () {
      const metadata = yield* decode({
        issuer,
        registration_endpoint: null,
        scopes_supported: null,
        mtls_endpoint_aliases: { token_endpoint: null },
        vendor: null
      })
      assert.deepStrictEqual<unknown>(metadata, { issuer, mtls_endpoint_aliases: {}, vendor: null })
    })
  )

  it.effect("peers 4c 77, 81: what is not a JSON object is refused", () =>
    Effect.gen(function* () {
      for (const json of [null, undefined, [], [{ issuer }], "x", 1, true, "<html>"]) {
        const error = yield* Effect.flip(decode(json))
        assert.strictEqual(error.reason, "type")
        assert.strictEqual(error.member, "")
      }
    })
  )

  it.effect("peers 4c 75: a __proto__ member lends no endpoint and pollutes nothing", () =>
    Effect.gen(function* () {
      const json: unknown = JSON.parse(
        `{"issuer":"${issuer}","__proto__":{"token_endpoint":"https://evil.example","polluted":1},
          "constructor":{"prototype":{"polluted":1}},"hasOwnProperty":1,"toString":"x",
          "mtls_endpoint_aliases":{"__proto__":{"token_endpoint":"https://evil.example"}}}`
      )
      const metadata = yield* decode(json)
      assert.isUndefined(metadata.token_endpoint)
      assert.isUndefined(metadata.mtls_endpoint_aliases?.token_endpoint)
      assert.isUndefined(metadata["polluted"])
      assert.strictEqual(Object.getPrototypeOf(metadata), Object.prototype)
      assert.isFalse("polluted" in {})
      assert.strictEqual(Object.entries(metadata).find(([name]) => name === "toString")?.[1], "x")
      const copy = Object.assign({}, metadata)
      assert.isUndefined(copy.token_endpoint)
    })
  )

  it.effect.prop(
    "any JSON gives metadata that fits the schema, or a ProtocolViolation",
    [
      FastCheck.oneof(
        FastCheck.jsonValue(),
        FastCheck.dictionary(
          FastCheck.constantFrom(
            "issuer",
            "token_endpoint",
            "scopes_supported",
            "mtls_endpoint_aliases",
            "x",
            "__proto__"
          ),
          FastCheck.oneof(FastCheck.string(), FastCheck.array(FastCheck.string()), FastCheck.jsonValue())
        )
      )
    ],
    ([json]) =>
      Effect.match(decode(json), {
        onFailure: (error) => assert.strictEqual(error._tag, "ProtocolViolation"),
        onSuccess: ({ issuer, scopes_supported: scopes, token_endpoint: endpoint }) => {
          assert.isString(issuer)
          assert.isTrue(endpoint === undefined || typeof endpoint === "string")
          assert.isTrue(scopes === undefined || scopes.every((scope) => typeof scope === "string"))
        }
      })
  )
})

describe("AuthorizationServerMetadata.supportsPkce", () => {
  it.effect("DESIGN rule 6, peers 4c 89: a list without S256 is refused, silence is not", () =>
    Effect.gen(function* () {
      for (const [methods, good] of [
        [undefined, true],
        [["S256"], true],
        [["plain", "S256"], true],
        [["plain"], false],
        [["s256"], false],
        [[], false]
      ] as const) {
        const metadata = yield* decode({
          issuer,
          ...(methods && { code_challenge_methods_supported: methods })
        })
        assert.strictEqual(Metadata.supportsPkce(metadata), good)
        const outcome = yield* Effect.either(Metadata.requirePkce("Test.op", metadata))
        assert.strictEqual(outcome._tag === "Right", good)
        if (outcome._tag === "Left") {
          assert.strictEqual(outcome.left.reason, "unsupported")
          assert.include(outcome.left.message, issuer)
        }
        const listed = yield* Effect.either(Metadata.requireListedPkce("Test.op", metadata))
        assert.strictEqual(listed._tag === "Right", good && methods !== undefined, "MCP 2025-11-25")
        if (listed._tag === "Left") assert.strictEqual(listed.left.reason, "unsupported")
      }
    })
  )
})

describe("AuthorizationServerMetadata.endpoint", () => {
  const endpoint = (
    members: Record<string, unknown>,
    name: Metadata.EndpointName,
    options?: Metadata.EndpointOptions
  ) =>
    Effect.flatMap(decode({ issuer, ...members }), (metadata) =>
      Metadata.endpoint("Test.op", metadata, name, options)
    )

  it.effect("seeds 4.6: an endpoint may be on another host, and must be https", () =>
    Effect.gen(function* () {
      for (const token_endpoint of ["https://as.example/token", "https://tokens.example:8443/token?x=y"]) {
        assert.strictEqual(yield* endpoint({ token_endpoint }, "token_endpoint"), token_endpoint)
      }
      const error = yield* Effect.flip(
        endpoint({ token_endpoint: "http://as.example/token" }, "token_endpoint")
      )
      assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "forbidden_url")
      assert.include(error.message, "token_endpoint")
    })
  )

  it.effect("DESIGN rule 4: an endpoint that is missing is not guessed", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(endpoint({}, "revocation_endpoint"))
      assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "missing_endpoint")
      assert.strictEqual(
        error.message,
        "The authorization server https://as.example has no revocation_endpoint in its metadata."
      )
    })
  )

  it.effect("peers 4c 62, 79, 80: schemes, user information and addresses in disguise are refused", () =>
    Effect.gen(function* () {
      for (const url of [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:,{}",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:a9fe:a9fe]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://as.example@evil.example/",
        "https://as.example/token#x",
        "/token",
        "token",
        ""
      ]) {
        const error = yield* Effect.flip(endpoint({ jwks_uri: url }, "jwks_uri"))
        assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "forbidden_url", url)
      }
    })
  )

  it.effect(
    "peers 4c 79: a server elsewhere may not aim requests at this machine; one on this machine may",
    () =>
      Effect.gen(function* () {
        for (const url of [
          "http://127.0.0.1:6379/",
          "http://localhost/token",
          "https://[::1]/token",
          "https://[::ffff:7f00:1]/token",
          "https://[::]/token",
          "https://0.0.0.0/token",
          "https://as.localhost/token"
        ]) {
          const error = yield* Effect.flip(endpoint({ token_endpoint: url }, "token_endpoint"))
          assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "forbidden_url", url)
          assert.include(error.message, "on this machine")
          for (const local of ["http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]"]) {
            assert.strictEqual(yield* endpoint({ issuer: local, token_endpoint: url }, "token_endpoint"), url)
          }
          assert.strictEqual(
            yield* endpoint({ token_endpoint: url }, "token_endpoint", { allowInsecure: true }),
            url
          )
        }
      })
  )

  it.effect("RFC 8705 section 5: the mTLS alias is taken when asked for, and checked as well", () =>
    Effect.gen(function* () {
      const members = {
        token_endpoint: "https://as.example/token",
        userinfo_endpoint: "https://as.example/userinfo",
        mtls_endpoint_aliases: { token_endpoint: "https://mtls.as.example/token" }
      }
      const mutualTls = { mutualTls: true }
      assert.strictEqual(yield* endpoint(members, "token_endpoint"), "https://as.example/token")
      assert.strictEqual(
        yield* endpoint(members, "token_endpoint", mutualTls),
        "https://mtls.as.example/token"
      )
      assert.strictEqual(
        yield* endpoint(members, "userinfo_endpoint", mutualTls),
        "https://as.example/userinfo"
      )
      const bad = { ...members, mtls_endpoint_aliases: { token_endpoint: "http://mtls.as.example/token" } }
      const error = yield* Effect.flip(endpoint(bad, "token_endpoint", mutualTls))
      assert.strictEqual(error._tag === "DiscoveryError" && error.reason, "forbidden_url")
    })
  )
})
