import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Endpoint from "../../src/protocol/Endpoint.js"

const accepted = (url: string, options?: Endpoint.Options) =>
  assert.deepStrictEqual(Endpoint.problem(url, options), Option.none(), url)

const refused = (url: string, why?: RegExp, options?: Endpoint.Options) => {
  const problem = Endpoint.problem(url, options)
  assert.isTrue(Option.isSome(problem), `accepted ${JSON.stringify(url)}`)
  if (Option.isSome(problem) && why !== undefined) assert.match(problem.value, why, url)
}

/** Names of this machine besides those that may be asked without TLS. */
const otherNames = [
  "https://x.localhost/",
  "https://0.0.0.0/",
  "https://[::]/",
  "https://[::ffff:7f00:1]/",
  "https://[::ffff:7fff:fffe]/",
  "https://[::ffff:0:0]/"
]

describe("Endpoint.problem", () => {
  it("DESIGN rule 1: https is accepted, with port, path and query", () => {
    accepted("https://issuer.example/oauth/token")
    accepted("https://issuer.example")
    accepted("https://issuer.example:8443/token?tenant=a%20b&x=/y?z")
    accepted("HTTPS://Issuer.Example/Token")
    accepted("https://[2001:db8::1]:8443/token")
    accepted("https://xn--bcher-kva.example/")
    accepted("https://a_b.internal/token")
  })

  it("DESIGN rule 1: plain http is accepted to this machine only", () => {
    for (const host of ["localhost", "127.0.0.1", "127.255.255.254", "127.1.2.3", "[::1]", "LOCALHOST"]) {
      accepted(`http://${host}/cb`)
      accepted(`http://${host}:8080`)
    }
    for (const host of [
      "issuer.example",
      "10.0.0.1",
      "169.254.169.254",
      "172.16.0.1",
      "192.168.0.1",
      "0.0.0.0",
      "128.0.0.1",
      "[::]",
      "[fc00::1]",
      "[fe80::1]",
      "[::ffff:7f00:1]",
      "foo.localhost",
      "localhost.attacker.example",
      "127.0.0.1.attacker.example",
      "127.0.0.1.nip.io",
      "localhost-attacker.example"
    ]) {
      refused(`http://${host}/token`, /plain http/)
    }
  })

  it("DESIGN rule 1: http to another host needs the option, which loosens nothing else", () => {
    accepted("http://keycloak.internal:8080/token", { allowInsecure: true })
    for (const url of [
      "http://user@keycloak.internal/",
      "http://keycloak.internal/#f",
      "ftp://keycloak.internal/",
      "http://2130706433/",
      "http://a b/"
    ]) {
      refused(url, undefined, { allowInsecure: true })
    }
  })

  it("peers 4c 79: loopback written in a form that only a parser resolves is refused, over https too", () => {
    for (const host of [
      "2130706433",
      "0x7f000001",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "127.1",
      "127.0.1",
      "127.0.0.01",
      "[0:0:0:0:0:0:0:1]",
      "[::0001]",
      "[::ffff:127.0.0.1]",
      "256.256.256.256",
      "127.0.0.256",
      "%6cocalhost",
      "127.0.0.1.",
      "localhost.",
      "①②⑦.0.0.1",
      "loc\u00adalhost"
    ]) {
      refused(`http://${host}/token`)
      refused(`https://${host}/token`)
    }
  })

  it("DESIGN rule 1: user information is refused, however it disguises the host", () => {
    for (const url of [
      "https://user@issuer.example/token",
      "https://user:secret@issuer.example/token",
      "https://@issuer.example/token",
      "http://localhost:80@attacker.example/",
      "http://127.0.0.1@attacker.example",
      "https://issuer.example:443@attacker.example/token"
    ]) {
      refused(url, /user information/)
    }
    accepted("https://issuer.example/@tenant/token?login_hint=a@b")
  })

  it("DESIGN rule 1: a fragment is refused, an empty one too", () => {
    refused("https://issuer.example/token#x", /fragment/)
    refused("https://issuer.example/token#", /fragment/)
    refused("https://issuer.example#@attacker.example", /fragment/)
  })

  it("peers 4c 62, 80: every other scheme is refused", () => {
    for (const url of [
      "file:///etc/passwd",
      "javascript:alert(1)",
      "javascript://issuer.example/%0aalert(1)",
      "data:application/json,{}",
      "ftp://issuer.example/",
      "ws://localhost/",
      "ms-settings:about",
      "blob:https://issuer.example/x",
      "view-source:https://issuer.example",
      "--renderer-cmd-prefix=x",
      "-https://issuer.example",
      "issuer.example/token",
      "//issuer.example/token",
      "/token",
      "",
      "https",
      "https:",
      "https:issuer.example",
      "https:/issuer.example",
      "https:///issuer.example",
      "https://",
      "https://?x",
      "https://:443/"
    ]) {
      refused(url)
    }
  })

  it("peers 4c 63: white space, control characters, backslashes and shell characters are refused", () => {
    for (const url of [
      " https://issuer.example",
      "https://issuer.example/token\n",
      "https://issuer.example/to\tken",
      "ht\ntps://issuer.example",
      "https://issuer.example\\@attacker.example",
      "https:\\\\issuer.example",
      "https://issuer.example/\u0000",
      "https://issuer.example/`id`",
      "https://issuer.example/|x",
      'https://issuer.example/"x',
      "https://issuer.example/{tenantid}",
      "https://issuer.example/\u202e",
      "https://аpple.example/",
      "https://issuer。example/"
    ]) {
      refused(url, /character/)
    }
  })

  it("peers 4c 41: a host or port that is not written plainly is refused", () => {
    for (const url of [
      "https://issuer.example./token",
      "https://issuer..example/",
      "https://.issuer.example/",
      "https://issuer.example:/token",
      "https://issuer.example:0/token",
      "https://issuer.example:65536/token",
      "https://issuer.example:4a3/token",
      "https://issuer%2eexample/",
      "https://[::1/token",
      "https://[::g]/",
      "https://xn--a/"
    ]) {
      refused(url)
    }
  })

  it("refuses a URL of more than 8192 characters", () => {
    refused(`https://issuer.example/${"a".repeat(8192)}`, /longer/)
  })

  it.prop(
    "DESIGN rule 1: whatever is accepted is read alike by the URL parser",
    [FastCheck.webUrl()],
    ([url]) => {
      if (Option.isNone(Endpoint.problem(url))) {
        const parsed = new URL(url)
        assert.strictEqual(parsed.protocol, "https:")
        assert.strictEqual(parsed.username + parsed.password + parsed.hash, "")
        assert.deepStrictEqual(
          Option.map(Endpoint.parts(url), (parts) => [parts.host, parts.origin]),
          Option.some([parsed.hostname, parsed.origin])
        )
      }
    }
  )

  it.prop(
    "DESIGN rule 1: any text gives an answer, and http is accepted for loopback alone",
    [
      FastCheck.oneof(
        FastCheck.string({ unit: "binary" }),
        FastCheck.string({ unit: FastCheck.constantFrom(..."0127.:/@[]x#?\\ localhost") }).map(
          (rest) => `http://${rest}`
        )
      )
    ],
    ([text]) => {
      if (Option.isNone(Endpoint.problem(text)) && /^http:/i.test(text)) {
        assert.match(new URL(text).hostname, /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/)
        assert.isTrue(Endpoint.isLoopback(text))
      }
    }
  )
})

