/** RFC 9449 section 4.3, step by step, at a protected resource; peers 4a 41, 4c 86 and 87. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { TokenStoreError } from "effect-oauth/OAuthError"
import * as ReplayStore from "effect-oauth/ReplayStore"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import { inspect } from "node:util"
import * as P from "./support/proofs.js"

const start = 1_700_000_000
const own = P.holder()
const other = P.holder()

interface Request {
  readonly method?: string
  readonly url?: string
  readonly token?: string
  readonly thumbprint?: string
}

const verify = (dpop: string | undefined, request: Request = {}) =>
  Effect.flatMap(DpopVerifier.DpopVerifier, (verifier) =>
    verifier.verify({
      method: request.method ?? P.method,
      url: request.url ?? P.url,
      headers: Headers.fromInput(dpop === undefined ? {} : { dpop }),
      token: Redacted.make(request.token ?? P.token),
      thumbprint: request.thumbprint ?? own.thumbprint
    })
  )

/** What became of it: `accepted`, or the reason and why. */
const told = (dpop: string | undefined, request?: Request) =>
  verify(dpop, request).pipe(
    Effect.as("accepted"),
    Effect.catchAll(({ message, reason }) =>
      Effect.succeed(`${reason}: ${message.replace("the DPoP proof is refused: ", "")}`)
    )
  )

const run =
  (options?: DpopVerifier.DpopVerifier.Options) =>
  <A, E>(program: Effect.Effect<A, E, DpopVerifier.DpopVerifier>) =>
    Effect.zipRight(TestClock.setTime(start * 1000), program).pipe(
      Effect.provide(DpopVerifier.layer(options).pipe(Layer.provide(ReplayStore.layerMemory)))
    )

const good = (written?: P.Written) => P.proof(own, start, written)
const nowhere = { crv: own.jwk["crv"], kty: own.jwk["kty"], x: own.jwk["x"], y: own.jwk["x"] }
const privateJwk = own.privateKey.export({ format: "jwk" })

const refused: ReadonlyArray<
  readonly [rule: string, proof: () => string | undefined, why: string, request?: Request]
> = [
  ["step 1: there must be a proof", () => undefined, "there is none"],
  ["step 1: two headers, as a server joins them", () => `${good()}, ${good()}`, "there is more than one"],
  ["step 2: a JWT", () => "proof", "malformed"],
  ["step 2: bounded", () => good({ claims: { pad: "x".repeat(9000) } }), "it is too long"],
  ["step 3: jti", () => good({ claims: { jti: undefined } }), "missing_claim (jti)"],
  ["step 3: a jti with something in it", () => good({ claims: { jti: "" } }), "missing_claim (jti)"],
  ["step 3: iat", () => good({ claims: { iat: undefined } }), "missing_claim (iat)"],
  ["step 3: iat is a number", () => good({ claims: { iat: String(start) } }), "claim (iat)"],
  ["step 4: typ", () => good({ header: { typ: "JWT" } }), "type (typ)"],
  ["step 4: no typ", () => good({ header: { typ: undefined } }), "type (typ)"],
  [
    "step 5, 4c 86: no symmetric algorithm, though the key be public",
    () => good({ header: { alg: "HS256" }, signature: P.hmac(JSON.stringify(own.jwk)) }),
    "algorithm (alg)"
  ],
  ["step 5: none", () => good({ header: { alg: "none" } }), "algorithm (alg)"],
  ["step 5: an algorithm of another kind of key", () => good({ header: { alg: "RS256" } }), "key"],
  ["step 6: the signature", () => good({ signature: () => Buffer.alloc(64, 7) }), "signature"],
  [
    "step 6: the key of another",
    () => good({ header: { jwk: other.jwk } }),
    "signature",
    { thumbprint: other.thumbprint }
  ],
  ["step 7, 4c 86: no private member", () => good({ header: { jwk: privateJwk } }), "key"],
  ["step 7: no secret", () => good({ header: { jwk: { kty: "oct", k: "c2VjcmV0" } } }), "key"],
  ["no key at all", () => good({ header: { jwk: undefined } }), "key"],
  [
    "a point that is on no curve",
    () => good({ header: { jwk: nowhere } }),
    "its key cannot be used",
    { thumbprint: P.sha256(JSON.stringify(nowhere)) }
  ],
  [
    "a key by reference is not fetched",
    () => good({ header: { jwk: undefined, jku: "https://evil.example" } }),
    "key"
  ],
  ["critical extensions", () => good({ header: { crit: ["b64"], b64: false } }), "critical"],
  ["step 8: the method", () => good({ claims: { htm: "POST" } }), "claim (htm)"],
  ["step 8, 4c 86: methods have a case", () => good({ claims: { htm: "get" } }), "claim (htm)"],
  ["step 9: the URL", () => good({ claims: { htu: "https://api.example/other" } }), "claim (htu)"],
  [
    "step 9, 4c 86: another port",
    () => good({ claims: { htu: "https://api.example:8443/notes" } }),
    "claim (htu)"
  ],
  ["step 9, 4c 86: a trailing slash", () => good({ claims: { htu: `${P.url}/` } }), "claim (htu)"],
  ["step 9: another scheme", () => good({ claims: { htu: "http://api.example/notes" } }), "claim (htu)"],
  ["step 9: a path alone", () => good({ claims: { htu: "/notes" } }), "claim (htu)"],
  [
    "step 9: a user in the URL",
    () => good({ claims: { htu: "https://a:b@api.example/notes" } }),
    "claim (htu)"
  ],
  ["step 9: the case of a path", () => good({ claims: { htu: "https://api.example/Notes" } }), "claim (htu)"],
  ["step 11, 4c 86: 301 seconds old", () => good({ claims: { iat: start - 301 } }), "expired (iat)"],
  ["step 11, 4c 86: 31 seconds ahead", () => good({ claims: { iat: start + 31 } }), "issued_in_future (iat)"],
  ["step 12: ath", () => good({ claims: { ath: undefined } }), "missing_claim (ath)"],
  [
    "step 12, 4c 86: ath of another token",
    () => good({ claims: { ath: P.sha256("another") } }),
    "hash (ath)"
  ],
  [
    "step 12: the key of another",
    () => P.proof(other, start),
    "its key is not the one that the token is bound to"
  ]
]

