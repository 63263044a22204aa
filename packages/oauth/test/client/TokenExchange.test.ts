import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as TokenType from "effect-oauth/TokenType"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const layer = H.layer({
  clientId: "service",
  authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret"))
})

/** Exchanges a good token of the server. */
const exchange = (options: Partial<TokenExchange.TokenExchange.Options> = {}) =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const service = yield* TokenExchange.TokenExchange
    const subjectToken = Redacted.make(yield* server.mintAccessToken({ clientId: "service" }))
    const tokens = yield* service.exchange({ subjectToken, ...options })
    return { subjectToken: Redacted.value(options.subjectToken ?? subjectToken), tokens }
  })

describe("TokenExchange.exchange", () => {
  it.effect("RFC 8693 section 2.1, seeds 2.0: the required parameters, with the URNs of access tokens", () =>
    Effect.gen(function* () {
      const { subjectToken, tokens } = yield* exchange()
      const { body, form, headers } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
          ["subject_token", subjectToken],
          ["subject_token_type", "urn:ietf:params:oauth:token-type:access_token"]
        ]
      )
      assert.isTrue(
        body.startsWith("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&"),
        "seeds 4.2"
      )
      assert.strictEqual(headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.deepStrictEqual(tokens.issuedTokenType, Option.some(TokenType.accessToken))
      assert.strictEqual(tokens.tokenType, "Bearer")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 2.1: every parameter, with several resources and audiences, one each", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const actorToken = yield* server.mintAccessToken({ sub: "agent", clientId: "service" })
      const { subjectToken } = yield* exchange({
        subjectTokenType: TokenType.jwt,
        resource: ["https://api.test", "https://b.test"],
        audience: ["urn:one", "https://api.example.com"],
        scope: ["read", "write"],
        requestedTokenType: TokenType.accessToken,
        actorToken: Redacted.make(actorToken),
        parameters: { vendor: "1" }
      })
      const { body, form } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
          ["subject_token", subjectToken],
          ["subject_token_type", "urn:ietf:params:oauth:token-type:jwt"],
          ["resource", "https://api.test"],
          ["resource", "https://b.test"],
          ["audience", "urn:one"],
          ["audience", "https://api.example.com"],
          ["requested_token_type", "urn:ietf:params:oauth:token-type:access_token"],
          ["actor_token", actorToken],
          ["actor_token_type", "urn:ietf:params:oauth:token-type:access_token"],
          ["scope", "read write"],
          ["vendor", "1"]
        ]
      )
      assert.include(body, "scope=read+write", "seeds 4.2")
      assert.include(body, "audience=https%3A%2F%2Fapi.example.com", "seeds 4.2")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 2.1: actor_token_type is sent with an actor token, and never without", () =>
    Effect.gen(function* () {
      yield* exchange({ actorTokenType: TokenType.jwt })
      assert.isFalse((yield* H.lastTokenRequest).form.has("actor_token_type"))
      const server = yield* TestIssuer.TestIssuer
      const actorToken = Redacted.make(yield* server.mintAccessToken({ clientId: "service" }))
      yield* exchange({ actorToken, actorTokenType: TokenType.jwt })
      assert.strictEqual((yield* H.lastTokenRequest).form.get("actor_token_type"), TokenType.jwt)
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 2.2.1, peers 4c 94: a missing or foreign issued_token_type is refused", () =>
    Effect.gen(function* () {
      for (const value of [undefined, null, ""]) {
        yield* H.misbehave("token", Misbehaviour.changedMember("issued_token_type", value), { times: 1 })
        const error = yield* H.fails(exchange(), "ProtocolViolation", "missing")
        assert.strictEqual(error.member, "issued_token_type")
      }
      yield* H.misbehave("token", Misbehaviour.changedMember("issued_token_type", TokenType.refreshToken))
      yield* H.fails(exchange({ requestedTokenType: TokenType.accessToken }), "ProtocolViolation", "mismatch")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 2.2.1: N_A is a token type here, and in no other grant", () =>
    Effect.gen(function* () {
      yield* H.misbehave("token", [
        Misbehaviour.changedMember("token_type", "N_A"),
        Misbehaviour.changedMember("issued_token_type", TokenType.jwt)
      ])
      const { tokens } = yield* exchange({ requestedTokenType: TokenType.jwt })
      assert.strictEqual(tokens.tokenType, "N_A")
      assert.deepStrictEqual(tokens.issuedTokenType, Option.some(TokenType.jwt))
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8693 section 2.2.2: the server's refusal is typed", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(
        exchange({ subjectToken: Redacted.make("not-a-token") }),
        "OAuthResponseError",
        "invalid_request"
      )
      assert.strictEqual(error.operation, "TokenExchange.exchange")
    }).pipe(Effect.provide(layer))
  )

  it.effect("an own parameter that the flow sets is refused before anything is sent, in any case", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      for (const name of [
        "subject_token",
        "grant_type",
        "client_id",
        "client_secret",
        "scope",
        "Client_Secret",
        "SUBJECT_TOKEN"
      ]) {
        const error = yield* H.fails(
          exchange({ parameters: { [name]: "x" } }),
          "ProtocolViolation",
          "duplicate"
        )
        assert.strictEqual(error.member, name)
      }
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(Effect.provide(layer))
  )
})
