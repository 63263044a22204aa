import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as StepUp from "effect-oauth/StepUp"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as H from "./support/setup.js"

const begin = (challenge: string, request: Partial<StepUp.StepUp.Request> = {}) =>
  Effect.flatMap(StepUp.StepUp, (service) =>
    service.begin({ granted: ["notes:read"], ...request, challenge })
  )

const parameters = (...args: Parameters<typeof begin>) =>
  Effect.map(begin(...args), ({ url }) => Object.fromEntries(new URL(url).searchParams))

const scope = 'Bearer error="insufficient_scope", scope="notes:write"'
const login = 'Bearer error="insufficient_user_authentication", acr_values="urn:mfa urn:hw", max_age="60"'

describe("StepUp", () => {
  it.effect("RFC 6750 section 3.1: the union of what is granted, challenged and requested", () =>
    Effect.gen(function* () {
      const asked = yield* parameters(scope, { scope: ["extra"], resource: "https://api.test" })
      assert.deepInclude(asked, { scope: "extra notes:read notes:write", resource: "https://api.test" })
      assert.isUndefined(asked["acr_values"])
      assert.isUndefined(asked["max_age"])
      assert.strictEqual(
        (yield* parameters('DPoP algs="ES256", error="insufficient_scope", scope="b a"'))["scope"],
        "a b notes:read"
      )
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 9470 sections 3 and 4: the challenged acr_values and max_age, with openid to check them by",
    () =>
      Effect.gen(function* () {
        const { transaction, url } = yield* begin(login)
        assert.deepInclude(Object.fromEntries(new URL(url).searchParams), {
          scope: "notes:read openid",
          acr_values: "urn:mfa urn:hw",
          max_age: "60"
        })
        assert.deepStrictEqual(transaction.acr, ["urn:mfa", "urn:hw"])
        assert.deepStrictEqual(transaction.maxAge, Option.some(60))
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 9470 section 3: either alone, and with a scope; several challenges together", () =>
    Effect.gen(function* () {
      const age = yield* parameters('Bearer error="insufficient_user_authentication", max_age=0')
      assert.strictEqual(age["max_age"], "0")
      assert.isUndefined(age["acr_values"])
      const acr = yield* begin('Bearer error="insufficient_user_authentication", acr_values="a", scope="x"')
      assert.isFalse(new URL(acr.url).searchParams.has("max_age"))
      assert.strictEqual(new URL(acr.url).searchParams.get("scope"), "notes:read openid x")
      const both = yield* parameters(`${scope}, ${login}`)
      assert.deepInclude(both, {
        scope: "notes:read notes:write openid",
        acr_values: "urn:mfa urn:hw",
        max_age: "60"
      })
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("the smaller of the challenged and the requested maximum age", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* parameters(login, { maxAge: "30 seconds" }))["max_age"], "30")
      assert.strictEqual((yield* parameters(login, { maxAge: "1 hour" }))["max_age"], "60")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 95: what is granted and done already is not asked again", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1000 seconds")
      const loops = (...args: Parameters<typeof begin>) =>
        Effect.map(H.fails(begin(...args), "AuthorizationError", "invalid_request"), ({ message }) =>
          assert.include(message, "loop")
        )
      yield* loops(scope, { granted: ["notes:read", "notes:write"] })
      yield* loops(login, { login: { acr: "urn:hw", auth_time: 940 } })
      yield* loops('Bearer error="insufficient_user_authentication", max_age="60"', {
        login: { auth_time: 1000 }
      })
      // Not yet done: too old, another class, not known, or more scope besides.
      yield* begin(login, { login: { acr: "urn:hw", auth_time: 939 } })
      yield* begin(login, { login: { acr: "urn:pwd", auth_time: 1000 } })
      yield* begin(login, { login: { auth_time: 1000 } })
      yield* begin(login)
      yield* begin(`${scope}, ${login}`, { login: { acr: "urn:hw", auth_time: 1000 } })
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 9470 section 5: a login that is not as asked ends in an error, not in another round", () =>
    Effect.gen(function* () {
      const { complete } = yield* Authorization.Authorization
      const { exchange } = yield* CodeExchange.CodeExchange
      const loggedIn = (claims: Record<string, unknown>) =>
        Effect.gen(function* () {
          const { transaction, url } = yield* begin(login)
          yield* H.misbehave("token", Misbehaviour.tokens({ idToken: { claims } }), { times: 1 })
          return yield* exchange(yield* complete(yield* H.callback(url), transaction))
        })
      for (const acr of [undefined, "urn:pwd", ["urn:mfa"]]) {
        const error = yield* H.fails(loggedIn({ acr, auth_time: 0 }), "JwtError", "claim")
        assert.strictEqual(error.claim, "acr")
      }
      yield* H.fails(loggedIn({ acr: "urn:mfa", auth_time: -91 }), "JwtError", "auth_time")
      yield* loggedIn({ acr: "urn:mfa", auth_time: 0 })
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("a server that does not know openid is not asked for it", () =>
    Effect.gen(function* () {
      const { transaction, url } = yield* begin(
        'Bearer error="insufficient_user_authentication", acr_values="a"'
      )
      assert.strictEqual(new URL(url).searchParams.get("scope"), "notes:read")
      assert.isUndefined(transaction.acr)
      yield* H.fails(begin(login), "AuthorizationError", "invalid_request")
    }).pipe(Effect.provide(H.layer({}, { metadata: { scopes_supported: ["notes:read"] } })))
  )

  it.effect("peers 4c 74: a header that says nothing usable begins nothing", () =>
    Effect.gen(function* () {
      for (const header of [
        "",
        "Bearer",
        'Bearer error="invalid_token"',
        'Bearer error="invalid_token", scope="notes:write"',
        'Bearer error="insufficient_scope"',
        'Bearer error="insufficient_user_authentication"',
        'Bearer error="insufficient_user_authentication", max_age="-1"',
        'Bearer error="insufficient_user_authentication", max_age="1e3"',
        'Bearer error="insufficient_user_authentication", max_age="99999999999"',
        'Basic error="insufficient_scope", scope="a"',
        'Bearer error="insufficient_scope", scope="a", scope="b"',
        'Bearer error="insufficient_scope, scope=a',
        ",".repeat(100_000)
      ]) {
        yield* H.fails(begin(header), "DiscoveryError", "no_challenge")
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("what is no scope and no class of authentication is left out", () =>
    Effect.gen(function* () {
      const asked = yield* parameters(
        'Bearer error="insufficient_user_authentication", acr_values="a \\" b\\\\ c", scope="x \\"y"'
      )
      assert.deepInclude(asked, { acr_values: "a c", scope: "notes:read openid x" })
    }).pipe(Effect.provide(H.layer()))
  )
})
