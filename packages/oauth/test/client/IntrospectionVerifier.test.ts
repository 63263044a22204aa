/** RFC 7662 as a TokenVerifier: whose tokens are accepted, for how long, and what an outage is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import { inspect } from "node:util"
import * as H from "./support/setup.js"

const audience = "https://api.test"
const canary = "canary-opaque-token-91f0"

const layer = (options: Partial<IntrospectionVerifier.Options> = {}) =>
  IntrospectionVerifier.layer({ audience, ...options }).pipe(
    Layer.provideMerge(
      H.layer({
        clientId: "service",
        authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
      })
    )
  )

const verify = (token = canary) =>
  Effect.flatMap(TokenVerifier.TokenVerifier, (verifier) => verifier.verify(Redacted.make(token)))

const verdict = (token?: string) =>
  Effect.match(verify(token), {
    onSuccess: () => "accepted",
    onFailure: (error) =>
      `${error._tag} ${error.reason}${"claim" in error && error.claim !== undefined ? ` (${error.claim})` : ""}`
  })

const asked = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.count("introspection"))

const good = { active: true, aud: audience, scope: "notes:read", sub: "alice", token_type: "Bearer" }

/** The server says this of every token, until told otherwise. */
const says = (members: object) =>
  Effect.zipRight(
    Effect.flatMap(TestIssuer.TestIssuer, (server) => server.behave()),
    H.misbehave("introspection", Misbehaviour.rawBody(JSON.stringify(members)))
  )

describe("IntrospectionVerifier", () => {
  it.effect("gives everything that the server says, whose token it is, and the scope as a list", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5000)
      yield* says({ ...good, cnf: { jkt: "x" }, vendor: 1 })
      assert.deepStrictEqual(yield* verify(), {
        claims: { ...good, cnf: { jkt: "x" }, vendor: 1, iss: H.issuer },
        scope: ["notes:read"],
        verifiedAt: 5
      })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a token of the server itself, with its own answer", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const token = yield* server.mintAccessToken({ audience, scope: ["a"], sub: "alice" })
      assert.strictEqual((yield* verify(token)).claims["sub"], "alice")
      const elsewhere = yield* server.mintAccessToken({ audience: "https://other.test" })
      assert.strictEqual(yield* verdict(elsewhere), "JwtError audience (aud)")
      assert.strictEqual(yield* verdict(), "JwtError subject")
    }).pipe(Effect.provide(layer()))
  )

  for (const [rule, answer, expected] of [
    ["RFC 7662 section 2.2: not active", { active: false }, "JwtError subject"],
    ["not active, whatever else is said", { ...good, active: false }, "JwtError subject"],
    ["expired though active", { ...good, exp: -31 }, "JwtError subject"],
    ["not yet valid though active", { ...good, nbf: 31 }, "JwtError subject"],
    ["section 4: for another resource", { ...good, aud: "https://other.test" }, "JwtError audience (aud)"],
    ["audiences are compared byte for byte", { ...good, aud: `${audience}/` }, "JwtError audience (aud)"],
    ["no audience", { ...good, aud: undefined }, "JwtError audience (aud)"],
    ["an empty list of audiences", { ...good, aud: [] }, "JwtError audience (aud)"],
    ["one audience of several", { ...good, aud: ["https://other.test", audience] }, "accepted"],
    ["of another issuer", { ...good, iss: "https://evil.test" }, "JwtError issuer (iss)"],
    ["of its issuer with a slash", { ...good, iss: `${H.issuer}/` }, "JwtError issuer (iss)"],
    ["of its issuer", { ...good, iss: H.issuer }, "accepted"],
    ["a refresh token is active too", { ...good, token_type: "refresh_token" }, "JwtError type (token_type)"],
    ["as some servers say it", { ...good, token_use: "refresh_token" }, "JwtError type (token_use)"],
    ["an ID token", { ...good, token_use: "id" }, "JwtError type (token_use)"],
    ["no type", { ...good, token_type: undefined }, "accepted"],
    ["types have no case", { ...good, token_type: "bearer", token_use: "access_token" }, "accepted"],
    [
      "RFC 9449 section 6.2: type DPoP, bound",
      { ...good, token_type: "DPoP", cnf: { jkt: "x" } },
      "accepted"
    ],
    ["type DPoP, and bound to nothing", { ...good, token_type: "DPoP" }, "JwtError claim (cnf)"],
    ["active of another type is no answer", { ...good, active: "true" }, "KeyringError unavailable"],
    ["a member of another type", { ...good, exp: "soon" }, "KeyringError unavailable"],
    ["no object", [], "KeyringError unavailable"]
  ] satisfies ReadonlyArray<readonly [string, object, string]>) {
    it.effect(rule, () =>
      Effect.gen(function* () {
        yield* says(answer)
        assert.strictEqual(yield* verdict(), expected)
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("allowMissingAudience: takes a token of no audience, and still none of another", () =>
    Effect.gen(function* () {
      yield* says({ ...good, aud: undefined })
      assert.strictEqual(yield* verdict(), "accepted")
      yield* says({ ...good, aud: "https://other.test" })
      assert.strictEqual(yield* verdict("other"), "JwtError audience (aud)")
    }).pipe(Effect.provide(layer({ allowMissingAudience: true })))
  )

  it.effect("RFC 9701: where signed answers are wanted, no other is taken", () =>
    Effect.gen(function* () {
      yield* says(good)
      assert.strictEqual(yield* verdict(), "KeyringError unavailable")
    }).pipe(Effect.provide(layer({ signed: true })))
  )

  it.effect("a token that is empty or too long is sent nowhere", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict(""), "JwtError malformed")
      assert.strictEqual(yield* verdict("x".repeat(16_385)), "JwtError too_large")
      assert.strictEqual(yield* asked, 0)
    }).pipe(Effect.provide(layer()))
  )
})

