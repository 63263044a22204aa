import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Base64Url from "../../src/keys/internal/base64url.js"
import { hasDuplicateMember } from "../../src/keys/internal/json.js"
import * as Jwt from "../../src/keys/Jwt.js"
import type { JwtAlgorithm } from "../../src/keys/JwtAlgorithm.js"
import * as JwtProfile from "../../src/keys/JwtProfile.js"
import * as JwtSigner from "../../src/keys/JwtSigner.js"
import * as JwtVerifier from "../../src/keys/JwtVerifier.js"
import * as Keyring from "../../src/keys/Keyring.js"
import {
  audience,
  compact,
  ec,
  goodClaims,
  goodHeader,
  issuer,
  outcome,
  profile,
  ringOf
} from "./support/tokens.js"

const algorithms: ReadonlyArray<JwtAlgorithm> = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
  "HS256",
  "HS384",
  "HS512"
]

const ringFor = (alg: JwtAlgorithm) =>
  alg === "HS256" || alg === "HS384" || alg === "HS512"
    ? Keyring.fromSecret({ alg, issuer, secret: Redacted.make(new Uint8Array(64).fill(3)) })
    : alg === "ES256K"
      ? Effect.dieMessage("not of WebCrypto")
      : Keyring.generate({ alg, issuer })

const claimsOfAnyKind = FastCheck.dictionary(
  FastCheck.string({ minLength: 1 }).filter(
    (name) => !(name in goodClaims) && name !== "nbf" && name !== "__proto__"
  ),
  FastCheck.jsonValue()
)

describe("properties", () => {
  for (const alg of algorithms) {
    it.effect(`${alg}: what is signed is verified, and read as it was written`, () =>
      Effect.gen(function* () {
        const ring = yield* ringFor(alg)
        const signer = yield* JwtSigner.fromKeyring(ring)
        const verifier = yield* JwtVerifier.fromKeyring(ring)
        const own = JwtProfile.make({
          name: "any",
          issuer,
          audience,
          algorithms: [alg],
          types: ["at+jwt"],
          finish: Effect.succeed
        })
        const samples = FastCheck.sample(claimsOfAnyKind, 10)
        for (const more of samples) {
          const claims = { ...more, iss: issuer, aud: audience }
          const token = yield* signer.sign(claims, { typ: "at+jwt" })
          const verified = yield* verifier.verify(token, own)
          const { exp: _exp, iat: _iat, jti: _jti, ...rest } = verified.claims
          assert.deepStrictEqual(rest, JSON.parse(JSON.stringify(claims)))
        }
      })
    )
  }

  const key = ec()
  const token = compact(goodHeader(key), goodClaims, key.privateKey)

  it.effect(
    "one bit anywhere in a token and it is refused",
    () =>
      Effect.gen(function* () {
        const verifier = yield* JwtVerifier.fromKeyring(yield* ringOf(key.jwk))
        assert.strictEqual(yield* outcome(verifier.verify(token, profile)), "accepted")
        yield* Effect.forEach(
          Array.from({ length: token.length * 7 }, (_, i) => i),
          (i) => {
            const at = Math.floor(i / 7)
            const flipped = String.fromCharCode(token.charCodeAt(at) ^ (1 << (i % 7)))
            return Effect.map(
              outcome(verifier.verify(token.slice(0, at) + flipped + token.slice(at + 1), profile)),
              (result) => assert.match(result, /^JwtError /, `bit ${i % 7} of character ${at}`)
            )
          },
          { concurrency: 64, discard: true }
        )
      }),
    20_000
  )

  it.effect("no text makes the verifier do anything but fail with a JwtError", () =>
    Effect.gen(function* () {
      const verifier = yield* JwtVerifier.fromKeyring(yield* ringOf(key.jwk))
      const part = FastCheck.oneof(
        FastCheck.string(),
        FastCheck.json().map((text) => Buffer.from(text).toString("base64url")),
        FastCheck.object().map((value) =>
          Buffer.from(JSON.stringify({ alg: "ES256", ...value })).toString("base64url")
        ),
        FastCheck.constantFrom(...token.split("."), "", ".", "\u0000", "💥")
      )
      const texts = FastCheck.sample(FastCheck.array(part, { maxLength: 6 }), 2000)
      for (const parts of texts) {
        const text = parts.join(".")
        if (text === token) continue
        assert.match(yield* outcome(verifier.verify(text, profile)), /^JwtError /)
        Jwt.decodeUnverified(text)
      }
    })
  )

  it.prop(
    "base64url: as node:buffer writes it, and only so",
    [FastCheck.uint8Array({ maxLength: 200 })],
    ([bytes]) => {
      const text = Buffer.from(bytes).toString("base64url")
      assert.strictEqual(Base64Url.encodeBytes(bytes), text)
      assert.deepStrictEqual(Base64Url.decodeBytes(text), Uint8Array.from(bytes))
    }
  )

  it.prop(
    "base64url: a text that is read is the only spelling of its bytes",
    [FastCheck.string({ maxLength: 12, unit: FastCheck.constantFrom(..."ABQgwz019-_=+/ \n") })],
    ([text]) => {
      const bytes = Base64Url.decodeBytes(text)
      if (bytes !== undefined) assert.strictEqual(Base64Url.encodeBytes(bytes), text)
    }
  )

  it.prop(
    "text of any script: as node:buffer writes and reads it",
    [FastCheck.string({ unit: "grapheme" })],
    ([text]) => {
      const segment = Buffer.from(text).toString("base64url")
      assert.strictEqual(Base64Url.encodeText(text), segment)
      assert.strictEqual(Base64Url.decodeText(segment), text)
    }
  )

  it.prop(
    "bytes are text exactly when they are UTF-8",
    [FastCheck.uint8Array({ maxLength: 8 })],
    ([bytes]) => {
      const read = Option.liftThrowable((data: Uint8Array) =>
        new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data)
      )(bytes)
      assert.strictEqual(Base64Url.decodeText(Base64Url.encodeBytes(bytes)), Option.getOrUndefined(read))
    }
  )

  it.prop(
    "a JSON object has no member twice unless one is written twice",
    [FastCheck.object(), FastCheck.nat()],
    ([value, pick]) => {
      const text = JSON.stringify(value)
      assert.isFalse(hasDuplicateMember(text))
      const names = Object.keys(JSON.parse(text))
      const name = names[pick % names.length]
      if (name !== undefined)
        assert.isTrue(hasDuplicateMember(`${text.slice(0, -1)}, ${JSON.stringify(name)} :1}`))
    }
  )
})
