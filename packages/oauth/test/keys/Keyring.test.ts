import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { generateKeyPairSync } from "node:crypto"
import { inspect } from "node:util"
import * as Jwk from "../../src/keys/Jwk.js"
import * as JwtSigner from "../../src/keys/JwtSigner.js"
import * as JwtVerifier from "../../src/keys/JwtVerifier.js"
import * as Keyring from "../../src/keys/Keyring.js"
import { keyServer } from "./support/keyServer.js"
import {
  compact,
  ec,
  goodClaims,
  goodHeader,
  issuer,
  outcome,
  profile,
  rsa,
  verify
} from "./support/tokens.js"

const key = ec()
const token = compact(goodHeader(key), goodClaims, key.privateKey)

const certificate = `-----BEGIN CERTIFICATE-----
MIIBkDCCATWgAwIBAgIUVTKVLFLhmPjOwBd/6ietCohZ1T0wCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRZWZmZWN0LW9hdXRoIHRlc3QwIBcNMjYxMTIyMDEzMTU1WhgP
MjEyNjEwMjkwMTMxNTVaMBwxGjAYBgNVBAMMEWVmZmVjdC1vYXV0aCB0ZXN0MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAJjeZ1XylwwSO9tBN6Fi2UyZ6LXoN5U7
E+vguMAvUgO8UL3IzGqJDF2Yv2QUhWhGAdfh8JbN67uS9khVG9zDoKNTMFEwHQYD
VR0OBBYEFOlGZc/bx4r3szHRmgtv/iLzslprMB8GA1UdIwQYMBaAFOlGZc/bx4r3
szHRmgtv/iLzslprMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIh
AKbUCY6hWReTYXRKrbpXGZ8/sX+XK8ZxMDI86qoShfJAAiEAg5pv5QOfqbv8DdHD
8VinIsCQPSd+saZQOHhIV7IuBD8=
-----END CERTIFICATE-----`

