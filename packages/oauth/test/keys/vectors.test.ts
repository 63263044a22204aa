import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { readFileSync } from "node:fs"
import * as IdTokenHash from "../../src/keys/IdTokenHash.js"
import type { JsonWebKey } from "../../src/keys/Jwk.js"
import * as Jwk from "../../src/keys/Jwk.js"
import * as JwtAlgorithm from "../../src/keys/JwtAlgorithm.js"
import * as JwtProfile from "../../src/keys/JwtProfile.js"
import * as Keyring from "../../src/keys/Keyring.js"
import { webCrypto } from "../../src/keys/SignatureEngine.js"
import * as VerificationKey from "../../src/keys/VerificationKey.js"
import { outcome, verify } from "./support/tokens.js"

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8"))

const Key = Schema.declare(Jwk.isJsonWebKey)
const Algorithm = Schema.declare(JwtAlgorithm.isJwtAlgorithm)

const published = Schema.decodeUnknownSync(
  Schema.Struct({
    jws: Schema.Array(
      Schema.Struct({ ref: Schema.String, jwk: Key, alg: Algorithm, compact: Schema.String })
    ),
    unsecured: Schema.Tuple(Schema.Struct({ compact: Schema.String })),
    crit: Schema.Tuple(Schema.Struct({ compact: Schema.String })),
    thumbprint: Schema.Array(Schema.Struct({ ref: Schema.String, jwk: Key, thumbprint: Schema.String })),
    ath: Schema.Tuple(Schema.Struct({ access_token: Schema.String, ath: Schema.String })),
    half_hash: Schema.Tuple(Schema.Struct({ value: Schema.String, alg: Schema.String, hash: Schema.String }))
  })
)(read("rfc-published.json"))

const parts = (compact: string) => {
  const [header = "", payload = "", signature = ""] = compact.split(".")
  return { input: `${header}.${payload}`, signature }
}

const flipped = (signature: string): string => (signature.startsWith("A") ? "B" : "A") + signature.slice(1)

const engineVerifies = (jwk: JsonWebKey, alg: JwtAlgorithm.JwtAlgorithm, input: string, signature: string) =>
  Effect.flatMap(webCrypto.prepareVerify(jwk, alg), (check) => check(input, signature))

describe("published vectors: the engine", () => {
  for (const vector of published.jws) {
    it.effect(`${vector.ref} verifies, and not with another signature`, () =>
      Effect.gen(function* () {
        const { input, signature } = parts(vector.compact)
        assert.isTrue(yield* engineVerifies(vector.jwk, vector.alg, input, signature))
        assert.isFalse(yield* engineVerifies(vector.jwk, vector.alg, input, flipped(signature)))
        assert.isFalse(yield* engineVerifies(vector.jwk, vector.alg, `${input}A`, signature))
      })
    )
  }

  const cookbook = Schema.decodeUnknownSync(
    Schema.Struct({
      title: Schema.String,
      reproducible: Schema.optional(Schema.Boolean),
      input: Schema.Struct({
        key: Schema.Union(Key, Schema.Array(Key)),
        alg: Schema.Union(Algorithm, Schema.Array(Algorithm))
      }),
      signing: Schema.Union(
        Schema.Struct({ "sig-input": Schema.String, sig: Schema.String }),
        Schema.Array(Schema.Struct({ "sig-input": Schema.String, sig: Schema.String }))
      )
    })
  )
  const names = [
    "jws/4_1.rsa_v15_signature",
    "jws/4_2.rsa-pss_signature",
    "jws/4_3.ecdsa_signature",
    "jws/4_4.hmac-sha2_integrity_protection",
    "jws/4_5.signature_with_detached_content",
    "jws/4_6.protecting_specific_header_fields",
    "jws/4_7.protecting_content_only",
    "jws/4_8.multiple_signatures",
    "curve25519/jws"
  ]
  for (const name of names) {
    const vector = cookbook(read(`rfc7520/${name}.json`))
    const keys = [vector.input.key].flat()
    const algorithms = [vector.input.alg].flat()
    const signings = [vector.signing].flat()
    it.effect(`RFC 7520 ${name}: signatures verify, and deterministic ones are made again to the byte`, () =>
      Effect.forEach(signings, (signing, i) =>
        Effect.gen(function* () {
          const key = keys[i]
          const algorithm = algorithms[i]
          if (key === undefined || algorithm === undefined) return assert.fail("the vector is incomplete")
          const input = signing["sig-input"]
          assert.isTrue(yield* engineVerifies(key, algorithm, input, signing.sig))
          assert.isFalse(yield* engineVerifies(key, algorithm, input, flipped(signing.sig)))
          const sign = yield* webCrypto.prepareSign(key, algorithm)
          const made = yield* sign(input)
          if (/^(RS|HS|Ed)/.test(algorithm)) assert.strictEqual(made, signing.sig)
          assert.isTrue(yield* engineVerifies(key, algorithm, input, made))
        })
      )
    )
  }
})

