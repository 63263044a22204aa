import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as JwtProfile from "../../src/keys/JwtProfile.js"
import * as JwtVerifier from "../../src/keys/JwtVerifier.js"
import * as Keyring from "../../src/keys/Keyring.js"
import { SignatureEngine, webCrypto } from "../../src/keys/SignatureEngine.js"
import * as VerificationKey from "../../src/keys/VerificationKey.js"
import { failing, keyServer, publishing, remote } from "./support/keyServer.js"
import {
  audience,
  compact,
  ec,
  goodClaims,
  goodHeader,
  issuer,
  outcome,
  profile,
  ringOf,
  rsa,
  verify
} from "./support/tokens.js"

const key = ec()
const token = compact(goodHeader(key), goodClaims, key.privateKey)

/** The engine, and how often it prepared and checked. */
const counting = () => {
  const counts = { prepared: 0, checked: 0 }
  const engine: SignatureEngine.Service = {
    prepareSign: webCrypto.prepareSign,
    prepareVerify: (jwk, algorithm) =>
      Effect.map(webCrypto.prepareVerify(jwk, algorithm), (check): SignatureEngine.Verify => {
        counts.prepared++
        return (input, signature) => {
          counts.checked++
          return check(input, signature)
        }
      })
  }
  return { counts, engine }
}

