import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Issuer from "../../src/protocol/Issuer.js"

describe("Issuer.validate", () => {
  it.effect("RFC 8414 section 2: an issuer is an https URL without query and fragment", () =>
    Effect.gen(function* () {
      for (const issuer of [
        "https://as.example",
        "https://as.example/",
        "https://as.example:8443/t1/",
        "http://localhost:3000"
      ]) {
        assert.strictEqual(yield* Issuer.validate("Test.op", issuer), issuer)
      }
    })
  )

  it.effect("peers 4c 41, 78: an issuer that may not be used is refused", () =>
    Effect.gen(function* () {
      for (const [issuer, why] of [
        ["http://as.example", /plain http/],
        ["https://as.example?tenant=1", /query/],
        ["https://as.example/?", /query/],
        ["https://as.example/#x", /fragment/],
        ["https://user@as.example", /user information/],
        ["https://as.example/a/../b", /segment/],
        ["https://as.example/%2E%2e/b", /segment/],
        ["https://as.example/.", /segment/],
        ["/tenant", /absolute/],
        ["as.example", /absolute/],
        ["https://аs.example", /character/],
        ["", /absolute/]
      ] as const) {
        const error = yield* Effect.flip(Issuer.validate("Test.op", issuer))
        assert.strictEqual(error.reason, "forbidden_url")
        assert.match(error.message, why)
      }
    })
  )

  it.effect("DESIGN rule 1: plain http elsewhere by the option only", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* Issuer.validate("Test.op", "http://as.internal", { allowInsecure: true }),
        "http://as.internal"
      )
    })
  )

  it("seeds 4.7: a tenant label with a separator does not become another issuer unseen", () => {
    for (const label of ["a#", "a?", "evil@", "a%2e"]) {
      assert.isTrue(Option.isSome(Issuer.problem(`https://${label}.as.example`)), label)
    }
  })
})

describe("Issuer.check", () => {
  it.effect("RFC 8414 section 3.3: the same text passes", () =>
    Issuer.check("Test.op", "https://a.example/", "https://a.example/")
  )

  it.effect(
    "RFC 8414 section 3.3, RFC 9207 section 2.4, seeds 4.6, peers 4c 41: any other text fails and is explained",
    () =>
      Effect.gen(function* () {
        for (const [expected, actual, words] of [
          [
            "https://auth.example.com",
            "https://auth.example.com/",
            "by a trailing slash, which was not expected"
          ],
          [
            "https://auth.example.com/",
            "https://auth.example.com",
            "by a trailing slash, which was expected"
          ],
          [
            "https://auth.example.com",
            "https://evil.example.com",
            "in the host: evil.example.com, not auth.example.com"
          ],
          ["https://auth.example.com", "http://auth.example.com", "in the scheme: http:, not https:"],
          [
            "https://auth.example.com:8443",
            "https://auth.example.com:9443",
            "in the host: auth.example.com:9443, not auth.example.com:8443"
          ],
          [
            "https://auth.example.com",
            "https://auth.example.com:443",
            "by a default port, a query or user information"
          ],
          ["https://auth.example.com", "https://AUTH.example.com", "in letter case"],
          ["https://auth.example.com/t1", "https://auth.example.com/t2", "in the path: /t2, not /t1"],
          [
            "https://auth.example.com/t1",
            "https://auth.example.com/t1?x",
            "by a default port, a query or user information"
          ],
          [
            "https://auth.example.com",
            "https://user@auth.example.com",
            "by a default port, a query or user information"
          ],
          ["https://auth.example.com", " https://auth.example.com", "by white space"],
          ["https://auth.example.com", "https://аuth.example.com", "in the host: xn--"],
          ["https://auth.example.com", "auth.example.com", "is not a URL"],
          ["https://auth.example.com", "", "is not a URL"]
        ] as const) {
          const error = yield* Effect.flip(Issuer.check("Test.op", expected, actual))
          assert.strictEqual(error.reason, "issuer_mismatch")
          assert.include(error.message, words)
          assert.include(error.message, expected)
          assert.strictEqual(error.expected, expected)
        }
      })
  )

  it.effect(
    "peers 4c 57: a hostile issuer is shown without control characters, short, and without what it hides",
    () =>
      Effect.gen(function* () {
        const actual = `https://user:canary@evil.example/\u001b[31m\u202e\n${"x".repeat(100_000)}?canary`
        const error = yield* Effect.flip(Issuer.check("Test.op", "https://as.example", actual))

        assert.notMatch(error.message, /[\u0000-\u001f\u202e]/)
        assert.isBelow(error.message.length, 2500)
        assert.notInclude(JSON.stringify(error), "canary")
      })
  )
})

describe("Issuer.wellKnownUrls", () => {
  it("RFC 8414 sections 3.1 and 5, OpenID Connect Discovery 1.0 section 4: insertion, insertion, append", () => {
    const expected = [
      "https://as.example/.well-known/oauth-authorization-server/t1",
      "https://as.example/.well-known/openid-configuration/t1",
      "https://as.example/t1/.well-known/openid-configuration"
    ]
    assert.deepStrictEqual(Issuer.wellKnownUrls("https://as.example/t1"), expected)
    assert.deepStrictEqual(Issuer.wellKnownUrls("https://as.example/t1/"), expected)
  })

  it("without a path the OpenID locations are one", () => {
    const expected = [
      "https://as.example:8443/.well-known/oauth-authorization-server",
      "https://as.example:8443/.well-known/openid-configuration"
    ]
    assert.deepStrictEqual(Issuer.wellKnownUrls("https://as.example:8443"), expected)
    assert.deepStrictEqual(Issuer.wellKnownUrls("https://as.example:8443/"), expected)
  })

  it("no location is made of a text that may not be an issuer", () => {
    for (const issuer of [
      "as.example",
      "https://as.example?x",
      "https://as.example/../x",
      "https://u@as.example",
      ""
    ]) {
      assert.deepStrictEqual(Issuer.wellKnownUrls(issuer), [])
    }
  })
})