describe("Endpoint.isLoopback", () => {
  it("says which URLs point to this machine", () => {
    for (const url of ["http://localhost:1/", "https://127.0.0.1/x", "https://[::1]:3"]) {
      assert.isTrue(Endpoint.isLoopback(url), url)
    }
    for (const url of [
      "https://issuer.example",
      "http://127.0.0.1.attacker.example",
      "http://127.1",
      "nonsense",
      "https://localhost.example",
      "https://xlocalhost/",
      "https://0.0.0.0.example",
      "https://[::2]/",
      "https://[::ffff:808:808]/",
      "https://[fe80::1]/"
    ]) {
      assert.isFalse(Endpoint.isLoopback(url), url)
    }
  })

  for (const url of otherNames) {
    it(`peers 4c 79: ${url} points here too, and plain http is not allowed to it`, () => {
      assert.isTrue(Endpoint.isLoopback(url))
      refused(url.replace("https:", "http:"), /plain http/)
      accepted(url)
    })
  }
})

describe("Endpoint.problem of a URL that a server names", () => {
  it("peers 4c 79: a server elsewhere does not name this machine; one here does, and who allows it", () => {
    for (const url of ["http://127.0.0.1:6379/", "https://localhost/x", ...otherNames]) {
      refused(url, /is on this machine/, { namedBy: "https://as.example/tenant" })
      refused(url, /is on this machine/, { namedBy: "nonsense" })
      accepted(url, { namedBy: "https://as.example", allowInsecure: true })
      for (const by of ["http://localhost:3000", "https://[::1]", ...otherNames])
        accepted(url, { namedBy: by })
    }
    accepted("https://elsewhere.example/x", { namedBy: "https://as.example" })
  })
})