describe("published vectors: the verifier", () => {
  const trusting = (jwk: JsonWebKey) =>
    Keyring.make({ verification: Option.toArray(VerificationKey.fromJwk("joe", jwk)) })
  const profile = JwtProfile.make({
    name: "RFC 7515 appendix A",
    issuer: "joe",
    types: ["JWT", undefined],
    algorithms: [...JwtAlgorithm.asymmetric, "HS256"],
    finish: Effect.succeed
  })

  for (const vector of published.jws.slice(0, 3)) {
    it.effect(`${vector.ref} is accepted before 2011-03-22 and expired after`, () =>
      Effect.gen(function* () {
        const ring = trusting(vector.jwk)
        const { claims } = yield* verify(ring, vector.compact, profile)
        assert.strictEqual(claims["http://example.com/is_root"], true)
        yield* TestClock.setTime(1300819380_000 + 30_000)
        assert.strictEqual(yield* outcome(verify(ring, vector.compact, profile)), "JwtError expired")
      })
    )
  }

  it.effect("RFC 7515 A.5: an unsecured JWT is refused, and so is appendix E", () =>
    Effect.gen(function* () {
      const ring = Keyring.empty
      assert.strictEqual(
        yield* outcome(verify(ring, published.unsecured[0].compact, profile)),
        "JwtError malformed"
      )
      assert.strictEqual(
        yield* outcome(verify(ring, `${published.unsecured[0].compact}AA`, profile)),
        "JwtError algorithm"
      )
      assert.strictEqual(
        yield* outcome(verify(ring, `${published.crit[0].compact}AA`, profile)),
        "JwtError critical"
      )
    })
  )

  it.effect("RFC 9449 figure 2: the published proof is good for its request, at its time", () =>
    Effect.gen(function* () {
      const proof = published.jws.find((vector) => vector.ref.includes("9449"))
      if (proof === undefined) return assert.fail("no proof among the vectors")
      const dpop = JwtProfile.dpopProof({ method: "POST", url: "https://server.example.com/token" })
      yield* TestClock.setTime(1562262616_000)
      const verified = yield* verify(Keyring.empty, proof.compact, dpop)
      assert.strictEqual(verified.claims.htu, "https://server.example.com/token")
      assert.strictEqual(
        verified.key.issuer,
        "urn:ietf:params:oauth:jwk-thumbprint:sha-256:0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
      )
      const other = JwtProfile.dpopProof({ method: "GET", url: "https://server.example.com/token" })
      assert.strictEqual(yield* outcome(verify(Keyring.empty, proof.compact, other)), "JwtError claim")
      yield* TestClock.adjust("6 minutes")
      assert.strictEqual(yield* outcome(verify(Keyring.empty, proof.compact, dpop)), "JwtError expired")
    })
  )
})

describe("published vectors: names and hashes", () => {
  for (const vector of published.thumbprint) {
    it.effect(`${vector.ref}: the thumbprint is as published`, () =>
      Effect.map(Jwk.thumbprint(vector.jwk), (thumbprint) =>
        assert.strictEqual(thumbprint, vector.thumbprint)
      )
    )
  }

  it.effect("OpenID Connect Core A.3: at_hash is as published", () =>
    Effect.gen(function* () {
      const { alg, hash, value } = published.half_hash[0]
      assert.strictEqual(yield* IdTokenHash.compute(alg, Redacted.make(value)), hash)
      yield* IdTokenHash.check("at_hash", hash, alg, Redacted.make(value))
      const wrong = yield* Effect.flip(IdTokenHash.check("at_hash", hash, alg, Redacted.make(`${value}x`)))
      assert.strictEqual(wrong.reason, "hash")
    })
  )

  it.effect("the hash is that of the algorithm; EdDSA has SHA-512 and an unknown one none", () =>
    Effect.gen(function* () {
      const lengths = yield* Effect.forEach(["ES256", "RS384", "PS512", "EdDSA", "Ed25519"], (alg) =>
        Effect.map(IdTokenHash.compute(alg, Redacted.make("token")), (hash) => hash.length)
      )
      assert.deepStrictEqual(lengths, [22, 32, 43, 43, 43])
      const unknown = yield* Effect.flip(IdTokenHash.compute("none", Redacted.make("token")))
      assert.strictEqual(unknown.reason, "hash")
    })
  )
})
