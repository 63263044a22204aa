import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { CompactEncrypt } from "jose"
import { generateKeyPairSync } from "node:crypto"
import { readFileSync } from "node:fs"
import { deflateRawSync } from "node:zlib"
import type { JsonWebKey } from "../../src/keys/Jwk.js"
import * as Jwk from "../../src/keys/Jwk.js"
import * as JwtDecrypter from "../../src/keys/JwtDecrypter.js"
import * as JwtProfile from "../../src/keys/JwtProfile.js"
import * as Keyring from "../../src/keys/Keyring.js"
import { b64, outcome, verify } from "./support/tokens.js"

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/rfc7520/${name}.json`, import.meta.url), "utf8"))

const Key = Schema.declare(Jwk.isJsonWebKey)
const Vector = Schema.decodeUnknownSync(
  Schema.Struct({
    input: Schema.Struct({
      plaintext: Schema.String,
      key: Schema.optional(Key),
      alg: Schema.String,
      enc: Schema.String
    }),
    output: Schema.Struct({ compact: Schema.String })
  })
)

const management: ReadonlyArray<JwtDecrypter.KeyManagement> = [
  "RSA-OAEP",
  "RSA-OAEP-256",
  "ECDH-ES",
  "ECDH-ES+A128KW",
  "A128KW",
  "A256GCMKW",
  "dir"
]
const encryptions: ReadonlyArray<JwtDecrypter.ContentEncryption> = [
  "A128CBC-HS256",
  "A256CBC-HS512",
  "A128GCM",
  "A256GCM"
]

const decrypt = (jwk: JsonWebKey, token: string, options: Partial<JwtDecrypter.Options> = {}) =>
  Effect.flatMap(
    JwtDecrypter.make({ keys: [Redacted.make(jwk)], algorithms: management, encryptions, ...options }),
    (decrypter) => decrypter.decrypt(token)
  )

const privateJwk = (type: "rsa" | "ec" | "x25519", kid = "enc"): JsonWebKey => {
  const pair =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : type === "ec"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("x25519")
  const jwk: unknown = { ...pair.privateKey.export({ format: "jwk" }), kid }
  if (!Jwk.isJsonWebKey(jwk)) throw new Error("not a JWK")
  return jwk
}

const material = ({ kty, crv, x, y, n, e }: JsonWebKey): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e }).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]]
    )
  )

const encrypt = (text: string, jwk: JsonWebKey, header: { alg: string; enc: string }) =>
  Effect.promise(() =>
    new CompactEncrypt(Buffer.from(text)).setProtectedHeader(header).encrypt(material(jwk))
  )

describe("JwtDecrypter: RFC 7520 section 5", () => {
  const names = [
    "jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm",
    "jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm",
    "jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2",
    "jwe/5_6.direct_encryption_using_aes-gcm",
    "jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2",
    "jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm",
    "curve25519/ecdh-es"
  ]
  for (const name of names) {
    it.effect(`${name} is decrypted, and not after a change`, () =>
      Effect.gen(function* () {
        const { input, output } = Vector(read(name))
        if (input.key === undefined) return assert.fail("no key")
        const { plaintext } = yield* decrypt(input.key, output.compact)
        assert.strictEqual(Redacted.value(plaintext), input.plaintext)
        const [header, key, iv, text = "", tag] = output.compact.split(".")
        const changed = [header, key, iv, (text.startsWith("A") ? "B" : "A") + text.slice(1), tag].join(".")
        assert.strictEqual(yield* outcome(decrypt(input.key, changed)), "JwtError decryption")
      })
    )
  }

  it.effect("5.1 and 5.3: RSA1_5 and PBES2 are never accepted", () =>
    Effect.gen(function* () {
      const jwk = privateJwk("rsa")
      for (const name of [
        "jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2",
        "jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2"
      ]) {
        assert.strictEqual(
          yield* outcome(decrypt(jwk, Vector(read(name)).output.compact)),
          "JwtError algorithm"
        )
      }
    })
  )

  it.effect("5.9: a compressed text is refused, unless asked for and within its bound", () =>
    Effect.gen(function* () {
      const { input, output } = Vector(read("jwe/5_9.compressed_content"))
      if (input.key === undefined) return assert.fail("no key")
      assert.strictEqual(yield* outcome(decrypt(input.key, output.compact)), "JwtError header")
      const { plaintext } = yield* decrypt(input.key, output.compact, { maxDecompressedBytes: 1000 })
      assert.strictEqual(Redacted.value(plaintext), input.plaintext)
    })
  )

  it.effect("6: a signed JWT in an encrypted one, decrypted and then verified", () =>
    Effect.gen(function* () {
      const vector = Schema.decodeUnknownSync(
        Schema.Struct({
          sign: Schema.Struct({ input: Schema.Struct({ key: Key }) }),
          encrypt: Schema.Struct({
            input: Schema.Struct({ key: Key }),
            output: Schema.Struct({ compact: Schema.String })
          })
        })
      )(read("6.nesting_signatures_and_encryption"))
      const { header, plaintext } = yield* decrypt(vector.encrypt.input.key, vector.encrypt.output.compact)
      assert.strictEqual(header["cty"], "JWT")
      const issuer = "hobbiton.example"
      const ring = yield* Keyring.fromJwk({ jwk: vector.sign.input.key, issuer })
      const profile = JwtProfile.make({ name: "nested", issuer, types: ["JWT"], finish: Effect.succeed })
      const { claims } = yield* verify(ring, Redacted.value(plaintext), profile)
      assert.strictEqual(claims["http://example.com/is_root"], true)
    })
  )
})

describe("peers 4c: encryption", () => {
  it.effect("4c 33 (CVE-2024-28176): a bomb does not go off", () =>
    Effect.gen(function* () {
      const jwk = privateJwk("rsa")
      const bomb = deflateRawSync(Buffer.alloc(10_000_000))
      const made = (yield* encrypt("x", jwk, { alg: "RSA-OAEP", enc: "A256GCM" })).split(".")
      const header = b64({ alg: "RSA-OAEP", enc: "A256GCM", zip: "DEF" })
      const token = [header, made[1], made[2], bomb.toString("base64url"), made[4]].join(".")
      assert.isBelow(token.length, 32 * 1024)
      assert.strictEqual(yield* outcome(decrypt(jwk, token)), "JwtError header")

      const key = { kty: "oct", k: b64(new Uint8Array(16).fill(9)) }
      const real = yield* Effect.promise(() =>
        new CompactEncrypt(Buffer.alloc(5_000_000, "a"))
          .setProtectedHeader({ alg: "dir", enc: "A128GCM", zip: "DEF" })
          .encrypt(new Uint8Array(16).fill(9))
      )
      assert.isBelow(real.length, 32 * 1024)
      assert.strictEqual(
        yield* outcome(decrypt(key, real, { maxDecompressedBytes: 100_000 })),
        "JwtError decryption"
      )
    })
  )

  it.effect("4c 34 (CVE-2022-36083): PBES2 with any count costs nothing", () =>
    Effect.gen(function* () {
      const key = { kty: "oct", k: b64(new Uint8Array(32)) }
      for (const p2c of [2 ** 31, 0, "1000", -1, 1000]) {
        const header = b64({ alg: "PBES2-HS256+A128KW", enc: "A128GCM", p2c, p2s: "AAAAAAAAAAA" })
        assert.strictEqual(
          yield* outcome(decrypt(key, `${header}.AAAA.AAAA.AAAA.AAAA`)),
          "JwtError algorithm"
        )
      }
    })
  )

  it.effect("4c 35: whatever is wrong with key or ciphertext, the answer is the same", () =>
    Effect.gen(function* () {
      const jwk = privateJwk("rsa")
      const token = yield* encrypt("text", jwk, { alg: "RSA-OAEP", enc: "A128CBC-HS256" })
      const parts = token.split(".")
      const flip = (text: string) => (text.startsWith("A") ? "B" : "A") + text.slice(1)
      const messages = new Set<string>()
      for (const at of [1, 2, 3, 4]) {
        const changed = parts.map((part, i) => (i === at ? flip(part) : part)).join(".")
        const error = yield* Effect.flip(decrypt(jwk, changed))
        assert.strictEqual(error.reason, "decryption")
        messages.add(error.message)
      }
      for (const at of [1, 2, 3, 4]) {
        const shorter = parts.map((part, i) => (i === at ? part.slice(0, 4) : part)).join(".")
        messages.add((yield* Effect.flip(decrypt(jwk, shorter))).message)
      }
      messages.add((yield* Effect.flip(decrypt(privateJwk("rsa"), token))).message)
      assert.strictEqual(messages.size, 1)
    })
  )

  it.effect("4c 36 (invalid curve): an epk that is not on the curve, of another curve, or no key", () =>
    Effect.gen(function* () {
      const jwk = privateJwk("ec")
      const token = yield* encrypt("text", jwk, { alg: "ECDH-ES", enc: "A128GCM" })
      const [header = "", ...rest] = token.split(".")
      const parsed = Schema.decodeUnknownSync(
        Schema.parseJson(Schema.Struct({ epk: Schema.Record({ key: Schema.String, value: Schema.Unknown }) }))
      )(Buffer.from(header, "base64url").toString())
      for (const epk of [
        { ...parsed.epk, y: parsed.epk["x"] },
        { ...parsed.epk, crv: "P-384" },
        { ...parsed.epk, x: b64(new Uint8Array(32)), y: b64(new Uint8Array(32)) },
        { kty: "oct", k: "AAAA" },
        null,
        "epk",
        undefined
      ]) {
        const changed = [b64({ alg: "ECDH-ES", enc: "A128GCM", epk }), ...rest].join(".")
        assert.strictEqual(yield* outcome(decrypt(jwk, changed)), "JwtError decryption")
      }
    })
  )

  it.effect("4c 37: dir with a key of the wrong length", () =>
    Effect.gen(function* () {
      const token = yield* Effect.promise(() =>
        new CompactEncrypt(Buffer.from("text"))
          .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
          .encrypt(new Uint8Array(32).fill(1))
      )
      for (const length of [0, 16, 31, 33, 64]) {
        const key = { kty: "oct", k: b64(new Uint8Array(length).fill(1)) }
        assert.strictEqual(yield* outcome(decrypt(key, token)), "JwtError decryption")
      }
    })
  )

  it.effect("structure, header and key are looked at first", () =>
    Effect.gen(function* () {
      const jwk = privateJwk("ec")
      const header = (members: object) => b64({ alg: "ECDH-ES", enc: "A128GCM", ...members })
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["a.b.c", "JwtError malformed"],
        [".".repeat(1000), "JwtError malformed"],
        [`${header({})}.....`, "JwtError malformed"],
        ["A".repeat(40_000), "JwtError too_large"],
        [`${header({ alg: "none" })}..AA.AA.AA`, "JwtError algorithm"],
        [`${header({ enc: "none" })}..AA.AA.AA`, "JwtError algorithm"],
        [`${header({ crit: ["x"] })}..AA.AA.AA`, "JwtError critical"],
        [`${header({ kid: "other" })}..AA.AA.AA`, "JwtError key"],
        [`${header({ alg: "A128KW" })}..AA.AA.AA`, "JwtError key"],
        [`${b64("[]")}..AA.AA.AA`, "JwtError header"]
      ]
      for (const [token, expected] of cases) assert.strictEqual(yield* outcome(decrypt(jwk, token)), expected)
      for (const bad of [{ ...jwk, use: "sig" }, Jwk.toPublic(jwk), { ...jwk, x: "AA" }]) {
        assert.strictEqual(yield* outcome(decrypt(bad, "")), "KeyringError forbidden")
      }
    })
  )
})
