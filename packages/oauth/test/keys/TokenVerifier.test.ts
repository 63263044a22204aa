/** Access tokens of an issuer that rotates, revokes, hangs and fails; requests counted by the issuer itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as Keyring from "effect-oauth/Keyring"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { AccessTokenOptions } from "effect-oauth-testing/TestToken"

const issuer = "https://issuer.test"
const profile = JwtProfile.accessToken({ issuer, audience: "https://api.test" })

/** A resource server and the issuer it trusts. */
const layer = TokenVerifier.layerJwt(profile).pipe(
  Layer.provide(Keyring.layerRemote({ issuers: issuer })),
  Layer.provideMerge(TestIssuer.layer({ lifetimes: { accessToken: "1 day" } }))
)

const mint = (options?: AccessTokenOptions) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    Effect.map(server.mintAccessToken(options), (text) => Redacted.make(text))
  )

const verify = (token: Redacted.Redacted<string>) =>
  Effect.flatMap(TokenVerifier.TokenVerifier, (verifier) => verifier.verify(token))

/** `accepted`, or the error and its reason. */
const verdict = (token: Redacted.Redacted<string>) =>
  Effect.match(verify(token), {
    onSuccess: () => "accepted",
    onFailure: (error) => `${error._tag} ${error.reason}`
  })

const count = (endpoint: "metadata" | "jwks") =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) => server.count(endpoint))

const misbehave = (misbehaviour: Misbehaviour.Misbehaviour) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) => server.misbehave("jwks", misbehaviour))

const rotate = (options?: { readonly overlap: boolean }) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) => server.rotateKeys(options))

describe("TokenVerifier", () => {
  it.effect("RFC 9068 section 4: gives the claims, the scope as a list, and the instant", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const token = yield* mint({ sub: "alice", scope: ["notes:read", "notes:write"] })
      const verified = yield* verify(token)
      assert.strictEqual(verified.claims["sub"], "alice")
      assert.strictEqual(verified.claims["iss"], issuer)
      assert.deepStrictEqual(verified.scope, ["notes:read", "notes:write"])
      assert.strictEqual(verified.verifiedAt, 3600)
    }).pipe(Effect.provide(layer))
  )

  it.effect("what is remembered is the same for all: nobody can change what the next request is told", () =>
    Effect.gen(function* () {
      const token = yield* mint({ scope: ["notes:read"], claims: { roles: ["user"] } })
      const { claims, scope } = yield* verify(token)
      for (const value of [claims, claims["roles"], scope]) assert.isTrue(Object.isFrozen(value))
    }).pipe(
      Effect.provide(
        TokenVerifier.layerJwt(profile, { cacheSize: 10 }).pipe(
          Layer.provide(Keyring.layerRemote({ issuers: issuer })),
          Layer.provideMerge(TestIssuer.layer())
        )
      )
    )
  )

  it.effect("a token without scope has an empty one", () =>
    Effect.gen(function* () {
      const token = yield* mint({ claims: { scope: undefined } })
      assert.deepStrictEqual((yield* verify(token)).scope, [])
    }).pipe(Effect.provide(layer))
  )

  it.effect("each token has its own scope, however many there are and in whatever order they come", () =>
    Effect.gen(function* () {
      const scopes = Array.from({ length: 300 }, (_, i) => [`notes:${i}`, "notes:read"])
      for (const scope of [...scopes, ...scopes.slice(0, 3)]) {
        assert.deepStrictEqual((yield* verify(yield* mint({ scope }))).scope, scope)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("refuses by the profile, and fetches nothing to do so", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* verdict(yield* mint({ audience: "https://other.test" })), "JwtError audience")
      assert.strictEqual(yield* verdict(yield* mint({ header: { typ: "JWT" } })), "JwtError type")
      assert.strictEqual(yield* verdict(Redacted.make("opaque")), "JwtError malformed")
      assert.strictEqual((yield* count("metadata")) + (yield* count("jwks")), 0)
      assert.strictEqual(yield* verdict(yield* mint({ key: "unpublished" })), "JwtError signature")
    }).pipe(Effect.provide(layer))
  )

  it.effect("no part of a token is in what is said of it", () =>
    Effect.gen(function* () {
      const token = yield* mint({ key: "unpublished", sub: "canary-subject" })
      const said = JSON.stringify(yield* Effect.flip(verify(token)))
      for (const part of [...Redacted.value(token).split("."), "canary-subject"]) {
        assert.notInclude(said, part)
      }
    }).pipe(Effect.provide(layer))
  )
})

