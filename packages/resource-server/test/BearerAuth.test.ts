import { assert, describe, it } from "@effect/vitest"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Telemetry from "effect-oauth/Telemetry"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as TestClock from "effect/TestClock"
import { metadataUrl, request } from "./support/api.js"
import { api, ask, askWith, bodyOf, challengeOf, mint } from "./support/asking.js"

const provided = Effect.provide(TestIssuer.layer())

const unusable = "The access token is expired, revoked, malformed, or invalid for other reasons"

describe("a protected API", () => {
  it.scoped("lets a good token in and gives the principal to handlers", () =>
    Effect.gen(function* () {
      const response = yield* askWith("/me", { sub: "alice" })
      assert.strictEqual(response.status, 200)
      assert.strictEqual(yield* bodyOf(response), "alice")
      assert.isFalse(response.headers.has("www-authenticate"))
    }).pipe(provided)
  )

  it.scoped("leaves groups open that it does not protect, whatever they are sent", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("/health")).status, 200)
      assert.strictEqual((yield* ask("/health", "Bearer nonsense")).status, 200)
    }).pipe(provided)
  )

  it.scoped("RFC 9110 section 11.1: compares the scheme without regard to case", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
        assert.strictEqual((yield* ask("/me", `${scheme} ${token}`)).status, 200)
      }
    }).pipe(provided)
  )
})

describe("seeds E.5, row by row", () => {
  it.scoped("no Authorization: 401, no error (RFC 6750 section 3.1), metadata, and the scope needed", () =>
    Effect.gen(function* () {
      const response = yield* ask("/notes")
      assert.strictEqual(response.status, 401)
      assert.deepStrictEqual(challengeOf(response), {
        resource_metadata: metadataUrl,
        scope: "notes:read"
      })
      assert.deepStrictEqual(yield* bodyOf(response), { _tag: "Unauthorized", scope: "notes:read" })
    }).pipe(provided)
  )

  it.scoped("no Authorization, no scope needed: a challenge without scope", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(challengeOf(yield* ask("/me")), { resource_metadata: metadataUrl })
    }).pipe(provided)
  )

  it.scoped("scheme only or malformed: 400 invalid_request with a challenge", () =>
    Effect.gen(function* () {
      for (const authorization of ["Bearer", "Bearer ", "Bearer a b", "Bearer a,Bearer b", 'Bearer "a"']) {
        const response = yield* ask("/notes", authorization)
        assert.strictEqual(response.status, 400, authorization)
        const { error, resource_metadata: metadata } = challengeOf(response)
        assert.strictEqual(error, "invalid_request")
        assert.strictEqual(metadata, metadataUrl)
      }
    }).pipe(provided)
  )

  it.scoped("another scheme: 401 as without a credential, since its error would not be ours to name", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      for (const authorization of ["Basic YTpi", "Digest x", `DPoP ${token}`, `Token ${token}`]) {
        const response = yield* ask("/me", authorization)
        assert.strictEqual(response.status, 401, authorization)
        assert.deepStrictEqual(challengeOf(response), { resource_metadata: metadataUrl })
      }
    }).pipe(provided)
  )

  it.scoped("a bad token: 401 invalid_token in the words of RFC 6750, whichever check failed", () =>
    Effect.gen(function* () {
      const bad = [
        "nonsense",
        "a.b.c",
        yield* mint({ key: "unpublished" }),
        yield* mint({ lifetime: 0, claims: { exp: 1 - 3600 } }),
        yield* mint({ audience: "https://other.test" }),
        yield* mint({ claims: { iss: "https://evil.test" } }),
        yield* mint({ header: { typ: "JWT" } }),
        yield* mint({ claims: { nbf: 86_400 } })
      ]
      const answers = yield* Effect.forEach(bad, (token) => ask("/notes", `Bearer ${token}`))
      for (const response of answers) {
        assert.strictEqual(response.status, 401)
        assert.deepStrictEqual(challengeOf(response), {
          error: "invalid_token",
          error_description: unusable,
          scope: "notes:read",
          resource_metadata: metadataUrl
        })
      }
    }).pipe(provided)
  )

  it.scoped("a missing scope: 403 insufficient_scope with all that is needed, not what is missing", () =>
    Effect.gen(function* () {
      const response = yield* askWith("/notes", { scope: ["notes:read"] }, "POST")
      assert.strictEqual(response.status, 403)
      assert.deepStrictEqual(challengeOf(response), {
        error: "insufficient_scope",
        error_description: "The access token does not allow this request",
        scope: "notes:read notes:write",
        resource_metadata: metadataUrl
      })
      const both = yield* askWith("/notes", { scope: ["notes:write", "notes:read"] }, "POST")
      assert.strictEqual(both.status, 200)
    }).pipe(provided)
  )

  it.scoped("keys unreachable: 503 with Retry-After and no challenge; the token is good again after", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const send = yield* api
      const authorization = `Bearer ${yield* mint()}`
      for (const endpoint of ["metadata", "jwks"] as const) {
        yield* server.misbehave(endpoint, Misbehaviour.connectionFailure)
        const response = yield* send(request("/me", { authorization }))
        assert.strictEqual(response.status, 503, endpoint)
        assert.isFalse(response.headers.has("www-authenticate"))
        assert.match(response.headers.get("retry-after") ?? "", /^[1-9][0-9]*$/)
        assert.deepInclude(yield* bodyOf(response), { _tag: "Unavailable", error: "temporarily_unavailable" })
        yield* server.behave()
        yield* TestClock.adjust("2 minutes")
      }
      assert.strictEqual((yield* send(request("/me", { authorization }))).status, 200)
    }).pipe(provided)
  )

  it.scoped("keys unreachable, and the server says for how long: Retry-After is passed on", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* server.misbehave("jwks", Misbehaviour.status(503, { retryAfter: "77" }))
      const response = yield* askWith("/me")
      assert.strictEqual(response.status, 503)
      assert.strictEqual(response.headers.get("retry-after"), "77")
    }).pipe(provided)
  )

  it.scoped("an unknown kid: 401 invalid_token", () =>
    Effect.gen(function* () {
      const response = yield* askWith("/me", { header: { kid: "nobody-knows-it" } })
      assert.strictEqual(response.status, 401)
      assert.strictEqual(challengeOf(response)["error"], "invalid_token")
    }).pipe(provided)
  )
})