describe("JwtVerifier", () => {
  it.effect("gives the claims, the header, the key and the instant", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(90_500)
      const ring = yield* ringOf(key.jwk)
      const verified = yield* verify(ring, token, profile)
      assert.strictEqual(verified.claims.client_id, "client")
      assert.strictEqual(verified.header.kid, "ec")
      assert.strictEqual(verified.key.issuer, issuer)
      assert.strictEqual(verified.key.kid, "ec")
      assert.strictEqual(verified.verifiedAt, 90)
    })
  )

  it.effect("takes the token redacted as well", () =>
    Effect.gen(function* () {
      const verifier = yield* JwtVerifier.fromKeyring(yield* ringOf(key.jwk))
      const verified = yield* verifier.verify(Redacted.make(token), profile)
      assert.strictEqual(verified.claims.sub, "alice")
    })
  )

  it.effect("says what was expected, and when", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      const error = yield* Effect.flip(verify(yield* ringOf(key.jwk), token, profile))
      assert.deepInclude(error, { _tag: "JwtError", reason: "expired", claim: "exp", now: 1000 })
      const other = JwtProfile.accessToken({ issuer, audience: ["https://b.example", "https://c.example"] })
      const wrong = compact(goodHeader(key), { ...goodClaims, exp: 2000 }, key.privateKey)
      const mismatch = yield* Effect.flip(verify(yield* ringOf(key.jwk), wrong, other))
      assert.deepInclude(mismatch, { reason: "audience", expected: "https://b.example or https://c.example" })
    })
  )

  // RFC 7519 sections 4.1.1, 4.1.3: names are compared byte for byte, and people do not see each of those.
  const slashed = "https://issuer.test/"
  const names: ReadonlyArray<readonly [string, string | ReadonlyArray<string>, string, string]> = [
    [
      "a slash too few",
      slashed,
      "https://issuer.test",
      ": it differs by a trailing slash, which was expected."
    ],
    [
      "a slash too many",
      "https://issuer.test",
      slashed,
      ": it differs by a trailing slash, which was not expected."
    ],
    ["letter case", "api://Notes", "api://notes", ": it differs in letter case."],
    ["white space", "notes", "notes ", ": it differs by white space around it."],
    ["one of several", ["a", slashed, "b"], "https://issuer.test", "a trailing slash, which was expected."],
    ["another of several", ["https://a.test", "https://b.test"], "https://c.test", '"https://b.test".'],
    ["the scheme", slashed, "http://issuer.test/", ": it differs in the scheme."],
    ["a host, and nothing of it", slashed, "https://canary.test/", ": it differs in the host."],
    [
      "no host, and nothing of it",
      slashed,
      "https://canary\u202e\n.test/",
      'expected "https://issuer.test/".'
    ],
    ["a path, and nothing of it", slashed, "https://issuer.test/canary", ": it differs in the path."],
    ["no URL, and nothing of it", "notes", "canary", 'expected "notes".'],
    [
      "a host that is far too long",
      slashed,
      `https://${"canary".repeat(500)}/`,
      'expected "https://issuer.test/".'
    ]
  ]
  for (const [name, accepted, given, end] of names) {
    it.effect(`shows in quotes what was expected, and how the token's differs: ${name}`, () =>
      Effect.gen(function* () {
        const signed = (claims: object) =>
          compact(goodHeader(key), { ...goodClaims, ...claims }, key.privateKey)
        const byIssuer = JwtProfile.accessToken({ issuer: accepted, audience })
        const byAudience = JwtProfile.accessToken({ issuer, audience: accepted })
        for (const [refused, profile, reason] of [
          [signed({ iss: given }), byIssuer, "issuer"],
          [signed({ aud: given }), byAudience, "audience"]
        ] as const) {
          const error = yield* Effect.flip(verify(Keyring.empty, refused, profile))
          assert.deepInclude(error, { reason, expected: [accepted].flat().join(" or ") })
          assert.isTrue(error.message.endsWith(end), error.message)
          assert.notInclude(JSON.stringify(error), "canary")
        }
      })
    )
  }

  it.effect("names the first few of many issuers, so that a refusal stays short", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 10_000 }, (_, i) => `https://i${i}.example`)
      const of = JwtProfile.accessToken({ issuer: many, audience: many })
      const error = yield* Effect.flip(verify(Keyring.empty, token, of))
      assert.strictEqual(error.reason, "issuer")
      assert.isBelow(error.message.length, 500)
      assert.include(error.message, '"https://i7.example" or one of 9992 more')
    })
  )

  it.effect("asks for no key before everything else has been checked", () =>
    Effect.gen(function* () {
      const ring: Keyring.Keyring = {
        ...Keyring.empty,
        verificationKey: () => Effect.die("a key was asked for")
      }
      const bad: ReadonlyArray<readonly [string, string]> = [
        [compact({ ...goodHeader(key), typ: "JWT" }, goodClaims, key.privateKey), "JwtError type"],
        [compact({ ...goodHeader(key), alg: "HS256" }, goodClaims, key.privateKey), "JwtError algorithm"],
        [
          compact(goodHeader(key), { ...goodClaims, iss: "https://x.example" }, key.privateKey),
          "JwtError issuer"
        ],
        [compact(goodHeader(key), { ...goodClaims, exp: -100 }, key.privateKey), "JwtError expired"],
        [compact(goodHeader(key), { ...goodClaims, aud: "x" }, key.privateKey), "JwtError audience"],
        [
          compact(goodHeader(key), { ...goodClaims, jti: undefined }, key.privateKey),
          "JwtError missing_claim"
        ]
      ]
      for (const [one, expected] of bad)
        assert.strictEqual(yield* outcome(verify(ring, one, profile)), expected)
    })
  )

  it.effect("a keyring that answers with the key of another issuer is not believed", () =>
    Effect.gen(function* () {
      const foreign = VerificationKey.fromJwk("https://other.example", key.jwk)
      const ring: Keyring.Keyring = {
        ...Keyring.empty,
        verificationKey: () => Effect.flatten(Effect.succeed(foreign)).pipe(Effect.orDie)
      }
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "JwtError key")
    })
  )

  it.effect("a key is prepared once, though a hundred tokens come at once", () =>
    Effect.gen(function* () {
      const { counts, engine } = counting()
      const ring = yield* ringOf(key.jwk)
      const verifier = yield* Effect.provideService(JwtVerifier.fromKeyring(ring), SignatureEngine, engine)
      yield* Effect.forEach(Array.from({ length: 100 }), () => verifier.verify(token, profile), {
        concurrency: "unbounded",
        discard: true
      })
      yield* verifier.verify(token, profile)
      assert.deepStrictEqual(counts, { prepared: 1, checked: 101 })
      // Another engine prepares it for itself.
      const other = yield* JwtVerifier.fromKeyring(ring)
      yield* other.verify(token, profile)
      assert.strictEqual(counts.prepared, 1)
    })
  )

  it.effect("the engine can be replaced by a layer, and is taken when the verifier is made", () =>
    Effect.gen(function* () {
      const refusing: SignatureEngine.Service = {
        ...webCrypto,
        prepareVerify: () => Effect.succeed(() => Effect.succeed(false))
      }
      const layer = JwtVerifier.layer.pipe(
        Layer.provide(Keyring.layerJwks({ issuer, jwks: { keys: [key.jwk] } })),
        Layer.provide(Layer.succeed(SignatureEngine, refusing))
      )
      const verifier = Context.get(yield* Effect.scoped(Layer.build(layer)), JwtVerifier.JwtVerifier)
      assert.strictEqual(yield* outcome(verifier.verify(token, profile)), "JwtError signature")
    })
  )
})

