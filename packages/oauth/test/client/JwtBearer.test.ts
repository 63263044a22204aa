import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as JwtBearer from "effect-oauth/JwtBearer"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as Saml2Bearer from "effect-oauth/Saml2Bearer"
import * as TokenEndpoint from "effect-oauth/TokenEndpoint"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const asService = H.layer({
  clientId: "service",
  authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret"))
})

const workload = "https://workload.test"

/** Signs as a platform that the server trusts, or does not. */
const assertion = (claims: Readonly<Record<string, unknown>> = {}, trusted = true) =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const keyring = yield* Keyring.generate({ alg: "ES256" })
    if (trusted) yield* server.trust(workload, yield* keyring.jwks)
    const signer = yield* JwtSigner.fromKeyring(keyring)
    return yield* signer.sign({ iss: workload, sub: "job-7", aud: H.issuer, ...claims })
  })

const request = (options: JwtBearer.JwtBearer.Options) =>
  Effect.flatMap(JwtBearer.JwtBearer, (service) => service.request(options))

const count = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.count("token"))

describe("JwtBearer.request", () => {
  it.effect("RFC 7523 section 2.1: an assertion becomes a token, for a client that authenticates", () =>
    Effect.gen(function* () {
      const signed = yield* assertion()
      const tokens = yield* request({
        assertion: signed,
        scope: ["write", "read"],
        resource: ["https://api.test", "https://b.test"],
        parameters: { vendor: "1" }
      })
      assert.strictEqual(tokens.tokenType, "Bearer")
      assert.deepStrictEqual(tokens.scope, ["read", "write"])
      const { form, headers } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
          ["assertion", Redacted.value(signed)],
          ["resource", "https://api.test"],
          ["resource", "https://b.test"],
          ["scope", "read write"],
          ["vendor", "1"]
        ]
      )
      assert.strictEqual(headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
    }).pipe(Effect.provide(asService))
  )

  it.effect("RFC 7521 section 4.1: a public client sends its id and nothing else", () =>
    Effect.gen(function* () {
      yield* request({ assertion: yield* assertion() })
      const { form } = yield* H.lastTokenRequest
      assert.deepStrictEqual([...form.keys()], ["grant_type", "assertion", "client_id"])
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 7523 section 3.1: a refusal is the server's own, without the assertion in it", () =>
    Effect.gen(function* () {
      const signed = yield* assertion({}, false)
      const text = Redacted.value(signed)
      yield* H.fails(request({ assertion: signed }), "OAuthResponseError", "invalid_grant")
      yield* H.misbehave("token", Misbehaviour.oauthError(400, "invalid_grant", `no: ${text}`))
      const error = yield* H.fails(request({ assertion: signed }), "OAuthResponseError", "invalid_grant")
      assert.notInclude(JSON.stringify(error), text.slice(0, 40))
    }).pipe(Effect.provide(asService))
  )

  it.effect("what has nothing in it, or may not be asked for, is refused before sending", () =>
    Effect.gen(function* () {
      const full = Redacted.make("a.b.c")
      for (const [options, member] of [
        [{ assertion: Redacted.make("") }, "assertion"],
        [{ assertion: Redacted.make(" \n") }, "assertion"],
        [{ assertion: full, resource: "api" }, "resource"],
        [{ assertion: full, scope: ["a b"] }, "scope"]
      ] as const) {
        const error = yield* H.fails(request(options), "ProtocolViolation", "value")
        assert.strictEqual(error.member, member)
      }
      yield* H.fails(
        request({ assertion: full, parameters: { assertion: "d.e.f" } }),
        "ProtocolViolation",
        "duplicate"
      )
      assert.strictEqual(yield* count, 0)
    }).pipe(Effect.provide(asService))
  )

  it.effect("RFC 8693 section 2.2.1: N_A is no answer to it", () =>
    Effect.gen(function* () {
      yield* H.misbehave("token", Misbehaviour.changedMember("token_type", "N_A"))
      yield* H.fails(request({ assertion: yield* assertion() }), "ProtocolViolation", "unsupported")
    }).pipe(Effect.provide(asService))
  )
})

const xml = '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">ä?>ÿ</saml:Assertion>'

describe("Saml2Bearer.request", () => {
  const saml = (options: Saml2Bearer.Saml2Bearer.Options) =>
    Effect.flatMap(Saml2Bearer.Saml2Bearer, (service) => service.request(options))

  const answered = H.misbehave(
    "token",
    Misbehaviour.rawBody(JSON.stringify({ access_token: "t", token_type: "bearer", expires_in: 60 }))
  )

  it.effect("RFC 7522 section 2.1: the assertion goes out in base64url, without padding or line breaks", () =>
    Effect.gen(function* () {
      yield* answered
      yield* saml({ assertion: Redacted.make(xml), scope: ["read"], resource: "https://api.test" })
      const { form } = yield* H.lastTokenRequest
      assert.strictEqual(form.get("grant_type"), "urn:ietf:params:oauth:grant-type:saml2-bearer")
      assert.strictEqual(form.get("resource"), "https://api.test")
      const sent = form.get("assertion") ?? ""
      assert.match(sent, /^[A-Za-z0-9_-]+$/)
      const bytes = Uint8Array.from(atob(sent.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
        c.charCodeAt(0)
      )
      assert.strictEqual(new TextDecoder().decode(bytes), xml)
    }).pipe(Effect.provide(asService))
  )

  it.effect("it is taken as it is: a declaration, a byte order mark, white space", () =>
    Effect.gen(function* () {
      yield* answered
      for (const before of ['<?xml version="1.0"?>\n', "\uFEFF", "\r\n  "]) {
        yield* saml({ assertion: Redacted.make(before + xml) })
      }
    }).pipe(Effect.provide(asService))
  )

  it.effect("what is no XML, such as an assertion that is encoded already, is refused before sending", () =>
    Effect.gen(function* () {
      for (const text of ["", btoa("<Assertion/>"), "eyJhbGciOiJub25lIn0.e30.", "{}"]) {
        const error = yield* H.fails(saml({ assertion: Redacted.make(text) }), "ProtocolViolation", "value")
        assert.strictEqual(error.member, "assertion")
      }
      assert.strictEqual(yield* count, 0)
    }).pipe(Effect.provide(asService))
  )
})

describe("TokenEndpoint.request", () => {
  const grant = (grantType: string) =>
    Effect.flatMap(TokenEndpoint.make, (endpoint) =>
      endpoint.request({
        operation: "Legacy.login",
        grantType,
        parameters: [
          ["username", "alice"],
          ["password", Redacted.make("correct horse")]
        ]
      })
    )

  it.effect("RFC 9700 section 2.4: the password grant is refused, and told what to use instead", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(grant("password"), "ProtocolViolation", "unsupported")
      assert.strictEqual(error.member, "grant_type")
      for (const name of ["CodeExchange", "DeviceAuthorization", "ClientCredentials"]) {
        assert.include(error.message, name)
      }
      assert.notInclude(JSON.stringify(error), "correct horse")
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual((yield* server.requests).length, 0)
    }).pipe(Effect.provide(Layer.fresh(asService)))
  )

  it.effect("RFC 6749 section 4.5: a grant that the toolkit does not know goes out", () =>
    Effect.gen(function* () {
      yield* H.fails(grant("urn:example:own"), "OAuthResponseError", "unsupported_grant_type")
      assert.strictEqual(yield* count, 1)
    }).pipe(Effect.provide(asService))
  )
})
