/** Inputs 1 to 23 of the adversarial list: algorithms and keys. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto"
import * as Keyring from "../../src/keys/Keyring.js"
import { keyServer, publishing, remote } from "./support/keyServer.js"
import {
  b64,
  compact,
  ec,
  ed25519,
  goodClaims,
  goodHeader,
  issuer,
  judged,
  outcome,
  profile,
  profileFor,
  ringOf,
  rsa,
  signature,
  verify
} from "./support/tokens.js"

const key = ec()
const rsaKey = rsa()
const everything = profileFor("RS256", "PS256", "ES256", "ES256K", "ES384", "EdDSA", "HS256", "HS512")

const unsigned = (header: unknown): string => `${b64(header)}.${b64(goodClaims)}.`

describe("peers 4c: algorithms and keys", () => {
  it.effect("the token that all of these vary is accepted", () =>
    Effect.gen(function* () {
      const token = compact(goodHeader(key), goodClaims, key.privateKey)
      assert.strictEqual(yield* judged(token, key.jwk), "accepted")
    })
  )

  it.effect("4c 1: alg none, with an empty signature and with any", () =>
    Effect.gen(function* () {
      const token = unsigned({ alg: "none", typ: "at+jwt", kid: "ec" })
      assert.strictEqual(yield* judged(token, key.jwk, everything), "JwtError malformed")
      assert.strictEqual(yield* judged(`${token}AA`, key.jwk, everything), "JwtError algorithm")
    })
  )

  it.effect("4c 2: none in any spelling", () =>
    Effect.forEach(["None", "nOnE", "NONE", "none "], (alg) =>
      Effect.gen(function* () {
        const token = `${unsigned({ alg, typ: "at+jwt", kid: "ec" })}AA`
        assert.strictEqual(yield* judged(token, key.jwk, everything), "JwtError algorithm")
      })
    )
  )

  it.effect("4c 3: alg missing, null, a list, an object, empty", () =>
    Effect.forEach([undefined, null, ["ES256"], { alg: "ES256" }, "", 256], (alg) =>
      Effect.gen(function* () {
        const token = compact({ ...goodHeader(key), alg }, goodClaims, key.privateKey)
        assert.strictEqual(yield* judged(token, key.jwk, everything), "JwtError header")
      })
    )
  )

  const publicPem = rsaKey.publicKey.export({ format: "pem", type: "spki" }).toString()
  const confusions: ReadonlyArray<readonly [string, string | Uint8Array]> = [
    ["4c 4: HS256 with the RSA public key as PEM", publicPem],
    ["4c 4: the same without the last newline", publicPem.trim()],
    ["4c 5: HS256 with its DER bytes", rsaKey.publicKey.export({ format: "der", type: "spki" })],
    ["4c 6: HS256 with its JWK as text", JSON.stringify(rsaKey.jwk)]
  ]
  for (const [name, secret] of confusions) {
    it.effect(`${name} is refused, even where HS256 is allowed`, () =>
      Effect.gen(function* () {
        const token = compact(goodHeader(rsaKey, "HS256"), goodClaims, secret, "HS256")
        assert.strictEqual(yield* judged(token, rsaKey.jwk), "JwtError algorithm")
        assert.strictEqual(yield* judged(token, rsaKey.jwk, everything), "JwtError key")
      })
    )
  }

  it.effect("4c 7 (CVE-2026-34950): white space around a PEM is nothing, text before it is refused", () =>
    Effect.gen(function* () {
      const token = compact(goodHeader(rsaKey, "HS256"), goodClaims, publicPem, "HS256")
      for (const before of ["", " ", "\n", "\ufeff", "\r\n\t "]) {
        const ring = yield* Keyring.fromPem({ pem: before + publicPem, kid: "rsa", issuer })
        assert.strictEqual(yield* outcome(verify(ring, token, everything)), "JwtError key")
      }
      for (const before of ["x", "# my key\n", "\0", "-----BEGIN NOTHING-----\n"]) {
        const error = yield* Effect.flip(Keyring.fromPem({ pem: before + publicPem, issuer }))
        assert.strictEqual(error.reason, "malformed")
      }
      const two = yield* Effect.flip(Keyring.fromPem({ pem: publicPem + publicPem, issuer }))
      assert.strictEqual(two.reason, "malformed")
    })
  )

  it.effect("4c 8: an empty secret, a secret of one byte, of one byte too few", () =>
    Effect.gen(function* () {
      for (const length of [0, 1, 31]) {
        const secret = Redacted.make(new Uint8Array(length))
        const error = yield* Effect.flip(Keyring.fromSecret({ secret, alg: "HS256", issuer }))
        assert.strictEqual(error.reason, "forbidden")
        const asJwk = yield* Effect.flip(
          Keyring.fromJwk({ jwk: { kty: "oct", k: b64(new Uint8Array(length)) }, issuer })
        )
        assert.strictEqual(asJwk.reason, "forbidden")
      }
      const error = yield* Effect.flip(
        Keyring.fromSecret({ secret: Redacted.make(new Uint8Array(63)), alg: "HS512", issuer })
      )
      assert.strictEqual(error.reason, "forbidden")
      const secret = new Uint8Array(32).fill(7)
      const ring = yield* Keyring.fromSecret({ secret: Redacted.make(secret), alg: "HS256", issuer })
      const token = compact({ alg: "HS256", typ: "at+jwt" }, goodClaims, secret, "HS256")
      assert.strictEqual(yield* outcome(verify(ring, token, everything)), "accepted")
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "JwtError algorithm")
    })
  )

  it.effect("4c 9: the algorithm is the key's where it says one, and the profile's choice where not", () =>
    Effect.gen(function* () {
      const token = compact(goodHeader(rsaKey, "PS256"), goodClaims, rsaKey.privateKey, "PS256")
      assert.strictEqual(yield* judged(token, rsaKey.jwk), "accepted")
      assert.strictEqual(yield* judged(token, { ...rsaKey.jwk, alg: "RS256" }), "JwtError key")
      assert.strictEqual(yield* judged(token, rsaKey.jwk, profileFor("RS256")), "JwtError algorithm")
    })
  )

  it.effect("4c 10: RSA of 1024 and 2047 bits, exponents 1, 2, even and huge", () =>
    Effect.gen(function* () {
      for (const bits of [1024, 2047]) {
        const weak = rsa("weak", bits)
        const token = compact(goodHeader(weak, "RS256"), goodClaims, weak.privateKey, "RS256")
        assert.strictEqual(yield* judged(token, weak.jwk), "JwtError key")
        const pem = Redacted.make(weak.privateKey.export({ format: "pem", type: "pkcs8" }).toString())
        assert.strictEqual((yield* Effect.flip(Keyring.fromPem({ pem }))).reason, "forbidden")
      }
      const token = compact(goodHeader(rsaKey, "RS256"), goodClaims, rsaKey.privateKey, "RS256")
      for (const e of ["AQ", "Ag", "AQAA", "AQAAAAAB", b64(new Uint8Array(256).fill(255)), "", "AAAA"]) {
        assert.strictEqual(yield* judged(token, { ...rsaKey.jwk, e }), "JwtError key")
      }
    })
  )

  it.effect("4c 11: ES256 with a P-384 key, ES256K, a DER signature; high s is accepted", () =>
    Effect.gen(function* () {
      const wide = ec("P-384")
      const wrong = compact(goodHeader(wide), goodClaims, wide.privateKey, "ES256")
      assert.strictEqual(yield* judged(wrong, wide.jwk, everything), "JwtError key")

      const koblitz = ec("secp256k1")
      const k1 = compact(goodHeader(koblitz, "ES256K"), goodClaims, koblitz.privateKey, "ES256K")
      assert.strictEqual(yield* judged(k1, koblitz.jwk), "JwtError algorithm")
      assert.strictEqual(yield* judged(k1, koblitz.jwk, everything), "KeyringError unsupported")

      const input = `${b64(goodHeader(key))}.${b64(goodClaims)}`
      const der = sign("sha256", Buffer.from(input), key.privateKey).toString("base64url")
      assert.strictEqual(yield* judged(`${input}.${der}`, key.jwk), "JwtError signature")

      // RFC 7518 section 3.4 does not ask for the lower of the two values of s.
      const order = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
      const bytes = Buffer.from(signature("ES256", key.privateKey, input), "base64url")
      const s = order - BigInt(`0x${bytes.subarray(32).toString("hex")}`)
      const other = Buffer.concat([
        bytes.subarray(0, 32),
        Buffer.from(s.toString(16).padStart(64, "0"), "hex")
      ])
      assert.strictEqual(yield* judged(`${input}.${other.toString("base64url")}`, key.jwk), "accepted")
    })
  )

  it.effect("4c 12 (CVE-2022-21449): r and s of zero, and r of the order", () =>
    Effect.gen(function* () {
      const input = `${b64(goodHeader(key))}.${b64(goodClaims)}`
      const order = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex")
      for (const forged of [
        Buffer.alloc(64),
        Buffer.concat([order, order]),
        Buffer.concat([order, Buffer.alloc(31), Buffer.from([1])]),
        Buffer.alloc(0).fill(0),
        Buffer.alloc(1)
      ]) {
        const result = yield* judged(`${input}.${forged.toString("base64url")}`, key.jwk)
        assert.strictEqual(result, forged.length === 0 ? "JwtError malformed" : "JwtError signature")
      }
    })
  )

  it.effect("4c 13: Ed25519 keys of small order, signatures of 63 and 65 bytes", () =>
    Effect.gen(function* () {
      const small = [
        "00".repeat(32),
        `01${"00".repeat(31)}`,
        `ec${"ff".repeat(30)}7f`,
        `ed${"ff".repeat(30)}ff`,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"
      ]
      for (const point of small) {
        const jwk = {
          kty: "OKP",
          crv: "Ed25519",
          x: Buffer.from(point, "hex").toString("base64url"),
          kid: "ed"
        }
        const token = `${b64({ alg: "EdDSA", typ: "at+jwt", kid: "ed" })}.${b64(goodClaims)}.${b64(new Uint8Array(64))}`
        assert.strictEqual(yield* judged(token, jwk), "JwtError key")
      }
      const edKey = ed25519()
      const token = compact(goodHeader(edKey, "EdDSA"), goodClaims, edKey.privateKey, "EdDSA")
      assert.strictEqual(yield* judged(token, edKey.jwk), "accepted")
      const [header, claims, signed = ""] = token.split(".")
      const bytes = Buffer.from(signed, "base64url")
      for (const wrong of [bytes.subarray(0, 63), Buffer.concat([bytes, Buffer.from([0])])]) {
        assert.strictEqual(
          yield* judged(`${header}.${claims}.${wrong.toString("base64url")}`, edKey.jwk),
          "JwtError signature"
        )
      }
    })
  )

  it.effect(
    "4c 14-16: jwk, jku, x5u and x5c in the header are no reason to trust, and are not followed",
    () =>
      Effect.gen(function* () {
        const attacker = ec("P-256", "ec")
        const server = keyServer(publishing([key.jwk]))
        const ring = yield* remote(server)
        const members = [
          { jwk: attacker.jwk },
          { jku: "https://attacker.example/keys" },
          { jku: "http://169.254.169.254/latest" },
          { x5u: "https://attacker.example/chain" },
          { x5c: [attacker.publicKey.export({ format: "der", type: "spki" }).toString("base64")] }
        ]
        for (const member of members) {
          const header = { ...goodHeader(key), ...member }
          const forged = compact(header, goodClaims, attacker.privateKey)
          assert.strictEqual(yield* outcome(verify(ring, forged, profile)), "JwtError signature")
          const genuine = compact(header, goodClaims, key.privateKey)
          assert.strictEqual(yield* outcome(verify(ring, genuine, profile)), "accepted")
        }
        assert.deepStrictEqual(server.requests, [`${issuer}/keys`])
      }).pipe(Effect.scoped)
  )

  it.effect("4c 17: a kid that is a path, SQL, a name of Object.prototype, long, or no text", () =>
    Effect.gen(function* () {
      const ring = yield* ringOf(key.jwk)
      for (const kid of ["../../etc/passwd", "' OR 1=1", "__proto__", "constructor", "toString", ""]) {
        const token = compact({ ...goodHeader(key), kid }, goodClaims, key.privateKey)
        assert.strictEqual(yield* outcome(verify(ring, token, profile)), "JwtError key")
      }
      for (const kid of [["ec"], 1, null, {}, "k".repeat(1025)]) {
        const token = compact({ ...goodHeader(key), kid }, goodClaims, key.privateKey)
        assert.strictEqual(yield* outcome(verify(ring, token, profile)), "JwtError header")
      }
      const huge = compact({ ...goodHeader(key), kid: "k".repeat(1_000_000) }, goodClaims, key.privateKey)
      assert.strictEqual(yield* outcome(verify(ring, huge, profile)), "JwtError too_large")
    })
  )

  it.effect("a token without a kid is accepted if one key fits, refused if several do", () =>
    Effect.gen(function* () {
      const token = compact({ alg: "ES256", typ: "at+jwt" }, goodClaims, key.privateKey)
      const one = yield* ringOf(key.jwk, rsaKey.jwk, ec("P-384", "other").jwk)
      assert.strictEqual(yield* outcome(verify(one, token, profile)), "accepted")
      const two = yield* ringOf(key.jwk, ec("P-256", "other").jwk)
      assert.strictEqual(yield* outcome(verify(two, token, profile)), "JwtError key")
    })
  )

  it.effect("4c 18: two keys of one kid are told apart by use and by algorithm, or not at all", () =>
    Effect.gen(function* () {
      const token = compact(goodHeader(key), goodClaims, key.privateKey)
      const encrypting = { ...ec("P-256", "ec").jwk, use: "enc" }
      const other = { ...rsaKey.jwk, kid: "ec" }
      const apart = yield* remote(keyServer(publishing([encrypting, other, key.jwk])))
      assert.strictEqual(yield* outcome(verify(apart, token, profile)), "accepted")
      const alike = yield* remote(keyServer(publishing([ec("P-256", "ec").jwk, key.jwk])))
      assert.strictEqual(yield* outcome(verify(alike, token, profile)), "JwtError key")
      const twice = yield* remote(keyServer(publishing([key.jwk, key.jwk])))
      assert.strictEqual(yield* outcome(verify(twice, token, profile)), "accepted")
    }).pipe(Effect.scoped)
  )

  it.effect("4c 19, 20: a private key and a secret in a published set are not trusted", () =>
    Effect.gen(function* () {
      const leaked = { ...key.privateKey.export({ format: "jwk" }), kid: "ec" }
      const secret = { kty: "oct", kid: "shared", k: b64(new Uint8Array(32)) }
      const ring = yield* remote(keyServer(publishing([leaked, secret, rsaKey.jwk])))
      const token = compact(goodHeader(key), goodClaims, key.privateKey)
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "JwtError key")
      const hmac = compact(
        { alg: "HS256", typ: "at+jwt", kid: "shared" },
        goodClaims,
        new Uint8Array(32),
        "HS256"
      )
      assert.strictEqual(yield* outcome(verify(ring, hmac, everything)), "JwtError key")
      const good = compact(goodHeader(rsaKey, "RS256"), goodClaims, rsaKey.privateKey, "RS256")
      assert.strictEqual(yield* outcome(verify(ring, good, profile)), "accepted")
      for (const jwk of [secret, { ...leaked, kty: "EC" }]) {
        const error = yield* Effect.flip(Keyring.fromJwks({ issuer, jwks: { keys: [jwk] } }))
        assert.strictEqual(error.reason, "forbidden")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("4c 21, 22: a key for encryption, and one that may only sign, verify nothing", () =>
    Effect.gen(function* () {
      const token = compact(goodHeader(key), goodClaims, key.privateKey)
      for (const named of [
        { use: "enc" },
        { key_ops: ["sign"] },
        { key_ops: [] },
        { alg: "ECDH-ES" },
        { alg: "ES384" }
      ]) {
        assert.strictEqual(yield* judged(token, { ...key.jwk, ...named }), "JwtError key")
      }
      for (const named of [{ use: "sig" }, { key_ops: ["verify"] }, { alg: "ES256" }]) {
        assert.strictEqual(yield* judged(token, { ...key.jwk, ...named }), "accepted")
      }
    })
  )

  it.effect("4c 23: a removed key is refused from the next refresh on, at most five minutes later", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([key.jwk, rsaKey.jwk]))
      const ring = yield* remote(server)
      const token = compact(goodHeader(key), { ...goodClaims, exp: 10_000 }, key.privateKey)
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "accepted")
      server.answer = publishing([rsaKey.jwk])
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "accepted")
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "JwtError key")
    }).pipe(Effect.scoped)
  )

  it.effect("a key that does not lie on its curve is the issuer's fault, not the token's", () =>
    Effect.gen(function* () {
      const off = { ...key.jwk, y: b64(Buffer.from(String(key.jwk.x), "base64url")) }
      const token = compact(goodHeader(key), goodClaims, key.privateKey)
      assert.strictEqual(yield* judged(token, off), "KeyringError malformed")
    })
  )

  it.effect("PKCS#1 and SEC1 are read as the keys they hold", () =>
    Effect.gen(function* () {
      const pkcs1 = rsaKey.privateKey.export({ format: "pem", type: "pkcs1" }).toString()
      const ring = yield* Keyring.fromPem({ pem: Redacted.make(pkcs1), kid: "rsa" })
      assert.strictEqual((yield* ring.jwks).keys[0]?.n, rsaKey.jwk.n)
      for (const curve of ["P-256", "P-384", "P-521"] as const) {
        const pair = generateKeyPairSync("ec", { namedCurve: curve })
        const sec1 = yield* Keyring.fromPem({
          pem: Redacted.make(pair.privateKey.export({ format: "pem", type: "sec1" }).toString())
        })
        const shown = (yield* sec1.jwks).keys[0]
        assert.strictEqual(shown?.x, createPublicKey(pair.privateKey).export({ format: "jwk" })["x"])
      }
    })
  )
})
