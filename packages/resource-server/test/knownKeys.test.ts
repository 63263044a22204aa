/** Keys of clients, made ready once for many proofs: what is remembered, of whom, and how much of it. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as ReplayStore from "effect-oauth/ReplayStore"
import { SignatureEngine, webCrypto } from "effect-oauth/SignatureEngine"
import { generateKeyPairSync, sign } from "node:crypto"
import * as P from "./support/proofs.js"

const own = P.holder()
const bound = "its key is not the one that the token is bound to"

/** A verifier, and the `x` of each key that was made ready for it. */
const watched = (options: DpopVerifier.DpopVerifier.Options = {}) =>
  Effect.gen(function* () {
    const made: Array<unknown> = []
    const engine: SignatureEngine.Service = {
      ...webCrypto,
      prepareVerify: (jwk, algorithm) =>
        Effect.suspend(() => {
          made.push(jwk.x)
          return webCrypto.prepareVerify(jwk, algorithm)
        })
    }
    const replays = yield* ReplayStore.makeMemory()
    const verifier = yield* DpopVerifier.make(options).pipe(
      Effect.provideService(ReplayStore.ReplayStore, replays),
      Effect.provideService(SignatureEngine, engine)
    )
    const send = (dpop: string, thumbprint: string = own.thumbprint) =>
      verifier
        .verify({
          method: P.method,
          url: P.url,
          headers: Headers.fromInput({ dpop }),
          token: Redacted.make(P.token),
          thumbprint
        })
        .pipe(
          Effect.as("accepted"),
          Effect.catchAll(({ message }) => Effect.succeed(message.replace(/^.*refused: /, "")))
        )
    const good = (holder: P.Holder) => send(P.proof(holder, 0), holder.thumbprint)
    return { made, send, good }
  })

describe("the key of a client", () => {
  it.effect("is made ready once for two hundred proofs, each of which is checked", () =>
    Effect.gen(function* () {
      const { good, made, send } = yield* watched()
      for (let i = 0; i < 200; i++) assert.strictEqual(yield* good(own), "accepted")
      const forged = P.proof(own, 0, { signature: () => Buffer.alloc(64, 7) })
      assert.strictEqual(yield* send(forged), "signature")
      assert.strictEqual(made.length, 1)
    })
  )

  it.effect("is remembered for each client apart, and for none with cacheSize 0", () =>
    Effect.gen(function* () {
      const other = P.holder()
      const { good, made, send } = yield* watched()
      for (const holder of [own, other, own, other]) assert.strictEqual(yield* good(holder), "accepted")
      assert.deepStrictEqual(made, [own.jwk["x"], other.jwk["x"]])
      // Known keys, and each with the token of the other.
      assert.strictEqual(yield* send(P.proof(own, 0), other.thumbprint), bound)
      assert.strictEqual(yield* send(P.proof(other, 0), own.thumbprint), bound)
      const none = yield* watched({ cacheSize: 0 })
      yield* none.good(own)
      yield* none.good(own)
      assert.strictEqual(none.made.length, 2)
    })
  )

  it.effect("is what it is made of: no member is left out of account", () =>
    Effect.gen(function* () {
      const other = P.holder()
      const { good, made, send } = yield* watched()
      assert.strictEqual(yield* good(own), "accepted")
      const withKey = (jwk: object) => P.proof(own, 0, { header: { jwk: { ...own.jwk, ...jwk } } })
      for (const [jwk, why] of [
        [{ x: other.jwk["x"], y: other.jwk["y"] }, bound],
        [{ y: other.jwk["y"] }, bound],
        [{ crv: "P-384" }, "key"],
        [{ kty: "OKP" }, "key"],
        [{ kty: "RSA" }, "key"],
        [{ use: "enc" }, "key"],
        [{ alg: "ES384" }, "key"],
        [{ key_ops: ["sign"] }, "key"],
        [{ x: [own.jwk["x"]] }, "key"],
        [{ d: "AA" }, "key"],
        [{ k: "AA" }, "key"]
      ] as const) {
        assert.strictEqual(yield* send(withKey(jwk)), why, JSON.stringify(jwk))
      }
      const before = made.length
      // The same key with limits that it keeps is another one to remember; what no key is made of is not looked at.
      assert.strictEqual(yield* send(withKey({ use: "sig", alg: "ES256", kid: "a" })), "accepted")
      assert.strictEqual(yield* send(withKey({ x5c: ["canary"] })), "accepted")
      assert.strictEqual(made.length, before + 1)
    })
  )
})

describe("who may have a key remembered", () => {
  it.effect("nobody but who has a token for it: forged proofs and strangers' keys drive none out", () =>
    Effect.gen(function* () {
      const { good, made, send } = yield* watched({ cacheSize: 2 })
      yield* good(own)
      for (let i = 0; i < 10; i++) {
        const stranger = P.holder()
        // A good proof of a key of one's own, beside the token of another; and the key of another.
        assert.notStrictEqual(yield* send(P.proof(stranger, 0)), "accepted")
        const borrowed = { header: { jwk: stranger.jwk } }
        assert.strictEqual(yield* send(P.proof(own, 0, borrowed), stranger.thumbprint), "signature")
      }
      const before = made.length
      assert.strictEqual(yield* good(own), "accepted")
      assert.strictEqual(made.length, before)
    })
  )

  it.effect(
    "RFC 9449 section 4.3, step 12: the key of another is not made ready, whatever work it would be",
    () =>
      Effect.gen(function* () {
        const { made, send } = yield* watched()
        const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
        const { e, kty, n } = publicKey.export({ format: "jwk" })
        const proof = P.proof(own, 0, {
          header: { alg: "RS256", jwk: { e, kty, n } },
          signature: (input) => sign("sha256", Buffer.from(input), privateKey)
        })
        assert.strictEqual(yield* send(proof), bound)
        assert.deepStrictEqual(made, [])
        const thumbprint = P.sha256(JSON.stringify({ e, kty, n }))
        assert.strictEqual(yield* send(proof, thumbprint), "accepted")
        assert.strictEqual(made.length, 1)
      })
  )

  it.effect("the ones that were used last stay; who comes back is let in as before", () =>
    Effect.gen(function* () {
      const { good, made } = yield* watched({ cacheSize: 2 })
      const [a, b, c] = [P.holder(), P.holder(), P.holder()]
      for (const holder of [a, b, a, c, a, c, b, a]) assert.strictEqual(yield* good(holder), "accepted")
      const names = new Map([a, b, c].map((holder, i) => [holder.jwk["x"], "abc"[i]]))
      assert.deepStrictEqual(
        made.map((x) => names.get(String(x))),
        ["a", "b", "c", "b", "a"]
      )
    })
  )

  it.effect("RFC 9449 section 8: a client that is asked for a nonce has its key made ready once", () =>
    Effect.gen(function* () {
      const nonce = yield* Effect.orDie(DpopNonce.make())
      const { made, send } = yield* watched({ nonce })
      assert.notStrictEqual(yield* send(P.proof(own, 0)), "accepted")
      const given = { claims: { nonce: yield* nonce.current } }
      assert.strictEqual(yield* send(P.proof(own, 0, given)), "accepted")
      assert.strictEqual(made.length, 1)
    })
  )
})
