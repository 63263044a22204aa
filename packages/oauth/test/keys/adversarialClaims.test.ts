/** Inputs 38 to 49 of the adversarial list: claims. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as IdTokenHash from "../../src/keys/IdTokenHash.js"
import * as Jwt from "../../src/keys/Jwt.js"
import * as JwtProfile from "../../src/keys/JwtProfile.js"
import {
  audience,
  b64,
  compact,
  ec,
  goodClaims,
  goodHeader,
  issuer,
  judged,
  profile,
  signature
} from "./support/tokens.js"

const key = ec()
const withClaims = (changes: object, header: object = goodHeader(key)): string =>
  compact(header, { ...goodClaims, ...changes }, key.privateKey)
const withText = (claims: string): string => {
  const input = `${b64(goodHeader(key))}.${b64(claims)}`
  return `${input}.${signature("ES256", key.privateKey, input)}`
}

const clientId = "client"
const idClaims = { iss: issuer, sub: "alice", aud: clientId, exp: 300, iat: 0 }
const idToken = (changes: object = {}, header: object = {}): string =>
  compact({ alg: "ES256", kid: "ec", ...header }, { ...idClaims, ...changes }, key.privateKey)
const login = (options: Partial<JwtProfile.IdTokenOptions> = {}) =>
  JwtProfile.idToken({ issuer, clientId, ...options })

const expectAll = (
  tokens: ReadonlyArray<readonly [string, string]>,
  against: JwtProfile.JwtProfile<unknown> = profile
): Effect.Effect<void> =>
  Effect.forEach(
    tokens,
    ([token, expected]) =>
      Effect.map(judged(token, key.jwk, against), (result) =>
        assert.strictEqual(result, expected, Buffer.from(token.split(".")[1] ?? "", "base64url").toString())
      ),
    { discard: true }
  )

describe("peers 4c: claims", () => {
  it.effect("4c 38: exp as text, infinite, negative, a fraction, missing, null", () =>
    expectAll([
      [withClaims({ exp: "300" }), "JwtError claim"],
      [withText(JSON.stringify(goodClaims).replace('"exp":300', '"exp":1e400')), "JwtError claim"],
      [withClaims({ exp: null }), "JwtError claim"],
      [withClaims({ exp: [300] }), "JwtError claim"],
      [withClaims({ exp: true }), "JwtError claim"],
      [withClaims({ exp: -1000 }), "JwtError expired"],
      [withClaims({ exp: 0.5 }), "accepted"],
      [withClaims({ exp: undefined }), "JwtError missing_claim"]
    ])
  )

  it.effect("4c 39: a token is good until exp and the leeway, and not at that instant", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      yield* expectAll([
        [withClaims({ exp: 1001 }), "accepted"],
        [withClaims({ exp: 1000 }), "accepted"],
        [withClaims({ exp: 971 }), "accepted"],
        [withClaims({ exp: 970 }), "JwtError expired"]
      ])
      const strict = JwtProfile.accessToken({ issuer, audience, leeway: Duration.zero })
      yield* expectAll(
        [
          [withClaims({ exp: 1001 }), "accepted"],
          [withClaims({ exp: 1000 }), "JwtError expired"]
        ],
        strict
      )
      yield* expectAll(
        [
          [withClaims({ exp: 970 }), "JwtError expired"],
          [withClaims({ exp: 995 }), "accepted"]
        ],
        JwtProfile.accessToken({ issuer, audience, leeway: "10 seconds" })
      )
    })
  )

  it.effect("4c 40: iat and nbf in the year 9999, and just within the leeway", () =>
    expectAll([
      [withClaims({ iat: 253402300000 }), "JwtError issued_in_future"],
      [withClaims({ nbf: 253402300000 }), "JwtError not_yet_valid"],
      [withClaims({ iat: 30 }), "accepted"],
      [withClaims({ iat: 31 }), "JwtError issued_in_future"],
      [withClaims({ nbf: 30 }), "accepted"],
      [withClaims({ nbf: 31 }), "JwtError not_yet_valid"],
      [withClaims({ nbf: "0" }), "JwtError claim"],
      [withClaims({ iat: "0" }), "JwtError claim"],
      [withClaims({ iat: undefined }), "JwtError missing_claim"]
    ])
  )

  it.effect("4c 41: an issuer that is almost the one trusted", () =>
    expectAll([
      ...[
        `${issuer}/`,
        "https://ISSUER.example",
        `${issuer}:443`,
        "https://user@issuer.example",
        "https://іssuer.example",
        "http://issuer.example",
        `${issuer}\u0000`,
        `${issuer} `,
        ""
      ].map((iss) => [withClaims({ iss }), "JwtError issuer"] as const),
      [withClaims({ iss: [issuer] }), "JwtError issuer"],
      [withClaims({ iss: null }), "JwtError issuer"],
      [withClaims({ iss: undefined }), "JwtError missing_claim"]
    ])
  )

  it.effect("4c 42: aud as a list with others, an object, empty, missing", () =>
    expectAll([
      [withClaims({ aud: [audience] }), "accepted"],
      // RFC 7519 section 4.1.3: it is enough to be among them.
      [withClaims({ aud: ["https://other.example", audience] }), "accepted"],
      [withClaims({ aud: ["https://other.example"] }), "JwtError audience"],
      [withClaims({ aud: `${audience}/` }), "JwtError audience"],
      [withClaims({ aud: `${audience} https://other.example` }), "JwtError audience"],
      [withClaims({ aud: { [audience]: true } }), "JwtError audience"],
      [withClaims({ aud: [] }), "JwtError audience"],
      [withClaims({ aud: "" }), "JwtError audience"],
      [withClaims({ aud: [audience, 1] }), "JwtError audience"],
      [withClaims({ aud: [[audience]] }), "JwtError audience"],
      [withClaims({ aud: null }), "JwtError audience"],
      [withClaims({ aud: undefined }), "JwtError missing_claim"]
    ])
  )

  it.effect("4c 43 (OpenID Connect Core 3.1.3.7): azp", () =>
    expectAll(
      [
        [idToken(), "accepted"],
        [idToken({ azp: clientId }), "accepted"],
        [idToken({ azp: "other" }), "JwtError authorized_party"],
        [idToken({ azp: "" }), "JwtError authorized_party"],
        [idToken({ azp: [clientId] }), "JwtError authorized_party"],
        [idToken({ aud: [clientId, "other"] }), "JwtError authorized_party"],
        [idToken({ aud: [clientId, "other"], azp: clientId }), "accepted"],
        [idToken({ aud: ["other"], azp: clientId }), "JwtError audience"]
      ],
      login()
    )
  )

  it.effect("4c 44: a nonce that is absent, empty, of another login, or not asked for", () =>
    Effect.gen(function* () {
      const nonce = "n-0S6_WzA2Mj"
      for (const asked of [login({ nonce }), login({ nonce: Redacted.make(nonce) })]) {
        yield* expectAll(
          [
            [idToken({ nonce }), "accepted"],
            [idToken(), "JwtError nonce"],
            [idToken({ nonce: "" }), "JwtError nonce"],
            [idToken({ nonce: "n-0S6_WzA2Mk" }), "JwtError nonce"],
            [idToken({ nonce: [nonce] }), "JwtError nonce"]
          ],
          asked
        )
      }
      yield* expectAll([[idToken({ nonce }), "JwtError nonce"]], login())
      yield* expectAll(
        [
          [idToken(), "accepted"],
          [idToken({ nonce }), "accepted"],
          [idToken({ nonce: "other" }), "JwtError nonce"]
        ],
        login({ nonce, nonceOptional: true })
      )
    })
  )

  it.effect("4c 45 (OpenID Connect Core 3.1.3.6): at_hash and c_hash", () =>
    Effect.gen(function* () {
      const accessToken = Redacted.make("access")
      const code = Redacted.make("code")
      const at_hash = yield* IdTokenHash.compute("ES256", accessToken)
      const c_hash = yield* IdTokenHash.compute("ES256", code)
      const asked = login({ accessToken, code })
      yield* expectAll(
        [
          [idToken(), "accepted"],
          [idToken({ at_hash, c_hash }), "accepted"],
          [idToken({ at_hash: c_hash }), "JwtError hash"],
          [idToken({ c_hash: at_hash }), "JwtError hash"],
          [idToken({ at_hash: `${at_hash}A` }), "JwtError hash"],
          [idToken({ at_hash: "" }), "JwtError hash"],
          [idToken({ at_hash: 1 }), "JwtError hash"]
        ],
        asked
      )
      yield* expectAll(
        [
          [idToken({ at_hash, c_hash }), "accepted"],
          [idToken({ at_hash }), "JwtError hash"],
          [idToken({ c_hash }), "JwtError hash"]
        ],
        login({ accessToken, code, hashesRequired: true })
      )
    })
  )

  it.effect("4c 46: an ID token is no access token, and the other way round", () =>
    Effect.gen(function* () {
      const both = { ...goodClaims, aud: [audience, clientId], azp: clientId }
      const header = { alg: "ES256", kid: "ec" }
      yield* expectAll([
        [compact(header, both, key.privateKey), "JwtError type"],
        [compact({ ...header, typ: "JWT" }, both, key.privateKey), "JwtError type"]
      ])
      yield* expectAll(
        [[compact({ ...header, typ: "at+jwt" }, both, key.privateKey), "JwtError type"]],
        login()
      )
      const lenient = JwtProfile.accessTokenLenient({ issuer, audience })
      yield* expectAll(
        [
          [compact(header, both, key.privateKey), "accepted"],
          [compact(header, { ...both, at_hash: "x" }, key.privateKey), "JwtError type"],
          [compact(header, { ...both, token_use: "id" }, key.privateKey), "JwtError type"],
          [compact(header, { ...both, typ: "ID" }, key.privateKey), "JwtError type"]
        ],
        lenient
      )
    })
  )

  it.effect("4c 47: a logout token is no ID token, and the other way round", () =>
    Effect.gen(function* () {
      const events = { "http://schemas.openid.net/event/backchannel-logout": {} }
      const logout = { ...idClaims, jti: "1", events }
      const header = { alg: "ES256", kid: "ec" }
      const tokenOf = (claims: object, typ?: string) =>
        compact(typ === undefined ? header : { ...header, typ }, claims, key.privateKey)
      yield* expectAll(
        [
          [tokenOf(logout, "logout+jwt"), "JwtError type"],
          [tokenOf(logout), "JwtError type"]
        ],
        login()
      )
      yield* expectAll(
        [
          [tokenOf(logout), "accepted"],
          [tokenOf(logout, "logout+jwt"), "accepted"],
          [tokenOf({ ...logout, sub: undefined, sid: "s" }), "accepted"],
          [tokenOf({ ...logout, sub: undefined }), "JwtError missing_claim"],
          [tokenOf({ ...logout, nonce: "n" }), "JwtError nonce"],
          [tokenOf({ ...logout, jti: undefined }), "JwtError missing_claim"],
          [tokenOf({ ...logout, events: { other: {} } }), "JwtError type"],
          [tokenOf({ ...logout, events: [] }), "JwtError type"],
          [tokenOf(idClaims), "JwtError missing_claim"],
          [tokenOf({ ...idClaims, jti: "1" }), "JwtError type"]
        ],
        JwtProfile.logoutToken({ issuer, clientId })
      )
    })
  )

  it.effect("4c 48: sub empty, a number, of another person", () =>
    Effect.gen(function* () {
      yield* expectAll([
        [withClaims({ sub: "" }), "JwtError missing_claim"],
        [withClaims({ sub: 1 }), "JwtError missing_claim"],
        [withClaims({ sub: undefined }), "JwtError missing_claim"]
      ])
      yield* expectAll(
        [
          [idToken(), "accepted"],
          [idToken({ sub: "alice " }), "JwtError subject"],
          [idToken({ sub: "bob" }), "JwtError subject"]
        ],
        login({ subject: "alice" })
      )
    })
  )

  it.effect("4c 49: scope as a list only where a server may be lenient; scopes are compared whole", () =>
    Effect.gen(function* () {
      yield* expectAll([[withClaims({ scope: ["read"] }), "JwtError claim"]])
      const lenient = JwtProfile.accessTokenLenient({ issuer, audience })
      yield* expectAll([[withClaims({ scope: undefined, scp: ["read", "read"] }), "accepted"]], lenient)
      assert.deepStrictEqual(Jwt.scopes({ scope: "readonly read  read" }), ["readonly", "read"])
      assert.deepStrictEqual(Jwt.scopes({ scp: ["a", 1, "a", "b", ""] }), ["a", "b"])
      assert.deepStrictEqual(Jwt.scopes({ scope: { read: true } }), [])
      assert.isFalse(Jwt.scopes({ scope: "readonly" }).includes("read"))
    })
  )

  it.effect("a claim that every object inherits is not there", () =>
    Effect.gen(function* () {
      const needing = JwtProfile.make({
        name: "test",
        issuer,
        types: ["at+jwt"],
        required: ["constructor"],
        finish: Effect.succeed
      })
      yield* expectAll(
        [
          [withClaims({}), "JwtError missing_claim"],
          [
            withText(JSON.stringify(goodClaims).replace(/}$/, ',"__proto__":{"constructor":"x"}}')),
            "JwtError missing_claim"
          ],
          [withClaims({ constructor: "x" }), "accepted"]
        ],
        needing
      )
    })
  )

  it.effect("max_age: auth_time must be there and recent", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      const now = { exp: 2000, iat: 1000 }
      yield* expectAll(
        [
          [idToken({ ...now }), "JwtError auth_time"],
          [idToken({ ...now, auth_time: "1000" }), "JwtError auth_time"],
          [idToken({ ...now, auth_time: 1000 - 330 }), "accepted"],
          [idToken({ ...now, auth_time: 1000 - 331 }), "JwtError auth_time"]
        ],
        login({ maxAge: "5 minutes" })
      )
    })
  )

  it.effect("acr: one of those asked for", () =>
    expectAll(
      [
        [idToken({ acr: "gold" }), "accepted"],
        [idToken({ acr: "silver" }), "JwtError claim"],
        [idToken(), "JwtError claim"]
      ],
      login({ acr: ["gold", "platinum"] })
    )
  )
})
