import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as AuthorizationDetails from "effect-oauth/AuthorizationDetails"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Introspection from "effect-oauth/Introspection"
import type { JwtError } from "effect-oauth/OAuthError"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const introspect = (...args: Parameters<Introspection.Introspection.Service["introspect"]>) =>
  Effect.flatMap(Introspection.Introspection, (service) => service.introspect(...args))

/** A resource server that asks. */
const layer = (server: TestIssuer.TestIssuer.Options = {}) =>
  H.layer(
    {
      clientId: "service",
      authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
    },
    server
  )

const token = Redacted.make("some-token")

/** The server answers with exactly this. */
const answered = (body: unknown, options?: Introspection.Introspection.Options) =>
  Effect.gen(function* () {
    yield* H.misbehave("introspection", Misbehaviour.rawBody(JSON.stringify(body)), { times: 1 })
    return yield* introspect(token, options)
  })

const mediaType = "application/token-introspection+jwt"

/** The server answers with a JWT. */
const signed = (
  claims: Readonly<Record<string, unknown>>,
  more: TokenOverrides = {},
  contentType: string = mediaType
) =>
  Effect.gen(function* () {
    const jwt = yield* E.jwt(
      { aud: "service", token_introspection: { active: true, sub: "alice" }, ...claims },
      { ...more, header: { typ: "token-introspection+jwt", ...more.header } }
    )
    yield* H.misbehave("introspection", Misbehaviour.rawBody(jwt, { contentType }), { times: 1 })
    return yield* introspect(token, { signed: true })
  })

