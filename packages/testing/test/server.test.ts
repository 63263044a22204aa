import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support.js"

const bearer = (token: unknown) => ({ authorization: `Bearer ${String(token)}` })

describe("metadata", () => {
  const tenant = "https://issuer.test/tenant"
  const inserted = "https://issuer.test/.well-known/oauth-authorization-server/tenant"
  const oidcInserted = "https://issuer.test/.well-known/openid-configuration/tenant"
  const appended = "https://issuer.test/tenant/.well-known/openid-configuration"

  it.effect("RFC 8414 section 3.1 and OpenID Connect Discovery section 4: where the documents are", () =>
    Effect.gen(function* () {
      for (const url of [inserted, appended]) {
        const { json, status } = yield* H.get(url)
        assert.strictEqual(status, 200)
        assert.strictEqual(json["issuer"], tenant)
        assert.strictEqual(json["token_endpoint"], `${tenant}/token`)
        assert.deepStrictEqual(json["code_challenge_methods_supported"], ["S256"])
        assert.strictEqual(json["x"], 1)
        assert.notProperty(json, "userinfo_endpoint")
      }
      assert.strictEqual((yield* H.get(oidcInserted)).status, 404)
    }).pipe(
      Effect.provide(TestIssuer.layer({ issuer: tenant, metadata: { x: 1, userinfo_endpoint: undefined } }))
    )
  )

  it.effect("which of them exist can be chosen", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* H.get(inserted)).status, 404)
      assert.strictEqual((yield* H.get(appended)).status, 404)
      assert.strictEqual((yield* H.get(oidcInserted)).status, 200)
      const issuer = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* issuer.count("metadata"), 1)
      assert.strictEqual(yield* issuer.count("other"), 2)
    }).pipe(
      Effect.provide(TestIssuer.layer({ issuer: tenant, wellKnown: ["openid-configuration-inserted"] }))
    )
  )
})

describe("keys", () => {
  it.effect("rotate with and without overlap", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const kids = Effect.map(H.get(issuer.urls.jwks), ({ json }) => {
        const keys = json["keys"]
        return Array.isArray(keys) ? keys.map((key: Readonly<Record<string, unknown>>) => key["kid"]) : []
      })
      const old = yield* issuer.mintAccessToken()
      yield* issuer.rotateKeys({ overlap: true })
      assert.deepStrictEqual(yield* kids, ["key-2", "key-1"])
      assert.strictEqual((yield* H.get("https://api.test/", bearer(old))).status, 200)
      yield* issuer.rotateKeys()
      assert.deepStrictEqual(yield* kids, ["key-3"])
      assert.strictEqual((yield* H.get("https://api.test/", bearer(old))).status, 401)
      const { keys } = yield* issuer.jwks
      assert.notProperty(keys[0] ?? {}, "d")
    }).pipe(Effect.provide(TestIssuer.layer()))
  )

  it.effect.each(["RS256", "PS256", "ES256", "ES384", "ES512", "Ed25519"] as const)(
    "sign with %s",
    (algorithm) =>
      Effect.gen(function* () {
        const issuer = yield* TestIssuer.TestIssuer
        const { protectedHeader } = yield* H.verify(yield* issuer.mintAccessToken(), {
          algorithms: [algorithm]
        })
        assert.strictEqual(protectedHeader.typ, "at+jwt")
        assert.isTrue(
          (yield* Effect.either(H.verify(yield* issuer.mintAccessToken({ key: "unpublished" }))))._tag ===
            "Left"
        )
      }).pipe(Effect.provide(TestIssuer.layer({ algorithm }))),
    30_000
  )
})

describe("protected resource", () => {
  it.effect("RFC 9728 section 5.1: 401 names the metadata, which names resource and server", () =>
    Effect.gen(function* () {
      const { headers, status } = yield* H.get("https://api.test/mcp/notes")
      assert.strictEqual(status, 401)
      const metadata = "https://api.test/.well-known/oauth-protected-resource/mcp"
      assert.strictEqual(headers["www-authenticate"], `Bearer resource_metadata="${metadata}", scope="read"`)
      const { json } = yield* H.get(metadata)
      assert.strictEqual(json["resource"], "https://api.test/mcp")
      assert.deepStrictEqual(json["authorization_servers"], ["https://issuer.test"])
      assert.strictEqual((yield* H.get("https://api.test/mcpx")).status, 404)
    }).pipe(
      Effect.provide(TestIssuer.layer({ resources: ["https://api.test/mcp"], resourceScopes: ["read"] }))
    )
  )

  it.effect.each(["jwt", "opaque"] as const)(
    "RFC 6750 section 3.1: accepts what holds (%s)",
    (accessTokens) =>
      Effect.gen(function* () {
        const issuer = yield* TestIssuer.TestIssuer
        const ask = (token: string) => H.get("https://api.test/notes", bearer(token))
        const good = yield* issuer.mintAccessToken({ scope: ["read"] })
        const { json, status } = yield* ask(good)
        assert.strictEqual(status, 200)
        assert.strictEqual(json["sub"], "alice")
        const refusals = [
          ["nonsense", 401, "invalid_token"],
          [
            yield* issuer.mintAccessToken({ scope: ["read"], audience: "https://b.test" }),
            401,
            "invalid_token"
          ],
          [yield* issuer.mintIdToken({ clientId: "https://api.test" }), 401, "invalid_token"],
          [yield* issuer.mintAccessToken({ scope: ["other"] }), 403, "insufficient_scope"]
        ] as const
        for (const [token, expected, error] of refusals) {
          const answer = yield* ask(token)
          assert.strictEqual(answer.status, expected)
          assert.include(answer.headers["www-authenticate"], `error="${error}"`)
        }
        yield* issuer.revoke(good)
        assert.strictEqual((yield* ask(good)).status, 401)
        const short = yield* issuer.mintAccessToken({ scope: ["read"], lifetime: "1 minute" })
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual((yield* ask(short)).status, 401)
      }).pipe(Effect.provide(TestIssuer.layer({ resourceScopes: ["read"], accessTokens })))
  )
})

