import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import type { DeviceTransaction } from "effect-oauth/DeviceTransaction"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as P from "./support/polls.js"
import * as H from "./support/setup.js"

const { granted, pending, slowDown } = P

const service = DeviceAuthorization.DeviceAuthorization

/** Begins, and follows what happens; the server answers from a script. */
const follow = (
  answers: ReadonlyArray<P.Answer>,
  bend: Partial<DeviceTransaction> = {},
  clock?: Clock.Clock
) =>
  Effect.gen(function* () {
    const device = yield* service
    const transaction = yield* device.begin()
    const times = yield* P.script(answers)
    const bent = { ...transaction, ...bend }
    const events = yield* P.follow(device.progress(bent), bent.interval * 1.2, clock)
    return { ...events, times, transaction }
  })

const tagOf = (event: { readonly _tag: string }) => event._tag

const seconds = (event: DeviceAuthorization.DeviceAuthorization.Progress | { readonly _tag: string }) =>
  "next" in event ? Duration.toSeconds(event.next) : undefined

describe("DeviceAuthorization.complete", () => {
  it.scoped("RFC 8628 section 3.3-3.5: pending until the person agrees; then tokens and who it is", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const device = yield* service
      const transaction = yield* device.begin({ scope: ["openid", "notes"], resource: "https://api.test" })
      const { after } = yield* P.follow(device.progress(transaction), 6)
      assert.strictEqual(tagOf(yield* after(6)), "Pending")
      assert.isTrue(yield* server.decideDevice(transaction.userCode))
      const last = yield* after(6)
      if (last._tag !== "Granted") return assert.fail(last._tag)
      const { idToken, tokens } = last.value
      assert.deepStrictEqual(tokens.scope, ["notes", "openid"])
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "alice")
      const { form } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:device_code"],
          ["device_code", Redacted.value(transaction.deviceCode)],
          ["resource", "https://api.test"],
          ["client_id", "app"]
        ]
      )
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("complete waits for the same, and a server that counts is never asked too soon", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const device = yield* service
      const transaction = yield* device.begin()
      const fiber = yield* Effect.fork(device.complete(transaction))
      for (let count = 1; count <= 5; count++) {
        yield* TestClock.adjust("6 seconds")
        while ((yield* server.count("token")) < count) yield* TestClock.adjust("0 seconds")
      }
      yield* server.decideDevice(transaction.userCode)
      yield* TestClock.adjust("6 seconds")
      const { idToken, tokens } = yield* Fiber.join(fiber)
      assert.strictEqual(tokens.tokenType, "Bearer")
      assert.isTrue(Option.isNone(idToken))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("OpenID Connect Core 3.1.3.7: an ID token that nobody asked for is not kept unverified", () =>
    Effect.gen(function* () {
      const device = yield* service
      const transaction = yield* device.begin({ scope: ["notes"] })
      yield* P.script([{ ...granted, body: { ...granted.body, id_token: "e30.e30.AA" } }])
      const { idToken, tokens } = yield* H.asTimePasses(device.complete(transaction))
      assert.isTrue(Option.isNone(idToken))
      assert.isTrue(Option.isNone(tokens.idToken))
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 8628 section 3.5: nothing is asked before the interval, and a fifth more, is over", () =>
    Effect.gen(function* () {
      const { after, move, times } = yield* follow([pending, pending, granted], { interval: 10 })
      assert.isTrue(Option.isNone(yield* move(11.999)))
      assert.strictEqual(tagOf(yield* after(0.001)), "Pending")
      assert.isTrue(Option.isNone(yield* move(10)))
      yield* after(2)
      yield* after(12)
      assert.deepStrictEqual(yield* times, [12, 24, 36])
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 8628 section 3.5: each slow_down adds 5 seconds, for good", () =>
    Effect.gen(function* () {
      const { after } = yield* follow([slowDown(), pending, slowDown(), pending, granted])
      const events = [yield* after(6), yield* after(12), yield* after(12)]
      events.push(yield* after(18), yield* after(18))
      assert.deepStrictEqual(events.map(tagOf), ["SlowDown", "Pending", "SlowDown", "Pending", "Granted"])
      assert.deepStrictEqual(events.slice(0, 4).map(seconds), [12, 12, 18, 18])
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("peers 4c 91: slow_down holds for who stops asking and begins again", () =>
    Effect.gen(function* () {
      const device = yield* service
      const transaction = yield* device.begin()
      const times = yield* P.script([slowDown({ interval: 20 }), pending])
      yield* Effect.scoped(Effect.flatMap(P.follow(device.progress(transaction), 6), ({ after }) => after(6)))
      const again = yield* P.follow(device.progress(transaction), 24)
      assert.strictEqual(seconds(yield* again.after(24)), 24)
      assert.deepStrictEqual(yield* times, [6, 30])
      const other = yield* P.follow(device.progress(yield* device.begin()), 6)
      assert.strictEqual(tagOf(yield* other.after(6)), "Pending")
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("peers 2 (19): an interval that comes with slow_down is taken, and never a shorter one", () =>
    Effect.gen(function* () {
      const { after } = yield* follow([slowDown({ interval: 20 }), slowDown({ interval: 1 }), pending])
      assert.strictEqual(seconds(yield* after(6)), 24)
      assert.strictEqual(seconds(yield* after(24)), 30)
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("peers 4c 91: slow_down a hundred times ends with the time, and with few requests", () =>
    Effect.gen(function* () {
      const { after, times } = yield* follow([slowDown()])
      let wait = 6
      for (;;) {
        const event = yield* after(wait)
        if (event._tag !== "SlowDown") {
          assert.strictEqual(event._tag === "AuthorizationError" && event.reason, "expired")
          break
        }
        const next = Duration.toSeconds(event.next)
        assert.isAtLeast(next, wait + 5)
        wait = next
      }
      assert.isAtMost((yield* times).length, 14)
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("peers 4c 91: expired_token, and access_denied, end it with a reason", () =>
    Effect.gen(function* () {
      for (const [error, reason] of [
        ["expired_token", "expired"],
        ["access_denied", "denied"]
      ] as const) {
        const { after } = yield* follow([P.refuses(error, "why\u001b[31m")])
        const failure = yield* after(6)
        if (failure._tag !== "AuthorizationError") return assert.fail(failure._tag)
        assert.strictEqual(failure.reason, reason)
        assert.strictEqual(failure.error, error)
        assert.strictEqual(failure.description, "why[31m")
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 8628 section 3.3: what the person denies is denied", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const device = yield* service
      const transaction = yield* device.begin()
      yield* server.decideDevice(transaction.userCode, TestUser.deny)
      const fiber = yield* Effect.fork(device.complete(transaction))
      yield* TestClock.adjust("6 seconds")
      yield* H.fails(Fiber.join(fiber), "AuthorizationError", "denied")
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 8628 section 3.5: any other error of the server ends it", () =>
    Effect.gen(function* () {
      for (const error of [
        "invalid_grant",
        "invalid_client",
        "unauthorized_client",
        "authorization_pendin"
      ]) {
        const { after, transaction } = yield* follow([P.refuses(error)])
        const failure = yield* after(6)
        assert.strictEqual(failure._tag, "OAuthResponseError")
        assert.notInclude(JSON.stringify(failure), Redacted.value(transaction.deviceCode))
      }
      for (const answer of [{ status: 404 }, { status: 200, body: { token_type: "Bearer" } }]) {
        const { after } = yield* follow([answer])
        assert.include(["TransportError", "ProtocolViolation"], tagOf(yield* after(6)))
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 8628 section 3.5: a broken connection or a 503 doubles the wait, an answer ends that", () =>
    Effect.gen(function* () {
      const broken = { fault: "broken" } as const
      const { after } = yield* follow([broken, { status: 503 }, broken, broken, broken, pending, granted])
      const events = [yield* after(6)]
      for (const wait of [12, 24, 48, 72, 72, 6] as const) events.push(yield* after(wait))
      assert.deepStrictEqual(events.map(seconds), [12, 24, 48, 72, 72, 6, undefined])
      assert.deepStrictEqual(events.map(tagOf).slice(-3), ["Retrying", "Pending", "Granted"])
      const [first] = events
      assert.strictEqual(first?._tag === "Retrying" && first.error.reason, "unreachable")
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 8628 section 3.5: so does a request that nobody answers", () =>
    Effect.gen(function* () {
      const { after, next, times } = yield* follow([{ fault: "hangs" }, granted])
      yield* TestClock.adjust("6 seconds")
      while ((yield* times).length === 0) yield* TestClock.adjust("0 seconds")
      yield* TestClock.adjust("10 seconds")
      const event = yield* next
      assert.strictEqual(event._tag === "Retrying" && event.error.reason, "timeout")
      assert.strictEqual(seconds(event), 12)
      assert.strictEqual(tagOf(yield* after(12)), "Granted")
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 9110 section 10.2.3: Retry-After is waited for, where it is longer", () =>
    Effect.gen(function* () {
      const { after, next } = yield* follow([
        { status: 429, headers: { "retry-after": "90" } },
        { ...slowDown(), headers: { "retry-after": "40" } },
        { ...pending, headers: { "retry-after": "1" } },
        { status: 503, headers: { "retry-after": "3600" } }
      ])
      assert.strictEqual(seconds(yield* after(6)), 90)
      assert.strictEqual(seconds(yield* after(90)), 40)
      assert.strictEqual(seconds(yield* after(40)), 12)
      assert.strictEqual(seconds(yield* after(12)), 3600)
      const failure = yield* next
      assert.strictEqual(failure._tag === "AuthorizationError" && failure.reason, "expired")
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("RFC 8628 section 3.2: after expires_in nothing is asked any more", () =>
    Effect.gen(function* () {
      const { after, next, times } = yield* follow([pending], { expiresAt: 20_000 })
      yield* after(6)
      yield* after(6)
      yield* after(6)
      const failure = yield* next
      assert.strictEqual(failure._tag === "AuthorizationError" && failure.reason, "expired")
      assert.strictEqual((yield* times).length, 3)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("an expired transaction, and one of another client or server, cost no request", () =>
    Effect.gen(function* () {
      const device = yield* service
      const transaction = yield* device.begin()
      const server = yield* TestIssuer.TestIssuer
      yield* H.fails(device.complete({ ...transaction, expiresAt: 0 }), "AuthorizationError", "expired")
      for (const other of [{ issuer: "https://other.test" }, { clientId: "other" }]) {
        const foreign = { ...transaction, ...other }
        yield* H.fails(device.complete(foreign), "AuthorizationError", "issuer_mismatch")
        yield* H.fails(Stream.runDrain(device.progress(foreign)), "AuthorizationError", "issuer_mismatch")
      }
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("an interrupted login asks nothing more", () =>
    Effect.gen(function* () {
      const device = yield* service
      const transaction = yield* device.begin()
      const times = yield* P.script([pending])
      const fiber = yield* Effect.fork(device.complete(transaction))
      yield* TestClock.adjust("6 seconds")
      while ((yield* times).length === 0) yield* TestClock.adjust("0 seconds")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* times).length, 1)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("a stream that is not read any more asks nothing more", () =>
    Effect.gen(function* () {
      const device = yield* service
      const transaction = yield* device.begin()
      const times = yield* P.script([pending])
      const fiber = yield* Effect.fork(Stream.runHead(device.progress(transaction)))
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* times).length, 1)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("OpenID Connect Core 3.1.3.7: an ID token that is not right is refused", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const device = yield* service
      const transaction = yield* device.begin({ scope: ["openid"] })
      yield* server.decideDevice(transaction.userCode)
      yield* H.misbehave("token", Misbehaviour.badSignature)
      const fiber = yield* Effect.fork(device.complete(transaction))
      yield* TestClock.adjust("6 seconds")
      yield* H.fails(Fiber.join(fiber), "JwtError", "signature")
    }).pipe(Effect.provide(H.layer()))
  )
})

describe("DeviceAuthorization and time", () => {
  it.scoped("the time of day may jump as it likes: only elapsed time counts", () =>
    Effect.gen(function* () {
      const { after, clock, move } = yield* followWith([pending])
      for (const next of [3_600_000, -3_600_000, 86_400_000, 0]) {
        clock.day = next
        assert.isTrue(Option.isNone(yield* move(5)))
        assert.strictEqual(tagOf(yield* after(1)), "Pending")
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("a machine that slept for hours asks once when it wakes, and waits again", () =>
    Effect.gen(function* () {
      const { after, clock, move } = yield* followWith([pending], { expiresAt: 80_000_000 })
      for (const hours of [2, 4, 1]) {
        clock.elapsed = hours * 3_600_000
        assert.isTrue(Option.isNone(yield* move(5)))
        assert.strictEqual(tagOf(yield* after(1)), "Pending")
      }
      clock.elapsed = 24 * 3_600_000
      const failure = yield* after(6)
      assert.strictEqual(failure._tag === "AuthorizationError" && failure.reason, "expired")
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped.prop(
    "peers 4c 91: whatever the server says, two requests are an interval and what it asks for apart",
    [
      FastCheck.array(FastCheck.constantFrom("pending", "slow", "broken", "busy"), { maxLength: 6 }),
      FastCheck.array(FastCheck.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 })
    ],
    ([script, moves]) =>
      Effect.gen(function* () {
        const { times } = yield* follow(script.map(answerOf))
        for (const seconds of moves) yield* TestClock.adjust(Duration.seconds(seconds))
        const all = yield* times
        let interval = 5
        let last = 0
        for (const [index, time] of all.entries()) {
          const before = index === 0 ? undefined : script[Math.min(index, script.length) - 1]
          if (before === "slow") interval += 5
          assert.isAtLeast(time - last, before === "busy" ? 17 : interval)
          last = time
        }
      }).pipe(Effect.provide(H.layer())),
    { fastCheck: { numRuns: 8 } }
  )
})

/** Follows by a clock of which the time of day, or all that it tells, can be set ahead; sleeps take what they take. */
const followWith = (answers: ReadonlyArray<P.Answer>, bend: Partial<DeviceTransaction> = {}) =>
  Effect.gen(function* () {
    const real = yield* Effect.clock
    const clock = { day: 0, elapsed: 0 }
    const jumping: Clock.Clock = Object.create(real, {
      currentTimeMillis: {
        value: Effect.map(real.currentTimeMillis, (now) => now + clock.day + clock.elapsed)
      },
      unsafeCurrentTimeMillis: { value: () => real.unsafeCurrentTimeMillis() + clock.day + clock.elapsed },
      currentTimeNanos: {
        value: Effect.map(real.currentTimeNanos, (now) => now + BigInt(clock.elapsed) * 1_000_000n)
      },
      unsafeCurrentTimeNanos: {
        value: () => real.unsafeCurrentTimeNanos() + BigInt(clock.elapsed) * 1_000_000n
      }
    })
    return { ...(yield* Effect.withClock(follow(answers, bend, real), jumping)), clock }
  })

const answerOf = (name: string): P.Answer => {
  switch (name) {
    case "slow":
      return slowDown()
    case "broken":
      return { fault: "broken" }
    case "busy":
      return { status: 503, headers: { "retry-after": "17" } }
    default:
      return pending
  }
}