const keyOfCertificate = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAJjeZ1XylwwSO9tBN6Fi2UyZ6LXo
N5U7E+vguMAvUgO8UL3IzGqJDF2Yv2QUhWhGAdfh8JbN67uS9khVG9zDoA==
-----END PUBLIC KEY-----`

const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "k"]

describe("Keyring: keys at hand", () => {
  it.effect("a PEM of each kind signs or verifies, under its thumbprint unless named", () =>
    Effect.gen(function* () {
      const pairs = [
        [generateKeyPairSync("rsa", { modulusLength: 2048 }), ["pkcs8", "pkcs1"], "RS256"],
        [generateKeyPairSync("ec", { namedCurve: "P-256" }), ["pkcs8", "sec1"], "ES256"],
        [generateKeyPairSync("ec", { namedCurve: "P-384" }), ["pkcs8", "sec1"], "ES384"],
        [generateKeyPairSync("ec", { namedCurve: "P-521" }), ["pkcs8", "sec1"], "ES512"],
        [generateKeyPairSync("ed25519"), ["pkcs8"], "EdDSA"]
      ] as const
      for (const [{ privateKey, publicKey }, types, alg] of pairs) {
        const trusting = yield* Keyring.fromPem({
          pem: publicKey.export({ format: "pem", type: "spki" }).toString(),
          issuer
        })
        for (const type of types) {
          const pem = Redacted.make(privateKey.export({ format: "pem", type }).toString())
          const ring = yield* Keyring.fromPem({ pem })
          const [published] = (yield* ring.jwks).keys
          if (published === undefined) return assert.fail("nothing is published")
          assert.strictEqual(published.kid, yield* Jwk.thumbprint(published))
          assert.strictEqual(published.use, "sig")
          for (const member of privateMembers) assert.notProperty(published, member)
          const signingKey = yield* ring.signingKey()
          assert.strictEqual(signingKey.algorithm, alg)
          const signer = yield* JwtSigner.fromKeyring(ring)
          const signed = yield* signer.sign({ ...goodClaims }, { typ: "at+jwt" })
          assert.strictEqual(yield* outcome(verify(trusting, Redacted.value(signed), profile)), "accepted")
        }
      }
    })
  )

  it.effect("a certificate holds the key it holds", () =>
    Effect.gen(function* () {
      const fromCertificate = yield* Keyring.fromPem({ pem: certificate, issuer })
      const fromKey = yield* Keyring.fromPem({ pem: keyOfCertificate, issuer })
      const header = { alg: "ES256" }
      assert.deepStrictEqual(
        (yield* fromCertificate.verificationKey(issuer, header)).jwk,
        (yield* fromKey.verificationKey(issuer, header)).jwk
      )
    })
  )

  it.effect("a PEM that is encrypted, broken, of another kind or curve is refused with the reason", () =>
    Effect.gen(function* () {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
      const encrypted = privateKey
        .export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" })
        .toString()
      const pkcs8 = privateKey.export({ format: "pem", type: "pkcs8" }).toString()
      const k1 = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey
      const x25519 = generateKeyPairSync("x25519").privateKey
      const pss = generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey
      const cases: ReadonlyArray<readonly [string, string]> = [
        [encrypted, "unsupported"],
        [k1.export({ format: "pem", type: "pkcs8" }).toString(), "unsupported"],
        [k1.export({ format: "pem", type: "sec1" }).toString(), "unsupported"],
        [x25519.export({ format: "pem", type: "pkcs8" }).toString(), "unsupported"],
        [pss.export({ format: "pem", type: "pkcs8" }).toString(), "unsupported"],
        ["", "malformed"],
        ["-----BEGIN PRIVATE KEY-----", "malformed"],
        ["-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", "malformed"],
        ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "malformed"],
        ["-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----", "malformed"],
        [pkcs8.replace(/\n(.{20})/, "\n"), "malformed"],
        [`${pkcs8}trailing`, "malformed"],
        [pkcs8.replaceAll("PRIVATE KEY", "PUBLIC KEY"), "unsupported"],
        [pkcs8.replaceAll("PRIVATE KEY", "OPENSSH PRIVATE KEY"), "unsupported"],
        ["-----BEGIN PRIVATE KEY-----\n" + "A".repeat(100_000) + "\n-----END PRIVATE KEY-----", "malformed"]
      ]
      for (const [pem, reason] of cases) {
        const error = yield* Effect.flip(Keyring.fromPem({ pem: Redacted.make(pem), issuer }))
        assert.strictEqual(error.reason, reason, pem.slice(0, 60))
        assert.notInclude(error.message, pem.slice(40, 80) || "nothing")
      }
    })
  )

  it.effect("an algorithm that is not the key's is refused; one that is becomes the only one", () =>
    Effect.gen(function* () {
      const pair = rsa()
      const pem = Redacted.make(pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString())
      assert.strictEqual((yield* Effect.flip(Keyring.fromPem({ pem, alg: "ES256" }))).reason, "unsupported")
      const ring = yield* Keyring.fromPem({ pem, alg: "PS256" })
      assert.strictEqual((yield* ring.jwks).keys[0]?.alg, "PS256")
      assert.strictEqual((yield* ring.signingKey()).algorithm, "PS256")
      const error = yield* Effect.flip(ring.signingKey({ algorithms: ["RS256"] }))
      assert.strictEqual(error.reason, "not_found")
      const open = yield* Keyring.fromPem({ pem })
      assert.strictEqual((yield* open.signingKey({ algorithms: ["ES256", "PS512"] })).algorithm, "PS512")
    })
  )

  it.effect("a generated key can be exported and read again; it is never printed", () =>
    Effect.gen(function* () {
      for (const alg of ["RS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] as const) {
        const ring = yield* Keyring.generate({ alg, issuer })
        const made = yield* ring.signingKey()
        const exported = Option.getOrThrow(made.privateJwk)
        const again = yield* Keyring.fromJwk({ jwk: exported })
        assert.deepStrictEqual(yield* again.jwks, yield* ring.jwks)
        const d = String(Redacted.value(exported)["d"])
        for (const text of [inspect(ring, { depth: 9 }), inspect(made, { depth: 9 }), JSON.stringify(made)]) {
          assert.notInclude(text, d)
        }
        const trusted = yield* ring.verificationKey(issuer, { alg, kid: String(made.kid) })
        assert.notInclude(inspect(trusted, { depth: 9 }), d)
      }
      const short = yield* Effect.flip(Keyring.generate({ alg: "RS256", modulusLength: 1024 }))
      assert.strictEqual(short.reason, "forbidden")
    })
  )

  it.effect("a secret signs and verifies, is never published and has no thumbprint", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("a secret of more than thirty-two bytes, in text")
      const ring = yield* Keyring.fromSecret({ secret, alg: "HS256", issuer, kid: "s" })
      assert.deepStrictEqual(yield* ring.jwks, { keys: [] })
      const signing = yield* ring.signingKey()
      const trusted = yield* ring.verificationKey(issuer, { alg: "HS256", kid: "s" })
      const encoded = Encoding.encodeBase64Url(Redacted.value(secret))
      for (const value of [signing, trusted, ring]) {
        assert.notInclude(inspect(value, { depth: 9 }), encoded)
        assert.notInclude(JSON.stringify(value), encoded)
      }
      const error = yield* Effect.flip(Jwk.thumbprint({ kty: "oct", k: encoded }))
      assert.strictEqual(error.reason, "forbidden")
      const wrong = yield* Effect.flip(ring.verificationKey(issuer, { alg: "HS512", kid: "s" }))
      assert.strictEqual(wrong.reason, "not_found")
    })
  )

  it.effect("a value that is no JWK, a public key without an issuer, a key for encryption are refused", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        (yield* Effect.flip(Keyring.fromJwk({ jwk: { kty: "new" }, issuer }))).reason,
        "forbidden"
      )
      assert.strictEqual((yield* Effect.flip(Keyring.fromJwk({ jwk: key.jwk }))).reason, "malformed")
      const encrypting = { ...key.jwk, use: "enc" }
      assert.strictEqual(
        (yield* Effect.flip(Keyring.fromJwk({ jwk: encrypting, issuer }))).reason,
        "forbidden"
      )
      const wrapping = { ...Jwk.toPublic(key.jwk), d: "AAAA", key_ops: ["deriveBits"] }
      assert.strictEqual((yield* Effect.flip(Keyring.fromJwk({ jwk: wrapping }))).reason, "forbidden")
    })
  )

  it.effect("combine: the second answers for what the first does not have", () =>
    Effect.gen(function* () {
      const own = yield* Keyring.generate({ kid: "own" })
      const trusted = yield* Keyring.fromJwks({ issuer, jwks: { keys: [key.jwk] } })
      const both = Keyring.combine(own, trusted)
      assert.strictEqual((yield* both.signingKey()).kid, "own")
      assert.strictEqual(yield* outcome(verify(both, token, profile)), "accepted")
      assert.deepStrictEqual(
        (yield* both.jwks).keys.map((one) => one.kid),
        ["own"]
      )
      assert.strictEqual((yield* Effect.flip(Keyring.empty.signingKey())).reason, "not_found")
    })
  )

  it.effect("layers provide the keyring, from values and from the configuration", () =>
    Effect.gen(function* () {
      const pem = key.privateKey.export({ format: "pem", type: "pkcs8" }).toString()
      const provider = ConfigProvider.fromMap(new Map([["KEY", pem]]))
      const configured = Keyring.layerPemConfig(
        Config.map(Config.redacted("KEY"), (pem) => ({ pem, issuer, kid: "ec" }))
      )
      const layers = [
        Keyring.layerPem({ pem, issuer, kid: "ec" }),
        Keyring.layerJwk({ jwk: key.jwk, issuer }),
        Keyring.layerJwks({ issuer, jwks: { keys: [key.jwk] } }),
        Layer.provide(configured, Layer.setConfigProvider(provider))
      ]
      for (const layer of layers) {
        const verifier = yield* JwtVerifier.JwtVerifier.pipe(
          Effect.provide(Layer.provide(JwtVerifier.layer, layer))
        )
        assert.strictEqual(yield* outcome(verifier.verify(token, profile)), "accepted")
      }
      const missing = yield* Effect.exit(
        Effect.provide(
          Keyring.KeyringService,
          Layer.provide(configured, Layer.setConfigProvider(ConfigProvider.fromMap(new Map())))
        )
      )
      assert.isTrue(missing._tag === "Failure")
    })
  )
})

describe("Keyring.remote", () => {
  const issuers = ["https://a.example", "https://b.example"]
  const keys = new Map(issuers.map((name) => [name, ec("P-256", "same")]))
  const server = () => {
    const made = keyServer(
      Effect.sync(() => {
        const url = new URL(made.requests.at(-1) ?? "")
        return url.pathname.startsWith("/.well-known/")
          ? { body: { issuer: url.origin, jwks_uri: `${url.origin}/keys` } }
          : { body: { keys: [keys.get(url.origin)?.jwk ?? ec("P-256", "same").jwk] } }
      })
    )
    return made
  }
  const signedBy = (name: string, iss: string = name) => {
    const own = keys.get(name)
    if (own === undefined) throw new Error("no such issuer")
    return compact(goodHeader(own), { ...goodClaims, iss }, own.privateKey)
  }

  it.scoped("4c 84: two issuers with the same kid are kept apart", () =>
    Effect.gen(function* () {
      const http = server()
      const ring = yield* Effect.provideService(
        Keyring.remote({ issuers }),
        HttpClient.HttpClient,
        http.client
      )
      const both = { ...profile, acceptsIssuer: (name: string) => issuers.includes(name) }
      assert.strictEqual(yield* outcome(verify(ring, signedBy("https://a.example"), both)), "accepted")
      assert.strictEqual(yield* outcome(verify(ring, signedBy("https://b.example"), both)), "accepted")
      const crossed = signedBy("https://a.example", "https://b.example")
      assert.strictEqual(yield* outcome(verify(ring, crossed, both)), "JwtError signature")
      assert.strictEqual(http.requests.length, 4)
    })
  )

  it.scoped("an issuer that is not trusted costs nothing", () =>
    Effect.gen(function* () {
      const http = server()
      const ring = yield* Effect.provideService(
        Keyring.remote({ issuers }),
        HttpClient.HttpClient,
        http.client
      )
      const error = yield* Effect.flip(
        ring.verificationKey("https://c.example", { alg: "ES256", kid: "same" })
      )
      assert.strictEqual(error.reason, "not_found")
      const evil = { ...profile, acceptsIssuer: () => true }
      const forged = signedBy("https://a.example", "https://attacker.example")
      assert.strictEqual(yield* outcome(verify(ring, forged, evil)), "JwtError key")
      assert.deepStrictEqual(http.requests, [])
    })
  )

  it.scoped("of many issuers the ones asked for last are kept", () =>
    Effect.gen(function* () {
      const http = server()
      const ring = yield* Effect.provideService(
        Keyring.remote({ issuers: (name) => name.endsWith(".example"), maxIssuers: 2 }),
        HttpClient.HttpClient,
        http.client
      )
      const ask = (name: string) =>
        ring.verificationKey(`https://${name}.example`, { alg: "ES256", kid: "same" })
      for (const name of ["a", "b", "a", "c", "a"]) yield* ask(name)
      assert.strictEqual(http.requests.length, 6)
      yield* ask("b")
      assert.strictEqual(http.requests.length, 8)
    })
  )

  it.scoped("4c 78: metadata of another issuer, and an issuer that may not be one, are forbidden", () =>
    Effect.gen(function* () {
      const http = keyServer(Effect.succeed({ body: { issuer, jwks_uri: `${issuer}/keys` } }))
      const ring = yield* Effect.provideService(
        Keyring.remote({ issuers: () => true }),
        HttpClient.HttpClient,
        http.client
      )
      for (const name of [`${issuer}/`, "https://other.example", "http://issuer.example", "relative"]) {
        const error = yield* Effect.flip(ring.verificationKey(name, { alg: "ES256", kid: "same" }))
        assert.strictEqual(error.reason, "forbidden", name)
      }
      assert.isTrue(http.requests.every((url) => url.includes("/.well-known/")))
    })
  )

  for (const uri of [
    "http://127.0.0.1:8080/admin/state",
    "https://localhost/keys",
    "https://[::ffff:7f00:1]/keys",
    "https://[::]/keys",
    "https://0.0.0.0/keys",
    "https://keys.localhost/keys",
    "http://169.254.169.254/latest",
    "file:///etc/passwd"
  ]) {
    it.scoped(`4c 79, 80: a trusted issuer does not have ${uri} asked for`, () =>
      Effect.gen(function* () {
        const http = keyServer(Effect.succeed({ body: { issuer, jwks_uri: uri } }))
        const ring = yield* Effect.provideService(
          Keyring.remote({ issuers: () => true }),
          HttpClient.HttpClient,
          http.client
        )
        const error = yield* Effect.flip(ring.verificationKey(issuer, { alg: "ES256", kid: "same" }))
        assert.strictEqual(error.reason, "forbidden")
        assert.isTrue(http.requests.every((url) => url.startsWith(`${issuer}/.well-known/`)))
        const given = yield* Effect.provideService(
          Keyring.remote({ issuers: issuer, metadata: () => Effect.succeed({ issuer, jwks_uri: uri }) }),
          HttpClient.HttpClient,
          http.client
        )
        const same = yield* Effect.flip(given.verificationKey(issuer, { alg: "ES256", kid: "same" }))
        assert.strictEqual(same.reason, "forbidden")
      })
    )
  }
})
