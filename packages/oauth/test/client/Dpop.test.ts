/** RFC 9449 at the token endpoint: what is proved, and what becomes of servers that ask for more or give less. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as DpopProof from "effect-oauth/DpopProof"
import * as Dpop from "effect-oauth/Dpop"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as jose from "jose"
import * as H from "./support/setup.js"

const url = `${H.issuer}/token`

/** The client with a key of its own. */
const layer = (options: Dpop.Options = {}) =>
  Layer.unwrapEffect(
    Effect.map(Effect.orDie(Dpop.make(options)), (dpop) =>
      H.layer({
        dpop,
        clientId: "service",
        authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret"))
      })
    )
  )

const request = Effect.flatMap(ClientCredentials.ClientCredentials, (flow) => flow.request())

const bound = Misbehaviour.rawBody('{"access_token":"t","token_type":"DPoP","expires_in":60}', {
  contentType: "application/json"
})

const nonceRefusal = (nonce: string) =>
  new Response('{"error":"use_dpop_nonce"}', {
    status: 400,
    headers: { "content-type": "application/json", "dpop-nonce": nonce }
  })

const nonceError = (nonce: string) => Misbehaviour.custom(() => Effect.sync(() => nonceRefusal(nonce)))

/** The proofs that came to the token endpoint, in order. */
const proofs = Effect.flatMap(TestIssuer.TestIssuer, (server) =>
  Effect.map(server.requestsTo("token"), (all) => all.map(({ headers }) => headers["dpop"] ?? ""))
)

const verify = (proof: string, options: { readonly method?: string; readonly nonce?: string } = {}) =>
  Effect.flatMap(JwtVerifier.fromKeyring(Keyring.empty), (verifier) =>
    verifier.verify(proof, JwtProfile.dpopProof({ method: "POST", url, ...options }))
  )

describe("Dpop at the token endpoint", () => {
  it.effect(
    "RFC 9449 section 4.2 and 5: a fresh proof of the method and the URL, and a token that is bound",
    () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        yield* server.misbehave("token", bound)
        assert.strictEqual((yield* request).tokenType, "DPoP")
        yield* request
        const [first = "", second = ""] = yield* proofs
        const one = yield* verify(first)
        const other = yield* verify(second)
        assert.notStrictEqual(one.claims.jti, other.claims.jti)
        assert.isFalse(Object.hasOwn(Object(one.header["jwk"]), "d"))
        yield* H.fails(verify(first, { method: "GET" }), "JwtError", "claim")
      }).pipe(Effect.provide(layer()))
  )

  it.effect(
    "RFC 9449 section 8: the nonce that is asked for goes into a second request, and into those after",
    () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        yield* server.misbehave("token", nonceError("n-1"), { times: 1 })
        yield* server.misbehave("token", bound)
        yield* request
        yield* request
        const [, second = "", third = ""] = yield* proofs
        assert.strictEqual((yield* verify(second, { nonce: "n-1" })).claims["nonce"], "n-1")
        assert.strictEqual((yield* verify(third, { nonce: "n-1" })).claims["nonce"], "n-1")
        assert.strictEqual(yield* server.count("token"), 3)
      }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9449 section 8: requests that are refused together for the same nonce all go again", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const together = yield* Effect.makeLatch(false)
      let waiting = 0
      yield* server.misbehave(
        "token",
        Misbehaviour.custom(() =>
          Effect.gen(function* () {
            waiting += 1
            if (waiting === 3) yield* together.open
            yield* together.await
            return nonceRefusal("n-1")
          })
        ),
        { times: 3 }
      )
      yield* server.misbehave("token", bound)
      const all = yield* Effect.all([request, request, request], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        all.map(({ tokenType }) => tokenType),
        ["DPoP", "DPoP", "DPoP"]
      )
      assert.strictEqual(yield* server.count("token"), 6)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 87: who asks for another nonce for ever is asked twice and no more", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* server.misbehave("token", nonceError("n-1"), { times: 1 })
      yield* server.misbehave("token", nonceError("n-2"), { times: 1 })
      yield* server.misbehave("token", nonceError("n-3"))
      const error = yield* Effect.flip(request)
      assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError use_dpop_nonce")
      assert.strictEqual(yield* server.count("token"), 2)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9449 section 8.2: the nonce that the answer to a repetition brings is the next", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      let next = 0
      yield* server.misbehave(
        "token",
        Misbehaviour.custom(({ headers }) =>
          Effect.sync(() => {
            // Good for one request, and each answer brings another.
            const { nonce } = jose.decodeJwt(headers.get("dpop") ?? "")
            const isGood = next > 0 && nonce === `n-${next}`
            next += 1
            return isGood
              ? Response.json(
                  { access_token: "t", token_type: "DPoP" },
                  { headers: { "dpop-nonce": `n-${next}` } }
                )
              : nonceRefusal(`n-${next}`)
          })
        )
      )
      for (let round = 0; round < 4; round++) yield* request
      assert.strictEqual(yield* server.count("token"), 5)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 88: a Bearer token is refused, unless the downgrade is allowed by name", () =>
    Effect.gen(function* () {
      yield* H.fails(request.pipe(Effect.provide(layer())), "ProtocolViolation", "mismatch")
      const tokens = yield* request.pipe(Effect.provide(layer({ allowBearer: true })))
      assert.strictEqual(tokens.tokenType, "Bearer")
    })
  )

  it.effect("RFC 9449 section 10: the code is bound to the key", () =>
    Effect.gen(function* () {
      const dpop = yield* Dpop.make()
      const { url } = yield* Effect.provide(H.begin({ scope: ["openid"] }), H.layer({ dpop }))
      assert.strictEqual(new URL(url).searchParams.get("dpop_jkt"), dpop.thumbprint)
    })
  )
})

describe("DpopProof", () => {
  it.effect("RFC 9449 section 4.2: htu has no query, ath is the hash of the token", () =>
    Effect.gen(function* () {
      const { prove } = yield* DpopProof.make(yield* Keyring.generate({ alg: "EdDSA" }))
      const accessToken = Redacted.make("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
      const proof = yield* prove({ method: "get", url: "https://api.test/notes?all=1#top", accessToken })
      const verifier = yield* JwtVerifier.fromKeyring(Keyring.empty)
      const { claims } = yield* verifier.verify(
        proof,
        JwtProfile.dpopProof({ method: "GET", url: "https://api.test/notes", accessToken })
      )
      assert.strictEqual(claims.htu, "https://api.test/notes")
      // The value of RFC 9449 section 7.1.
      assert.strictEqual(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
    })
  )

  it.effect("a request without an absolute URL is not proved", () =>
    Effect.gen(function* () {
      const { prove } = yield* DpopProof.make(yield* Keyring.generate())
      const error = yield* Effect.flip(prove({ method: "GET", url: "/notes" }))
      assert.deepStrictEqual(
        Option.fromNullable("reason" in error ? error.reason : undefined),
        Option.some("claim")
      )
    })
  )
})
