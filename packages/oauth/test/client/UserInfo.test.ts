import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Dpop from "effect-oauth/Dpop"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import type { JwtError } from "effect-oauth/OAuthError"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as UserInfo from "effect-oauth/UserInfo"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import { inspect } from "node:util"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const get = (...args: Parameters<UserInfo.UserInfo.Service["get"]>) =>
  Effect.flatMap(UserInfo.UserInfo, (service) => service.get(...args))

const tokens = (scope: ReadonlyArray<string> = ["openid"]) =>
  Effect.gen(function* () {
    const exchange = yield* CodeExchange.CodeExchange
    return (yield* exchange.exchange(yield* H.login({ scope }))).tokens
  })

/** The endpoint answers with exactly this. */
const answered = (body: unknown, options?: UserInfo.UserInfo.Options) =>
  Effect.gen(function* () {
    const granted = yield* tokens()
    yield* H.misbehave("userinfo", Misbehaviour.rawBody(JSON.stringify(body)), { times: 1 })
    return yield* get(granted, options)
  })

/** The endpoint answers with a JWT. */
const signed = (claims: Readonly<Record<string, unknown>> = {}, more: TokenOverrides = {}) =>
  Effect.gen(function* () {
    const granted = yield* tokens()
    const jwt = yield* E.jwt({ sub: "alice", aud: "app", email: "a@example.com", ...claims }, more)
    yield* H.misbehave("userinfo", Misbehaviour.rawBody(jwt, { contentType: "application/jwt" }), {
      times: 1
    })
    return yield* get(granted)
  })

const requests = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("userinfo"))

