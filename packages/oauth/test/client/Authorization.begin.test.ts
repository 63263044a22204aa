import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import * as Entropy from "effect-oauth/Entropy"
import * as Pkce from "effect-oauth/Pkce"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as H from "./support/setup.js"

const parametersOf = (url: string): Record<string, ReadonlyArray<string>> => {
  const { searchParams } = new URL(url)
  return Object.fromEntries(
    [...new Set(searchParams.keys())].map((name) => [name, searchParams.getAll(name)])
  )
}

/** The server names this authorization endpoint. */
const withEndpoint = (url: string) => H.layer({}, { metadata: { authorization_endpoint: url } })

describe("Authorization.begin", () => {
  it.effect("RFC 6749 section 4.1.1, RFC 7636 section 4.3: what is required, and nothing else", () =>
    Effect.gen(function* () {
      const { transaction, url } = yield* H.begin()
      assert.isTrue(url.startsWith("https://issuer.test/authorize?"))
      assert.deepStrictEqual(parametersOf(url), {
        response_type: ["code"],
        client_id: ["app"],
        redirect_uri: [H.redirectUri],
        state: [Redacted.value(transaction.state)],
        code_challenge: [yield* Pkce.challenge(Redacted.value(transaction.verifier))],
        code_challenge_method: ["S256"]
      })
      assert.isTrue(Option.isNone(transaction.nonce))
      assert.strictEqual(transaction.issuer, H.issuer)
      assert.strictEqual(transaction.clientId, "app")
      assert.strictEqual(transaction.redirectUri, H.redirectUri)
      assert.isTrue(transaction.issuerRequired)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 8707 section 2: a resource that is no absolute URI, or has a fragment, is not sent", () =>
    Effect.gen(function* () {
      for (const resource of ["api", "/api", "https://api.test#x", "https://api.test/#"]) {
        const error = yield* H.fails(H.begin({ resource }), "ProtocolViolation", "value")
        assert.strictEqual(error.member, "resource")
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("seeds 2.0 Authorize URL: every parameter, resources one each (RFC 8707 section 2)", () =>
    Effect.gen(function* () {
      const { transaction, url } = yield* H.begin({
        scope: ["profile", "openid", "profile"],
        resource: ["https://api.test", "https://b.test/?q=1&r"],
        responseMode: "form_post",
        prompt: "login consent",
        loginHint: "alice+x@example.com",
        maxAge: "1 hour",
        acrValues: ["urn:a", "urn:b"],
        parameters: { ui_locales: "de fr", access_type: "offline" }
      })
      const parameters = parametersOf(url)
      assert.deepInclude(parameters, {
        scope: ["openid profile"],
        resource: ["https://api.test", "https://b.test/?q=1&r"],
        response_mode: ["form_post"],
        prompt: ["login consent"],
        login_hint: ["alice+x@example.com"],
        max_age: ["3600"],
        acr_values: ["urn:a urn:b"],
        ui_locales: ["de fr"],
        access_type: ["offline"],
        nonce: [Redacted.value(Option.getOrThrow(transaction.nonce))]
      })
      assert.deepStrictEqual(transaction.resource, ["https://api.test", "https://b.test/?q=1&r"])
      assert.deepStrictEqual(transaction.maxAge, Option.some(3600))
      assert.notInclude(url, "code_verifier")
      assert.notInclude(url, Redacted.value(transaction.verifier))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 6749 section 3.1: the query of the endpoint is kept, what the flow sets is said once", () =>
    Effect.gen(function* () {
      const { url } = yield* H.begin({ resource: "https://api.test" })
      const parameters = parametersOf(url)
      assert.deepStrictEqual(parameters["tenant"], ["a b"])
      assert.deepStrictEqual(parameters["client_id"], ["app"])
      assert.deepStrictEqual(parameters["state"]?.length, 1)
      assert.deepStrictEqual(parameters["resource"], ["https://api.test"])
    }).pipe(
      Effect.provide(
        withEndpoint(
          "https://issuer.test/authorize?tenant=a+b&client_id=other&state=fixed&resource=https%3A%2F%2Fx.test"
        )
      )
    )
  )

  it.effect("seeds 2.0: a parameter that the flow sets is refused as an extra one, in any case", () =>
    Effect.gen(function* () {
      const reserved = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "response_mode",
        "resource",
        "prompt",
        "login_hint",
        "max_age",
        "client_secret",
        "client_assertion",
        "request",
        "request_uri",
        "dpop_jkt",
        "State",
        "REDIRECT_URI",
        "Code_Challenge_Method"
      ]
      for (const name of reserved) {
        const error = yield* H.fails(
          H.begin({ parameters: { [name]: "mine" } }),
          "AuthorizationError",
          "reserved_parameter"
        )
        assert.include(error.message, name)
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("every authorization has a state, a nonce and a verifier of its own, of 256 bits each", () =>
    Effect.gen(function* () {
      const all = yield* Effect.replicateEffect(H.begin({ scope: ["openid"] }), 20)
      const secrets = all.flatMap(({ transaction: { nonce, state, verifier } }) => [
        Redacted.value(state),
        Redacted.value(verifier),
        Redacted.value(Option.getOrThrow(nonce))
      ])
      assert.strictEqual(new Set(secrets).size, 60)
      assert.isTrue(secrets.every((secret) => /^[A-Za-z0-9_-]{43}$/.test(secret)))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN section 3: chance is a service, and a test may fix it", () =>
    Effect.gen(function* () {
      const { transaction } = yield* H.begin()
      assert.strictEqual(Redacted.value(transaction.state), "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc")
    }).pipe(
      Effect.provideService(Entropy.Entropy, { bytes: (n) => Effect.succeed(new Uint8Array(n).fill(7)) }),
      Effect.provide(H.layer())
    )
  )

  it.effect("DESIGN rule 6, peers 4c 89: a server that lists PKCE without S256 is refused", () =>
    Effect.gen(function* () {
      yield* H.misbehave(
        "metadata",
        Misbehaviour.changedMember("code_challenge_methods_supported", ["plain"])
      )
      yield* H.fails(H.begin(), "DiscoveryError", "unsupported")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 7636 section 5: a server that lists no PKCE method is sent S256 all the same", () =>
    Effect.gen(function* () {
      const { url } = yield* H.begin()
      assert.deepStrictEqual(parametersOf(url)["code_challenge_method"], ["S256"])
    }).pipe(Effect.provide(H.layer({}, { metadata: { code_challenge_methods_supported: undefined } })))
  )

  it.effect(
    "peers 4c 62, 79: an authorization endpoint that is no https URL is refused, none is guessed",
    () =>
      Effect.gen(function* () {
        for (const url of [
          "javascript:alert(1)",
          "file:///etc/passwd",
          "ms-settings:x",
          "http://issuer.test/a",
          "/authorize",
          "https://a@issuer.test/",
          "https://issuer.test/a#b",
          "http://127.0.0.1/authorize"
        ]) {
          yield* H.fails(Effect.provide(H.begin(), withEndpoint(url)), "DiscoveryError", "forbidden_url")
        }
        const none = H.layer({}, { metadata: { authorization_endpoint: undefined } })
        yield* H.fails(Effect.provide(H.begin(), none), "DiscoveryError", "missing_endpoint")
      })
  )

  it.effect("the redirect URI is one of the client's, exactly; of a loopback one the port is free", () =>
    Effect.gen(function* () {
      const { url } = yield* H.begin({ redirectUri: "http://127.0.0.1:54321/cb" })
      assert.deepStrictEqual(parametersOf(url)["redirect_uri"], ["http://127.0.0.1:54321/cb"])
      for (const redirectUri of [
        "https://app.test/callback/",
        "https://app.test/callback?x=1",
        "https://evil.test/callback",
        "http://localhost:54321/cb",
        "http://127.0.0.1:54321/other",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "https://127.0.0.1/cb",
        "javascript:alert(1)"
      ]) {
        yield* H.fails(H.begin({ redirectUri }), "AuthorizationError", "invalid_request")
      }
    }).pipe(Effect.provide(H.layer({ redirectUri: [H.redirectUri, "http://127.0.0.1/cb"] })))
  )

  it.effect("a client without redirect URIs is told so, and takes only one that may be used", () =>
    Effect.gen(function* () {
      yield* H.fails(H.begin(), "AuthorizationError", "invalid_request")
      for (const redirectUri of [
        "javascript:alert(1)",
        "http://app.test/cb",
        "https://app.test/cb#x",
        "cb",
        "-x"
      ]) {
        yield* H.fails(H.begin({ redirectUri }), "AuthorizationError", "invalid_request")
      }
      const { transaction } = yield* H.begin({ redirectUri: "com.example.app:/cb" })
      assert.strictEqual(transaction.redirectUri, "com.example.app:/cb")
    }).pipe(Effect.provide(H.layer({ redirectUri: undefined })))
  )

  it.effect("a mistake in the request is told, not sent", () =>
    Effect.gen(function* () {
      yield* H.fails(H.begin({ scope: ["openid profile"] }), "AuthorizationError", "invalid_request")
      const error = yield* H.fails(
        H.begin({ scope: ["notes"], maxAge: "1 minute" }),
        "AuthorizationError",
        "invalid_request"
      )
      assert.include(error.message, "openid")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("an authorization ends 10 minutes after it began, unless said otherwise", () =>
    Effect.gen(function* () {
      const { transaction } = yield* H.begin()
      const short = yield* H.begin({ timeToLive: "30 seconds" })
      assert.strictEqual(transaction.expiresAt, 600_000)
      assert.strictEqual(short.transaction.expiresAt, 30_000)
    }).pipe(Effect.provide(H.layer()))
  )
})

describe("Authorization.stepUp", () => {
  const stepUp = (request: Parameters<Authorization.Authorization.Service["stepUp"]>[0]) =>
    Effect.flatMap(Authorization.Authorization, (authorization) => authorization.stepUp(request))

  it.effect("RFC 6750 section 3.1: begins again with the union of what is granted and what is wanted", () =>
    Effect.gen(function* () {
      const { transaction, url } = yield* stepUp({
        granted: ["openid", "notes:read"],
        required: ["notes:write"],
        scope: ["offline_access"],
        resource: "https://api.test"
      })
      assert.deepStrictEqual(parametersOf(url)["scope"], ["notes:read notes:write offline_access openid"])
      assert.deepStrictEqual(transaction.scope, ["notes:read", "notes:write", "offline_access", "openid"])
      assert.deepStrictEqual(parametersOf(url)["resource"], ["https://api.test"])
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 95: asking for what is granted would loop, and is refused", () =>
    Effect.gen(function* () {
      for (const required of [[], ["notes:read"], ["openid", "notes:read"]]) {
        const error = yield* H.fails(
          stepUp({ granted: ["notes:read", "openid"], required }),
          "AuthorizationError",
          "invalid_request"
        )
        assert.include(error.message, "loop")
      }
    }).pipe(Effect.provide(H.layer()))
  )
})
