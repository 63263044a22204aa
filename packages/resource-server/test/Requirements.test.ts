import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as Requirements from "effect-oauth-resource-server/Requirements"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import { issuer, metadataUrl, request, resource } from "./support/api.js"
import { ask, askWith, bodyOf, challengeOf, mint } from "./support/asking.js"

const provided = Effect.provide(TestIssuer.layer())

const status = (path: string, claims: Readonly<Record<string, unknown>>, scope: ReadonlyArray<string> = []) =>
  Effect.map(askWith(path, { claims, scope }), (response) => response.status)

describe("scopes", () => {
  it.scoped("peers 4c 49: are compared whole, each once, from text alone", () =>
    Effect.gen(function* () {
      for (const scope of ["notes:readonly", "notes", "NOTES:READ", "notes:read\tx", "xnotes:read", ""]) {
        assert.strictEqual(yield* status("/notes", { scope }), 403, scope)
      }
      for (const scope of ["notes:read", "notes:read notes:read", "a notes:read b"]) {
        assert.strictEqual(yield* status("/notes", { scope }), 200, scope)
      }
      // RFC 9068 section 2.2.3: a list is not what the profile says
      assert.strictEqual(yield* status("/notes", { scope: ["notes:read"] }), 401)
    }).pipe(provided)
  )

  it.scoped("of the group hold for an endpoint that has its own, and for one that has none", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* status("/admin/users", {}, ["users:read"]), 403)
      assert.strictEqual(yield* status("/admin/users", {}, ["admin"]), 403)
      assert.strictEqual(yield* status("/admin/users", {}, ["admin", "users:read"]), 200)
      assert.strictEqual(yield* status("/admin/anyone", {}, ["users:read"]), 403)
      assert.strictEqual(yield* status("/admin/anyone", {}, ["admin"]), 200)
      assert.strictEqual(challengeOf(yield* ask("/admin/users"))["scope"], "admin users:read")
    }).pipe(provided)
  )

  it.scoped("of a GET hold for its HEAD", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* askWith("/notes", {}, "HEAD")).status, 403)
      assert.strictEqual((yield* askWith("/notes", { scope: ["notes:read"] }, "HEAD")).status, 200)
    }).pipe(provided)
  )

  it.scoped("that only a handler knows are answered as those of an annotation", () =>
    Effect.gen(function* () {
      const response = yield* askWith("/late")
      assert.strictEqual(response.status, 403)
      const { error, scope } = challengeOf(response)
      assert.deepStrictEqual({ error, scope }, { error: "insufficient_scope", scope: "late" })
      assert.strictEqual(yield* status("/late", {}, ["late"]), 200)
    }).pipe(provided)
  )
})

describe("authorization_details (RFC 9396 section 9)", () => {
  it.scoped("one that fits the schema is needed; there is no scope to ask for", () =>
    Effect.gen(function* () {
      const payment = { type: "payment", amount: 5 }
      assert.strictEqual(yield* status("/pay", { authorization_details: [{ type: "a" }, payment] }), 200)
      for (const details of [undefined, [], [{ type: "payment" }], payment, "payment", null]) {
        const response = yield* askWith("/pay", { claims: { authorization_details: details } })
        assert.strictEqual(response.status, 403)
        assert.isUndefined(challengeOf(response)["scope"])
      }
    }).pipe(provided)
  )
})

describe("a rule of one's own", () => {
  it.scoped("that throws lets nobody in", () =>
    Effect.gen(function* () {
      const layer = Layer.provide(Authenticator.layer, ResourceServer.layer({ resource, issuer }))
      const one = request("/", { authorization: `Bearer ${yield* mint()}` })
      const predicate = () => {
        throw new Error("a mistake")
      }
      const exit = yield* Effect.exit(Effect.provide(Guard.web(one, { predicate }), layer))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    }).pipe(provided)
  )

  it.scoped("decides on the principal", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* status("/own", { sub: "alice" }), 200)
      assert.strictEqual(yield* status("/own", { sub: "mallory" }), 403)
    }).pipe(provided)
  )
})

describe("step-up authentication (RFC 9470)", () => {
  it.scoped("section 3: an acr that is none of those named is 401 with acr_values and the scope", () =>
    Effect.gen(function* () {
      for (const acr of [undefined, "bronze", "golden", ["gold"], 1]) {
        const response = yield* askWith("/strong", { scope: ["notes:read"], claims: { acr } })
        assert.strictEqual(response.status, 401)
        assert.deepStrictEqual(challengeOf(response), {
          error: "insufficient_user_authentication",
          error_description: "A different or more recent authentication of the person is needed",
          acr_values: "gold silver",
          scope: "notes:read",
          resource_metadata: metadataUrl
        })
        assert.deepInclude(yield* bodyOf(response), {
          _tag: "InsufficientUserAuthentication",
          acr_values: "gold silver"
        })
      }
      assert.strictEqual(yield* status("/strong", { acr: "silver" }, ["notes:read"]), 200)
    }).pipe(provided)
  )

  it.scoped("a scope that is missing too is learnt from the same challenge", () =>
    Effect.gen(function* () {
      assert.strictEqual(challengeOf(yield* askWith("/strong"))["error"], "insufficient_user_authentication")
      assert.strictEqual((yield* askWith("/strong", { claims: { acr: "gold" } })).status, 403)
    }).pipe(provided)
  )

  it.scoped("section 3: a login that is too long ago, not told, or in the future is 401 with max_age", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      const now = 3600
      for (const at of [undefined, now - 331, "3600", now + 31, null, -1]) {
        const response = yield* askWith("/recent", { claims: { auth_time: at } })
        assert.strictEqual(response.status, 401, String(at))
        assert.strictEqual(challengeOf(response)["max_age"], "300")
      }
      for (const at of [now, now - 300, now + 5]) {
        assert.strictEqual(yield* status("/recent", { auth_time: at }), 200)
      }
    }).pipe(provided)
  )
})

describe("two requirements", () => {
  it("are combined so that both are kept", () => {
    const all = Requirements.combine(
      { scope: ["a", "b"], acr: ["x", "y"], maxAge: "5 minutes", authorizationDetails: (d) => d.length > 0 },
      { scope: ["b", "c"], acr: ["z", "y"], maxAge: "1 minute", authorizationDetails: (d) => d.length < 2 }
    )
    assert.deepStrictEqual(all.scope, ["a", "b", "c"])
    assert.deepStrictEqual(all.acr, ["y"])
    assert.strictEqual(Duration.toSeconds(all.maxAge ?? 0), 60)
    assert.deepStrictEqual(
      [[], [1], [1, 2]].map((details) => all.authorizationDetails?.(details)),
      [false, true, false]
    )
  })

  it("are either, where one of them is nothing", () => {
    const one = { scope: ["a"], acr: ["x"], maxAge: "1 minute" } as const
    for (const all of [Requirements.combine(one, {}), Requirements.combine({}, one)]) {
      assert.deepStrictEqual([all.scope, all.acr, all.maxAge], [["a"], ["x"], "1 minute"])
    }
  })

  it("a detail is compared as it is encoded, with what the schema says of the value", () => {
    const n = Schema.NumberFromString.pipe(Schema.lessThan(10))
    const fits = Requirements.someDetail(Schema.Struct({ type: Schema.Literal("t"), n }))
    assert.isTrue(fits([{ type: "t", n: "1" }]))
    for (const other of [1, "10", "x"]) assert.isFalse(fits([{ type: "t", n: other }]))
  })
})
