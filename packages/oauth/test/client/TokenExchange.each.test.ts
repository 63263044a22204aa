import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import { ProtocolViolation } from "effect-oauth/OAuthError"
import * as ResourceTokens from "effect-oauth/ResourceTokens"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as TokenResponse from "effect-oauth/TokenResponse"
import * as TokenType from "effect-oauth/TokenType"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const targets = ["https://one.test", "https://two.test", "https://three.test"]

const layer = (server: TestIssuer.TestIssuer.Options = { targets }) =>
  H.layer(
    { clientId: "service", authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret")) },
    server
  )

const exchangeEach = (
  resources: TokenExchange.TokenExchange.EachOptions["resources"],
  options: Partial<TokenExchange.TokenExchange.EachOptions> = {}
) =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const service = yield* TokenExchange.TokenExchange
    const subjectToken = Redacted.make(yield* server.mintAccessToken({ clientId: "service" }))
    return yield* service.exchangeEach({ subjectToken, resources, ...options })
  })

const forms = Effect.flatMap(TestIssuer.TestIssuer, (server) =>
  Effect.map(server.requestsTo("token"), (all) => all.map(({ form }) => form))
)

describe("TokenExchange.exchangeEach", () => {
  it.effect("seeds 2.0 AccessContext: a token for each resource", () =>
    Effect.gen(function* () {
      const result = yield* exchangeEach(targets)
      assert.strictEqual(result.status, "success")
      assert.deepStrictEqual(result.successful, targets)
      assert.deepStrictEqual(result.failed, [])
      const tokens = yield* Effect.forEach(targets, result.token)
      assert.strictEqual(new Set(tokens.map((each) => Redacted.value(each.accessToken))).size, 3)
      const asked = yield* forms
      assert.deepStrictEqual(asked.map((form) => form.get("resource")).sort(), [...targets].sort())
      assert.isTrue(asked.every((form) => form.getAll("resource").length === 1))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("seeds 2.0 AccessContext: one failure does not take from the others, and has its own error", () =>
    Effect.gen(function* () {
      const result = yield* exchangeEach(["https://unknown.test", ...targets])
      assert.strictEqual(result.status, "partial_error")
      assert.deepStrictEqual(result.successful, targets)
      assert.deepStrictEqual(result.failed, ["https://unknown.test"])
      yield* result.token("https://two.test")
      const error = yield* H.fails(
        result.token("https://unknown.test"),
        "OAuthResponseError",
        "invalid_target"
      )
      assert.deepStrictEqual(result.error("https://unknown.test"), Option.some(error))
      assert.isTrue(Option.isNone(result.error("https://two.test")))
      const exit = result.exits.get("https://unknown.test")
      assert.isTrue(exit !== undefined && Exit.isFailure(exit))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("when no resource can be had the status is error, and each has the reason", () =>
    Effect.gen(function* () {
      yield* H.misbehave("metadata", Misbehaviour.status(503))
      const result = yield* exchangeEach(targets)
      assert.strictEqual(result.status, "error")
      assert.deepStrictEqual(result.failed, targets)
      for (const target of targets) yield* H.fails(result.token(target), "TransportError", "status")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("seeds 2.0 AccessContext: a resource that was not asked for is told apart", () =>
    Effect.gen(function* () {
      const result = yield* exchangeEach(["https://one.test"])
      const error = yield* H.fails(result.token("https://one.test/"), "ProtocolViolation", "missing")
      assert.include(error.message, "https://one.test/")
      assert.isTrue(Option.isNone(result.error("https://one.test/")))
      assert.strictEqual((yield* exchangeEach([])).status, "success")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("seeds 2.0 AccessContext: scope and audience per resource, else those of all", () =>
    Effect.gen(function* () {
      yield* exchangeEach(
        [
          "https://one.test",
          { resource: "https://two.test", scope: ["write"], audience: "https://three.test" },
          { resource: "https://three.test", scope: [] }
        ],
        { scope: ["read"], concurrency: 1 }
      )
      const asked = yield* forms
      assert.deepStrictEqual(
        asked.map((form) => [form.get("resource"), form.get("scope"), form.get("audience")]),
        [
          ["https://one.test", "read", null],
          ["https://two.test", "write", "https://three.test"],
          ["https://three.test", null, null]
        ]
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a resource named twice is asked for once", () =>
    Effect.gen(function* () {
      const result = yield* exchangeEach([
        "https://one.test",
        { resource: "https://one.test", scope: ["write"] },
        "https://one.test"
      ])
      assert.deepStrictEqual(result.successful, ["https://one.test"])
      assert.strictEqual((yield* forms).length, 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a resource that may not be asked for fails alone, and costs no request", () =>
    Effect.gen(function* () {
      const result = yield* exchangeEach(["https://one.test", "https://two.test/#part", "two"])
      assert.strictEqual(result.status, "partial_error")
      yield* H.fails(result.token("https://two.test/#part"), "ProtocolViolation", "value")
      yield* H.fails(result.token("two"), "ProtocolViolation", "value")
      assert.strictEqual((yield* forms).length, 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("bounded: as many at once as asked for, 4 unless said, and never none", () =>
    Effect.gen(function* () {
      const many = Array.from({ length: 12 }, (_, index) => `https://${index}.test`)
      for (const [concurrency, most] of [
        [undefined, 4],
        [2, 2],
        [0, 1],
        [Number.NaN, 1],
        [3.9, 3]
      ] as const) {
        let now = 0
        let peak = 0
        yield* H.misbehave(
          "token",
          Misbehaviour.custom((_, honest) =>
            Effect.acquireUseRelease(
              Effect.sync(() => (peak = Math.max(peak, ++now))),
              () => Effect.zipRight(Effect.sleep("1 seconds"), honest),
              () => Effect.sync(() => now--)
            )
          )
        )
        const fiber = yield* Effect.fork(exchangeEach(many, concurrency === undefined ? {} : { concurrency }))
        while (fiber.unsafePoll() === null) yield* TestClock.adjust("1 seconds")
        assert.strictEqual((yield* Fiber.join(fiber)).status, "success")
        assert.strictEqual(peak, most, String(concurrency))
      }
    }).pipe(Effect.provide(layer({})))
  )

  it.effect("an interrupted caller interrupts its requests", () =>
    Effect.gen(function* () {
      yield* H.misbehave("token", Misbehaviour.hang)
      const fiber = yield* Effect.fork(exchangeEach(targets))
      yield* TestClock.adjust("1 seconds")
      const exit = yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.isAtMost(yield* Clock.currentTimeMillis, 1000)
    }).pipe(Effect.provide(layer()))
  )
})

describe("TokenExchange.exchange", () => {
  it.effect("seeds 3.2 (13): without a subject token, or with an empty actor token, nothing is sent", () =>
    Effect.gen(function* () {
      const service = yield* TokenExchange.TokenExchange
      for (const text of ["", " ", "\n"]) {
        const empty = Redacted.make(text)
        const subject = yield* H.fails(
          service.exchange({ subjectToken: empty }),
          "ProtocolViolation",
          "value"
        )
        assert.strictEqual(subject.member, "subject_token")
        const actor = yield* H.fails(
          service.exchange({ subjectToken: Redacted.make("x"), actorToken: empty }),
          "ProtocolViolation",
          "value"
        )
        assert.strictEqual(actor.member, "actor_token")
      }
      yield* H.fails(
        service.exchange({ subjectToken: Redacted.make("x"), scope: ["a b"] }),
        "ProtocolViolation",
        "value"
      )
      assert.strictEqual((yield* forms).length, 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 8693 section 4.1 and 4.4: the actor is in the token, where may_act lets it", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const service = yield* TokenExchange.TokenExchange
      const actorToken = Redacted.make(yield* server.mintAccessToken({ sub: "agent", clientId: "service" }))
      const subject = (may_act: unknown) =>
        Effect.map(server.mintAccessToken({ clientId: "service", claims: { may_act } }), Redacted.make)
      const common = { actorToken, resource: "https://one.test", requestedTokenType: TokenType.accessToken }
      yield* service.exchange({ ...common, subjectToken: yield* subject({ sub: "agent" }) })
      yield* H.fails(
        service.exchange({ ...common, subjectToken: yield* subject({ sub: "somebody" }) }),
        "OAuthResponseError",
        "invalid_request"
      )
    }).pipe(Effect.provide(layer()))
  )
})

describe("ResourceTokens", () => {
  it.effect("seeds 2.0 AccessContext: of two together the second counts where both speak", () =>
    Effect.gen(function* () {
      const failure = Exit.fail(
        new ProtocolViolation({ operation: "x", reason: "value", member: "m", rule: "r", message: "m" })
      )
      const token = yield* TokenResponse.decode(
        { access_token: "t", token_type: "Bearer" },
        { operation: "x", issuer: "https://issuer.test", receivedAt: 0, requestedScope: [] }
      )
      const first = ResourceTokens.make([
        ["a", failure],
        ["b", failure]
      ])
      assert.strictEqual(first.status, "error")
      const both = ResourceTokens.merge(first, ResourceTokens.make([["b", Exit.succeed(token)]]))
      assert.strictEqual(both.status, "partial_error")
      assert.deepStrictEqual([both.successful, both.failed], [["b"], ["a"]])
      assert.strictEqual(yield* both.token("b"), token)
      assert.deepStrictEqual(ResourceTokens.merge(both, first).successful, [])
    })
  )
})