describe("Introspection", () => {
  it.effect("RFC 7662 section 2.2: tells what a good token is", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const good = Redacted.make(yield* server.mintAccessToken({ scope: ["notes", "a"], sub: "alice" }))
      const result = yield* introspect(good, { tokenTypeHint: "access_token" })
      assert.isTrue(result.active)
      if (!result.active) return
      assert.deepStrictEqual(result.scope, ["a", "notes"])
      assert.deepStrictEqual(result.subject, Option.some("alice"))
      assert.deepStrictEqual(result.expiresAt, Option.some(3_600_000))
      const request = yield* E.lastRequest("introspection")
      assert.strictEqual(request.headers["accept"], "application/json")
      assert.strictEqual(request.headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.deepStrictEqual(
        [...request.form],
        [
          ["token", Redacted.value(good)],
          ["token_type_hint", "access_token"]
        ]
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 7662 section 2.2: of a token that is not good nothing else is told", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* introspect(token), { active: false })
      assert.deepStrictEqual(yield* answered({ active: false, sub: "alice", exp: "x" }), { active: false })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 7662 section 2.2: the members, typed, and those of the server's own", () =>
    Effect.gen(function* () {
      const result = yield* answered({
        active: true,
        scope: "b a b",
        client_id: "app",
        username: "Alice",
        token_type: "Bearer",
        sub: "alice",
        aud: "https://api.test",
        iss: H.issuer,
        exp: 100,
        iat: 0,
        nbf: 1,
        jti: "j",
        cnf: { jkt: "x" },
        authorization_details: [{ type: "payment", amount: "12.5" }]
      })
      assert.isTrue(result.active)
      if (!result.active) return
      const { authorizationDetails, claims, ...rest } = result
      assert.deepStrictEqual(rest, {
        active: true,
        scope: ["a", "b"],
        clientId: Option.some("app"),
        username: Option.some("Alice"),
        tokenType: Option.some("Bearer"),
        subject: Option.some("alice"),
        audience: ["https://api.test"],
        issuer: Option.some(H.issuer),
        expiresAt: Option.some(100_000),
        issuedAt: Option.some(0),
        notBefore: Option.some(1000),
        tokenId: Option.some("j")
      })
      assert.deepStrictEqual(claims["cnf"], { jkt: "x" })
      const Payment = Schema.Struct({ type: Schema.Literal("payment"), amount: Schema.NumberFromString })
      assert.deepStrictEqual(yield* AuthorizationDetails.decode(Payment)({ authorizationDetails }), [
        { type: "payment", amount: 12.5 }
      ])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 7662 section 2.2: active is a boolean, and every member is of its type", () =>
    Effect.gen(function* () {
      for (const active of [undefined, null, "true", 1, {}]) {
        const error = yield* H.fails(
          answered({ active, sub: "secret-subject" }),
          "ProtocolViolation",
          active === undefined ? "missing" : "type"
        )
        assert.strictEqual(error.member, "active")
        assert.notInclude(JSON.stringify(error), "secret-subject")
      }
      for (const [member, value] of [
        ["scope", ["a"]],
        ["client_id", 7],
        ["username", {}],
        ["token_type", []],
        ["sub", 12],
        ["aud", [1]],
        ["aud", {}],
        ["iss", 5],
        ["exp", "100"],
        ["iat", true],
        ["nbf", []],
        ["jti", 1],
        ["authorization_details", {}]
      ] as const) {
        const error = yield* H.fails(answered({ active: true, [member]: value }), "ProtocolViolation", "type")
        assert.strictEqual(error.member, member)
      }
      // peers 4c 38: a number that JSON reads as infinite.
      yield* H.misbehave("introspection", Misbehaviour.rawBody('{"active":true,"exp":1e400}'), { times: 1 })
      yield* H.fails(introspect(token), "ProtocolViolation", "type")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a token whose times say otherwise is not active, with 30 seconds for the clocks", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1000 seconds")
      const active = (body: Record<string, unknown>) =>
        Effect.map(answered({ active: true, ...body }), (result) => result.active)
      assert.isTrue(yield* active({ exp: 971 }))
      assert.isFalse(yield* active({ exp: 970 }))
      assert.isFalse(yield* active({ exp: -1 }))
      assert.isTrue(yield* active({ nbf: 1030 }))
      assert.isFalse(yield* active({ nbf: 1031 }))
      assert.isTrue(yield* active({ exp: null, nbf: null }))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("the server's error, and what is no answer", () =>
    Effect.gen(function* () {
      yield* H.misbehave("introspection", Misbehaviour.oauthError(401, "invalid_client"), { times: 1 })
      yield* H.fails(introspect(token), "OAuthResponseError", "invalid_client")
      yield* H.misbehave("introspection", Misbehaviour.errorInSuccess("invalid_token"), { times: 1 })
      yield* H.fails(introspect(token), "OAuthResponseError", "invalid_token")
      yield* H.misbehave("introspection", Misbehaviour.html(), { times: 1 })
      yield* H.fails(introspect(token), "TransportError", "content")
      yield* H.fails(answered([{ active: true }]), "ProtocolViolation", "type")
      yield* H.misbehave("introspection", Misbehaviour.status(503, { retryAfter: "3" }), { times: 1 })
      assert.strictEqual((yield* H.fails(introspect(token), "TransportError", "status")).retryAfter, 3)
    }).pipe(Effect.provide(layer()))
  )
})

describe("Introspection, signed", () => {
  it.effect("RFC 9701 sections 4 and 5: asks for a JWT, verifies it and reads what is inside", () =>
    Effect.gen(function* () {
      const result = yield* signed({})
      assert.isTrue(result.active)
      if (result.active) assert.deepStrictEqual(result.subject, Option.some("alice"))
      assert.strictEqual((yield* E.lastRequest("introspection")).headers["accept"], mediaType)
      assert.deepStrictEqual(yield* signed({ token_introspection: { active: false } }), { active: false })
    }).pipe(Effect.provide(layer()))
  )

  const refusals: ReadonlyArray<
    readonly [
      rule: string,
      reason: JwtError["reason"],
      claims: Readonly<Record<string, unknown>>,
      more?: TokenOverrides
    ]
  > = [
    ["peers 4c 1: alg none, without a signature", "malformed", {}, { header: { alg: "none" }, key: "none" }],
    ["peers 4c 4: HS256", "algorithm", {}, { key: new Uint8Array(32) }],
    ["a signature by another key", "signature", {}, { key: "unpublished" }],
    ["peers 4c 46: an ID token (typ JWT)", "type", {}, { header: { typ: "JWT" } }],
    ["no typ", "type", {}, { header: { typ: undefined } }],
    ["another issuer", "issuer", { iss: "https://evil.test" }],
    ["peers 4c 41: an issuer with a slash", "issuer", { iss: `${H.issuer}/` }],
    ["another audience", "audience", { aud: "app" }],
    ["peers 4c 42: no audience", "missing_claim", { aud: undefined }],
    ["no iat", "missing_claim", { iat: undefined }],
    ["an answer of long ago", "expired", { iat: -331 }],
    ["no answer inside", "missing_claim", { token_introspection: undefined }],
    ["an answer that is no object", "missing_claim", { token_introspection: "active" }]
  ]
  for (const [rule, reason, claims, more] of refusals) {
    it.effect(`${rule} is refused`, () =>
      H.fails(signed(claims, more), "JwtError", reason).pipe(Effect.provide(layer()))
    )
  }

  it.effect("a plain answer is refused where a signed one was asked for", () =>
    Effect.gen(function* () {
      yield* H.fails(answered({ active: true }, { signed: true }), "ProtocolViolation", "type")
      yield* H.misbehave("introspection", Misbehaviour.oauthError(400, "invalid_request"), { times: 1 })
      yield* H.fails(introspect(token, { signed: true }), "OAuthResponseError", "invalid_request")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9701 section 7: only an algorithm that the server lists", () =>
    H.fails(signed({}), "JwtError", "algorithm").pipe(
      Effect.provide(layer({ metadata: { introspection_signing_alg_values_supported: ["RS256"] } }))
    )
  )

  it.effect("DESIGN rule 9: an outage of the keys is not a bad answer", () =>
    Effect.gen(function* () {
      yield* H.misbehave("jwks", Misbehaviour.status(503))
      const error = yield* H.fails(signed({}), "KeyringError", "unavailable")
      assert.isTrue(error.retriable)
    }).pipe(Effect.provide(layer()))
  )
})