describe("RFC 9449 section 4.3 at a resource", () => {
  for (const [rule, proof, why, request] of refused) {
    it.effect(rule, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* told(proof(), request), `invalid_dpop_proof: ${why}`)
        // No less where the key is known.
        assert.strictEqual(yield* told(good()), "accepted")
        assert.strictEqual(yield* told(proof(), request), `invalid_dpop_proof: ${why}`)
      }).pipe(run())
    )
  }

  it.effect("accepts a good proof, and what may differ by RFC 3986", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* told(good()), "accepted")
      for (const [htu, url] of [
        ["HTTPS://API.example:443/notes", P.url],
        ["https://api.example/a/../notes", P.url],
        ["https://api.example/%7enot%65s", "https://api.example/~notes"],
        ["https://api.example/a%2fb", "https://api.example/a%2Fb"],
        ["https://api.example", "https://api.example/"],
        // step 9: without regard to query and fragment
        [`${P.url}?x=1#y`, P.url],
        [P.url, `${P.url}?page=2`]
      ] as const) {
        assert.strictEqual(yield* told(good({ claims: { htu } }), { url }), "accepted", htu)
      }
      assert.strictEqual(
        yield* told(good({ claims: { htu: "https://api.example/a/b" } }), {
          url: "https://api.example/a%2Fb"
        }),
        "invalid_dpop_proof: claim (htu)"
      )
    }).pipe(run())
  )

  it.effect("4c 86: accepts proofs of the whole window and no other", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* told(good({ claims: { iat: start - 300 } })), "accepted")
      assert.strictEqual(yield* told(good({ claims: { iat: start + 30 } })), "accepted")
    }).pipe(run())
  )

  it.effect("takes only the algorithms that it is told, and never a secret one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* DpopVerifier.DpopVerifier).algorithms, ["EdDSA"])
      assert.strictEqual(yield* told(good()), "invalid_dpop_proof: algorithm (alg)")
    }).pipe(run({ algorithms: ["EdDSA", "HS256"] }))
  )
})

