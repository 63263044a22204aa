/** RFC 8693 within a request: seeds 2.0 AccessContext; whose tokens are kept, for whom, and how long. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as DelegatedAccess from "effect-oauth-resource-server/DelegatedAccess"
import { inspect } from "node:util"
import * as A from "./support/authorities.js"

const issuer = "https://issuer.example"
const one = "https://one.example"
const two = "https://two.example"
const alice = A.caller(issuer, "canary-alice")
const bob = A.caller(issuer, "canary-bob")

const layer = (servers: A.Authorities, options?: DelegatedAccess.DelegatedAccess.Options) =>
  DelegatedAccess.layer(options).pipe(
    Layer.provide(Layer.orDie(A.client(issuer))),
    Layer.provide(servers.layer)
  )

const tokens = (
  resources: DelegatedAccess.DelegatedAccess.Request["resources"],
  more: Partial<DelegatedAccess.DelegatedAccess.Request> = {}
) => Effect.flatMap(DelegatedAccess.DelegatedAccess, (access) => access.tokens({ resources, ...more }))

const textOf = (resource: string, ...args: Parameters<typeof tokens>) =>
  Effect.flatMap(tokens(...args), (result) =>
    Effect.map(result.token(resource), ({ accessToken }) => Redacted.value(accessToken))
  )

describe("DelegatedAccess", () => {
  it.effect(
    "exchanges the caller's token for each resource, and a failure is that of its resource alone",
    () => {
      const servers = A.authorities()
      return Effect.gen(function* () {
        const result = yield* tokens([one, "https://forbidden.example", two], { scope: ["read"] }).pipe(
          A.as(alice)
        )
        assert.strictEqual(result.status, "partial_error")
        assert.deepStrictEqual(result.successful, [one, two])
        assert.strictEqual(
          Redacted.value((yield* result.token(one)).accessToken),
          `for ${one} by canary-alice`
        )
        const error = Option.getOrThrow(result.error("https://forbidden.example"))
        assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError invalid_target")
        const sent = servers
          .exchanges()
          .map(({ form }) => ["subject_token", "resource", "scope"].map((name) => form.get(name)).join(" "))
        assert.deepStrictEqual(
          [...sent].sort(),
          ["https://forbidden.example", one, two].map((resource) => `canary-alice ${resource} read`)
        )
      }).pipe(Effect.provide(layer(servers)))
    }
  )

  it.effect("in parallel: all are asked before any has answered", () => {
    const arrived: Array<string> = []
    const gate = Deferred.unsafeMake<void>(FiberId.none)
    const servers = A.authorities((sent) => {
      arrived.push(sent.form.get("resource") ?? "")
      return Effect.zipRight(Deferred.await(gate), A.issue(sent))
    })
    return Effect.gen(function* () {
      const asking = yield* Effect.fork(tokens([one, two]).pipe(A.as(alice)))
      while (arrived.length < 2) yield* Effect.yieldNow()
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(asking)).status, "success")
    }).pipe(Effect.provide(layer(servers)))
  })

  it.effect("keeps a token for the same caller, resource and options, and for nobody else", () => {
    const servers = A.authorities()
    const count = () => servers.exchanges().length
    return Effect.gen(function* () {
      yield* tokens([one, two]).pipe(A.as(alice))
      yield* tokens([two, one, one]).pipe(A.as(alice))
      assert.strictEqual(count(), 2)
      assert.strictEqual(yield* textOf(one, [one]).pipe(A.as(bob)), `for ${one} by canary-bob`)
      assert.strictEqual(yield* textOf(one, [one]).pipe(A.as(alice)), `for ${one} by canary-alice`)
      assert.strictEqual(count(), 3)
      let expected = 3
      for (const more of [
        { scope: ["read"] },
        { audience: "x" },
        { parameters: { a: "b" } },
        { requestedTokenType: "urn:ietf:params:oauth:token-type:access_token" },
        { actorToken: Redacted.make("actor") },
        { actorToken: Redacted.make("another") }
      ]) {
        yield* tokens([one], more).pipe(A.as(alice))
        yield* tokens([one], more).pipe(A.as(alice))
        expected++
        assert.strictEqual(count(), expected, JSON.stringify(more))
      }
    }).pipe(Effect.provide(layer(servers)))
  })

  it.effect("one exchange for a hundred requests at once of one caller, though the first goes away", () => {
    const servers = A.authorities((sent) => Effect.zipRight(Effect.sleep("1 second"), A.issue(sent)))
    return Effect.gen(function* () {
      const first = yield* Effect.fork(tokens([one]).pipe(A.as(alice)))
      while (servers.exchanges().length === 0) yield* Effect.yieldNow()
      const rest = yield* Effect.fork(
        Effect.replicateEffect(textOf(one, [one]).pipe(A.as(alice)), 100, { concurrency: "unbounded" })
      )
      const other = yield* Effect.fork(textOf(one, [one]).pipe(A.as(bob)))
      while (servers.exchanges().length < 2) yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([...new Set(yield* Fiber.join(rest))], [`for ${one} by canary-alice`])
      assert.strictEqual(yield* Fiber.join(other), `for ${one} by canary-bob`)
      assert.strictEqual(servers.exchanges().length, 2)
    }).pipe(Effect.provide(layer(servers)))
  })

  it.effect("a failure is not kept", () => {
    let down = true
    const servers = A.authorities((sent) =>
      down ? Effect.succeed({ error: "server_error" }) : A.issue(sent)
    )
    return Effect.gen(function* () {
      assert.strictEqual((yield* tokens([one]).pipe(A.as(alice))).status, "error")
      down = false
      assert.strictEqual((yield* tokens([one]).pipe(A.as(alice))).status, "success")
    }).pipe(Effect.provide(layer(servers)))
  })

  it.effect("a caller of another issuer: nothing is sent anywhere", () => {
    const servers = A.authorities()
    return Effect.gen(function* () {
      for (const other of ["https://evil.example", `${issuer}/`, "https://issuer.example.evil.example"]) {
        const result = yield* tokens([one, two]).pipe(A.as(A.caller(other, "canary-foreign")))
        assert.strictEqual(result.status, "error")
        const error = Option.getOrThrow(result.error(one))
        assert.strictEqual(`${error._tag} ${error.reason}`, "DiscoveryError issuer_mismatch")
      }
      assert.strictEqual(servers.sent.length, 0)
    }).pipe(Effect.provide(layer(servers)))
  })
})

describe("DelegatedAccess: how long", () => {
  const expiring = (seconds: unknown) =>
    A.authorities((sent) =>
      Effect.map(A.issue(sent), (answer) => {
        const { expires_in: _, ...rest } = { expires_in: 0, ...answer }
        return seconds === undefined ? rest : { ...rest, expires_in: seconds }
      })
    )

  /** How many exchanges there were at each of these instants, in milliseconds. */
  const at = (
    servers: A.Authorities,
    instants: ReadonlyArray<number>,
    options?: DelegatedAccess.DelegatedAccess.Options,
    caller = alice
  ) =>
    Effect.forEach(instants, (instant) =>
      TestClock.setTime(instant).pipe(
        Effect.zipRight(tokens([one]).pipe(A.as(caller))),
        Effect.map(() => servers.exchanges().length)
      )
    ).pipe(Effect.provide(layer(servers, options)))

  it.effect("until 30 seconds before the token expires", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* at(expiring(100), [0, 69_999, 70_000]), [1, 1, 2])
      assert.deepStrictEqual(yield* at(expiring(30), [0, 0]), [1, 2])
      assert.deepStrictEqual(
        yield* at(expiring(100), [0, 89_999, 90_000], { leeway: "10 seconds" }),
        [1, 1, 2]
      )
    })
  )

  it.effect("not at all where its expiry is not known", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* at(expiring(undefined), [0, 0]), [1, 2])
    })
  )

  it.effect("never past the expiry of the caller's token, and 5 minutes at most", () =>
    Effect.gen(function* () {
      const short = A.caller(issuer, "canary-short", { expiresAt: Option.some(20) })
      assert.deepStrictEqual(yield* at(expiring(3600), [0, 19_999, 20_000], {}, short), [1, 1, 2])
      assert.deepStrictEqual(yield* at(expiring(3600), [0, 299_999, 300_000]), [1, 1, 2])
      assert.deepStrictEqual(yield* at(expiring(3600), [0, 999, 1000], { timeToLive: "1 second" }), [1, 1, 2])
    })
  )

  it.effect("and no more than so many", () => {
    const servers = A.authorities()
    return Effect.gen(function* () {
      yield* tokens(["https://a.example", "https://b.example", "https://c.example"], { concurrency: 1 }).pipe(
        A.as(alice)
      )
      yield* tokens(["https://c.example"]).pipe(A.as(alice))
      assert.strictEqual(servers.exchanges().length, 3)
      yield* tokens(["https://a.example"]).pipe(A.as(alice))
      assert.strictEqual(servers.exchanges().length, 4)
    }).pipe(Effect.provide(layer(servers, { maximum: 2 })))
  })
})

describe("4c 96: DelegatedAccess", () => {
  it.effect("shows no token, whatever comes of it", () => {
    const servers = A.authorities(({ form }) =>
      Effect.succeed({ error: "invalid_request", error_description: `${form.get("subject_token")} s3cret` })
    )
    return Effect.gen(function* () {
      const result = yield* tokens([one]).pipe(A.as(alice))
      const shown = inspect(result, { depth: null, showHidden: true }) + JSON.stringify([...result.exits])
      for (const secret of ["canary", "s3cret"]) assert.notInclude(shown, secret)
      const access = yield* DelegatedAccess.DelegatedAccess
      assert.notInclude(inspect(access, { depth: null, showHidden: true }), "canary")
    }).pipe(Effect.provide(layer(servers)))
  })
})
