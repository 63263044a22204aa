import { assert, describe, it } from "@effect/vitest"
import type { JsonWebKey } from "effect-oauth/Jwk"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import { hash } from "effect-oauth/JwtAlgorithm"
import type { SignatureEngine } from "effect-oauth/SignatureEngine"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as crypto from "node:crypto"
import { keyFor, secret } from "./engineKeys.js"
import { cookbook, published } from "./engineVectors.js"

export interface Subject {
  readonly name: string
  readonly engine: Effect.Effect<SignatureEngine.Service>
  readonly algorithms: ReadonlyArray<JwtAlgorithm>
}

const input = "eyJhbGciOiJYIn0.eyJzdWIiOiJjb250cmFjdCJ9"

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url")
const decode = (text: string): Buffer => Buffer.from(text, "base64url")

/** Big-endian, in as many bytes. */
const bigEndian = (value: bigint, bytes: number): Buffer =>
  Buffer.from(value.toString(16).padStart(bytes * 2, "0"), "hex")

const flipped = (bytes: Uint8Array, bit: number): Buffer => {
  const out = Buffer.from(bytes)
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return out
}

/** SEC 2: the orders of the groups. */
const orders: Partial<Record<JwtAlgorithm, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: BigInt(
    "0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
  ),
  ES512: BigInt(
    "0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
  ),
  ES256K: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
}

/** RFC 8032 section 5.1: the order of the base point of edwards25519. */
const ed25519Order = 2n ** 252n + 27742317777372353535851937790883648493n

const privateKeyOf = (algorithm: JwtAlgorithm): crypto.KeyObject => {
  const key: crypto.JsonWebKey = JSON.parse(JSON.stringify(keyFor(algorithm).private))
  return crypto.createPrivateKey({ key, format: "jwk" })
}

const isDeterministic = (algorithm: JwtAlgorithm): boolean => /^(RS|HS|Ed)/.test(algorithm)
const isRsa = (algorithm: JwtAlgorithm): boolean => /^(RS|PS)/.test(algorithm)

