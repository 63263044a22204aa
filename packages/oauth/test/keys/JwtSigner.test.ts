import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import * as Jwt from "../../src/keys/Jwt.js"
import * as JwtSigner from "../../src/keys/JwtSigner.js"
import * as Keyring from "../../src/keys/Keyring.js"
import { Entropy } from "../../src/protocol/Entropy.js"
import { ec } from "./support/tokens.js"

const decode = (token: Redacted.Redacted<string>) => Option.getOrThrow(Jwt.decodeUnverified(token))

describe("JwtSigner", () => {
  it.effect("iat is now, exp five minutes on, jti random, typ JWT, kid and alg of the key", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_999)
      const ring = yield* Keyring.generate({ kid: "k" })
      const signer = yield* JwtSigner.fromKeyring(ring)
      const token = yield* Effect.provideService(signer.sign({ iss: "me", extra: undefined }), Entropy, {
        bytes: (length) => Effect.succeed(new Uint8Array(length))
      })
      const { claims, header } = decode(token)
      assert.deepStrictEqual(header, { alg: "ES256", kid: "k", typ: "JWT" })
      assert.deepStrictEqual(claims, {
        iss: "me",
        iat: 1_700_000_000,
        exp: 1_700_000_300,
        jti: "AAAAAAAAAAAAAAAAAAAAAA"
      })
      const other = decode(yield* signer.sign({}))
      assert.notStrictEqual(other.claims["jti"], decode(yield* signer.sign({})).claims["jti"])
    })
  )

  it.effect("what the caller says stands, and what is switched off stays out", () =>
    Effect.gen(function* () {
      const signer = yield* JwtSigner.fromKeyring(yield* Keyring.generate())
      const own = decode(
        yield* signer.sign({ iat: 5, exp: 6, jti: "mine" }, { typ: "at+jwt", header: { jwk: ec().jwk } })
      )
      assert.deepStrictEqual(own.claims, { iat: 5, exp: 6, jti: "mine" })
      assert.strictEqual(own.header.typ, "at+jwt")
      assert.property(own.header, "jwk")
      const bare = decode(yield* signer.sign({}, { typ: false, lifetime: false, jti: false }))
      assert.deepStrictEqual(bare.claims, { iat: 0 })
      assert.isUndefined(bare.header.typ)
      const long = decode(yield* signer.sign({}, { lifetime: "1 hour" }))
      assert.strictEqual(long.claims["exp"], 3600)
    })
  )

  it.effect("the algorithm is the key's, or another of the key, or refused", () =>
    Effect.gen(function* () {
      const signer = yield* JwtSigner.fromKeyring(yield* Keyring.generate({ alg: "ES384" }))
      assert.strictEqual(decode(yield* signer.sign({})).header.alg, "ES384")
      const error = yield* Effect.flip(signer.sign({}, { algorithm: "ES256" }))
      assert.strictEqual(`${error._tag} ${error.reason}`, "KeyringError not_found")
      const named = yield* Effect.flip(signer.sign({}, { kid: "another" }))
      assert.strictEqual(named.reason, "not_found")

      const generated = yield* (yield* Keyring.generate({ alg: "RS256" })).signingKey()
      const { alg: _, ...jwk } = Redacted.value(Option.getOrThrow(generated.privateJwk))
      const rsa = yield* JwtSigner.fromKeyring(yield* Keyring.fromJwk({ jwk }))
      assert.strictEqual(decode(yield* rsa.sign({})).header.alg, "RS256")
      assert.strictEqual(decode(yield* rsa.sign({}, { algorithm: "PS512" })).header.alg, "PS512")
      assert.strictEqual(decode(yield* rsa.sign({}, { algorithms: ["none", "PS256"] })).header.alg, "PS256")
    })
  )

  it.effect("a keyring that answers with a key of another algorithm is not believed", () =>
    Effect.gen(function* () {
      const ring = yield* Keyring.generate({ alg: "ES384" })
      const signer = yield* JwtSigner.fromKeyring({ ...ring, signingKey: () => ring.signingKey() })
      const error = yield* Effect.flip(signer.sign({}, { algorithm: "ES256" }))
      assert.strictEqual(`${error._tag} ${error.reason}`, "JwtError algorithm")
    })
  )

  it.effect("what is no JWT is refused before it is signed", () =>
    Effect.gen(function* () {
      const signer = yield* JwtSigner.fromKeyring(yield* Keyring.generate())
      for (const claims of [
        { exp: "soon" },
        { iat: Number.NaN },
        { nbf: Number.POSITIVE_INFINITY },
        { sub: 1 },
        { iss: {} },
        { big: 1n }
      ]) {
        assert.strictEqual((yield* Effect.flip(signer.sign(claims))).reason, "claim")
      }
      for (const header of [{ alg: "none" }, { crit: [] }, { b64: false }, { kid: "x" }, { typ: "x" }]) {
        assert.strictEqual((yield* Effect.flip(signer.sign({}, { header }))).reason, "header")
      }
    })
  )

  it.effect("a kind of token has its own typ, lifetime and jti, and claims that must be there", () =>
    Effect.gen(function* () {
      const signer = yield* JwtSigner.fromKeyring(yield* Keyring.generate())
      const claims = {
        iss: "https://issuer.example",
        sub: "alice",
        aud: "https://api.example",
        client_id: "client",
        htm: "GET",
        htu: "https://api.example/",
        events: {},
        token_introspection: { active: false }
      }
      const kinds: ReadonlyArray<
        readonly [JwtSigner.SignProfile, string, number | undefined, boolean, string]
      > = [
        ["accessToken", "at+jwt", 300, true, "client_id"],
        ["idToken", "JWT", 300, false, "sub"],
        ["clientAssertion", "JWT", 60, true, "aud"],
        ["dpopProof", "dpop+jwt", undefined, true, "htu"],
        ["logoutToken", "logout+jwt", 120, true, "events"],
        ["introspection", "token-introspection+jwt", undefined, false, "token_introspection"]
      ]
      for (const [profile, typ, exp, hasId, needed] of kinds) {
        const made = decode(yield* signer.sign(claims, { profile }))
        assert.strictEqual(made.header.typ, typ)
        assert.strictEqual(made.claims["exp"], exp)
        assert.strictEqual(made.claims["jti"] !== undefined, hasId)
        const error = yield* Effect.flip(signer.sign({ ...claims, [needed]: undefined }, { profile }))
        assert.deepInclude(error, { _tag: "JwtError", reason: "missing_claim", claim: needed })
        const other = decode(
          yield* signer.sign(claims, { profile, typ: "x", lifetime: "1 second", jti: true })
        )
        assert.deepInclude(other.header, { typ: "x" })
        assert.strictEqual(other.claims["exp"], 1)
      }
    })
  )

  it.effect("text of any script comes through, and the token is not printed", () =>
    Effect.gen(function* () {
      const signer = yield* JwtSigner.fromKeyring(yield* Keyring.generate())
      const name = "Zoë 日本 🗝 \u0000 \ud800 end"
      const token = yield* signer.sign({ name })
      assert.strictEqual(decode(token).claims["name"], name)
      assert.strictEqual(String(token), "<redacted>")
      assert.notInclude(inspect(token), Redacted.value(token).slice(0, 20))
    })
  )
})
