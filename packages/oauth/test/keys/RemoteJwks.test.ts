import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Telemetry from "../../src/http/Telemetry.js"
import type { Keyring } from "../../src/keys/Keyring.js"
import { DiscoveryError, TransportError } from "../../src/protocol/OAuthError.js"
import type { Answer, KeyServer } from "./support/keyServer.js"
import { failing, jwksUri, keyServer, publishing, remote } from "./support/keyServer.js"
import { ec, issuer } from "./support/tokens.js"

const first = ec("P-256", "first").jwk
const second = ec("P-256", "second").jwk

/** What the keyring says of a kid: `found`, or the reason of its failure. */
const ask = (ring: Keyring, kid: string | null = "first", of: string = issuer): Effect.Effect<string> =>
  Effect.map(
    Effect.either(ring.verificationKey(of, kid === null ? { alg: "ES256" } : { alg: "ES256", kid })),
    (result) => (Either.isRight(result) ? "found" : result.left.reason)
  )

const never: Effect.Effect<Answer> = Effect.never

const slowly = (delay: Duration.DurationInput, answer: Effect.Effect<Answer>): Effect.Effect<Answer> =>
  Effect.delay(answer, delay)

const fetches = (server: KeyServer): number => server.requests.length

/** Lets forked fetches come to their end without moving the clock. */
const settle = TestClock.adjust(0)

describe("RemoteJwks: fetching", () => {
  it.scoped("nothing is fetched before a key is asked for, and nothing for another issuer", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      assert.strictEqual(yield* ask(ring, "first", "https://other.example"), "not_found")
      assert.strictEqual(fetches(server), 0)
      assert.strictEqual(yield* ask(ring), "found")
      assert.strictEqual(yield* ask(ring), "found")
      assert.deepStrictEqual(server.requests, [jwksUri])
    })
  )

  it.scoped("4c 83: a thousand that ask at once cause one discovery and one fetch", () =>
    Effect.gen(function* () {
      const server = keyServer(slowly("100 millis", publishing([first])))
      let discoveries = 0
      const ring = yield* remote(server, {
        jwksUri: Effect.delay(
          Effect.sync(() => (discoveries++, jwksUri)),
          "100 millis"
        )
      })
      const asking = yield* Effect.fork(
        Effect.forEach(Array.from({ length: 1000 }), () => ask(ring), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...new Set(yield* Fiber.join(asking))], ["found"])
      assert.strictEqual(discoveries, 1)
      assert.strictEqual(fetches(server), 1)
    })
  )

  it.scoped("the interruption of whoever began a fetch does not reach those who wait for it", () =>
    Effect.gen(function* () {
      const server = keyServer(slowly("1 second", publishing([first])))
      const ring = yield* remote(server)
      const beginner = yield* Effect.fork(ask(ring))
      yield* TestClock.adjust("100 millis")
      const waiter = yield* Effect.fork(ask(ring))
      yield* TestClock.adjust("100 millis")
      yield* Fiber.interrupt(beginner)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiter), "found")
      assert.strictEqual(fetches(server), 1)
    })
  )

  it.effect("closing the scope ends a fetch, and whoever waits is told", () =>
    Effect.gen(function* () {
      const server = keyServer(never)
      const scope = yield* Scope.make()
      const ring = yield* Scope.extend(remote(server), scope)
      const waiter = yield* Effect.fork(ask(ring))
      yield* TestClock.adjust("100 millis")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(waiter), "unavailable")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* ask(ring), "unavailable")
    })
  )

  it.scoped("keys are fetched anew after 5 minutes, and ahead of that behind those in use", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      yield* TestClock.adjust("239 seconds")
      yield* ask(ring)
      assert.strictEqual(fetches(server), 1)
      server.answer = slowly("2 seconds", publishing([first]))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* ask(ring), "found")
      assert.strictEqual(yield* ask(ring), "found")
      yield* settle
      assert.strictEqual(fetches(server), 2)
      yield* TestClock.adjust("3 minutes")
      yield* ask(ring)
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.scoped("an unchanged key stays the same value through a refresh, so that it is prepared once", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      const before = yield* ring.verificationKey(issuer, { alg: "ES256", kid: "first" })
      server.answer = publishing([second, { ...first }])
      yield* ring.refresh
      assert.strictEqual(yield* ring.verificationKey(issuer, { alg: "ES256", kid: "first" }), before)
      server.answer = publishing([{ ...first, alg: "ES256" }])
      yield* ring.refresh
      assert.notStrictEqual(yield* ring.verificationKey(issuer, { alg: "ES256", kid: "first" }), before)
    })
  )

  it.scoped(
    "Cache-Control shortens the life of keys to 30 seconds at the least, and never lengthens it",
    () =>
      Effect.gen(function* () {
        const lives: ReadonlyArray<readonly [string, number]> = [
          ["max-age=60", 60],
          ["public, max-age=1", 30],
          ["no-store", 30],
          ["no-cache, max-age=100", 30],
          ["max-age=86400", 300],
          ["max-age=abc", 300],
          ['MAX-AGE="120"', 120]
        ]
        for (const [value, seconds] of lives) {
          const ring = yield* remote(keyServer(publishing([first], { "cache-control": value })))
          yield* ask(ring)
          const health = yield* ring.health
          assert.strictEqual(
            health._tag === "fresh" ? (health.until - health.since) / 1000 : 0,
            seconds,
            value
          )
        }
      })
  )

  it.scoped("the address is asked for once an hour, and kept when metadata cannot be read", () =>
    Effect.gen(function* () {
      let discoveries = 0
      let outage = false
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server, {
        jwksUri: Effect.suspend(() => {
          discoveries++
          return outage ? Effect.fail(down) : Effect.succeed(jwksUri)
        })
      })
      for (let minute = 0; minute < 59; minute += 5) {
        yield* ask(ring)
        yield* TestClock.adjust("5 minutes")
      }
      assert.strictEqual(discoveries, 1)
      outage = true
      assert.strictEqual(yield* ask(ring), "found")
      assert.strictEqual(discoveries, 2)
      outage = false
      yield* TestClock.adjust("5 minutes")
      yield* ask(ring)
      assert.strictEqual(discoveries, 3)
    })
  )

  it.scoped("an address that is gone is looked for again before the next try", () =>
    Effect.gen(function* () {
      let address = jwksUri
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server, { jwksUri: Effect.sync(() => address) })
      yield* ask(ring)
      address = `${issuer}/moved`
      server.answer = Effect.suspend(() =>
        server.requests.at(-1) === address ? publishing([first]) : failing(404)
      )
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* ask(ring), "found")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* ask(ring), "found")
      yield* settle
      assert.strictEqual(server.requests.at(-1), address)
      assert.strictEqual((yield* ring.health)._tag, "fresh")
    })
  )
})

