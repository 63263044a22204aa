import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as JwtSigner from "../../src/keys/JwtSigner.js"
import * as JwtVerifier from "../../src/keys/JwtVerifier.js"
import * as Keyring from "../../src/keys/Keyring.js"
import * as KeyRotation from "../../src/keys/KeyRotation.js"
import * as SigningKey from "../../src/keys/SigningKey.js"
import { KeyringError } from "../../src/protocol/OAuthError.js"
import { goodClaims, issuer, outcome, profile } from "./support/tokens.js"

const day = Duration.days(1)

const kids = (ring: KeyRotation.RotatingKeyring) =>
  Effect.map(ring.rotation, (rotation) => ({
    next: Option.getOrUndefined(rotation.next)?.key.kid,
    current: rotation.current.key.kid,
    retiring: rotation.retiring.map(({ key }) => key.kid)
  }))

const published = (ring: Keyring.Keyring) => Effect.map(ring.jwks, ({ keys }) => keys.map(({ kid }) => kid))

/** Keys named a, b, c and so on. */
const naming = () => {
  let made = 0
  return Effect.suspend(() =>
    Effect.flatMap(Keyring.generate({ kid: "abcdefgh".charAt(made++) }), (ring) => ring.signingKey())
  )
}

const after = (ring: KeyRotation.RotatingKeyring, duration: Duration.DurationInput) =>
  Effect.zipRight(TestClock.adjust(duration), ring.advance)

