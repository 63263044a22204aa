import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Authorization from "effect-oauth/Authorization"
import * as Jwt from "effect-oauth/Jwt"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as RequestObject from "effect-oauth/RequestObject"
import * as StepUp from "effect-oauth/StepUp"
import * as jose from "jose"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

/** A client with a key, whose requests are signed. */
const layer = (
  metadata: Readonly<Record<string, unknown>> = {},
  options: RequestObject.RequestObject.Options = {}
) =>
  Layer.merge(Authorization.layerSigned(options), RequestObject.layerWith(options)).pipe(
    Layer.provideMerge(Layer.orDie(Keyring.layerGenerate({ kid: "client-key" }))),
    Layer.provideMerge(H.layer({}, { metadata }))
  )

const sign = (...args: Parameters<RequestObject.RequestObject.Service["sign"]>) =>
  Effect.flatMap(RequestObject.RequestObject, (service) => service.sign(...args))

/** What jose makes of a request object, with the published key. */
const verified = (token: string) =>
  Effect.gen(function* () {
    const keyring = yield* Keyring.KeyringService
    const { keys } = yield* keyring.jwks
    const key = yield* Effect.promise(() =>
      jose.importJWK(Object.fromEntries(Object.entries(keys[0] ?? {})), "ES256")
    )
    return yield* Effect.promise(() =>
      jose.jwtVerify(token, key, { currentDate: new Date(100_000), audience: H.issuer, issuer: "app" })
    )
  })

