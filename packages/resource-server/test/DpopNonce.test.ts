/** RFC 9449 section 8: nonces that no store remembers. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import { inspect } from "node:util"

const secret = (name: string) => Redacted.make(`canary ${name} secret of 32 bytes or more`)

describe("DpopNonce", () => {
  it.effect("section 8.1: one of visible characters without quotes, the same for a period", () =>
    Effect.gen(function* () {
      const nonce = yield* DpopNonce.make({ period: "1 minute" })
      const first = yield* nonce.current
      assert.match(first, /^[A-Za-z0-9_-]{22}$/)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* nonce.current, first)
      yield* TestClock.adjust("1 second")
      assert.notStrictEqual(yield* nonce.current, first)
      assert.isTrue(yield* nonce.accepts(first))
      yield* TestClock.adjust("59999 millis")
      assert.isTrue(yield* nonce.accepts(first))
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* nonce.accepts(first))
      for (const other of ["", "x", first.slice(1), `${yield* nonce.current} `]) {
        assert.isFalse(yield* nonce.accepts(other))
      }
    })
  )

  it.effect("machines with one secret know each other's, also when a clock is ahead; others do not", () =>
    Effect.gen(function* () {
      const [here, there, stranger] = yield* Effect.all([
        DpopNonce.make({ secret: secret("a") }),
        DpopNonce.make({ secret: secret("a") }),
        DpopNonce.make()
      ])
      const ahead = yield* Effect.zipRight(TestClock.adjust("2 minutes"), there.current)
      yield* TestClock.setTime(0)
      assert.isTrue(yield* here.accepts(ahead))
      assert.isTrue(yield* here.accepts(yield* there.current))
      assert.isFalse(yield* stranger.accepts(yield* here.current))
    })
  )

  it.effect("takes those of secrets that were used before, and gives out those of the newest", () =>
    Effect.gen(function* () {
      const old = yield* DpopNonce.make({ secret: secret("old") })
      const rotated = yield* DpopNonce.make({ secret: secret("new"), previous: [secret("old")] })
      const newest = yield* DpopNonce.make({ secret: secret("new") })
      assert.isTrue(yield* rotated.accepts(yield* old.current))
      assert.isFalse(yield* old.accepts(yield* rotated.current))
      assert.strictEqual(yield* rotated.current, yield* newest.current)
    })
  )

  it.effect("a short secret is refused, and not shown", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(DpopNonce.make({ previous: [Redacted.make("canary too short")] }))
      assert.strictEqual(error.reason, "forbidden")
      assert.notInclude(inspect(error) + JSON.stringify(error), "canary")
      assert.notInclude(inspect(yield* DpopNonce.make({ secret: secret("x") }), { depth: null }), "canary")
    })
  )
})