describe("UserInfo", () => {
  it.effect("OpenID Connect Core 5.3.1, RFC 6750 2.1: sends the token in the header, with GET", () =>
    Effect.gen(function* () {
      const granted = yield* tokens()
      const claims = yield* get(granted)
      assert.deepStrictEqual(claims, { sub: "alice", name: "Alice" })
      const request = yield* E.lastRequest("userinfo")
      assert.strictEqual(request.method, "GET")
      assert.strictEqual(request.headers["authorization"], `Bearer ${Redacted.value(granted.accessToken)}`)
      assert.strictEqual(request.headers["accept"], "application/json, application/jwt")
      assert.strictEqual(request.url.search, "")
    }).pipe(Effect.provide(H.layer({}, { users: [{ sub: "alice", claims: { name: "Alice" } }] })))
  )

  it.effect("OpenID Connect Core 5.3.2: sub is exactly that of the ID token", () =>
    Effect.gen(function* () {
      for (const sub of ["mallory", "Alice", "alice ", "alice\u0000"]) {
        const error = yield* H.fails(
          answered({ sub, email: "private@example.com" }),
          "ProtocolViolation",
          "mismatch"
        )
        assert.strictEqual(error.member, "sub")
        assert.notInclude(JSON.stringify(error), "private@example.com")
      }
      for (const sub of [undefined, null, "", 12, ["alice"]]) {
        yield* H.fails(answered({ sub }), "ProtocolViolation", "missing")
      }
      yield* H.fails(answered({ sub: "alice" }, { subject: "bob" }), "ProtocolViolation", "mismatch")
      yield* answered({ sub: "bob" }, { subject: "bob" })
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("without an ID token the subject must be told, else nothing is sent", () =>
    Effect.gen(function* () {
      const granted: TokenSet = { ...(yield* tokens()), idToken: Option.none() }
      yield* H.fails(get(granted), "ProtocolViolation", "missing")
      assert.deepStrictEqual(yield* requests, [])
      yield* get(granted, { subject: "alice" })
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 85: the token of another server is not sent to this one", () =>
    Effect.gen(function* () {
      const granted: TokenSet = { ...(yield* tokens()), issuer: "https://other.test" }
      yield* H.fails(get(granted), "ProtocolViolation", "mismatch")
      assert.deepStrictEqual(yield* requests, [])
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 6750 section 3: the challenge says why the token is refused", () =>
    Effect.gen(function* () {
      const granted = yield* tokens()
      const server = yield* TestIssuer.TestIssuer
      yield* server.revoke(Redacted.value(granted.accessToken))
      const error = yield* H.fails(get(granted), "OAuthResponseError", "invalid_token")
      assert.strictEqual(error.status, 401)
      const narrow: TokenSet = {
        ...granted,
        accessToken: Redacted.make(yield* server.mintAccessToken({ scope: ["notes"] }))
      }
      yield* H.fails(get(narrow), "OAuthResponseError", "insufficient_scope")
      yield* H.misbehave("userinfo", Misbehaviour.status(401), { times: 1 })
      yield* H.fails(get(granted), "TransportError", "status")
      yield* H.misbehave("userinfo", Misbehaviour.oauthError(403, "account_locked"), { times: 1 })
      yield* H.fails(get(granted), "OAuthResponseError", "account_locked")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 96: the token that the server sends back is not in the error", () =>
    Effect.gen(function* () {
      const granted = yield* tokens()
      const secret = Redacted.value(granted.accessToken)
      yield* H.misbehave("userinfo", [
        Misbehaviour.status(401),
        Misbehaviour.header(
          "www-authenticate",
          `Bearer error="invalid_token", error_description="bad ${secret}"`
        )
      ])
      const error = yield* H.fails(get(granted), "OAuthResponseError", "invalid_token")
      for (const text of [JSON.stringify(error), inspect(error)]) assert.notInclude(text, secret)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 67, 68: a redirect is not followed with the token, a page is no answer", () =>
    Effect.gen(function* () {
      const granted = yield* tokens()
      yield* H.misbehave("userinfo", Misbehaviour.redirect("https://evil.test/"), { times: 1 })
      yield* H.fails(get(granted), "TransportError", "redirect")
      yield* H.misbehave("userinfo", Misbehaviour.html(), { times: 1 })
      yield* H.fails(get(granted), "TransportError", "content")
      yield* H.misbehave("userinfo", Misbehaviour.rawBody('["alice"]'), { times: 1 })
      yield* H.fails(get(granted), "ProtocolViolation", "type")
    }).pipe(Effect.provide(H.layer()))
  )
})

describe("UserInfo, signed", () => {
  it.effect("OpenID Connect Core 5.3.2: a JWT is verified, and its claims given", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* signed(), { sub: "alice", email: "a@example.com", iss: H.issuer })
      yield* signed({ aud: undefined })
      yield* signed({ aud: ["other", "app"] })
    }).pipe(Effect.provide(H.layer()))
  )

  const refusals: ReadonlyArray<
    readonly [
      rule: string,
      reason: JwtError["reason"],
      claims?: Record<string, unknown>,
      more?: TokenOverrides
    ]
  > = [
    ["a signature by another key", "signature", {}, { key: "unpublished" }],
    ["peers 4c 4: HS256", "algorithm", {}, { key: new Uint8Array(32) }],
    ["peers 4c 46: an access token", "type", {}, { header: { typ: "at+jwt" } }],
    ["peers 4c 47: a logout token", "type", {}, { header: { typ: "logout+jwt" } }],
    ["another issuer", "issuer", { iss: "https://evil.test" }],
    ["no issuer", "missing_claim", { iss: undefined }],
    ["another audience", "audience", { aud: "other" }],
    ["an expired one", "expired", { exp: -31 }]
  ]
  for (const [rule, reason, claims, more] of refusals) {
    it.effect(`${rule} is refused`, () =>
      H.fails(signed(claims, more), "JwtError", reason).pipe(Effect.provide(H.layer()))
    )
  }

  it.effect("its sub is compared as well", () =>
    H.fails(signed({ sub: "mallory" }), "ProtocolViolation", "mismatch").pipe(Effect.provide(H.layer()))
  )

  it.effect("a plain answer is refused where a signed one is wanted", () =>
    Effect.gen(function* () {
      yield* H.fails(answered({ sub: "alice" }, { signed: true }), "ProtocolViolation", "type")
      assert.strictEqual((yield* requests)[0]?.headers["accept"], "application/jwt")
    }).pipe(Effect.provide(H.layer()))
  )
})

describe("UserInfo, with DPoP", () => {
  /** The token set says that its token is bound. */
  const bound = Effect.map(tokens(), (granted): TokenSet => ({ ...granted, tokenType: "DPoP" }))

  const withDpop = Effect.gen(function* () {
    const dpop = yield* Effect.orDie(Dpop.make({ allowBearer: true }))
    return { dpop, layer: H.layer({ dpop }) }
  })

  it.effect("RFC 9449 section 7.1: the token in the DPoP scheme, with a proof for this request", () =>
    Effect.gen(function* () {
      const { dpop, layer } = yield* withDpop
      yield* Effect.gen(function* () {
        const granted = yield* bound
        yield* H.misbehave("userinfo", Misbehaviour.rawBody('{"sub":"alice"}'))
        yield* get(granted)
        const request = yield* E.lastRequest("userinfo")
        assert.strictEqual(request.headers["authorization"], `DPoP ${Redacted.value(granted.accessToken)}`)
        const verifier = yield* JwtVerifier.fromKeyring(Keyring.empty)
        const { key } = yield* verifier.verify(
          request.headers["dpop"] ?? "",
          JwtProfile.dpopProof({
            method: "GET",
            url: "https://issuer.test/userinfo",
            accessToken: granted.accessToken
          })
        )
        assert.include(key.issuer, dpop.thumbprint)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("peers 4c 96: a proof that the server says back is not in the error", () =>
    Effect.gen(function* () {
      const { layer } = yield* withDpop
      yield* Effect.gen(function* () {
        const granted = yield* bound
        yield* H.misbehave(
          "userinfo",
          Misbehaviour.custom(({ headers }) =>
            Effect.sync(() =>
              Response.json(
                { error: "invalid_dpop_proof", error_description: `bad: ${headers.get("dpop") ?? ""}!` },
                { status: 400 }
              )
            )
          )
        )
        const error = yield* H.fails(get(granted), "OAuthResponseError", "invalid_dpop_proof")
        assert.strictEqual(error.description, "bad: <redacted>!")
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("RFC 9449 section 9, peers 4c 87: a nonce that is asked for is used, one time", () =>
    Effect.gen(function* () {
      const { layer } = yield* withDpop
      yield* Effect.gen(function* () {
        const granted = yield* bound
        const wantsNonce = (nonce: string) => [
          Misbehaviour.status(401),
          Misbehaviour.header("www-authenticate", 'DPoP error="use_dpop_nonce"'),
          Misbehaviour.header("dpop-nonce", nonce)
        ]
        yield* H.misbehave("userinfo", wantsNonce("first"), { times: 1 })
        yield* H.misbehave("userinfo", Misbehaviour.rawBody('{"sub":"alice"}'), { times: 1 })
        yield* get(granted)
        assert.strictEqual((yield* requests).length, 2)

        yield* H.misbehave("userinfo", wantsNonce("second"), { times: 1 })
        yield* H.misbehave("userinfo", wantsNonce("third"), { times: 1 })
        yield* H.fails(get(granted), "OAuthResponseError", "use_dpop_nonce")
        assert.strictEqual((yield* requests).length, 4)
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect(
    "RFC 6749 section 7.1: a bound token needs its key, and what is no access token is not sent",
    () =>
      Effect.gen(function* () {
        const granted = yield* bound
        const error = yield* H.fails(get(granted), "ProtocolViolation", "unsupported")
        assert.include(error.message, "dpop")
        yield* H.fails(get({ ...granted, tokenType: "N_A" }), "ProtocolViolation", "unsupported")
        assert.deepStrictEqual(yield* requests, [])
      }).pipe(Effect.provide(H.layer()))
  )
})
