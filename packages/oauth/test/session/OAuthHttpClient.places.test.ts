/** Issue 5: the token goes to the origins and resources that it was given for, and nowhere else. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fc from "effect/FastCheck"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as R from "./support/resource.js"

/** What `Authorization` came with a request, and where; nothing where nothing came at all. */
const sendTo = (resources: readonly [string, ...ReadonlyArray<string>], url: string) =>
  Effect.gen(function* () {
    const resource = R.make()
    const { gets, tokens } = R.makeTokens()
    const client = (yield* OAuthHttpClient.transform({ tokens, resources }))(resource.client)
    yield* Effect.ignore(client.get(url))
    return {
      authorization: resource.arrived[0]?.headers["authorization"],
      gets: gets(),
      url: resource.arrived[0]?.url
    }
  })

const goes: ReadonlyArray<readonly [why: string, resource: string, url: string]> = [
  ["the origin", "https://api.test", "https://api.test/notes"],
  ["the origin with a slash", "https://api.test/", "https://api.test/notes/1?x=1#y"],
  ["the origin alone", "https://api.test", "https://api.test"],
  ["a query right after the host", "https://api.test", "https://api.test?x=/../y"],
  ["another case of scheme and host", "https://api.test", "HTTPS://API.test/notes"],
  ["the default port written", "https://api.test", "https://api.test:443/notes"],
  ["the default port in the resource", "https://api.test:443/v1", "https://api.test/v1/x"],
  ["another port", "https://api.test:8443", "https://api.test:8443/x"],
  ["the path itself", "https://api.test/v1", "https://api.test/v1"],
  ["the path and a query", "https://api.test/v1", "https://api.test/v1?x"],
  ["below the path", "https://api.test/v1", "https://api.test/v1/notes/1.json"],
  ["below a path with a slash", "https://api.test/v1/", "https://api.test/v1/notes"],
  ["dot segments that stay below", "https://api.test/v1", "https://api.test/v1/a/../b"],
  ["an encoded slash that is one name", "https://api.test/api", "https://api.test/api/group%2Fproject"],
  ["characters that a parser encodes", "https://api.test/v1", "https://api.test/v1/ä b"],
  ["a hidden file", "https://api.test/v1", "https://api.test/v1/.well-known"],
  ["plain http to this machine", "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/x"],
  ["an IPv6 address of this machine", "http://[::1]:8080", "http://[::1]:8080/x"]
]

const doesNotGo: ReadonlyArray<readonly [why: string, resource: string, url: string]> = [
  ["another host", "https://api.test", "https://evil.test/notes"],
  ["a host that begins alike", "https://api.test", "https://api.test.evil.test/"],
  ["a host that ends alike", "https://api.test", "https://evil-api.test/"],
  ["a subdomain", "https://api.test", "https://a.api.test/"],
  ["another port", "https://api.test", "https://api.test:8443/"],
  ["plain http", "https://api.test", "http://api.test/"],
  ["the host as user information", "https://api.test", "https://api.test@evil.test/"],
  ["user information", "https://api.test", "https://me:pw@api.test/"],
  ["empty user information", "https://api.test", "https://@api.test/"],
  ["a backslash for a slash", "https://api.test", "https://evil.test\\@api.test/"],
  ["a backslash before the host", "https://api.test", "https:\\\\api.test/"],
  ["no slashes", "https://api.test", "https:api.test/"],
  ["one slash", "https://api.test", "https:/api.test/"],
  ["three slashes", "https://api.test", "https:///api.test/"],
  ["a trailing dot", "https://api.test", "https://api.test./"],
  ["a tab in the host", "https://api.test", "https://api\t.test/"],
  ["a line end in the path", "https://api.test/v1", "https://api.test/v1/.\n./admin"],
  ["white space before", "https://api.test", " https://api.test/"],
  ["full width letters", "https://api.test", "https://ａpi.test/"],
  ["a full width dot", "https://api.test", "https://api。test/"],
  ["an encoded host", "https://api.test", "https://%61pi.test/"],
  ["a number for an address", "http://127.0.0.1", "http://2130706433/"],
  ["a short address", "http://127.0.0.1", "http://127.1/"],
  ["a path that begins alike", "https://api.test/v1", "https://api.test/v12"],
  ["a path above", "https://api.test/v1", "https://api.test/"],
  ["another case of the path", "https://api.test/v1", "https://api.test/V1"],
  ["a path without the slash", "https://api.test/v1/", "https://api.test/v1"],
  ["an empty segment before", "https://api.test/v1", "https://api.test//v1"],
  ["dot segments", "https://api.test/v1", "https://api.test/v1/../admin"],
  ["encoded dot segments", "https://api.test/v1", "https://api.test/v1/%2e%2E/admin"],
  ["half encoded dot segments", "https://api.test/v1", "https://api.test/v1/.%2e/admin"],
  ["an encoded slash after dots", "https://api.test/v1", "https://api.test/v1/..%2fadmin"],
  ["an encoded slash before dots", "https://api.test/v1", "https://api.test/v1/x%2f..%2f..%2fadmin"],
  ["an encoded backslash", "https://api.test/v1", "https://api.test/v1/..%5cadmin"],
  ["a backslash", "https://api.test/v1", "https://api.test/v1/..\\..\\admin"],
  ["dots encoded twice", "https://api.test/v1", "https://api.test/v1/%252e%252e/admin"],
  ["dots encoded three times", "https://api.test/v1", "https://api.test/v1/%25252e%25252e/admin"],
  ["dots with parameters", "https://api.test/v1", "https://api.test/v1/..;a=b/admin"],
  ["an overlong dot", "https://api.test/v1", "https://api.test/v1/%c0%ae%c0%ae/admin"],
  ["another scheme", "https://api.test", "ftp://api.test/"],
  ["a relative URL where nothing is relative", "https://api.test", "/notes"],
  ["a URL that is relative to the scheme", "https://api.test", "//api.test/notes"],
  ["nothing", "https://api.test", ""]
]