describe("Endpoint.validate", () => {
  it.effect("fails with forbidden_url, names the member and the rule", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* Endpoint.validate("Test.op", "token_endpoint", "https://issuer.example/token"),
        "https://issuer.example/token"
      )
      const error = yield* Effect.flip(
        Endpoint.validate("Test.op", "token_endpoint", "http://issuer.example/token")
      )
      assert.strictEqual(error._tag, "DiscoveryError")
      assert.strictEqual(error.reason, "forbidden_url")
      assert.strictEqual(error.operation, "Test.op")
      assert.include(error.message, "token_endpoint http://issuer.example/token may not be used")
    })
  )

  it.effect("shows no user information, query or fragment of what it refuses", () =>
    Effect.gen(function* () {
      for (const url of [
        "https://user:canary@issuer.example/token?canary=canary#canary",
        "https:\\\\user:canary@issuer.example",
        "https:canary@issuer.example/",
        "https://issuer.example/x\n?canary"
      ]) {
        const error = yield* Effect.flip(Endpoint.validate("Test.op", "jwks_uri", url))
        assert.notInclude(JSON.stringify(error), "canary")
        assert.notInclude(error.message, "\n")
      }
    })
  )
})

describe("Endpoint.redirectUriProblem", () => {
  it("RFC 8252 section 7: https, loopback http and private-use schemes with a dot are accepted", () => {
    for (const uri of [
      "https://client.example/callback",
      "http://127.0.0.1/callback",
      "http://127.0.0.1:8765/callback",
      "http://localhost:8765/callback",
      "http://[::1]:61023/cb",
      "com.example.app:/cb",
      "com.example.app:/oauth2redirect/example-provider",
      "com.example.app://callback"
    ]) {
      assert.deepStrictEqual(Endpoint.redirectUriProblem(uri), Option.none(), uri)
    }
  })

  it("seeds 4.8, RFC 6749 section 3.1.2: everything else is refused", () => {
    for (const uri of [
      "http://remote.example/callback",
      "not-a-uri",
      "",
      "myapp:/cb",
      "urn:ietf:wg:oauth:2.0:oob",
      "javascript:alert(1)",
      "data:text/html,x",
      "file:///tmp/x",
      "https://client.example/cb#fragment",
      "com.example.app:/cb#fragment",
      "com.example.app:",
      "com.example.app:cb",
      "com.example.app:/cb x",
      "com.example.app:/cb\n",
      "com.example.app://user@host/cb",
      "www.example.com:8080/cb",
      "https://user@client.example/cb",
      ".example:/cb",
      `com.example.app:/${"a".repeat(9000)}`
    ]) {
      assert.isTrue(Option.isSome(Endpoint.redirectUriProblem(uri)), `accepted ${uri}`)
    }
  })
})