describe("IntrospectionVerifier: what is kept", () => {
  it.effect("a good answer for 30 seconds: so long a revoked token is accepted", () =>
    Effect.gen(function* () {
      yield* says(good)
      yield* verify()
      yield* says({ active: false })
      yield* TestClock.adjust(29_999)
      assert.strictEqual(yield* verdict(), "accepted")
      assert.strictEqual(yield* asked, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* verdict(), "JwtError subject")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("never past exp, and not at all when exp is past within the leeway", () =>
    Effect.gen(function* () {
      yield* says({ ...good, exp: 10 })
      yield* verify()
      yield* TestClock.adjust(9_999)
      yield* verify()
      assert.strictEqual(yield* asked, 1)
      yield* TestClock.adjust(1)
      yield* verify()
      yield* verify()
      assert.strictEqual(yield* asked, 3)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* verdict(), "JwtError subject")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a bad answer for 5 seconds", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict(), "JwtError subject")
      yield* says(good)
      yield* TestClock.adjust(4_999)
      assert.strictEqual(yield* verdict(), "JwtError subject")
      assert.strictEqual(yield* asked, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* verdict(), "accepted")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("nothing, where that is wished", () =>
    Effect.gen(function* () {
      yield* says(good)
      yield* Effect.replicateEffect(verify(), 3)
      assert.strictEqual(yield* asked, 3)
    }).pipe(Effect.provide(layer({ timeToLive: 0 })))
  )

  it.effect("is bounded, and a flood of bad tokens drives no good one out", () =>
    Effect.gen(function* () {
      yield* says(good)
      yield* verify()
      yield* says({ active: false })
      for (let n = 0; n < 50; n++) yield* verdict(`random-${n}`)
      assert.strictEqual(yield* asked, 51)
      assert.strictEqual(yield* verdict(), "accepted")
      // The first of the flood is forgotten, the last is not.
      yield* verdict("random-49")
      assert.strictEqual(yield* asked, 51)
      yield* verdict("random-0")
      assert.strictEqual(yield* asked, 52)
    }).pipe(Effect.provide(layer({ maximum: 5 })))
  )

  it.effect("one request for 200 who wait, though the first of them goes away", () =>
    Effect.gen(function* () {
      const late = Effect.as(Effect.sleep("1 second"), Response.json(good))
      yield* H.misbehave(
        "introspection",
        Misbehaviour.custom(() => late)
      )
      const first = yield* Effect.fork(verify())
      yield* TestClock.adjust(1)
      const rest = yield* Effect.fork(Effect.replicateEffect(verdict(), 200, { concurrency: "unbounded" }))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(first)
      const verdicts = yield* H.asTimePasses(Fiber.join(rest), "50 millis")
      assert.isTrue(verdicts.every((one) => one === "accepted"))
      assert.strictEqual(yield* asked, 1)
    }).pipe(Effect.provide(layer()))
  )
})

describe("IntrospectionVerifier: what is kept is the same for all", () => {
  it.effect("nobody can change what the next request is told", () =>
    Effect.gen(function* () {
      yield* says({ ...good, aud: [audience], roles: ["user"], cnf: { jkt: "x" } })
      const { claims, scope } = yield* verify()
      for (const value of [claims, claims["roles"], claims["aud"], claims["cnf"], scope]) {
        assert.isTrue(Object.isFrozen(value))
      }
    }).pipe(Effect.provide(layer()))
  )
})

describe("IntrospectionVerifier: outages", () => {
  it.effect("a flood of tokens whose callers leave does not become a flood of requests", () =>
    Effect.gen(function* () {
      yield* says(good)
      assert.strictEqual(yield* verdict(), "accepted")
      yield* H.misbehave("introspection", Misbehaviour.hang)
      const flood = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => `random-${n}`),
        (token) => Effect.fork(verdict(token))
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interruptAll(flood)
      assert.strictEqual(yield* asked, 1 + 5)
      // What is not asked is not known to be bad; and what is kept is accepted still.
      assert.strictEqual(yield* verdict("another"), "KeyringError unavailable")
      assert.strictEqual(yield* verdict(), "accepted")
      // The requests end by their deadline, and the server is asked again.
      yield* says(good)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* verdict("another"), "accepted")
    }).pipe(Effect.provide(layer({ maximumAtOnce: 5 })))
  )

  it.effect("say nothing about the token, are not kept, and tell when to come again", () =>
    Effect.gen(function* () {
      yield* H.misbehave("introspection", Misbehaviour.status(503, { retryAfter: "7" }))
      const error = yield* Effect.flip(verify())
      assert.strictEqual(error._tag, "KeyringError")
      if (error._tag !== "KeyringError") return
      assert.strictEqual(error.retryAfter, 7)
      assert.isTrue(error.retriable)
      for (const misbehaviour of [
        Misbehaviour.connectionFailure,
        Misbehaviour.html(),
        Misbehaviour.oauthError(401, "invalid_client"),
        Misbehaviour.redirect("https://evil.test/"),
        Misbehaviour.hugeBody(5_000_000)
      ]) {
        yield* H.misbehave("introspection", misbehaviour)
        assert.strictEqual(yield* H.asTimePasses(verdict()), "KeyringError unavailable")
      }
      yield* says(good)
      assert.strictEqual(yield* verdict(), "accepted")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a server that hangs keeps nobody longer than the deadline", () =>
    Effect.gen(function* () {
      yield* H.misbehave("introspection", Misbehaviour.hang)
      const asking = yield* Effect.fork(verdict())
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(asking), "KeyringError unavailable")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("4c 96: no failure has the token or the secret in it", () =>
    Effect.gen(function* () {
      for (const misbehaviour of [
        Misbehaviour.oauthError(400, `invalid ${canary}`, canary),
        Misbehaviour.rawBody(JSON.stringify({ ...good, aud: canary, iss: canary })),
        Misbehaviour.rawBody(`${canary} s3cret`)
      ]) {
        yield* Effect.flatMap(TestIssuer.TestIssuer, (server) => server.behave())
        yield* H.misbehave("introspection", misbehaviour)
        const error = yield* Effect.flip(verify())
        const shown =
          inspect(error, { depth: null, showHidden: true }) + JSON.stringify(error) + String(error)
        assert.notInclude(shown, canary)
        assert.notInclude(shown, "s3cret")
        yield* TestClock.adjust("5 seconds")
      }
    }).pipe(Effect.provide(layer()))
  )
})