describe("KeyRotation", () => {
  it.effect("a key is published a day before it signs, and a day after", () =>
    Effect.gen(function* () {
      const ring = yield* KeyRotation.make({ generate: naming(), issuer })
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "a", retiring: [] })
      yield* after(ring, "28 days")
      assert.deepStrictEqual(yield* published(ring), ["a"])
      yield* after(ring, day)
      assert.deepStrictEqual(yield* kids(ring), { next: "b", current: "a", retiring: [] })
      assert.deepStrictEqual(yield* published(ring), ["a", "b"])
      yield* after(ring, day)
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "b", retiring: ["a"] })
      assert.deepStrictEqual(yield* published(ring), ["b", "a"])
      yield* after(ring, day)
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "b", retiring: [] })
    })
  )

  it.effect("only the current key signs; all that are published verify", () =>
    Effect.gen(function* () {
      const ring = yield* KeyRotation.make({ generate: naming(), issuer })
      const signer = yield* JwtSigner.fromKeyring(ring)
      const verifier = yield* JwtVerifier.fromKeyring(ring, { cacheSize: 10 })
      const sign = signer.sign(
        { ...goodClaims, iat: undefined, exp: 100 * 24 * 3600 },
        { typ: "at+jwt", lifetime: false }
      )
      const before = yield* sign
      assert.strictEqual(yield* outcome(verifier.verify(before, profile)), "accepted")
      yield* after(ring, "29 days")
      assert.strictEqual((yield* ring.signingKey()).kid, "a")
      assert.strictEqual((yield* Effect.flip(ring.signingKey({ kid: "b" }))).reason, "not_found")
      yield* after(ring, day)
      const since = yield* sign
      assert.strictEqual((yield* ring.signingKey()).kid, "b")
      for (const token of [before, since]) {
        assert.strictEqual(yield* outcome(verifier.verify(token, profile)), "accepted")
      }
      yield* after(ring, day)
      assert.strictEqual(yield* outcome(verifier.verify(before, profile)), "JwtError key")
      assert.strictEqual(yield* outcome(verifier.verify(since, profile)), "accepted")
    })
  )

  it.effect("after a long sleep nothing signs that was not published first", () =>
    Effect.gen(function* () {
      const ring = yield* KeyRotation.make({ generate: naming() })
      yield* after(ring, "90 days")
      assert.deepStrictEqual(yield* kids(ring), { next: "b", current: "a", retiring: [] })
      yield* after(ring, day)
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "b", retiring: ["a"] })
    })
  )

  it.effect("rotate: the next key signs at once, and the current retires", () =>
    Effect.gen(function* () {
      const ring = yield* KeyRotation.make({ generate: naming() })
      yield* ring.rotate
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "b", retiring: ["a"] })
      yield* after(ring, "29 days")
      yield* ring.rotate
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "c", retiring: ["b"] })
    })
  )

  it.effect("revoke: a key is gone, wherever it was", () =>
    Effect.gen(function* () {
      const ring = yield* KeyRotation.make({ generate: naming(), issuer })
      yield* ring.rotate
      yield* after(ring, "12 hours")
      yield* ring.revoke("a")
      assert.deepStrictEqual(yield* published(ring), ["b"])
      yield* ring.revoke("b")
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "c", retiring: [] })
      const gone = yield* Effect.flip(ring.verificationKey(issuer, { alg: "ES256", kid: "b" }))
      assert.strictEqual(gone.reason, "not_found")
      yield* after(ring, "29 days")
      yield* ring.revoke("d")
      assert.deepStrictEqual(yield* kids(ring), { next: undefined, current: "c", retiring: [] })
      assert.strictEqual((yield* Effect.flip(ring.revoke("zzz"))).reason, "not_found")
    })
  )

  it.effect("what cannot be stored does not happen; what was stored is taken up again", () =>
    Effect.gen(function* () {
      let stored: KeyRotation.Rotation | undefined
      let full = false
      const failure = new KeyringError({
        operation: "test",
        reason: "unavailable",
        retriable: true,
        message: "full"
      })
      const save = (rotation: KeyRotation.Rotation) =>
        full ? Effect.fail(failure) : Effect.sync(() => void (stored = rotation))
      const ring = yield* KeyRotation.make({ generate: naming(), save })
      full = true
      assert.strictEqual(yield* Effect.flip(ring.rotate), failure)
      assert.strictEqual((yield* kids(ring)).current, "a")
      full = false
      yield* ring.rotate

      const reread = (stage: KeyRotation.Stage) =>
        Effect.map(SigningKey.fromJwk(Redacted.value(Option.getOrThrow(stage.key.privateJwk))), (key) => ({
          ...stage,
          key
        }))
      if (stored === undefined) return assert.fail("nothing was stored")
      const initial = {
        next: Option.none(),
        current: yield* reread(stored.current),
        retiring: yield* Effect.forEach(stored.retiring, reread)
      }
      const again = yield* KeyRotation.make({ initial })
      assert.deepStrictEqual(yield* again.jwks, yield* ring.jwks)
    })
  )

  it.scoped("a defect of what makes or stores keys does not end the schedule, and is not shown", () =>
    Effect.gen(function* () {
      let saved = 0
      const said: Array<string> = []
      const logger = Logger.make(
        ({ cause, message }) => void said.push(`${String(message)} ${String(cause)}`)
      )
      const ring = yield* KeyRotation.scheduled({
        generate: naming(),
        period: "1 hour",
        publishAhead: "10 minutes",
        save: () => {
          saved += 1
          if (saved === 2) throw new TypeError("canary-of-a-key")
          return Effect.void
        }
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      // keys are made by the platform: give it the time, turn by turn
      const turn = Effect.zipRight(
        TestClock.adjust("1 minute"),
        Effect.promise(() => new Promise(setImmediate))
      )
      yield* Effect.repeatN(turn, 100)
      assert.strictEqual((yield* kids(ring)).current === "a", false)
      assert.isAbove(saved, 2)
      assert.include(said.join("\n"), "defect")
      assert.notInclude(said.join("\n"), "canary")
    })
  )

  it.scoped("on a schedule it runs by itself, and a failure is tried again", () =>
    Effect.gen(function* () {
      let broken = false
      const generate = naming()
      const failure = new KeyringError({
        operation: "test",
        reason: "unavailable",
        retriable: true,
        message: "no"
      })
      const ring = yield* KeyRotation.scheduled({
        generate: Effect.suspend(() => (broken ? Effect.fail(failure) : generate)),
        period: "10 minutes",
        publishAhead: "5 minutes",
        retainFor: "5 minutes",
        schedule: undefined
      })
      broken = true
      yield* TestClock.adjust("6 minutes")
      assert.strictEqual((yield* kids(ring)).next, undefined)
      broken = false
      // Keys are made in real time, between two steps of the test's clock.
      type Names = Effect.Effect.Success<ReturnType<typeof kids>>
      const turn = Effect.zipRight(
        TestClock.adjust("10 seconds"),
        Effect.promise(() => new Promise((resume) => setImmediate(resume)))
      )
      const until = (wanted: (now: Names) => boolean): Effect.Effect<void> =>
        Effect.flatMap(Effect.zipRight(turn, kids(ring)), (now) =>
          wanted(now) ? Effect.void : until(wanted)
        )
      yield* until(({ next }) => next !== undefined)
      yield* until(({ current }) => current === "b")
      yield* until(({ retiring }) => retiring.length === 0)
    })
  )
})