describe("where the token goes", () => {
  it.effect.each(goes)("%s: it goes from %s to %s", ([, resource, url]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* sendTo([resource], url)).authorization, "Bearer token-1")
    })
  )

  it.effect.each(doesNotGo)("%s: it does not go from %s to %s", ([, resource, url]) =>
    Effect.gen(function* () {
      const sent = yield* sendTo([resource], url)
      assert.isUndefined(sent.authorization)
      assert.strictEqual(sent.gets, 0, "no token is asked for either")
    })
  )

  it.effect.prop(
    "property: wherever the token goes, a URL parser says the origin and the path",
    [
      Fc.constantFrom("https://api.test", "https://api.test/v1"),
      Fc.array(
        Fc.constantFrom(
          ..."https:|http:|//|/|\\|api.test|evil.test|@|:443|:80|v1|..|.|%2e|%2f|%5c|;|?|#|\t|é|%|//".split(
            "|"
          )
        ),
        { maxLength: 8 }
      )
    ],
    ([resource, parts]) =>
      Effect.gen(function* () {
        for (const url of [
          parts.join(""),
          `https://api.test/${parts.join("")}`,
          `https://${parts.join("")}`
        ]) {
          const sent = yield* sendTo([resource], url)
          if (sent.authorization === undefined) continue
          const { origin, pathname } = new URL(sent.url ?? "")
          assert.strictEqual(origin, "https://api.test")
          if (resource.endsWith("/v1")) {
            assert.match(pathname, /^\/v1(?:\/|$)/)
            assert.notMatch(
              decodeURIComponent(pathname.replace(/%(?![0-9a-f]{2})|%[89a-f]./gi, "")),
              /(?:^|[/\\])\.\.(?:[/\\]|$)/
            )
          }
        }
      }),
    { fastCheck: { numRuns: 200 } }
  )

  it.effect("what is below decides: the base URL of a client, above or below, is part of the URL", () =>
    Effect.gen(function* () {
      for (const [base, expected] of [
        ["https://api.test/v1", "Bearer token-1"],
        ["https://evil.test/v1", undefined]
      ] as const) {
        const resource = R.make()
        const { tokens } = R.makeTokens()
        const carrying = yield* OAuthHttpClient.transform({ tokens, resources: ["https://api.test/v1"] })
        const prepend = HttpClient.mapRequest(HttpClientRequest.prependUrl(base))
        yield* carrying(resource.client.pipe(prepend)).get("/notes")
        yield* carrying(resource.client).pipe(prepend).get("/notes")
        assert.deepStrictEqual(
          resource.arrived.map(({ headers, url }) => [url, headers["authorization"]]),
          [
            [`${base}/notes`, expected],
            [`${base}/notes`, expected]
          ]
        )
      }
    })
  )

  it.effect("several places", () =>
    Effect.gen(function* () {
      const places = ["https://a.test/x", "https://b.test"] as const
      assert.isDefined((yield* sendTo(places, "https://b.test/y")).authorization)
      assert.isDefined((yield* sendTo(places, "https://a.test/x")).authorization)
      assert.isUndefined((yield* sendTo(places, "https://a.test/y")).authorization)
    })
  )
})

describe("a place that is none is a mistake, and not a hole", () => {
  it.effect.each([
    "http://api.test",
    "https://api.test/v1?x=1",
    "https://api.test/v1?",
    "https://api.test/#a",
    "https://me@api.test",
    "https://api.test/../v1",
    "https://api.test/%2e%2e/v1",
    "https://api.test/v1/..%2f",
    "https://api.test.",
    "https://bücher.test",
    "api.test",
    "urn:example:api",
    "*",
    ""
  ])("%s", (resource) =>
    Effect.gen(function* () {
      const { tokens } = R.makeTokens()
      const error = yield* Effect.flip(OAuthHttpClient.transform({ tokens, resources: [resource] }))
      assert.strictEqual(error._tag, "DiscoveryError")
      assert.strictEqual(error.reason, "forbidden_url")
    })
  )

  it.effect("rule 1 of the wire: HttpLimits.allowInsecure allows plain http", () =>
    Effect.gen(function* () {
      const sent = yield* sendTo(["http://api.test"], "http://api.test/x")
      assert.strictEqual(sent.authorization, "Bearer token-1")
    }).pipe(Effect.provide(HttpLimits.layer({ allowInsecure: true })))
  )
})