const down = new TransportError({
  operation: "test",
  reason: "unreachable",
  url: issuer,
  retriable: true,
  message: "down"
})

describe("RemoteJwks: rotation", () => {
  it.scoped("a key rotated in a second ago is found at once", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = publishing([second])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* ask(ring, "second"), "found")
      assert.strictEqual(yield* ask(ring, "first"), "not_found")
    })
  )

  it.scoped("4c 82: ten thousand random names cost at most two fetches in 30 seconds", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      for (let window = 1; window <= 3; window++) {
        yield* Effect.forEach(
          Array.from({ length: window === 1 ? 10_000 : 1000 }, (_, i) => `${window}-${i}`),
          (kid) => ask(ring, kid),
          {
            concurrency: 64,
            discard: true
          }
        )
        assert.isAtMost(fetches(server), 2 * window)
        assert.strictEqual(yield* ask(ring), "found")
        yield* TestClock.adjust("30 seconds")
      }
    })
  )

  it.scoped("a name that was not found is not looked for again for 30 seconds, then it is", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual(yield* ask(ring, "second"), "not_found")
      yield* TestClock.adjust("1 second")
      server.answer = publishing([first, second])
      assert.strictEqual(yield* ask(ring, "second"), "not_found")
      assert.strictEqual(fetches(server), 2)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* ask(ring, "second"), "found")
    })
  )

  it.scoped("those who ask for an unknown name while a fetch is under way wait for that one", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = slowly("1 second", publishing([second]))
      const asking = yield* Effect.fork(
        Effect.forEach(Array.from({ length: 100 }), () => ask(ring, "second"), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([...new Set(yield* Fiber.join(asking))], ["found"])
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.scoped("without a kid the only key that fits is found, and a rotation of it is noticed", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      assert.strictEqual(yield* ask(ring, null), "found")
      server.answer = publishing([first, second])
      yield* ring.refresh
      assert.strictEqual(yield* ask(ring, null), "ambiguous")
    })
  )
})