describe("exactly one credential", () => {
  it.scoped("RFC 6750 section 2: a token in the query is refused, alone and beside another", () =>
    Effect.gen(function* () {
      const token = yield* mint()
      for (const path of [`/me?access_token=${token}`, `/me?a=b&access_token=${token}`]) {
        for (const authorization of [undefined, `Bearer ${token}`]) {
          const response = yield* ask(path, authorization)
          assert.strictEqual(response.status, 400)
          assert.strictEqual(challengeOf(response)["error"], "invalid_request")
        }
      }
      assert.strictEqual((yield* ask("/me?my_access_token=x", `Bearer ${token}`)).status, 200)
    }).pipe(provided)
  )

  it.scoped("RFC 6750 section 2.2: a token in a form body is not looked at", () =>
    Effect.gen(function* () {
      const send = yield* api
      const response = yield* send(
        new Request("https://api.test/notes", {
          method: "POST",
          body: new URLSearchParams({ access_token: yield* mint() })
        })
      )
      assert.strictEqual(response.status, 401)
      assert.isUndefined(challengeOf(response)["error"])
    }).pipe(provided)
  )

  it.scoped("two Authorization headers are refused, also where both are one token", () =>
    Effect.gen(function* () {
      const send = yield* api
      const token = yield* mint()
      const twice = request("/me", { authorization: `Bearer ${token}` })
      twice.headers.append("authorization", `Bearer ${token}`)
      assert.strictEqual((yield* send(twice)).status, 400)
    }).pipe(provided)
  )

  it.scoped("peers 4c 25: a header over the size is refused before it is looked at", () =>
    Effect.gen(function* () {
      const response = yield* ask("/me", `Bearer ${"a".repeat(20_000)}`)
      assert.strictEqual(response.status, 400)
    }).pipe(provided)
  )
})

describe("what operators are told", () => {
  it.scoped("each request is counted once, by its outcome", () =>
    Effect.gen(function* () {
      const countOf = (outcome: string) =>
        Effect.map(Metric.value(Telemetry.resourceRequests(outcome)), ({ count }) => Number(count))
      const outcomes = ["accepted", "no_credential", "invalid_request", "invalid_token", "insufficient_scope"]
      const before = yield* Effect.forEach(outcomes, countOf)
      yield* askWith("/me")
      yield* ask("/me")
      yield* ask("/me", "Bearer")
      yield* ask("/me", "Bearer x")
      yield* askWith("/notes")
      const after = yield* Effect.forEach(outcomes, countOf)
      assert.deepStrictEqual(
        after.map((count, at) => count - (before[at] ?? 0)),
        [1, 1, 1, 1, 1]
      )
    }).pipe(provided)
  )
})