describe("JwtVerifier: remembered tokens", () => {
  const remembering = (ring: Keyring.Keyring, cacheSize: number) => {
    const { counts, engine } = counting()
    return Effect.map(
      Effect.provideService(JwtVerifier.fromKeyring(ring, { cacheSize }), SignatureEngine, engine),
      (verifier) => ({ counts, verifier })
    )
  }

  it.effect("a token that comes again costs no signature check; its claims are judged each time", () =>
    Effect.gen(function* () {
      const { counts, verifier } = yield* remembering(yield* ringOf(key.jwk), 10)
      const once = yield* verifier.verify(token, profile)
      const twice = yield* verifier.verify(token, profile)
      assert.strictEqual(counts.checked, 1)
      assert.deepStrictEqual(twice, once)
      const elsewhere = JwtProfile.accessToken({ issuer, audience: "https://elsewhere.example" })
      assert.strictEqual(yield* outcome(verifier.verify(token, elsewhere)), "JwtError audience")
      const narrow = JwtProfile.accessToken({ issuer, audience, algorithms: ["RS256"] })
      assert.strictEqual(yield* outcome(verifier.verify(token, narrow)), "JwtError algorithm")
      yield* TestClock.adjust("330 seconds")
      assert.strictEqual(yield* outcome(verifier.verify(token, profile)), "JwtError expired")
    })
  )

  it.effect(
    "is known once it was good, whole, and until it is forgotten; without a memory nothing tells",
    () =>
      Effect.gen(function* () {
        const { verifier } = yield* remembering(yield* ringOf(key.jwk), 10)
        const forged = `${token.slice(0, 40)}${token.charAt(40) === "A" ? "B" : "A"}${token.slice(41)}`
        assert.strictEqual(verifier.isKnown?.(token), false)
        yield* outcome(verifier.verify(forged, profile))
        yield* verifier.verify(token, profile)
        assert.deepStrictEqual([verifier.isKnown?.(token), verifier.isKnown?.(forged)], [true, false])
        yield* TestClock.adjust("330 seconds")
        yield* outcome(verifier.verify(token, profile))
        assert.strictEqual(verifier.isKnown?.(token), false)
        assert.isUndefined((yield* remembering(yield* ringOf(key.jwk), 0)).verifier.isKnown)
      })
  )

  it.effect("what is remembered cannot be changed by those it is given to", () =>
    Effect.gen(function* () {
      const nested = compact(goodHeader(key), { ...goodClaims, realm: { roles: ["user"] } }, key.privateKey)
      const { verifier } = yield* remembering(yield* ringOf(key.jwk), 10)
      const { claims } = yield* verifier.verify(nested, profile)
      assert.isTrue(Object.isFrozen(claims))
      assert.isTrue(Object.isFrozen(claims["realm"]))
      assert.isFalse(Reflect.set(claims, "sub", "root"))
    })
  )

  it.effect("a token is the same only whole (GHSA-rp9m-7r4c-75qg)", () =>
    Effect.gen(function* () {
      const { counts, verifier } = yield* remembering(yield* ringOf(key.jwk), 10)
      yield* verifier.verify(token, profile)
      const [, , signature = ""] = token.split(".")
      const other = compact(goodHeader(key), { ...goodClaims, sub: "root" }, key.privateKey)
      const forged = `${other.slice(0, other.lastIndexOf("."))}.${signature}`
      assert.strictEqual(yield* outcome(verifier.verify(forged, profile)), "JwtError signature")
      assert.strictEqual((yield* verifier.verify(token, profile)).claims.sub, "alice")
      assert.strictEqual(counts.checked, 2)
    })
  )

  it.effect("the bound holds, and tokens in use stay", () =>
    Effect.gen(function* () {
      const { counts, verifier } = yield* remembering(yield* ringOf(key.jwk), 8)
      yield* verifier.verify(token, profile)
      for (let i = 0; i < 40; i++) {
        const passing = compact(goodHeader(key), { ...goodClaims, jti: `${i}` }, key.privateKey)
        yield* verifier.verify(passing, profile)
        yield* verifier.verify(token, profile)
      }
      assert.strictEqual(counts.checked, 41)
    })
  )

  it.scoped("a token is forgotten with the key that verified it", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([key.jwk]))
      const { counts, verifier } = yield* remembering(yield* remote(server), 10)
      const long = compact(goodHeader(key), { ...goodClaims, exp: 100_000 }, key.privateKey)
      yield* verifier.verify(long, profile)
      yield* TestClock.adjust("5 minutes")
      yield* verifier.verify(long, profile)
      assert.strictEqual(counts.checked, 1)
      server.answer = publishing([ec("P-256", "ec").jwk])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* outcome(verifier.verify(long, profile)), "JwtError signature")
      server.answer = publishing([])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* outcome(verifier.verify(long, profile)), "JwtError key")
    })
  )
})