describe("RequestObject", () => {
  it.effect("RFC 9101 sections 4 and 10.8: the JWT of a request, and its claims", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 seconds")
      const token = yield* sign([
        ["response_type", "code"],
        ["client_id", "app"],
        ["resource", "https://a.test"],
        ["resource", "https://b.test"],
        ["max_age", "60"],
        ["authorization_details", '[{"type":"payment"}]'],
        ["claims", '{"id_token":{"acr":null}}']
      ])
      const { payload, protectedHeader } = yield* verified(Redacted.value(token))
      assert.deepStrictEqual(protectedHeader, {
        alg: "ES256",
        kid: "client-key",
        typ: "oauth-authz-req+jwt"
      })
      const { jti, ...claims } = payload
      assert.match(String(jti), /^[A-Za-z0-9_-]{22}$/)
      assert.deepStrictEqual(claims, {
        response_type: "code",
        client_id: "app",
        resource: ["https://a.test", "https://b.test"],
        max_age: 60,
        authorization_details: [{ type: "payment" }],
        claims: { id_token: { acr: null } },
        iss: "app",
        aud: H.issuer,
        iat: 100,
        nbf: 100,
        exp: 160
      })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9101 sections 4 and 10.8: no claim of the JWT itself, no nested request, no sub", () =>
    Effect.gen(function* () {
      for (const name of ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "request", "request_uri"]) {
        const error = yield* H.fails(sign([[name, "x"]]), "JwtError", "claim")
        assert.strictEqual(error.claim, name)
      }
      yield* H.fails(sign([["claims", "{"]]), "JwtError", "claim")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("every request object is another one, and __proto__ is only a name", () =>
    Effect.gen(function* () {
      const one = yield* sign([["__proto__", "x"]])
      const other = yield* sign([["__proto__", "x"]])
      const idOf = (token: Redacted.Redacted<string>) =>
        Option.getOrThrow(Jwt.decodeUnverified(token)).claims["jti"]
      assert.notStrictEqual(idOf(one), idOf(other))
      assert.include(Redacted.value(one).split(".")[1] ?? "", btoa('{"__proto__":"x"').slice(0, 16))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a key for one of the algorithms that the server lists, and the lifetime that is asked for", () =>
    Effect.gen(function* () {
      yield* H.fails(sign([]), "KeyringError", "not_found")
    }).pipe(Effect.provide(layer({ request_object_signing_alg_values_supported: ["none", "RS256"] })))
  )

  it.effect("the lifetime is that which is asked for", () =>
    Effect.gen(function* () {
      const { claims } = Option.getOrThrow(Jwt.decodeUnverified(yield* sign([])))
      assert.strictEqual(claims["exp"], 10)
    }).pipe(Effect.provide(layer({}, { lifetime: "10 seconds" })))
  )
})

describe("Authorization.layerSigned", () => {
  it.effect("RFC 9101 section 5: the URL has client_id and request, and the request has the rest", () =>
    Effect.gen(function* () {
      const { transaction, url } = yield* H.begin({ scope: ["openid"], prompt: "login" })
      const { searchParams } = new URL(url)
      assert.deepStrictEqual([...searchParams.keys()], ["client_id", "request"])
      const { claims, header } = Option.getOrThrow(Jwt.decodeUnverified(searchParams.get("request") ?? ""))
      assert.strictEqual(header.typ, "oauth-authz-req+jwt")
      assert.deepInclude(claims, {
        state: Redacted.value(transaction.state),
        nonce: Redacted.value(Option.getOrThrow(transaction.nonce)),
        redirect_uri: H.redirectUri,
        response_type: "code",
        code_challenge_method: "S256",
        prompt: "login"
      })
      assert.notInclude(JSON.stringify(claims), Redacted.value(transaction.verifier))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("OAuth.layerSigned: a step-up is signed as well, and used once with the same memory", () =>
    Effect.gen(function* () {
      const stepUp = yield* StepUp.StepUp
      const { transaction, url } = yield* stepUp.begin({
        challenge: 'Bearer error="insufficient_scope", scope="write"',
        granted: ["read"],
        scope: ["openid"]
      })
      const { searchParams } = new URL(url)
      assert.deepStrictEqual([...searchParams.keys()], ["client_id", "request"])
      const { claims } = Option.getOrThrow(Jwt.decodeUnverified(searchParams.get("request") ?? ""))
      assert.strictEqual(claims["scope"], "openid read write")
      assert.strictEqual(Number(claims["exp"]), 10)
      const { complete } = yield* Authorization.Authorization
      const denied = new URLSearchParams({ error: "access_denied", iss: H.issuer })
      denied.set("state", Redacted.value(transaction.state))
      yield* H.fails(complete(denied, transaction), "AuthorizationError", "denied")
      yield* H.fails(complete(denied, transaction), "AuthorizationError", "replayed")
    }).pipe(
      Effect.provide(
        OAuth.layerSigned({ lifetime: "10 seconds" }).pipe(
          Layer.provideMerge(Layer.orDie(Keyring.layerGenerate({ kid: "client-key" }))),
          Layer.provideMerge(H.layer())
        )
      )
    )
  )

  it.effect("RFC 9126 section 3: pushed, the form has the request and the credentials alone", () =>
    Effect.gen(function* () {
      yield* E.answers(201, { request_uri: "urn:example:1", expires_in: 5 })
      const { url } = yield* H.begin({ pushed: true })
      assert.strictEqual(new URL(url).search, "?client_id=app&request_uri=urn%3Aexample%3A1")
      const { form } = yield* E.lastReceived
      assert.deepStrictEqual([...form.keys()], ["request", "client_id"])
    }).pipe(Effect.provide(layer({ pushed_authorization_request_endpoint: "https://issuer.test/par" })))
  )

  it.effect(
    "RFC 9101 section 10.5: a server that takes signed requests only is told to a client without keys",
    () =>
      Effect.gen(function* () {
        const error = yield* H.fails(H.begin(), "DiscoveryError", "unsupported")
        assert.include(error.message, "layerSigned")
      }).pipe(Effect.provide(H.layer({}, { metadata: { require_signed_request_object: true } })))
  )

  it.effect("a server that takes no request in the URL is told, unless it is pushed", () =>
    Effect.gen(function* () {
      yield* H.fails(H.begin(), "DiscoveryError", "unsupported")
      yield* E.answers(201, { request_uri: "urn:example:1", expires_in: 5 })
      yield* H.begin({ pushed: true })
    }).pipe(
      Effect.provide(
        layer({
          request_parameter_supported: false,
          pushed_authorization_request_endpoint: "https://issuer.test/par"
        })
      )
    )
  )
})