/** What an engine must do, whatever it is made of; `other` is one that is not it. */
export const contract = (subject: Subject, other: Subject): void => {
  const verifier = (jwk: JsonWebKey, algorithm: JwtAlgorithm) =>
    Effect.flatMap(subject.engine, (engine) => engine.prepareVerify(jwk, algorithm))
  const signer = (jwk: JsonWebKey, algorithm: JwtAlgorithm) =>
    Effect.flatMap(subject.engine, (engine) => engine.prepareSign(jwk, algorithm))
  const pair = (algorithm: JwtAlgorithm) => {
    const key = keyFor(algorithm)
    return Effect.all({ verify: verifier(key.public, algorithm), sign: signer(key.private, algorithm) })
  }

  /** Asserts that none of these is taken for the signature of the input. */
  const refuses = (
    verify: SignatureEngine.Verify,
    signatures: Readonly<Record<string, Uint8Array>>,
    signingInput = input
  ) =>
    Effect.forEach(Object.entries(signatures), ([what, bytes]) =>
      Effect.map(verify(signingInput, encode(bytes)), (valid) => assert.isFalse(valid, what))
    )

  describe(`${subject.name}: published signatures`, () => {
    for (const { alg, compact, jwk, ref } of published.filter(({ alg }) =>
      subject.algorithms.includes(alg)
    )) {
      it.effect(`${ref}: verifies, and not a changed one`, () =>
        Effect.gen(function* () {
          const at = compact.lastIndexOf(".")
          const verify = yield* verifier(jwk, alg)
          assert.isTrue(yield* verify(compact.slice(0, at), compact.slice(at + 1)))
          assert.isFalse(yield* verify(compact.slice(0, at - 1), compact.slice(at + 1)))
          yield* refuses(
            verify,
            { "last bit": flipped(decode(compact.slice(at + 1)), 0) },
            compact.slice(0, at)
          )
        })
      )
    }

    for (const { alg, key, reproducible, signature, signingInput, title } of cookbook) {
      it.effect(`${title}: verifies${reproducible ? ", and is made again to the byte" : ""}`, () =>
        Effect.gen(function* () {
          const verify = yield* verifier(key, alg)
          assert.isTrue(yield* verify(signingInput, signature))
          assert.isFalse(yield* verify(`${signingInput}A`, signature))
          const sign = yield* signer(key, alg)
          const again = yield* sign(signingInput)
          if (reproducible) assert.strictEqual(again, signature)
          assert.isTrue(yield* verify(signingInput, again))
        })
      )
    }
  })

  for (const algorithm of subject.algorithms) {
    describe(`${subject.name}: ${algorithm}`, () => {
      it.effect("verifies what it signs, and nothing else", () =>
        Effect.gen(function* () {
          const { sign, verify } = yield* pair(algorithm)
          const signature = yield* sign(input)
          assert.isTrue(yield* verify(input, signature))
          assert.isFalse(yield* verify(`${input}A`, signature))
          assert.isFalse(yield* verify(input.slice(0, -1), signature))
          assert.isFalse(yield* verify("", signature))
          assert.match(signature, /^[A-Za-z0-9_-]+$/)
        })
      )

      if (other.algorithms.includes(algorithm)) {
        it.effect(`agrees with ${other.name}${isDeterministic(algorithm) ? " to the byte" : ""}`, () =>
          Effect.gen(function* () {
            const key = keyFor(algorithm)
            const engine = yield* other.engine
            const { sign, verify } = yield* pair(algorithm)
            const theirSign = yield* engine.prepareSign(key.private, algorithm)
            const theirVerify = yield* engine.prepareVerify(key.public, algorithm)
            for (const text of [input, "a", "x".repeat(100_000)]) {
              const mine = yield* sign(text)
              const theirs = yield* theirSign(text)
              assert.isTrue(yield* theirVerify(text, mine))
              assert.isTrue(yield* verify(text, theirs))
              assert.strictEqual(mine.length, theirs.length)
              if (isDeterministic(algorithm)) assert.strictEqual(mine, theirs)
            }
          })
        )
      }

      it.effect("refuses a signature with any bit changed", () =>
        Effect.gen(function* () {
          const { sign, verify } = yield* pair(algorithm)
          const signature = decode(yield* sign(input))
          // every bit of the short and quick ones, a sample that meets every byte of the others
          const step = algorithm === "ES256" || algorithm === "HS256" || algorithm === "EdDSA" ? 1 : 7
          for (let bit = 0; bit < signature.length * 8; bit += step) {
            assert.isFalse(yield* verify(input, encode(flipped(signature, bit))), `bit ${bit}`)
          }
        })
      )

      it.effect("refuses a signature of an input with any bit changed", () =>
        Effect.gen(function* () {
          const { sign, verify } = yield* pair(algorithm)
          const signature = yield* sign(input)
          for (let bit = 0; bit < input.length * 8; bit += 7) {
            if (bit % 8 !== 7)
              assert.isFalse(yield* verify(flipped(Buffer.from(input), bit).toString(), signature))
          }
        })
      )

      it.effect("RFC 7518 section 3: refuses a signature of any other length", () =>
        Effect.gen(function* () {
          const { sign, verify } = yield* pair(algorithm)
          const signature = decode(yield* sign(input))
          const zero = Buffer.alloc(1)
          yield* refuses(verify, {
            empty: Buffer.alloc(0),
            "one byte": zero,
            "without its last byte": signature.subarray(0, -1),
            "without its first byte": signature.subarray(1),
            "a half": signature.subarray(0, signature.length / 2),
            "a zero after": Buffer.concat([signature, zero]),
            "a zero before": Buffer.concat([zero, signature]),
            twice: Buffer.concat([signature, signature]),
            huge: Buffer.alloc(100_000, 1)
          })
        })
      )

      it.effect("never fails, whatever the signature", () =>
        Effect.gen(function* () {
          const verify = yield* verifier(keyFor(algorithm).public, algorithm)
          for (const bytes of FastCheck.sample(FastCheck.uint8Array({ maxLength: 300 }), 100)) {
            assert.isFalse(yield* verify(input, encode(bytes)), encode(bytes))
          }
        })
      )

      it.effect("does not take a signature by another algorithm of the same key", () =>
        Effect.gen(function* () {
          const { verify } = yield* pair(algorithm)
          for (const name of subject.algorithms) {
            const same = name === algorithm || (name.startsWith("Ed") && algorithm.startsWith("Ed"))
            if (same || keyFor(name).kind !== keyFor(algorithm).kind) continue
            const sign = yield* signer(keyFor(algorithm).private, name)
            assert.isFalse(yield* verify(input, yield* sign(input)), name)
          }
        })
      )

      const order = orders[algorithm]
      if (order !== undefined) {
        it.effect("refuses r and s outside of 1 to n-1, and signatures in DER", () =>
          Effect.gen(function* () {
            const { sign, verify } = yield* pair(algorithm)
            const signature = decode(yield* sign(input))
            const size = signature.length / 2
            const [r, s] = [signature.subarray(0, size), signature.subarray(size)]
            const [none, n] = [Buffer.alloc(size), bigEndian(order, size)]
            const all = Buffer.alloc(size, 0xff)
            const join = (...parts: ReadonlyArray<Uint8Array>) => Buffer.concat(parts)
            const der = crypto.sign(
              hash(algorithm).replace("-", ""),
              Buffer.from(input),
              privateKeyOf(algorithm)
            )
            yield* refuses(verify, {
              "r = s = 0": join(none, none),
              "r = 0": join(none, s),
              "s = 0": join(r, none),
              "r = n": join(n, s),
              "s = n": join(r, n),
              "r = s = n": join(n, n),
              "r = s = n + 1": join(bigEndian(order + 1n, size), bigEndian(order + 1n, size)),
              "all ones": join(all, all),
              "r = s = 1": join(bigEndian(1n, size), bigEndian(1n, size)),
              swapped: join(s, r),
              DER: der,
              "DER, padded": join(der, Buffer.alloc(Math.max(0, 2 * size - der.length))).subarray(0, 2 * size)
            })
          })
        )

        it.effect("prepares no key that is not a point of the curve", () =>
          Effect.gen(function* () {
            const jwk = keyFor(algorithm).public
            const off = encode(flipped(decode(jwk.y ?? ""), 8 * (decode(jwk.y ?? "").length - 1)))
            const error = yield* Effect.flip(verifier({ ...jwk, y: off }, algorithm))
            assert.strictEqual(error.reason, "malformed")
          })
        )
      }

      if (algorithm === "EdDSA" || algorithm === "Ed25519") {
        it.effect("RFC 8032 section 5.1.7: refuses an S of L or more", () =>
          Effect.gen(function* () {
            const { sign, verify } = yield* pair(algorithm)
            const signature = decode(yield* sign(input))
            const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString("hex")}`)
            const withS = (value: bigint) =>
              Buffer.concat([signature.subarray(0, 32), bigEndian(value, 32).reverse()])
            assert.isTrue(yield* verify(input, encode(withS(s))))
            yield* refuses(verify, {
              "S + L": withS(s + ed25519Order),
              "S + 2 L": withS(s + 2n * ed25519Order),
              "S = 0": withS(0n),
              zeros: Buffer.alloc(64)
            })
          })
        )
      }

      if (isRsa(algorithm)) {
        it.effect("RFC 8017 section 8: refuses a signature that is not under the modulus", () =>
          Effect.gen(function* () {
            const { sign, verify } = yield* pair(algorithm)
            const signature = BigInt(`0x${decode(yield* sign(input)).toString("hex")}`)
            const n = BigInt(`0x${decode(keyFor(algorithm).public.n ?? "").toString("hex")}`)
            const more = signature + n
            yield* refuses(verify, {
              zero: bigEndian(0n, 256),
              one: bigEndian(1n, 256),
              "n - 1": bigEndian(n - 1n, 256),
              n: bigEndian(n, 256),
              "n + 1": bigEndian(n + 1n, 256),
              "all ones": Buffer.alloc(256, 0xff),
              ...(more < 2n ** 2048n ? { "signature + n": bigEndian(more, 256) } : {})
            })
          })
        )
      }

      if (algorithm.startsWith("PS")) {
        it.effect("RFC 7518 section 3.5: refuses a salt that is not as long as the hash", () =>
          Effect.gen(function* () {
            const { verify } = yield* pair(algorithm)
            const key = privateKeyOf(algorithm)
            const digest = hash(algorithm).replace("-", "")
            const withSalt = (saltLength: number) =>
              crypto.sign(digest, Buffer.from(input), {
                key,
                padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
                saltLength
              })
            const right = Number(hash(algorithm).slice(4)) / 8
            assert.isTrue(yield* verify(input, encode(withSalt(right))))
            yield* refuses(verify, {
              none: withSalt(0),
              "one less": withSalt(right - 1),
              "one more": withSalt(right + 1),
              "the longest": withSalt(crypto.constants.RSA_PSS_SALTLEN_MAX_SIGN)
            })
          })
        )
      }

      it.effect("prepares no key of another kind, and says nothing of the key", () =>
        Effect.gen(function* () {
          const kinds: ReadonlyArray<JwtAlgorithm> = ["RS256", "ES256", "ES384", "EdDSA", "HS256"]
          for (const name of kinds.filter((name) => keyFor(name).kind !== keyFor(algorithm).kind)) {
            const key = keyFor(name)
            const errors = [
              yield* Effect.flip(verifier(key.public, algorithm)),
              yield* Effect.flip(signer(key.private, algorithm))
            ]
            for (const error of errors) {
              assert.strictEqual(error._tag, "KeyringError")
              assert.strictEqual(error.reason, "malformed", name)
              for (const member of ["d", "k", "p"]) {
                const value = key.private[member]
                if (typeof value === "string") assert.notInclude(JSON.stringify(error) + error.message, value)
              }
            }
          }
        })
      )

      if (!algorithm.startsWith("HS")) {
        it.effect("prepares no signature with a public key", () =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(signer(keyFor(algorithm).public, algorithm))
            assert.strictEqual(error.reason, "malformed")
          })
        )
      } else {
        it.effect("RFC 7518 section 3.2: another secret makes another tag; an absent one makes none", () =>
          Effect.gen(function* () {
            const { sign } = yield* pair(algorithm)
            const verify = yield* verifier(secret(7), algorithm)
            assert.isFalse(yield* verify(input, yield* sign(input)))
            for (const jwk of [{ kty: "oct" }, { kty: "oct", k: "" }]) {
              assert.strictEqual((yield* Effect.flip(verifier(jwk, algorithm))).reason, "malformed")
              assert.strictEqual((yield* Effect.flip(signer(jwk, algorithm))).reason, "malformed")
            }
          })
        )
      }
    })
  }
}