describe("userinfo, introspection, revocation", () => {
  const layer = TestIssuer.layer({
    clients: [H.app, H.service],
    users: [{ sub: "alice", claims: { name: "Alice" } }]
  })

  it.effect("OpenID Connect Core section 5.3", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { json } = yield* H.redeem(yield* H.code())
      const answer = yield* H.get(issuer.urls.userinfo, bearer(json["access_token"]))
      assert.deepStrictEqual(answer.json, { sub: "alice", name: "Alice" })
      assert.strictEqual((yield* H.get(issuer.urls.userinfo)).status, 401)
      const without = yield* issuer.mintAccessToken({ scope: ["notes"] })
      assert.strictEqual((yield* H.get(issuer.urls.userinfo, bearer(without))).status, 403)
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 7662 section 2.2 and RFC 7009 section 2.1", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { json } = yield* H.redeem(yield* H.code())
      const access = String(json["access_token"])
      const refresh = String(json["refresh_token"])
      const introspect = (token: string) => H.post(issuer.urls.introspection, { token }, H.asService)
      const active = yield* introspect(access)
      assert.strictEqual(active.json["active"], true)
      assert.strictEqual(active.json["sub"], "alice")
      assert.strictEqual((yield* introspect(refresh)).json["active"], true)
      assert.deepStrictEqual((yield* introspect("nonsense")).json, { active: false })
      assert.strictEqual((yield* H.post(issuer.urls.introspection, { token: access })).status, 401)
      yield* H.post(issuer.urls.revocation, { token: refresh }, H.asService)
      assert.strictEqual((yield* introspect(refresh)).json["active"], true, "a token of another client")
      const revoked = yield* H.post(issuer.urls.revocation, { token: refresh, client_id: "app" })
      assert.strictEqual(revoked.status, 200)
      assert.deepStrictEqual((yield* introspect(refresh)).json, { active: false })
      assert.deepStrictEqual((yield* introspect(access)).json, { active: false })
    }).pipe(Effect.provide(layer))
  )
})

describe("the server as a whole", () => {
  it.effect("records what it received", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      yield* H.token(
        { grant_type: "client_credentials", resource: ["https://a.test", "https://b.test"] },
        H.asService
      )
      const [request] = yield* issuer.requestsTo("token")
      assert.strictEqual(request?.method, "POST")
      assert.strictEqual(request?.url.href, issuer.urls.token)
      assert.strictEqual(request?.headers["authorization"], H.asService.authorization)
      assert.deepStrictEqual(request?.form.getAll("resource"), ["https://a.test", "https://b.test"])
      yield* issuer.forgetRequests
      assert.deepStrictEqual(yield* issuer.requests, [])
    }).pipe(Effect.provide(TestIssuer.layer({ clients: [H.service] })))
  )

  it.effect("several issuers share one client, also on one origin", () =>
    Effect.gen(function* () {
      const a = yield* TestIssuer.make({ issuer: "https://shared.test/a", resources: [] })
      const b = yield* TestIssuer.make({ issuer: "https://shared.test/b", resources: [] })
      const client = TestIssuer.combine([a, b])
      const status = (url: string) => Effect.map(client.get(url), (response) => response.status)
      assert.strictEqual(yield* status(b.urls.jwks), 200)
      assert.strictEqual(yield* status("https://shared.test/.well-known/oauth-authorization-server/b"), 200)
      assert.strictEqual(yield* status("https://shared.test/c"), 404)
      assert.strictEqual(yield* a.count("jwks"), 0)
      assert.strictEqual(yield* b.count("jwks"), 1)
      const error = yield* Effect.flip(status("https://elsewhere.test/"))
      assert.strictEqual(error._tag, "RequestError")
      assert.deepStrictEqual(a.endpointOf("https://elsewhere.test/"), Option.none())
      const c = yield* TestIssuer.make({ issuer: "https://c.test", resources: [] })
      const fallback = TestIssuer.combine([a], { otherwise: c.httpClient })
      assert.strictEqual((yield* fallback.get(c.urls.token)).status, 405)
    })
  )

  it.effect("can be mounted elsewhere, as a web handler", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.make({ clients: [H.service] })
      const handler = HttpApp.toWebHandler(issuer.app)
      const response = yield* Effect.promise(() =>
        handler(
          new Request(issuer.urls.token, {
            method: "POST",
            headers: H.asService,
            body: new URLSearchParams({ grant_type: "client_credentials" })
          })
        )
      )
      assert.strictEqual(response.status, 200)
      const direct = yield* issuer.handle(new Request(issuer.urls.jwks))
      assert.strictEqual(direct.headers.get("content-type"), "application/json")
    })
  )

  it.effect("a host that nobody serves is unreachable", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const error = yield* Effect.flip(client.get("https://elsewhere.test/"))
      assert.strictEqual(error._tag, "RequestError")
    }).pipe(Effect.provide(TestIssuer.layer()))
  )
})
