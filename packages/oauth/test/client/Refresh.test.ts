import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Quirks from "effect-oauth/Quirks"
import * as Refresh from "effect-oauth/Refresh"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as H from "./support/setup.js"

const refresh = (tokens: TokenSet, options?: Refresh.Refresh.Options) =>
  Effect.flatMap(Refresh.Refresh, (service) => service.refresh(tokens, options))

/** The tokens of a person who has logged in. */
const loggedIn = (
  scope: ReadonlyArray<string> = ["openid", "offline_access", "notes"],
  decision?: TestUser.Decision
) =>
  Effect.gen(function* () {
    const code = yield* H.login({ scope, resource: ["https://api.test", "https://b.test"] }, decision)
    const { exchange } = yield* CodeExchange.CodeExchange
    return (yield* exchange(code)).tokens
  })

const refreshTokenOf = (tokens: TokenSet) => Redacted.value(Option.getOrThrow(tokens.refreshToken))

const changed = (tokens: TokenSet, change: Partial<TokenSet>): TokenSet => ({ ...tokens, ...change })

describe("Refresh.refresh", () => {
  it.effect("RFC 6749 section 6: sends the refresh token, and nothing that was not asked for", () =>
    Effect.gen(function* () {
      const before = yield* loggedIn()
      yield* TestClock.adjust("30 minutes")
      const { idToken, tokens } = yield* refresh(before)
      const { form } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "refresh_token"],
          ["refresh_token", refreshTokenOf(before)],
          ["client_id", "app"]
        ]
      )
      assert.notStrictEqual(Redacted.value(tokens.accessToken), Redacted.value(before.accessToken))
      assert.notStrictEqual(refreshTokenOf(tokens), refreshTokenOf(before))
      assert.deepStrictEqual(tokens.expiresAt, Option.some(5_400_000))
      assert.deepStrictEqual(tokens.scope, before.scope)
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "alice")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 6749 section 6, RFC 8707 section 2.2: another scope, resources and parameters of the server's own",
    () =>
      Effect.gen(function* () {
        const before = yield* loggedIn()
        const { tokens } = yield* refresh(before, {
          scope: ["notes"],
          resource: ["https://api.test", "https://b.test"],
          parameters: { tenant: "a b" }
        })
        const { form } = yield* H.lastTokenRequest
        assert.strictEqual(form.get("scope"), "notes")
        assert.deepStrictEqual(form.getAll("resource"), ["https://api.test", "https://b.test"])
        assert.strictEqual(form.get("tenant"), "a b")
        assert.deepStrictEqual(tokens.scope, ["notes"])
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 8707 section 2: a resource that is no absolute URI, or has a fragment, is not sent", () =>
    Effect.gen(function* () {
      const before = yield* loggedIn()
      for (const resource of ["api", "/api", "https://api.test#x", "https://api.test/#"]) {
        const error = yield* H.fails(refresh(before, { resource }), "ProtocolViolation", "value")
        assert.strictEqual(error.member, "resource")
      }
      // The refresh token was not spent.
      yield* refresh(before, { resource: "https://api.test" })
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 6749 section 5.1: a silent server has granted the scope asked for, or that of before", () =>
    Effect.gen(function* () {
      const before = yield* loggedIn()
      yield* H.misbehave("token", Misbehaviour.missingMember("scope"))
      assert.deepStrictEqual((yield* refresh(before, { scope: ["notes"] })).tokens.scope, ["notes"])
      const again = yield* loggedIn()
      assert.deepStrictEqual((yield* refresh(again)).tokens.scope, ["notes", "offline_access", "openid"])
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 6749 section 6, peers 4c 72: missing, null or empty, the old refresh token is kept", () =>
    Effect.gen(function* () {
      const before = yield* loggedIn()
      for (const value of [undefined, null, ""]) {
        yield* H.misbehave("token", Misbehaviour.changedMember("refresh_token", value), { times: 1 })
        const { tokens } = yield* refresh(before)
        assert.strictEqual(refreshTokenOf(tokens), refreshTokenOf(before))
      }
    }).pipe(Effect.provide(H.layer({}, { rotateRefreshTokens: false })))
  )

  it.effect("OpenID Connect Core 12.2: without a new ID token the old one is kept", () =>
    Effect.gen(function* () {
      const before = yield* loggedIn()
      yield* H.misbehave("token", Misbehaviour.missingMember("id_token"))
      const { idToken, tokens } = yield* refresh(before)
      assert.isTrue(Option.isNone(idToken))
      assert.deepStrictEqual(tokens.idToken, before.idToken)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("OpenID Connect Core 12.2, peers 4c 93: an ID token of another person or login is refused", () =>
    Effect.gen(function* () {
      const bent = (idToken: Parameters<typeof Misbehaviour.tokens>[0]["idToken"] & object) =>
        Effect.gen(function* () {
          const before = yield* loggedIn(undefined, TestUser.consent({ authenticated: "1 minute" }))
          yield* H.misbehave("token", Misbehaviour.tokens({ idToken }), { times: 1 })
          return yield* refresh(before)
        })
      yield* H.fails(bent({ claims: { sub: "mallory" } }), "JwtError", "subject")
      yield* H.fails(bent({ claims: { auth_time: -10 } }), "JwtError", "auth_time")
      yield* H.fails(bent({ claims: { nonce: "other" } }), "JwtError", "nonce")
      yield* H.fails(bent({ claims: { iss: "https://evil.test" } }), "JwtError", "issuer")
      yield* H.fails(bent({ claims: { aud: "other" } }), "JwtError", "audience")
      yield* H.fails(bent({ key: "unpublished" }), "JwtError", "signature")
      const { idToken } = yield* bent({ claims: { nonce: undefined, auth_time: undefined } })
      assert.isTrue(Option.isSome(idToken))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "OpenID Connect Core 12.2, peers 4c 93, 48: the same subject of another issuer is another person",
    () => {
      const ofTenant = (tid: string) =>
        Misbehaviour.tokens({ idToken: { claims: { iss: `${H.issuer}/${tid}`, tid } } })
      return Effect.gen(function* () {
        yield* H.misbehave("token", ofTenant("one"))
        const before = yield* loggedIn()
        const { tokens } = yield* refresh(before)
        yield* H.misbehave("token", ofTenant("two"), { times: 1 })
        yield* H.fails(refresh(tokens, { onKeyOutage: "keep" }), "JwtError", "issuer")
        // Nor where the ID token that came with the code is of another tenant than that of the token response.
        const { exchange } = yield* CodeExchange.CodeExchange
        const inHybrid = (issuer: string) =>
          Effect.map(H.login(), ({ code, transaction }) => ({
            code,
            transaction: { ...transaction, subject: "alice", subjectIssuer: `${H.issuer}/${issuer}` }
          }))
        const { idToken } = yield* exchange(yield* inHybrid("one"))
        assert.strictEqual(Option.getOrThrow(idToken).claims.iss, `${H.issuer}/one`)
        yield* H.fails(exchange(yield* inHybrid("two")), "JwtError", "issuer")
      }).pipe(
        Effect.provide(
          H.layer({
            quirks: Quirks.make({
              issuer: { template: `${H.issuer}/{tid}`, placeholder: "{tid}", claim: "tid", tenants: "any" }
            })
          })
        )
      )
    }
  )

  it.effect("an ID token that comes where there was none is not taken for a login", () =>
    Effect.gen(function* () {
      const before = changed(yield* loggedIn(), { idToken: Option.none() })
      const { idToken } = yield* refresh(before)
      assert.isTrue(Option.isNone(idToken))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("the tokens of another server are not sent to this one", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const before = yield* loggedIn()
      const sent = yield* server.count("token")
      for (const issuer of ["https://evil.test", `${H.issuer}/`, "HTTPS://issuer.test"]) {
        yield* H.fails(refresh(changed(before, { issuer })), "ProtocolViolation", "mismatch")
      }
      assert.strictEqual(yield* server.count("token"), sent)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("without a refresh token nothing is sent, and how to get one is told", () =>
    Effect.gen(function* () {
      const before = yield* loggedIn(["notes"])
      const error = yield* H.fails(
        refresh(changed(before, { refreshToken: Option.none() })),
        "ProtocolViolation",
        "missing"
      )
      assert.include(error.message, "offline_access")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 9700 section 4.14.2: a refresh token that was used is refused by the server, as invalid_grant",
    () =>
      Effect.gen(function* () {
        const before = yield* loggedIn()
        yield* refresh(before)
        const error = yield* H.fails(refresh(before), "OAuthResponseError", "invalid_grant")
        assert.isFalse(error.retriable)
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 10: a refresh is sent once, whatever comes back", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const before = yield* loggedIn()
      for (const misbehaviour of [
        Misbehaviour.status(503),
        Misbehaviour.connectionFailure,
        Misbehaviour.brokenBody
      ]) {
        yield* server.forgetRequests
        yield* H.misbehave("token", misbehaviour, { times: 1 })
        const error = yield* Effect.flip(refresh(before))
        assert.strictEqual(error._tag, "TransportError")
        assert.strictEqual(yield* server.count("token"), 1)
      }
    }).pipe(Effect.provide(H.layer({}, { rotateRefreshTokens: false })))
  )
})