describe("TokenVerifier: stampedes and rotation", () => {
  it.effect("peers 4c 83: 1,000 cold verifications make one discovery and one fetch of keys", () =>
    Effect.gen(function* () {
      const tokens = yield* Effect.replicateEffect(mint(), 1000)
      const verdicts = yield* Effect.forEach(tokens, verdict, { concurrency: "unbounded" })
      assert.isTrue(verdicts.every((one) => one === "accepted"))
      assert.strictEqual(yield* count("metadata"), 1)
      assert.strictEqual(yield* count("jwks"), 1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("a flood of random kids makes at most 2 fetches in 30 seconds, and stops no good token", () =>
    Effect.gen(function* () {
      const good = yield* mint()
      assert.strictEqual(yield* verdict(good), "accepted")
      const kids = Array.from({ length: 2000 }, (_, n) => `random-${n}`)
      const flood = yield* Effect.forEach(kids, (kid) => mint({ header: { kid } }))
      for (let from = 0; from < flood.length; from += 100) {
        const verdicts = yield* Effect.forEach(flood.slice(from, from + 100), verdict, { concurrency: 50 })
        assert.isTrue(verdicts.every((one) => one === "JwtError key"))
        assert.strictEqual(yield* verdict(good), "accepted")
        yield* TestClock.adjust("5 seconds")
      }
      const fetched = yield* Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("jwks"))
      const times = fetched.map(({ at }) => at)
      for (const [n, third] of times.slice(2).entries()) {
        assert.isAtLeast(third - (times[n] ?? 0), 30, `fetched at ${times.join(", ")} seconds`)
      }
      assert.strictEqual(yield* count("metadata"), 1)
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "a token of a key that was rotated in a second ago is accepted, and one of the old key still",
    () =>
      Effect.gen(function* () {
        const old = yield* mint()
        assert.strictEqual(yield* verdict(old), "accepted")
        yield* rotate({ overlap: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* verdict(yield* mint()), "accepted")
        assert.strictEqual(yield* count("jwks"), 2)
        assert.strictEqual(yield* verdict(old), "accepted")
        assert.strictEqual(yield* count("jwks"), 2)
      }).pipe(Effect.provide(layer))
  )

  it.effect("a token of a revoked key is refused after the next refresh", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      assert.strictEqual(yield* verdict(token), "accepted")
      yield* rotate()
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual(yield* verdict(token), "accepted")
      assert.strictEqual(yield* count("jwks"), 1)
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual(yield* verdict(token), "JwtError key")
      assert.strictEqual(yield* count("jwks"), 2)
      assert.strictEqual(yield* verdict(yield* mint()), "accepted")
    }).pipe(Effect.provide(layer))
  )
})

describe("TokenVerifier: outages", () => {
  it.effect("keys that never came: an outage is no verdict on the token, and passes", () =>
    Effect.gen(function* () {
      yield* misbehave(Misbehaviour.status(500))
      const token = yield* mint()
      const asking = yield* Effect.fork(verdict(token))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(asking), "KeyringError unavailable")
      yield* Effect.flatMap(TestIssuer.TestIssuer, (server) => server.behave())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* verdict(token), "accepted")
    }).pipe(Effect.provide(layer))
  )

  it.effect("a hanging key server keeps nobody for more than a second while stale keys serve", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      yield* verify(token)
      yield* misbehave(Misbehaviour.hang)
      yield* TestClock.adjust("6 minutes")
      const asking = yield* Effect.fork(Effect.replicateEffect(verdict(token), 20, { concurrency: 20 }))
      yield* TestClock.adjust("1 second")
      const exit = yield* Effect.flatMap(Fiber.poll(asking), (done) => done)
      assert.deepStrictEqual(exit, Exit.succeed(Array.from({ length: 20 }, () => "accepted")))
      assert.strictEqual(yield* count("jwks"), 2)
    }).pipe(Effect.provide(layer))
  )

  it.effect("an hour of status 500 refuses no valid token; past the stale bound it is an outage", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      yield* verify(token)
      yield* misbehave(Misbehaviour.status(500))
      // 5 minutes fresh and 60 stale: by 64 minutes every minute has its verification.
      for (let minute = 1; minute <= 64; minute++) {
        yield* TestClock.adjust("1 minute")
        const asking = yield* Effect.fork(verdict(token))
        yield* TestClock.adjust(0)
        const waited = yield* Fiber.poll(asking)
        if (waited._tag === "None") yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(asking), "accepted", `minute ${minute}`)
      }
      yield* TestClock.adjust("2 minutes")
      const late = yield* Effect.fork(verdict(token))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(late), "KeyringError unavailable")

      yield* Effect.flatMap(TestIssuer.TestIssuer, (server) => server.behave())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* verdict(token), "accepted")
    }).pipe(Effect.provide(layer))
  )
})