describe("JwtVerifier: outage and stampede", () => {
  it.scoped("an outage is no refusal: KeyringError, never JwtError", () =>
    Effect.gen(function* () {
      const ring = yield* remote(keyServer(failing(503)))
      assert.strictEqual(yield* outcome(verify(ring, token, profile)), "KeyringError unavailable")
      const forged = compact(goodHeader(key), goodClaims, ec().privateKey)
      assert.strictEqual(yield* outcome(verify(ring, forged, profile)), "KeyringError unavailable")
    })
  )

  it.scoped(
    "a thousand cold verifications make one fetch; key servers that are down an hour refuse nothing",
    () =>
      Effect.gen(function* () {
        const server = keyServer(Effect.delay(publishing([key.jwk]), "50 millis"))
        const verifier = yield* JwtVerifier.fromKeyring(yield* remote(server))
        const long = compact(goodHeader(key), { ...goodClaims, exp: 100_000 }, key.privateKey)
        const cold = yield* Effect.fork(
          Effect.forEach(Array.from({ length: 1000 }), () => outcome(verifier.verify(long, profile)), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([...new Set(yield* Fiber.join(cold))], ["accepted"])
        assert.strictEqual(server.requests.length, 1)
        server.answer = failing(500)
        for (let minute = 0; minute < 60; minute++) {
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(yield* outcome(verifier.verify(long, profile)), "accepted")
        }
      })
  )
})

describe("JwtProfile: other servers, other tokens", () => {
  const accepts = (claims: object, against: JwtProfile.JwtProfile<unknown>, header: object = {}) =>
    Effect.gen(function* () {
      const made = compact({ alg: "ES256", kid: "ec", ...header }, claims, key.privateKey)
      return yield* outcome(verify(yield* ringOf(key.jwk), made, against))
    })
  const base = { iss: issuer, sub: "s", aud: audience, exp: 300 }

  it.effect("lenient: client and scope are found where servers put them", () =>
    Effect.gen(function* () {
      const lenient = JwtProfile.accessTokenLenient({ issuer, audience })
      const ring = yield* ringOf(key.jwk)
      const shapes: ReadonlyArray<readonly [object, string | undefined, string | undefined]> = [
        [{ ...base, azp: "keycloak", scope: "a b" }, "keycloak", "a b"],
        [{ ...base, cid: "okta", scp: ["a", "b"] }, "okta", "a b"],
        [{ ...base, appid: "entra", scp: "a b" }, "entra", "a b"],
        [{ ...base, sub: undefined, client_id: "machine" }, "machine", undefined],
        [base, undefined, undefined]
      ]
      for (const [claims, client, scope] of shapes) {
        const made = compact({ alg: "ES256", kid: "ec", typ: "JWT" }, claims, key.privateKey)
        const verified = yield* verify(ring, made, lenient)
        assert.strictEqual(verified.claims.client_id, client)
        assert.strictEqual(verified.claims.scope, scope)
      }
      assert.strictEqual(yield* accepts({ ...base, sub: undefined }, lenient), "JwtError missing_claim")
      assert.strictEqual(yield* accepts({ ...base, sub: 1 }, lenient), "JwtError missing_claim")
      assert.strictEqual(yield* accepts({ ...base, aud: undefined }, lenient), "JwtError missing_claim")
      assert.strictEqual(yield* accepts(base, lenient, { typ: "dpop+jwt" }), "JwtError type")
    })
  )

  it.effect("Cognito: no aud, but the client and token_use", () =>
    Effect.gen(function* () {
      const cognito = JwtProfile.accessTokenCognito({ issuer, clientId: ["app"] })
      const claims = { iss: issuer, sub: "s", exp: 300, client_id: "app", token_use: "access" }
      assert.strictEqual(yield* accepts(claims, cognito), "accepted")
      assert.strictEqual(yield* accepts({ ...claims, token_use: "id" }, cognito), "JwtError type")
      assert.strictEqual(yield* accepts({ ...claims, client_id: "other" }, cognito), "JwtError audience")
    })
  )

  it.effect("RFC 7523 section 3: a client assertion", () =>
    Effect.gen(function* () {
      const server = "https://as.example"
      const assertion = JwtProfile.clientAssertion({
        clientId: issuer,
        audience: [server, `${server}/token`]
      })
      const claims = { iss: issuer, sub: issuer, aud: server, exp: 60, jti: "1" }
      assert.strictEqual(yield* accepts(claims, assertion), "accepted")
      assert.strictEqual(yield* accepts({ ...claims, aud: [`${server}/token`] }, assertion), "accepted")
      assert.strictEqual(
        yield* accepts({ ...claims, aud: [server, "https://evil.example"] }, assertion),
        "JwtError audience"
      )
      assert.strictEqual(yield* accepts({ ...claims, sub: "other" }, assertion), "JwtError subject")
      assert.strictEqual(yield* accepts({ ...claims, iss: "other" }, assertion), "JwtError issuer")
      assert.strictEqual(yield* accepts({ ...claims, exp: 601 }, assertion), "JwtError claim")
      assert.strictEqual(yield* accepts({ ...claims, jti: undefined }, assertion), "JwtError missing_claim")
      assert.strictEqual(yield* accepts(claims, assertion, { typ: "at+jwt" }), "JwtError type")
      assert.strictEqual(yield* accepts(claims, assertion, { typ: "client-authentication+jwt" }), "accepted")
    })
  )

  it.effect("RFC 9449 section 4.3: a DPoP proof", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      const accessToken = Redacted.make("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
      const ath = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
      const against = JwtProfile.dpopProof({
        method: "POST",
        url: "https://api.example/a?b#c",
        accessToken,
        nonce: "n"
      })
      const claims = { jti: "1", htm: "POST", htu: "https://api.example/a", iat: 1000, ath, nonce: "n" }
      const proof = (changes: object, header: object = {}) =>
        outcome(
          verify(
            Keyring.empty,
            compact(
              { typ: "dpop+jwt", alg: "ES256", jwk: { ...key.jwk, kid: undefined }, ...header },
              { ...claims, ...changes },
              key.privateKey
            ),
            against
          )
        )
      assert.strictEqual(yield* proof({}), "accepted")
      assert.strictEqual(yield* proof({ htu: "https://API.example:443/a?x=1" }), "accepted")
      assert.strictEqual(yield* proof({ htu: "https://api.example/a/" }), "JwtError claim")
      assert.strictEqual(yield* proof({ htu: "https://api.example:8443/a" }), "JwtError claim")
      assert.strictEqual(yield* proof({ htm: "post" }), "JwtError claim")
      assert.strictEqual(yield* proof({ nonce: "m" }), "JwtError nonce")
      assert.strictEqual(yield* proof({ ath: "x" }), "JwtError hash")
      assert.strictEqual(yield* proof({ ath: undefined }), "JwtError missing_claim")
      assert.strictEqual(yield* proof({ iat: 1000 - 330 }), "accepted")
      assert.strictEqual(yield* proof({ iat: 1000 - 331 }), "JwtError expired")
      assert.strictEqual(yield* proof({ iat: 1031 }), "JwtError issued_in_future")
      assert.strictEqual(yield* proof({}, { typ: "JWT" }), "JwtError type")
      assert.strictEqual(yield* proof({}, { jwk: undefined }), "JwtError key")
      assert.strictEqual(yield* proof({}, { jwk: key.privateKey.export({ format: "jwk" }) }), "JwtError key")
      assert.strictEqual(yield* proof({}, { jwk: ec().jwk }), "JwtError signature")
      assert.strictEqual(yield* proof({}, { jwk: rsa().jwk }), "JwtError key")
      assert.strictEqual(yield* proof({}, { alg: "HS256" }), "JwtError algorithm")
    })
  )

  it.effect("RFC 9701: an introspection response", () =>
    Effect.gen(function* () {
      const against = JwtProfile.introspection({ issuer, audience: "rs" })
      const claims = { iss: issuer, aud: "rs", iat: 0, token_introspection: { active: true } }
      const header = { typ: "token-introspection+jwt" }
      assert.strictEqual(yield* accepts(claims, against, header), "accepted")
      assert.strictEqual(yield* accepts(claims, against), "JwtError type")
      assert.strictEqual(
        yield* accepts({ ...claims, token_introspection: "x" }, against, header),
        "JwtError missing_claim"
      )
      assert.strictEqual(
        yield* accepts({ ...claims, token_introspection: {} }, against, header),
        "JwtError claim"
      )
      assert.strictEqual(yield* accepts({ ...claims, aud: "other" }, against, header), "JwtError audience")
    })
  )

  it.effect(
    "claims of one's own are decoded after the signature; a failure names the claim and no value",
    () =>
      Effect.gen(function* () {
        const Tenant = Schema.Struct({ tenant: Schema.NonEmptyString, since: Schema.DateFromString })
        const own = JwtProfile.withClaims(Tenant)(profile)
        const ring = yield* ringOf(key.jwk)
        const made = (more: object, by = key) =>
          compact(goodHeader(key), { ...goodClaims, ...more }, by.privateKey)
        const { claims } = yield* verify(ring, made({ tenant: "acme", since: "2020-01-01T00:00:00Z" }), own)
        assert.strictEqual(claims.tenant, "acme")
        assert.strictEqual(claims.since.getUTCFullYear(), 2020)
        assert.strictEqual(claims.sub, "alice")
        const error = yield* Effect.flip(verify(ring, made({ tenant: "", since: "canary" }), own))
        assert.deepInclude(error, { reason: "claim", claim: "tenant" })
        assert.notInclude(JSON.stringify(error), "canary")
        const forged = yield* Effect.flip(verify(ring, made({ tenant: "" }, ec()), own))
        assert.strictEqual(forged.reason, "signature")
      })
  )
})
