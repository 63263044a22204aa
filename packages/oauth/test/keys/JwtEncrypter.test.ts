import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as jose from "jose"
import { generateKeyPairSync } from "node:crypto"
import type { JsonWebKey } from "../../src/keys/Jwk.js"
import * as Jwk from "../../src/keys/Jwk.js"
import * as JwtDecrypter from "../../src/keys/JwtDecrypter.js"
import * as JwtEncrypter from "../../src/keys/JwtEncrypter.js"
import { TransportError } from "../../src/protocol/OAuthError.js"
import { failing, jwksUri, keyServer, publishing, wireOf } from "./support/keyServer.js"
import { issuer } from "./support/tokens.js"

const canary = Redacted.make("header.a-canary.signature")

type Kind = "rsa" | "short" | "ec" | "secp256k1" | "x25519" | "ed25519"

const pairOf = (kind: Kind) => {
  switch (kind) {
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 })
    case "short":
      return generateKeyPairSync("rsa", { modulusLength: 1024 })
    case "ec":
      return generateKeyPairSync("ec", { namedCurve: "P-256" })
    case "secp256k1":
      return generateKeyPairSync("ec", { namedCurve: "secp256k1" })
    case "x25519":
      return generateKeyPairSync("x25519")
    default:
      return generateKeyPairSync("ed25519")
  }
}

const jwkOf = (kind: Kind, more: Partial<JsonWebKey> = {}): JsonWebKey => {
  const jwk: unknown = { ...pairOf(kind).privateKey.export({ format: "jwk" }), ...more }
  if (!Jwk.isJsonWebKey(jwk)) throw new Error("not a JWK")
  return jwk
}

const published = ({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...jwk }: JsonWebKey): JsonWebKey => jwk

const choice: JwtEncrypter.Choice = { algorithms: JwtEncrypter.keyManagement, encryption: "A256GCM" }

const encrypt = (keys: ReadonlyArray<JsonWebKey>, more: Partial<JwtEncrypter.Choice> = {}) =>
  JwtEncrypter.fromJwks({ issuer, jwks: { keys } }).encrypt(canary, { ...choice, ...more })

const headerOf = (token: Redacted.Redacted<string>) => jose.decodeProtectedHeader(Redacted.value(token))

describe("JwtEncrypter.fromJwks", () => {
  const keys = { rsa: jwkOf("rsa", { kid: "r" }), ec: jwkOf("ec", { kid: "e" }), x25519: jwkOf("x25519") }

  it.effect("RFC 7516: what is encrypted is read with the private key, whatever the way", () =>
    Effect.gen(function* () {
      for (const algorithm of JwtEncrypter.keyManagement) {
        for (const encryption of JwtEncrypter.contentEncryption) {
          for (const key of algorithm.startsWith("RSA") ? [keys.rsa] : [keys.ec, keys.x25519]) {
            const token = yield* encrypt([published(key)], { algorithms: [algorithm], encryption })
            const { kid } = key
            assert.deepInclude(headerOf(token), {
              alg: algorithm,
              enc: encryption,
              cty: "JWT",
              ...(kid === undefined ? {} : { kid })
            })
            const decrypter = yield* JwtDecrypter.make({
              keys: [Redacted.make(key)],
              algorithms: [algorithm],
              encryptions: [encryption]
            })
            const { plaintext } = yield* decrypter.decrypt(token)
            assert.strictEqual(Redacted.value(plaintext), Redacted.value(canary))
          }
        }
      }
    })
  )

  it.effect("two tokens of one text have nothing in common, and neither shows it", () =>
    Effect.gen(function* () {
      const [one, other] = yield* Effect.all([encrypt([published(keys.ec)]), encrypt([published(keys.ec)])])
      const parts = (token: Redacted.Redacted<string>) => Redacted.value(token).split(".")
      for (const at of [0, 2, 3, 4]) assert.notStrictEqual(parts(one)[at], parts(other)[at])
      assert.notInclude(atob((parts(one)[3] ?? "").replace(/-/g, "+").replace(/_/g, "/")), "canary")
    })
  )

  it.effect(
    "OpenID Connect Core 10.2: a key that says enc before one that does not say, or the one named",
    () =>
      Effect.gen(function* () {
        const silent = published(jwkOf("ec", { kid: "silent" }))
        const enc = published(jwkOf("ec", { kid: "enc", use: "enc" }))
        assert.strictEqual(headerOf(yield* encrypt([silent, enc])).kid, "enc")
        assert.strictEqual(headerOf(yield* encrypt([silent])).kid, "silent")
        assert.strictEqual(headerOf(yield* encrypt([silent, enc], { kid: "silent" })).kid, "silent")
        const bound = published(jwkOf("ec", { alg: "ECDH-ES+A128KW" }))
        assert.strictEqual(headerOf(yield* encrypt([bound])).alg, "ECDH-ES+A128KW")
        assert.strictEqual(headerOf(yield* encrypt([published(keys.rsa)])).alg, "RSA-OAEP-256")
      })
  )

  it.effect("peers 4c 10, 19, 20, 21: nothing is encrypted to a key that is not for it", () =>
    Effect.gen(function* () {
      const others: ReadonlyArray<readonly [string, JsonWebKey]> = [
        ["that signs", published(jwkOf("ec", { use: "sig" }))],
        ["that signs, by its operations", published(jwkOf("rsa", { key_ops: ["verify"] }))],
        ["that is for another algorithm", published(jwkOf("rsa", { alg: "RS256" }))],
        ["that is private", keys.ec],
        ["that is a secret", { kty: "oct", k: "a".repeat(43) }],
        ["that is short", published(jwkOf("short"))],
        ["of another curve", published(jwkOf("secp256k1"))],
        ["of Ed25519", published(jwkOf("ed25519"))],
        ["that is cut off", { ...published(keys.x25519), x: "AAAA" }],
        ["without a modulus", { kty: "RSA", e: "AQAB" }]
      ]
      for (const [what, key] of others) {
        const error = yield* Effect.flip(encrypt([key]))
        assert.strictEqual(`${error.reason} ${error.issuer}`, `not_found ${issuer}`, `a key ${what}`)
      }
      yield* Effect.flip(encrypt([published(keys.ec)], { kid: "another" }))
      yield* Effect.flip(encrypt([published(keys.ec)], { algorithms: ["RSA-OAEP"] }))
      for (const key_ops of [[], ["deriveKey"]]) yield* encrypt([{ ...published(keys.ec), key_ops }])
    })
  )

  it.effect("peers 4c 36: a point that is on no curve is malformed, and the text is not in the error", () =>
    Effect.gen(function* () {
      const off = { kty: "EC", crv: "P-256", x: "A".repeat(42) + "E", y: "A".repeat(42) + "E" }
      const error = yield* Effect.flip(encrypt([off]))
      assert.strictEqual(error.reason, "malformed")
      assert.notInclude(error.message, "canary")
    })
  )
})

