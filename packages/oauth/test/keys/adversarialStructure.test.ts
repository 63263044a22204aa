/** Inputs 24 to 32 of the adversarial list: the structure of a token. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Jwt from "../../src/keys/Jwt.js"
import * as JwtVerifier from "../../src/keys/JwtVerifier.js"
import * as Keyring from "../../src/keys/Keyring.js"
import {
  b64,
  compact,
  ec,
  goodClaims,
  goodHeader,
  judged,
  outcome,
  profile,
  rsa,
  signature,
  verify
} from "./support/tokens.js"

const key = ec()
const good = compact(goodHeader(key), goodClaims, key.privateKey)
const signed = (header: string, claims: string): string =>
  `${header}.${claims}.${signature("ES256", key.privateKey, `${header}.${claims}`)}`

describe("peers 4c: structure", () => {
  it.effect("4c 24: one, four and five parts, empty parts, a million dots", () =>
    Effect.gen(function* () {
      const [header = "", claims = "", sig = ""] = good.split(".")
      const shapes = [
        "",
        ".",
        "..",
        "...",
        "invalid",
        `${header}.${claims}`,
        `${header}.${claims}.`,
        `.${claims}.${sig}`,
        `${header}..${sig}`,
        `${good}.`,
        `.${good}`,
        `${good}.${sig}`,
        `${header}.${claims}.${sig}.${sig}.${sig}`,
        `${good} `
      ]
      for (const shape of shapes) assert.strictEqual(yield* judged(shape, key.jwk), "JwtError malformed")
      assert.strictEqual(yield* judged(".".repeat(1_000_000), key.jwk), "JwtError too_large")
      const patient = yield* JwtVerifier.fromKeyring(Keyring.empty, { maxTokenBytes: 2_000_000 })
      const dots = patient.verify(".".repeat(1_000_000), profile)
      assert.strictEqual(yield* outcome(dots), "JwtError malformed")
      const between = patient.verify(`a${".a".repeat(500_000)}`, profile)
      assert.strictEqual(yield* outcome(between), "JwtError malformed")
    })
  )

  it.effect("4c 25: a token past the cap is not looked into", () =>
    Effect.gen(function* () {
      const large = compact(goodHeader(key), { ...goodClaims, more: "x".repeat(20_000) }, key.privateKey)
      assert.strictEqual(yield* judged(large, key.jwk), "JwtError too_large")
      assert.strictEqual(yield* judged("A".repeat(100_000_000), key.jwk), "JwtError too_large")
      const ring = yield* Keyring.fromJwks({ issuer: "https://issuer.example", jwks: { keys: [key.jwk] } })
      const verifier = yield* JwtVerifier.fromKeyring(ring, { maxTokenBytes: 64 * 1024 })
      assert.strictEqual(yield* outcome(verifier.verify(large, profile)), "accepted")
    })
  )

  it.effect("4c 26: base64url has one spelling: no padding, no +/, no white space, no bits left over", () =>
    Effect.gen(function* () {
      const header = b64(goodHeader(key))
      // 61 and 62 bytes, so that two characters or one would be padding.
      const claimsOf = (length: number) => {
        const bare = JSON.stringify({ ...goodClaims, x: "" }).length
        return b64({ ...goodClaims, x: "?".repeat((length - (bare % 3) + 3) % 3) })
      }
      for (const over of [1, 2]) {
        const claims = claimsOf(over)
        assert.strictEqual(yield* judged(signed(header, claims), key.jwk), "accepted")
        const last = claims.slice(-1)
        const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        const other = claims.slice(0, -1) + alphabet.charAt(alphabet.indexOf(last) + 1)
        assert.strictEqual(
          Buffer.from(other, "base64url").toString(),
          Buffer.from(claims, "base64url").toString()
        )
        for (const spelling of [
          `${claims}=`,
          `${claims}==`,
          ` ${claims}`,
          `${claims}\n`,
          `${claims.slice(0, 10)}\t${claims.slice(10)}`,
          other,
          `${claims}+`,
          `${claims}/`,
          `${claims}é`
        ]) {
          assert.strictEqual(yield* judged(signed(header, spelling), key.jwk), "JwtError malformed")
        }
        assert.strictEqual(yield* judged(signed(`${header}=`, claims), key.jwk), "JwtError header")
        assert.strictEqual(yield* judged(`${signed(header, claims)}=`, key.jwk), "JwtError malformed")
      }
      const [, , sig = ""] = good.split(".")
      const plus = `${header}.${b64(goodClaims)}.${sig.slice(0, 4)}+${sig.slice(5)}`
      assert.strictEqual(yield* judged(plus, key.jwk), "JwtError malformed")
    })
  )

  it.effect("4c 27: what is not UTF-8 is refused, in header and claims; what is, is read right", () =>
    Effect.gen(function* () {
      const header = b64(goodHeader(key))
      for (const bad of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]]) {
        const inText = Buffer.concat([Buffer.from('{"sub":"'), Buffer.from(bad), Buffer.from('"}')])
        assert.strictEqual(yield* judged(signed(header, b64(inText)), key.jwk), "JwtError malformed")
        const inHeader = Buffer.concat([
          Buffer.from('{"alg":"ES256","kid":"'),
          Buffer.from(bad),
          Buffer.from('"}')
        ])
        assert.strictEqual(yield* judged(signed(b64(inHeader), b64(goodClaims)), key.jwk), "JwtError header")
      }
      const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(goodClaims))])
      assert.strictEqual(yield* judged(signed(header, b64(marked)), key.jwk), "JwtError malformed")
      const ring = yield* Keyring.fromJwks({ issuer: "https://issuer.example", jwks: { keys: [key.jwk] } })
      const names = "Zoë 日本 🗝"
      const verified = yield* verify(ring, signed(header, b64({ ...goodClaims, name: names })), profile)
      assert.strictEqual(verified.claims["name"], names)
    })
  )

  it.effect("4c 28: a payload that is a list, text, a number, null or no JSON", () =>
    Effect.forEach(["[]", '"text"', "1", "null", "true", "", "{", "{} {}", "{'a':1}", "NaN"], (payload) =>
      Effect.map(judged(signed(b64(goodHeader(key)), b64(payload)), key.jwk), (result) =>
        assert.strictEqual(result, "JwtError malformed")
      )
    )
  )

  it.effect(
    "4c 29: a header that names a member twice is refused; of claims the last counts (RFC 7519 section 4)",
    () =>
      Effect.gen(function* () {
        const claims = b64(goodClaims)
        for (const header of [
          '{"alg":"ES256","typ":"at+jwt","kid":"ec","alg":"none"}',
          '{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"ec"}',
          '{"\\u0061lg":"none","alg":"ES256","typ":"at+jwt","kid":"ec"}',
          '{"alg":"ES256","typ":"at+jwt","kid":"a","k\\u0069d" : "ec"}'
        ]) {
          assert.strictEqual(yield* judged(signed(b64(header), claims), key.jwk), "JwtError header")
        }
        const nested =
          '{"alg":"ES256","typ":"at+jwt","kid":"ec","x":{"alg":1,"y":["alg",{"kid":"\\"alg\\":"}]},"z":"alg"}'
        assert.strictEqual(yield* judged(signed(b64(nested), claims), key.jwk), "accepted")

        const text = JSON.stringify(goodClaims)
        const header = b64(goodHeader(key))
        const lastIsOther = text.replace(/}$/, ',"aud":"https://other.example"}')
        assert.strictEqual(yield* judged(signed(header, b64(lastIsOther)), key.jwk), "JwtError audience")
        const lastIsOurs = text.replace(/^{/, '{"aud":"https://other.example",')
        assert.strictEqual(yield* judged(signed(header, b64(lastIsOurs)), key.jwk), "accepted")
      })
  )

  it.effect("4c 30: crit is refused, whatever it lists", () =>
    Effect.forEach([["exp"], ["unknown"], [], ["exp", "exp"], "exp", {}, null, ["b64"]], (crit) =>
      Effect.map(
        judged(compact({ ...goodHeader(key), crit, unknown: 1 }, goodClaims, key.privateKey), key.jwk),
        (result) => assert.strictEqual(result, "JwtError critical")
      )
    )
  )

  it.effect("4c 31: an unencoded payload is refused, with crit and without", () =>
    Effect.gen(function* () {
      for (const header of [{ b64: false }, { b64: false, crit: ["b64"] }, { b64: "true" }, { b64: null }]) {
        const token = compact({ ...goodHeader(key), ...header }, goodClaims, key.privateKey)
        assert.strictEqual(yield* judged(token, key.jwk), "JwtError critical")
      }
      const said = compact({ ...goodHeader(key), b64: true }, goodClaims, key.privateKey)
      assert.strictEqual(yield* judged(said, key.jwk), "accepted")
    })
  )

  it.effect("4c 32: a JWT ten deep is not unwrapped", () =>
    Effect.gen(function* () {
      let token = good
      for (let depth = 0; depth < 10; depth++) {
        const input = `${b64({ ...goodHeader(key), cty: "JWT" })}.${b64(token)}`
        token = `${input}.${signature("ES256", key.privateKey, input)}`
      }
      const ring = yield* Keyring.fromJwks({ issuer: "https://issuer.example", jwks: { keys: [key.jwk] } })
      const verifier = yield* JwtVerifier.fromKeyring(ring, { maxTokenBytes: 1_000_000 })
      assert.strictEqual(yield* outcome(verifier.verify(token, profile)), "JwtError malformed")
    })
  )

  it.effect("objects nested as deep as the cap allows cost no stack", () =>
    Effect.gen(function* () {
      const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`
      const claims = JSON.stringify(goodClaims).replace(/}$/, `,"x":${deep}}`)
      assert.strictEqual(yield* judged(signed(b64(goodHeader(key)), b64(claims)), key.jwk), "accepted")
      const header = `{"alg":"ES256","typ":"at+jwt","kid":"ec","x":${deep}}`
      const remembered = yield* Keyring.fromJwks({
        issuer: "https://issuer.example",
        jwks: { keys: [key.jwk] }
      })
      const verifier = yield* JwtVerifier.fromKeyring(remembered, { cacheSize: 2, maxTokenBytes: 64 * 1024 })
      assert.strictEqual(
        yield* outcome(verifier.verify(signed(b64(header), b64(claims)), profile)),
        "accepted"
      )
    })
  )

  it.effect(
    "a header may be spelled in more ways than one: order, white space, application/, case of typ",
    () =>
      Effect.forEach(
        [
          '{ "kid" : "ec",\r\n\t"typ":"application/at+jwt", "alg":"ES256" }',
          '{"typ":"AT+JWT","alg":"ES256","kid":"ec"}',
          '{"typ":"Application/At+Jwt","alg":"ES256","kid":"ec"}'
        ],
        (header) =>
          Effect.map(judged(signed(b64(header), b64(goodClaims)), key.jwk), (result) =>
            assert.strictEqual(result, "accepted")
          )
      )
  )

  it.effect("a failure holds nothing of the token", () =>
    Effect.gen(function* () {
      const marker = "canary-7f3a"
      const other = rsa()
      const tokens = [
        compact({ ...goodHeader(key), alg: marker }, goodClaims, key.privateKey),
        compact({ ...goodHeader(key), kid: marker }, goodClaims, key.privateKey),
        compact({ ...goodHeader(key), typ: marker }, goodClaims, key.privateKey),
        compact({ ...goodHeader(key), crit: [marker] }, goodClaims, key.privateKey),
        compact(goodHeader(key), { ...goodClaims, iss: marker }, key.privateKey),
        compact(goodHeader(key), { ...goodClaims, aud: marker }, key.privateKey),
        compact(goodHeader(key), { ...goodClaims, exp: marker }, key.privateKey),
        compact(goodHeader(key), { ...goodClaims, sub: [marker] }, key.privateKey),
        compact(goodHeader(key), { ...goodClaims, scope: [marker] }, key.privateKey),
        `${marker}.${marker}.${marker}`,
        compact(goodHeader(other), { ...goodClaims, sub: marker }, other.privateKey, "RS256")
      ]
      const ring = yield* Keyring.fromJwks({ issuer: "https://issuer.example", jwks: { keys: [key.jwk] } })
      for (const token of tokens) {
        const error = yield* Effect.flip(verify(ring, token, profile))
        for (const text of [JSON.stringify(error), String(error), error.message, error.stack ?? ""]) {
          assert.notInclude(text, marker)
          assert.notInclude(text, token.split(".")[1] ?? token)
        }
      }
    })
  )

  it("what is decoded without being verified is none when it is no JWT", () => {
    assert.isTrue(Option.isNone(Jwt.decodeUnverified("a.b.c")))
    assert.isTrue(Option.isNone(Jwt.decodeUnverified(".".repeat(100))))
    const decoded = Option.getOrThrow(Jwt.decodeUnverified(good))
    assert.strictEqual(decoded.claims["sub"], "alice")
    assert.strictEqual(decoded.header.kid, "ec")
  })
})