describe("RFC 9449 section 11.1: replays", () => {
  it.effect("4c 86: a proof counts once, as long as it would be accepted", () =>
    Effect.gen(function* () {
      const ahead = P.proof(own, start, { claims: { iat: start + 30 } })
      assert.strictEqual(yield* told(ahead), "accepted")
      for (const seconds of [0, 1, 200, 128]) {
        yield* TestClock.adjust(seconds * 1000)
        assert.strictEqual(yield* told(ahead), "invalid_dpop_proof: it has been used before")
      }
      yield* TestClock.adjust(1_999)
      assert.strictEqual(yield* told(ahead), "invalid_dpop_proof: it has been used before")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* told(ahead), "invalid_dpop_proof: expired (iat)")
    }).pipe(run())
  )

  it.effect("of many at once one is accepted", () =>
    Effect.gen(function* () {
      const proof = good()
      const results = yield* Effect.all(
        Array.from({ length: 50 }, () => told(proof)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(results.filter((result) => result === "accepted").length, 1)
    }).pipe(run())
  )

  it.effect("the same jti of another key is another proof; a refused proof is not remembered", () =>
    Effect.gen(function* () {
      const claims = { jti: "one" }
      assert.strictEqual(
        yield* told(good({ claims: { ...claims, htm: "POST" } })),
        "invalid_dpop_proof: claim (htm)"
      )
      assert.strictEqual(yield* told(good({ claims })), "accepted")
      const theirs = P.proof(other, start, { claims })
      assert.strictEqual(yield* told(theirs, { thumbprint: other.thumbprint }), "accepted")
      assert.strictEqual(yield* told(good({ claims })), "invalid_dpop_proof: it has been used before")
    }).pipe(run())
  )

  it.effect("a store that does not answer refuses nobody's token, and lets nobody in", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start * 1000)
      assert.strictEqual(yield* told(good()), "unavailable: the store of used proofs does not answer")
    }).pipe(
      Effect.provide(
        DpopVerifier.layer().pipe(
          Layer.provide(
            Layer.succeed(ReplayStore.ReplayStore, {
              add: () => new TokenStoreError({ operation: "x", reason: "unavailable", message: "down" })
            })
          )
        )
      )
    )
  )
})

describe("RFC 9449 sections 8 and 9: nonces", () => {
  const withNonce = (
    program: (nonce: DpopNonce.DpopNonce) => Effect.Effect<void, never, DpopVerifier.DpopVerifier>
  ) =>
    Effect.gen(function* () {
      yield* TestClock.setTime(start * 1000)
      const nonce = yield* Effect.orDie(DpopNonce.make({ period: "2 minutes" }))
      yield* program(nonce).pipe(run({ nonce }))
    })

  it.effect("4c 87: asks for its nonce, and takes it while it lasts", () =>
    withNonce((nonce) =>
      Effect.gen(function* () {
        const asks = "use_dpop_nonce: the proof does not have a nonce of this resource"
        assert.strictEqual(yield* told(good()), asks)
        assert.strictEqual(yield* told(good({ claims: { nonce: "made-up" } })), asks)
        assert.strictEqual(yield* told(good({ claims: { nonce: "" } })), "invalid_dpop_proof: claim")
        const current = yield* nonce.current
        assert.strictEqual(yield* (yield* DpopVerifier.DpopVerifier).nonce, current)
        assert.strictEqual(yield* told(good({ claims: { nonce: current } })), "accepted")
        // It may be used again, with a new proof (section 8.2), in the next period too.
        const later = (seconds: number) => P.proof(own, start + seconds, { claims: { nonce: current } })
        yield* TestClock.adjust("2 minutes")
        assert.notStrictEqual(yield* nonce.current, current)
        assert.strictEqual(yield* told(later(120)), "accepted")
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(yield* told(later(240)), asks)
      })
    )
  )

  it.effect("is judged after the proof, so that a thief of tokens learns nothing new", () =>
    withNonce(() =>
      Effect.gen(function* () {
        assert.strictEqual(yield* told(good({ claims: { htm: "PUT" } })), "invalid_dpop_proof: claim (htm)")
        assert.match(yield* told(P.proof(other, start)), /^invalid_dpop_proof: its key/)
      })
    )
  )
})

describe("4c 96: refusals", () => {
  it.effect("hold nothing of the proof or the token", () =>
    Effect.gen(function* () {
      const canaries = [
        "canary-jti-91",
        "canary-htm-92",
        "https://canary.example/93",
        "canary-nonce-94",
        P.token
      ]
      for (const claims of [
        { jti: canaries[0], htm: canaries[1] },
        { htu: canaries[2] },
        { nonce: canaries[3], ath: "canary-95" }
      ]) {
        const dpop = good({ claims, header: { kid: "canary-kid" } })
        const error = yield* Effect.flip(verify(dpop))
        const shown =
          inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error) + String(error)
        for (const canary of [...canaries, "canary", dpop, ...dpop.split(".")])
          assert.notInclude(shown, canary)
      }
    }).pipe(run())
  )
})