describe("RemoteJwks: outage", () => {
  it.scoped(
    "keys that cannot be fetched at all are unavailable; few tries are made, further and further apart",
    () =>
      Effect.gen(function* () {
        const server = keyServer(failing(503))
        const ring = yield* remote(server)
        for (let second = 0; second < 60; second++) {
          assert.strictEqual(yield* ask(ring), "unavailable")
          assert.strictEqual(yield* ask(ring, "other"), "unavailable")
          yield* TestClock.adjust("1 second")
        }
        assert.isAtLeast(fetches(server), 4)
        assert.isAtMost(fetches(server), 10)
        assert.strictEqual((yield* ring.health)._tag, "unavailable")
        server.answer = publishing([first])
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* ask(ring), "found")
      })
  )

  it.scoped("keys serve on for an hour after they were fresh, and not longer", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = failing(500)
      for (let minute = 0; minute < 64; minute++) {
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* ask(ring), "found")
        assert.strictEqual(yield* ask(ring, "other"), "unavailable")
      }
      assert.strictEqual((yield* ring.health)._tag, "stale")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* ask(ring), "unavailable")
      assert.strictEqual((yield* ring.health)._tag, "unavailable")
    })
  )

  it.scoped(
    "a name that fresh keys do not have is unavailable, not absent, when it cannot be asked about",
    () =>
      Effect.gen(function* () {
        const server = keyServer(publishing([first]))
        const ring = yield* remote(server)
        yield* ask(ring)
        server.answer = failing(500)
        assert.strictEqual(yield* ask(ring, "second"), "unavailable")
        assert.strictEqual(yield* ask(ring, "second"), "unavailable")
        assert.strictEqual(fetches(server), 2)
        assert.strictEqual(yield* ask(ring), "found")
      })
  )

  it.scoped("an endpoint that hangs costs one second, once, while keys serve", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = never
      yield* TestClock.adjust("6 minutes")
      const waiting = yield* Effect.fork(ask(ring))
      yield* TestClock.adjust("900 millis")
      assert.isTrue((yield* Fiber.poll(waiting))._tag === "None")
      const late = yield* Effect.fork(ask(ring))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* Fiber.join(waiting), "found")
      assert.strictEqual(yield* Fiber.join(late), "found")
      assert.strictEqual(yield* ask(ring), "found")
      assert.strictEqual(fetches(server), 2)
      // The deadline of the exchange passes, and that of the next; nobody waits again.
      for (let again = 0; again < 3; again++) {
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(yield* ask(ring), "found")
      }
      assert.isAtLeast(fetches(server), 4)
    })
  )

  it.scoped("a hanging refresh ahead of time stalls nobody", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = never
      yield* TestClock.adjust("250 seconds")
      assert.strictEqual(yield* ask(ring), "found")
      yield* settle
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.scoped("Retry-After is kept to, up to 30 seconds", () =>
    Effect.gen(function* () {
      for (const [asked, kept] of [
        ["10", 10],
        ["3600", 30]
      ] as const) {
        const server = keyServer(failing(503, { "retry-after": asked }))
        const ring = yield* remote(server)
        yield* ask(ring)
        yield* TestClock.adjust(Duration.seconds(kept - 1))
        yield* ask(ring)
        assert.strictEqual(fetches(server), 1)
        yield* TestClock.adjust("1 second")
        yield* ask(ring)
        assert.strictEqual(fetches(server), 2)
      }
    })
  )

  it.scoped("4c 23: a key that is gone from a fetched set is gone, though later fetches fail", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first, second]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = publishing([second])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* ask(ring), "not_found")
      server.answer = failing(500)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* ask(ring), "unavailable")
      assert.strictEqual(yield* ask(ring, "second"), "found")
    })
  )
})

describe("RemoteJwks: what an observer is told", () => {
  const states = Effect.map(
    Effect.forEach(["fresh", "stale", "unavailable"], (state) =>
      Metric.value(Metric.tagged(Telemetry.jwksHealth, "state", state))
    ),
    (values) => values.map(({ count }) => count)
  )

  it.scoped("each fetch is counted by the state that the keys are in then", () =>
    Effect.gen(function* () {
      const before = yield* states
      const server = keyServer(publishing([first]))
      const ring = yield* remote(server)
      yield* ask(ring)
      server.answer = failing(500)
      yield* TestClock.adjust("6 minutes")
      yield* ask(ring)
      yield* TestClock.adjust("2 hours")
      yield* ask(ring)
      const after = yield* states
      assert.deepStrictEqual(
        after.map((count, i) => count - (before[i] ?? 0)),
        [1, 1, 1]
      )
    })
  )
})

