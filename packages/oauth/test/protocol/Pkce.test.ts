import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import { Entropy } from "../../src/protocol/Entropy.js"
import * as Pkce from "../../src/protocol/Pkce.js"

const vector = {
  verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
}
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
const verifiers = FastCheck.string({
  unit: FastCheck.constantFrom(...unreserved),
  minLength: 43,
  maxLength: 128
})

describe("Pkce", () => {
  it.effect("RFC 7636 appendix B: the challenge of the published verifier", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Pkce.challenge(vector.verifier), vector.challenge)
      const pkce = yield* Pkce.fromVerifier(Redacted.make(vector.verifier))
      assert.strictEqual(pkce.challenge, vector.challenge)
      assert.strictEqual(pkce.method, "S256")
      assert.strictEqual(Redacted.value(pkce.verifier), vector.verifier)
    })
  )

  it.effect(
    "RFC 7636 section 4.1: a generated verifier has 43 unreserved characters and is new each time",
    () =>
      Effect.gen(function* () {
        const many = yield* Effect.replicateEffect(Pkce.generate, 50)
        for (const pkce of many) {
          assert.strictEqual(Redacted.value(pkce.verifier).length, 43)
          assert.isTrue(Pkce.isVerifier(Redacted.value(pkce.verifier)))
          assert.isTrue(yield* Pkce.matches(pkce.verifier, pkce.challenge))
        }
        assert.strictEqual(new Set(many.map((pkce) => pkce.challenge)).size, 50)
        assert.strictEqual(new Set(many.map((pkce) => Redacted.value(pkce.verifier))).size, 50)
      })
  )

  it.effect("DESIGN section 3: chance is a service, 256 bits are drawn from it", () =>
    Effect.gen(function* () {
      const drawn: Array<number> = []
      const bytes = (length: number) =>
        Effect.sync(() => (drawn.push(length), new Uint8Array(length).fill(7)))
      const pkce = yield* Effect.provideService(Pkce.generate, Entropy, { bytes })
      assert.deepStrictEqual(drawn, [32])
      assert.strictEqual(Redacted.value(pkce.verifier), "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc")
    })
  )

  it("RFC 7636 section 4.1, seeds 4.1, peers 4c 90: 43 to 128 characters", () => {
    for (const [length, good] of [
      [0, false],
      [42, false],
      [43, true],
      [128, true],
      [129, false]
    ] as const) {
      assert.strictEqual(Pkce.isVerifier("a".repeat(length)), good, `${length}`)
    }
  })

  it("RFC 7636 section 4.1, seeds 4.1 and D.3: no character but the unreserved, no line break at the end", () => {
    for (const bad of [" ", "+", "/", "=", "%", "é", "\u0000", "\n", "\r"]) {
      assert.isFalse(Pkce.isVerifier(`${"a".repeat(50)}${bad}`), JSON.stringify(bad))
      assert.isFalse(Pkce.isVerifier(`${bad}${"a".repeat(50)}`), JSON.stringify(bad))
    }
  })

  it.effect("a verifier that is refused is not shown", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Pkce.fromVerifier(Redacted.make("canary canary")))
      assert.strictEqual(error._tag, "ProtocolViolation")
      assert.strictEqual(error.member, "code_verifier")
      assert.notInclude(JSON.stringify(error) + String(error), "canary")
    })
  )

  it.effect("a pair printed shows no verifier", () =>
    Effect.map(Pkce.fromVerifier(Redacted.make(vector.verifier)), (pkce) =>
      assert.notInclude(JSON.stringify(pkce), vector.verifier)
    )
  )

  it.effect("RFC 7636 section 4.6: only the right verifier matches", () =>
    Effect.gen(function* () {
      const right = Redacted.make(vector.verifier)
      assert.isTrue(yield* Pkce.matches(right, vector.challenge))
      assert.isFalse(yield* Pkce.matches(right, `${vector.challenge}=`))
      assert.isFalse(yield* Pkce.matches(right, vector.challenge.toLowerCase()))
      assert.isFalse(yield* Pkce.matches(right, ""))
      assert.isFalse(yield* Pkce.matches(right, vector.verifier), "the plain method is not known here")
      assert.isFalse(yield* Pkce.matches(Redacted.make("short"), yield* Pkce.challenge("short")))
    })
  )

  it.effect.prop(
    "RFC 7636 section 4.2: every verifier matches its challenge of 43 characters",
    [verifiers],
    ([verifier]) =>
      Effect.gen(function* () {
        const pkce = yield* Pkce.fromVerifier(Redacted.make(verifier))
        assert.match(pkce.challenge, /^[A-Za-z0-9_-]{43}$/)
        assert.isTrue(yield* Pkce.matches(pkce.verifier, pkce.challenge))
      })
  )
})