describe("JwtEncrypter.remote", () => {
  const key = published(jwkOf("ec", { kid: "enc", use: "enc" }))

  const remote = (server: Parameters<typeof wireOf>[0], options: Partial<JwtEncrypter.RemoteOptions> = {}) =>
    Effect.flatMap(wireOf(server), (wire) =>
      JwtEncrypter.remote({ issuer, jwksUri: Effect.succeed(jwksUri), wire, ...options })
    )

  it.scoped("the keys are fetched once for all who wait, and again when their time is over", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([key]))
      const { encrypt } = yield* remote(server)
      assert.strictEqual(server.requests.length, 0)
      const once = encrypt(canary, choice)
      yield* Effect.all([once, once, once], { concurrency: "unbounded" })
      assert.deepStrictEqual(server.requests, [jwksUri])
      yield* TestClock.adjust("5 minutes")
      const other = published(jwkOf("ec", { kid: "next", use: "enc" }))
      server.answer = publishing([other])
      assert.strictEqual(headerOf(yield* once).kid, "next")
    })
  )

  it.scoped("a failure is not kept; entries that are no keys do not spoil the others", () =>
    Effect.gen(function* () {
      const server = keyServer(failing(503))
      const { encrypt } = yield* remote(server)
      const once = encrypt(canary, choice)
      const down = yield* Effect.flip(once)
      assert.strictEqual(`${down.reason} ${down.retriable}`, "unavailable true")
      server.answer = publishing([null, 7, { kty: 1 }, key])
      assert.strictEqual(headerOf(yield* once).kid, "enc")
    })
  )

  it.scoped("peers 4c 81: what is no key set, a redirect, or on another origin where that is forbidden", () =>
    Effect.gen(function* () {
      const reason = (
        answer: Parameters<typeof keyServer>[0],
        options?: Partial<JwtEncrypter.RemoteOptions>
      ) =>
        Effect.gen(function* () {
          const { encrypt } = yield* remote(keyServer(answer), options)
          return (yield* Effect.flip(encrypt(canary, choice))).reason
        })
      for (const body of ["[]", "null", '{"keys":null}', '{"keys":{}}', "{}"])
        assert.strictEqual(yield* reason(Effect.succeed({ body })), "malformed", body)
      assert.strictEqual(yield* reason(failing(302, { location: "https://evil.test/keys" })), "unavailable")
      assert.strictEqual(yield* reason(Effect.succeed({ body: "<html>" })), "unavailable")
      const elsewhere = { jwksUri: Effect.succeed("https://evil.test/keys"), sameOrigin: true }
      assert.strictEqual(yield* reason(publishing([key]), elsewhere), "forbidden")
      const unknown = new TransportError({
        operation: "test",
        reason: "timeout",
        url: jwksUri,
        retriable: true,
        message: "late"
      })
      assert.strictEqual(yield* reason(publishing([key]), { jwksUri: Effect.fail(unknown) }), "unavailable")
    })
  )
})