describe("RemoteJwks: what is published", () => {
  it.scoped("4c 81: what is no key set is no answer, and bad entries do not spoil good ones", () =>
    Effect.gen(function* () {
      const outcomes: ReadonlyArray<readonly [unknown, string]> = [
        [{ keys: null }, "malformed"],
        [{ keys: {} }, "malformed"],
        [{}, "malformed"],
        [[first], "malformed"],
        ["<html>", "unavailable"],
        ["", "unavailable"],
        [{ keys: [] }, "not_found"],
        [{ keys: [null] }, "not_found"],
        [
          {
            keys: [
              null,
              1,
              "x",
              [],
              {},
              { kty: 1 },
              { kty: "new" },
              { ...second, x: "!" },
              { ...first, kid: 1 },
              first
            ]
          },
          "found"
        ]
      ]
      for (const [body, expected] of outcomes) {
        const ring = yield* remote(keyServer(Effect.succeed({ body })))
        assert.strictEqual(yield* ask(ring), expected, JSON.stringify(body))
      }
      for (const status of [302, 400, 404, 500]) {
        const ring = yield* remote(keyServer(failing(status, { location: "https://attacker.example/keys" })))
        assert.strictEqual(yield* ask(ring), "unavailable")
      }
    })
  )

  it.scoped("4c 81: ten thousand keys pass the cap of a document; a thousand are found by name", () =>
    Effect.gen(function* () {
      const many = (count: number) => Array.from({ length: count }, (_, i) => ({ ...second, kid: `k${i}` }))
      const huge = yield* remote(keyServer(publishing(many(10_000))))
      assert.strictEqual(yield* ask(huge), "unavailable")
      const large = yield* remote(keyServer(publishing([...many(1000), first])))
      assert.strictEqual(yield* ask(large), "found")
      assert.strictEqual(yield* ask(large, "k999"), "found")
      assert.strictEqual(yield* ask(large, null), "ambiguous")
    })
  )

  it.scoped("4c 79, 80: an address that may not be used is forbidden, and nothing is sent", () =>
    Effect.gen(function* () {
      for (const address of [
        "file:///etc/passwd",
        "http://issuer.example/keys",
        "https://u:p@issuer.example/",
        "data:,"
      ]) {
        const server = keyServer(publishing([first]))
        const ring = yield* remote(server, { jwksUri: Effect.succeed(address) })
        assert.strictEqual(yield* ask(ring), "forbidden")
        assert.strictEqual(fetches(server), 0)
      }
    })
  )

  it.scoped("the policy of one origin refuses keys elsewhere", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      const elsewhere = yield* remote(server, {
        jwksUri: Effect.succeed("https://keys.example/jwks"),
        sameOrigin: true
      })
      assert.strictEqual(yield* ask(elsewhere), "forbidden")
      assert.strictEqual(fetches(server), 0)
      const here = yield* remote(server, { sameOrigin: true })
      assert.strictEqual(yield* ask(here), "found")
    })
  )

  it.scoped("metadata of another issuer is forbidden; metadata that is not found is an outage", () =>
    Effect.gen(function* () {
      const failure = (reason: DiscoveryError["reason"]) =>
        new DiscoveryError({ operation: "test", reason, message: "no" })
      for (const [reason, expected] of [
        ["issuer_mismatch", "forbidden"],
        ["forbidden_url", "forbidden"],
        ["missing_endpoint", "unsupported"],
        ["not_found", "unavailable"]
      ] as const) {
        const ring = yield* remote(keyServer(publishing([first])), { jwksUri: Effect.fail(failure(reason)) })
        assert.strictEqual(yield* ask(ring), expected)
      }
    })
  )

  it.scoped("a defect in the answer of a server is an outage", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const server = keyServer(Effect.zipRight(Deferred.await(gate), Effect.die("broken")))
      const ring = yield* remote(server)
      const asking = yield* Effect.fork(ask(ring))
      yield* settle
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(asking), "unavailable")
    })
  )
})
