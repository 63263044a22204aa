import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import type { AuthorizationCode } from "effect-oauth/AuthorizationTransaction"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import { KeyringError } from "effect-oauth/OAuthError"
import type { JwtError } from "effect-oauth/OAuthError"
import * as Refresh from "effect-oauth/Refresh"
import * as UserInfo from "effect-oauth/UserInfo"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as H from "./support/setup.js"

const exchange = (code: AuthorizationCode) =>
  Effect.flatMap(CodeExchange.CodeExchange, (service) => service.exchange(code))

/** A login whose token response is bent. */
const bent = (...misbehaviours: ReadonlyArray<Misbehaviour.Misbehaviour>) =>
  Effect.gen(function* () {
    const code = yield* H.login()
    yield* H.misbehave("token", misbehaviours)
    return yield* exchange(code)
  })

const idToken = (
  claims: Record<string, unknown>,
  more: Parameters<typeof Misbehaviour.tokens>[0]["idToken"] = {}
) => Misbehaviour.tokens({ idToken: { ...more, claims } })

describe("CodeExchange.exchange", () => {
  const moved = Misbehaviour.changedMember("token_endpoint", "https://attacker.test/token")

  it.effect(
    "peers 4c 85: metadata that changes its token endpoint gets neither code, verifier nor secret",
    () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        const code = yield* H.login()
        yield* H.misbehave("metadata", moved)
        // The metadata of before is kept for an hour.
        yield* TestClock.adjust("61 minutes")
        const error = yield* H.fails(exchange(code), "AuthorizationError", "issuer_mismatch")
        assert.include(error.message, "begin again")
        const posted = Effect.map(server.requests, (all) => all.filter(({ method }) => method === "POST"))
        assert.deepStrictEqual(yield* posted, [])
        // It was not sent, so that it is good still where the metadata is as before.
        yield* server.behave()
        yield* TestClock.adjust("61 minutes")
        yield* Effect.either(exchange(code))
        assert.deepStrictEqual(
          (yield* posted).map(({ url }) => url.href),
          ["https://issuer.test/token"]
        )
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "a transaction that was stored before it told its token endpoint is read, and its code exchanged",
    () =>
      Effect.gen(function* () {
        const { code, transaction } = yield* H.login()
        assert.strictEqual(transaction.tokenEndpoint, "https://issuer.test/token")
        const { tokenEndpoint: _, ...stored } = yield* Schema.encode(AuthorizationTransaction)(transaction)
        const read = yield* Schema.decode(AuthorizationTransaction)(stored)
        assert.isTrue(Option.isSome((yield* exchange({ code, transaction: read })).idToken))
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 6749 section 4.1.3, RFC 7636 section 4.5: sends the code, its verifier, its redirect URI",
    () =>
      Effect.gen(function* () {
        const code = yield* H.login({ scope: ["openid"], resource: ["https://api.test", "https://b.test"] })
        const { idToken, tokens } = yield* exchange(code)
        const { form, headers, method } = yield* H.lastTokenRequest
        assert.strictEqual(method, "POST")
        assert.strictEqual(headers["content-type"], "application/x-www-form-urlencoded")
        assert.strictEqual(headers["accept"], "application/json")
        assert.isUndefined(headers["authorization"])
        assert.deepStrictEqual(
          [...form],
          [
            ["grant_type", "authorization_code"],
            ["code", Redacted.value(code.code)],
            ["redirect_uri", H.redirectUri],
            ["code_verifier", Redacted.value(code.transaction.verifier)],
            ["resource", "https://api.test"],
            ["resource", "https://b.test"],
            ["client_id", "app"]
          ]
        )
        assert.strictEqual(tokens.tokenType, "Bearer")
        assert.strictEqual(tokens.issuer, H.issuer)
        assert.deepStrictEqual(tokens.scope, ["openid"])
        assert.deepStrictEqual(tokens.expiresAt, Option.some(3_600_000))
        assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "alice")
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 6749 section 2.3.1: a confidential client says who it is in the header alone", () =>
    Effect.gen(function* () {
      yield* exchange(yield* H.login())
      const { form, headers } = yield* H.lastTokenRequest
      assert.strictEqual(headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.isFalse(form.has("client_id"))
      assert.isFalse(form.has("client_secret"))
    }).pipe(
      Effect.provide(
        H.layer(
          {
            clientId: "service",
            authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
          },
          { clients: [{ ...H.service, redirectUris: [H.redirectUri] }] }
        )
      )
    )
  )

  it.effect("without openid there is no ID token to look at, and none is looked at", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const { idToken, tokens } = yield* exchange(yield* H.login({ scope: ["notes"] }))
      assert.isTrue(Option.isNone(idToken))
      assert.isTrue(Option.isNone(tokens.idToken))
      assert.strictEqual(yield* server.count("jwks"), 0)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "OpenID Connect Core 3.1.3.7, peers 2 (10): an ID token that nobody asked for is not kept, and the session goes on",
    () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        const unverifiable = yield* server.mintIdToken({
          clientId: "app",
          key: new Uint8Array(32),
          header: { alg: "HS256" }
        })
        yield* server.misbehave("token", Misbehaviour.changedMember("id_token", unverifiable))
        const { idToken, tokens } = yield* exchange(yield* H.login({ scope: ["offline_access"] }))
        assert.isTrue(Option.isNone(idToken))
        assert.isTrue(Option.isNone(tokens.idToken))
        const refreshed = yield* (yield* Refresh.Refresh).refresh(tokens)
        assert.isTrue(Option.isNone(refreshed.tokens.idToken))
        yield* H.fails((yield* UserInfo.UserInfo).get(refreshed.tokens), "ProtocolViolation", "missing")
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("OpenID Connect Core 3.1.3.3: with openid an ID token must come", () =>
    Effect.gen(function* () {
      for (const value of [undefined, null, ""]) {
        const error = yield* H.fails(
          bent(Misbehaviour.changedMember("id_token", value)),
          "ProtocolViolation",
          "missing"
        )
        assert.strictEqual(error.member, "id_token")
      }
    }).pipe(Effect.provide(H.layer()))
  )

  const refusals: ReadonlyArray<
    readonly [rule: string, reason: JwtError["reason"], misbehaviour: Misbehaviour.Misbehaviour]
  > = [
    ["peers 4c 44: the nonce of another login", "nonce", Misbehaviour.wrongNonce()],
    ["peers 4c 44: no nonce", "nonce", idToken({ nonce: undefined })],
    ["peers 4c 44: an empty nonce", "nonce", idToken({ nonce: "" })],
    ["peers 4c 45: at_hash of another access token", "hash", Misbehaviour.wrongAtHash],
    ["a signature by another key", "signature", Misbehaviour.badSignature],
    [
      "peers 4c 1: alg none without a signature",
      "malformed",
      idToken({}, { header: { alg: "none" }, key: "none" })
    ],
    ["peers 4c 2: alg None with one", "algorithm", idToken({}, { header: { alg: "None" } })],
    ["peers 4c 4: HS256", "algorithm", idToken({}, { header: { alg: "HS256" }, key: new Uint8Array(32) })],
    ["peers 4c 43: azp of another client", "authorized_party", idToken({ azp: "other" })],
    [
      "OpenID Connect Core 3.1.3.7: several audiences and no azp",
      "authorized_party",
      idToken({ aud: ["app", "other"] })
    ],
    ["another audience", "audience", idToken({ aud: "other" })],
    ["peers 4c 41: iss of another server", "issuer", Misbehaviour.wrongIssuer("https://evil.test")],
    ["peers 4c 41: iss with a slash", "issuer", idToken({ iss: `${H.issuer}/` })],
    ["an ID token that has expired", "expired", idToken({ exp: -3600 })],
    ["an ID token of the future", "issued_in_future", idToken({ iat: 3600 })],
    ["peers 4c 46: an access token as ID token", "type", idToken({}, { header: { typ: "at+jwt" } })],
    ["no subject", "missing_claim", idToken({ sub: undefined })]
  ]
  for (const [rule, reason, misbehaviour] of refusals) {
    it.effect(`${rule} is refused`, () =>
      H.fails(bent(misbehaviour), "JwtError", reason).pipe(Effect.provide(H.layer()))
    )
  }

  it.effect("several audiences with this client as azp are accepted", () =>
    Effect.gen(function* () {
      const { idToken: verified } = yield* bent(idToken({ aud: ["app", "other"], azp: "app" }))
      assert.isTrue(Option.isSome(verified))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "OpenID Connect Core 3.1.2.1: a login older than max_age is refused, and so is one without auth_time",
    () =>
      Effect.gen(function* () {
        const request = { scope: ["openid"], maxAge: "1 hour" } as const
        const fresh = TestUser.consent({ authenticated: "59 minutes" })
        const { idToken: verified } = yield* exchange(yield* H.login(request, fresh))
        assert.strictEqual(Option.getOrThrow(verified).claims.auth_time, -59 * 60)
        const stale = yield* H.login(request, TestUser.consent({ authenticated: "2 hours" }))
        yield* H.fails(exchange(stale), "JwtError", "auth_time")
        const silent = yield* H.login(request)
        yield* H.misbehave("token", idToken({ auth_time: undefined }))
        yield* H.fails(exchange(silent), "JwtError", "auth_time")
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 9: the keys of the server are fetched once, and anew when it has rotated them", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* exchange(yield* H.login())
      yield* exchange(yield* H.login())
      assert.strictEqual(yield* server.count("jwks"), 1)
      yield* server.rotateKeys()
      yield* exchange(yield* H.login())
      assert.strictEqual(yield* server.count("jwks"), 2)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 9: an outage of the keys is not an invalid token", () =>
    Effect.gen(function* () {
      yield* H.misbehave("jwks", Misbehaviour.status(503))
      const error = yield* H.fails(bent(), "KeyringError", "unavailable")
      assert.isTrue(error.retriable)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 58: a code is sent once", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const code = yield* H.login()
      yield* exchange(code)
      yield* H.fails(exchange(code), "AuthorizationError", "replayed")
      assert.strictEqual(yield* server.count("token"), 1)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 10: not even after a failure of the network is it sent again", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const code = yield* H.login()
      yield* H.misbehave("token", Misbehaviour.connectionFailure, { times: 1 })
      yield* H.fails(exchange(code), "TransportError", "unreachable")
      yield* H.fails(exchange(code), "AuthorizationError", "replayed")
      assert.strictEqual(yield* server.count("token"), 1)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 58: a code that could not be sent has not been used, and may be tried again", () => {
    let away = true
    const outage = new KeyringError({
      operation: "vault",
      reason: "unavailable",
      retriable: true,
      message: "the vault is away"
    })
    const secret = Effect.suspend(() => (away ? outage : Effect.succeed(Redacted.make("s3cret"))))
    return Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const code = yield* H.login()
      yield* H.fails(exchange(code), "KeyringError", "unavailable")
      const wrong = { parameters: { code: "other" } }
      const { exchange: send } = yield* CodeExchange.CodeExchange
      away = false
      yield* H.fails(send(code, wrong), "ProtocolViolation", "duplicate")
      assert.strictEqual(yield* server.count("token"), 0)
      yield* exchange(code)
      yield* H.fails(exchange(code), "AuthorizationError", "replayed")
      assert.strictEqual(yield* server.count("token"), 1)
    }).pipe(
      Effect.provide(
        H.layer(
          { clientId: "service", authentication: ClientAuthentication.clientSecretFrom(secret) },
          { clients: [{ ...H.service, redirectUris: [H.redirectUri] }] }
        )
      )
    )
  })

  it.effect("peers 4c 58: nor is it sent again after its transaction has expired", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const code = yield* H.login()
      yield* exchange(code)
      yield* TestClock.adjust("2 hours")
      yield* exchange(yield* H.login())
      yield* H.fails(exchange(code), "AuthorizationError", "replayed")
      assert.strictEqual(yield* server.count("token"), 2)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 53: a code of another server or client is not sent to this one", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const code = yield* H.login()
      for (const change of [{ issuer: "https://other.test" }, { clientId: "other" }]) {
        const transaction = { ...code.transaction, ...change }
        const foreign = { code: code.code, transaction }
        yield* H.fails(exchange(foreign), "AuthorizationError", "issuer_mismatch")
      }
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 6749 section 5.2: what the server refuses is its error, typed", () =>
    Effect.gen(function* () {
      const code = yield* H.login()
      yield* TestClock.adjust("2 minutes")
      const error = yield* H.fails(exchange(code), "OAuthResponseError", "invalid_grant")
      assert.strictEqual(error.status, 400)
      assert.strictEqual(error.operation, "CodeExchange.exchange")
      assert.isFalse(error.retriable)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("an ID token that its server signs with an algorithm that it does not list is refused", () =>
    H.fails(bent(), "JwtError", "algorithm").pipe(
      Effect.provide(
        H.layer({}, { metadata: { id_token_signing_alg_values_supported: ["RS256", "none", "HS256"] } })
      )
    )
  )
})
