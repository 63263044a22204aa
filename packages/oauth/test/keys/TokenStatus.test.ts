/** Tokens that are revoked in a list: draft-ietf-oauth-status-list. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as Keyring from "effect-oauth/Keyring"
import * as TokenStatus from "effect-oauth/TokenStatus"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import { deflateSync } from "node:zlib"

const issuer = "https://issuer.test"
const uri = `${issuer}/statuslists/1`
const profile = JwtProfile.accessToken({ issuer, audience: "https://api.test" })

const elsewhere = "https://lists.test/1"

/** The example of section 4.1: the second token is valid, the first is not. */
const example = { bits: 1, lst: "eNrbuRgAAhcBXQ" }

const layer = (options: TokenStatus.Options = {}) =>
  TokenStatus.layerVerifier(TokenVerifier.layerJwt(profile)).pipe(
    Layer.provideMerge(TokenStatus.layer(options)),
    Layer.provide(Keyring.layerRemote({ issuers: issuer })),
    Layer.provideMerge(
      TestIssuer.layer({ resources: ["https://api.test", elsewhere], lifetimes: { accessToken: "10 days" } })
    ),
    Layer.provide(HttpLimits.layer({ retries: 0 }))
  )

const serve = (answer: Effect.Effect<Response>) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    Effect.forEach(["other", "resource"] as const, (place) =>
      server.misbehave(
        place,
        Misbehaviour.custom(() => answer)
      )
    )
  )

/** A status list token as the issuer signs it. */
const listToken = (
  claims: Readonly<Record<string, unknown>> = {},
  more: Omit<TokenOverrides, "claims"> = {}
) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) =>
    server.mintIdToken({
      ...more,
      header: { typ: "statuslist+jwt", ...more.header },
      claims: { aud: undefined, sub: uri, status_list: example, exp: undefined, ...claims }
    })
  )

const publish = (...args: Parameters<typeof listToken>) =>
  Effect.flatMap(listToken(...args), (token) =>
    serve(
      Effect.sync(() => new Response(token, { headers: { "content-type": "application/statuslist+jwt" } }))
    )
  )

const statusOf = (idx: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
  status: { status_list: { idx, uri, ...more } }
})

/** `accepted`, or the error and its reason, of an access token that says so of its status. */
const verdict = (claims: Readonly<Record<string, unknown>> = statusOf(1)) =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const verifier = yield* TokenVerifier.TokenVerifier
    const token = Redacted.make(yield* server.mintAccessToken({ claims }))
    return yield* Effect.match(verifier.verify(token), {
      onSuccess: () => "accepted",
      onFailure: (error) => {
        assert.notInclude(JSON.stringify(error), Redacted.value(token).split(".")[2] ?? "")
        return `${error._tag} ${error.reason}`
      }
    })
  })

const fetches = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.count("other"))

describe("TokenStatus", () => {
  it.effect("section 8.3: a token is accepted while its status is valid, and refused when it is not", () =>
    Effect.gen(function* () {
      yield* publish()
      assert.strictEqual(yield* verdict(statusOf(1)), "accepted")
      assert.strictEqual(yield* verdict(statusOf(0)), "JwtError claim")
      assert.strictEqual(yield* verdict({}), "accepted", "a token that refers to no list")
      const [first] = yield* Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("other"))
      assert.strictEqual(`${first?.method} ${first?.url.href}`, `GET ${uri}`)
      assert.strictEqual(first?.headers["accept"], "application/statuslist+jwt")
      assert.isUndefined(first?.headers["authorization"])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("section 7.1: the status and its instant; suspended and the application's own are refused", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 seconds")
      const bytes = Uint8Array.from([0b11_10_01_00])
      yield* publish({ status_list: { bits: 2, lst: deflateSync(bytes).toString("base64url") } })
      const service = yield* TokenStatus.TokenStatus
      const values = yield* Effect.forEach([0, 1, 2, 3], (idx) =>
        service.statusOf({ iss: issuer, ...statusOf(idx) })
      )
      assert.deepStrictEqual(
        values.map(Option.getOrNull),
        [0, 1, 2, 3].map((value) => ({ value, issuedAt: 100 }))
      )
      assert.deepStrictEqual(yield* service.statusOf({ iss: issuer }), Option.none())
      for (const idx of [1, 2, 3]) assert.strictEqual(yield* verdict(statusOf(idx)), "JwtError claim")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("others are accepted where the application says so, and a status can be required", () =>
    Effect.gen(function* () {
      yield* publish()
      assert.strictEqual(yield* verdict(statusOf(0)), "accepted")
      assert.strictEqual(yield* verdict(statusOf(1)), "JwtError claim")
      assert.strictEqual(yield* verdict({}), "JwtError claim")
    }).pipe(Effect.provide(layer({ accepts: [1], required: true })))
  )

  it.effect("section 8.3: an index beyond the list is refused, as is a reference that is none", () =>
    Effect.gen(function* () {
      yield* publish()
      assert.strictEqual(yield* verdict(statusOf(16)), "JwtError claim")
      assert.strictEqual(yield* verdict(statusOf(2 ** 52)), "JwtError claim")
      const before = yield* fetches
      for (const idx of [-1, 0.5, "1", null, undefined, 1e300, [1]])
        assert.strictEqual(yield* verdict(statusOf(idx)), "JwtError claim", String(idx))
      for (const status of [
        null,
        "active",
        1,
        [],
        {},
        { status_list: null },
        { status_list: [] },
        { other: {} }
      ])
        assert.strictEqual(yield* verdict({ status }), "JwtError claim", JSON.stringify(status))
      for (const wrong of [undefined, "", 7, `${issuer}/${"x".repeat(2100)}`])
        assert.strictEqual(
          yield* verdict(statusOf(1, { uri: wrong })),
          "JwtError claim",
          String(wrong).slice(0, 40)
        )
      assert.strictEqual(yield* fetches, before, "and nothing is fetched for it")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("section 8.3: for a token that is refused anyway nothing is fetched", () =>
    Effect.gen(function* () {
      yield* publish()
      assert.strictEqual(yield* verdict({ ...statusOf(1), aud: "https://other.test" }), "JwtError audience")
      assert.strictEqual(yield* fetches, 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 62, 79: only from an address that may be asked", () =>
    Effect.gen(function* () {
      yield* publish()
      for (const forbidden of [
        "http://issuer.test/1",
        "file:///etc/passwd",
        "https://user@issuer.test/1",
        "https://2130706433/1",
        "http://127.0.0.1/1",
        "https://localhost/1",
        "urn:list:1",
        "not an address"
      ]) {
        assert.strictEqual(
          yield* verdict(statusOf(1, { uri: forbidden })),
          "KeyringError forbidden",
          forbidden
        )
      }
      assert.strictEqual(yield* fetches, 0)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("section 13.6: a list with a third party is accepted, since it is signed", () =>
    Effect.gen(function* () {
      yield* publish({ sub: elsewhere })
      assert.strictEqual(yield* verdict(statusOf(1, { uri: elsewhere })), "accepted")
      assert.strictEqual(yield* verdict(statusOf(0, { uri: elsewhere })), "JwtError claim")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("but not where the policy is stricter", () =>
    Effect.gen(function* () {
      yield* publish({ sub: elsewhere })
      assert.strictEqual(yield* verdict(statusOf(1, { uri: elsewhere })), "KeyringError forbidden")
      yield* publish()
      assert.strictEqual(yield* verdict(), "accepted")
    }).pipe(Effect.provide(layer({ sameOrigin: true })))
  )

  const refused: ReadonlyArray<
    readonly [what: string, claims: Readonly<Record<string, unknown>>, more?: Omit<TokenOverrides, "claims">]
  > = [
    ["of another type", {}, { header: { typ: "JWT" } }],
    ["without a type", {}, { header: { typ: undefined } }],
    ["that is an access token", {}, { header: { typ: "at+jwt" } }],
    ["for another address", { sub: `${uri}/` }],
    ["without sub", { sub: undefined }],
    ["of another issuer", { iss: "https://evil.test" }],
    ["whose issuer is null", { iss: null }],
    ["without iat", { iat: undefined }],
    ["issued in the future", { iat: 3600 }],
    ["whose ttl is 0", { ttl: 0 }],
    ["whose ttl is negative", { ttl: -5 }],
    ["whose ttl is text", { ttl: "60" }],
    ["without a list", { status_list: undefined }],
    ["whose list is an array", { status_list: [] }],
    ["of three bits", { status_list: { ...example, bits: 3 } }],
    ["of no bits", { status_list: { ...example, bits: 0 } }],
    ["of bits in a text", { status_list: { ...example, bits: "1" } }],
    ["without lst", { status_list: { bits: 1 } }],
    ["with an empty lst", { status_list: { bits: 1, lst: "" } }],
    ["with padding", { status_list: { bits: 1, lst: "eNrbuRgAAhcBXQ==" } }],
    ["in the other base64", { status_list: { bits: 1, lst: "eNrb+RgAAhcBXQ" } }],
    ["that is not compressed", { status_list: { bits: 1, lst: "AAAA" } }],
    ["that is cut off", { status_list: { bits: 1, lst: example.lst.slice(0, 8) } }],
    ["by a key that is not published", {}, { key: "unpublished" }],
    ["without a signature", {}, { key: "none", header: { alg: "none" } }],
    ["by an HMAC", {}, { key: new Uint8Array(32), header: { alg: "HS256" } }]
  ]
  for (const [what, claims, more] of refused) {
    it.effect(`section 8.3: a list ${what} says nothing about a token`, () =>
      Effect.gen(function* () {
        yield* publish(claims, more)
        assert.strictEqual(yield* verdict(), "KeyringError malformed")
        yield* publish()
        assert.strictEqual(yield* verdict(), "accepted", "and it is not kept")
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("section 5.1: a list need not say whose it is; then it is by a key of the token's issuer", () =>
    Effect.gen(function* () {
      yield* publish({ iss: undefined })
      assert.strictEqual(yield* verdict(statusOf(0)), "JwtError claim")
      assert.strictEqual(yield* verdict(statusOf(1)), "accepted")
      yield* publish({ iss: undefined, sub: `${uri}/2` }, { key: "unpublished" })
      const other = statusOf(1, { uri: `${uri}/2` })
      assert.strictEqual(yield* verdict(other), "KeyringError malformed")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("an outage is one, and tells when to come again; what is no JWT is malformed", () =>
    Effect.gen(function* () {
      const service = yield* TokenStatus.TokenStatus
      yield* serve(Effect.sync(() => new Response("", { status: 503, headers: { "retry-after": "7" } })))
      const down = yield* Effect.flip(service.check({ iss: issuer, ...statusOf(1) }))
      assert.deepInclude(
        { ...down },
        { _tag: "KeyringError", reason: "unavailable", retriable: true, issuer }
      )
      assert.strictEqual(down._tag === "KeyringError" ? down.retryAfter : 0, 7)
      for (const status of [404, 302, 204, 501]) {
        yield* serve(
          Effect.sync(() => new Response(null, { status, headers: { location: "https://evil.test" } }))
        )
        assert.strictEqual(yield* verdict(), "KeyringError unavailable", String(status))
      }
      for (const body of ["", "<html>", "{}", "a.b.c"]) {
        yield* serve(Effect.sync(() => new Response(body)))
        assert.strictEqual(yield* verdict(), "KeyringError malformed", body)
      }
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 33, 73: neither a large token nor a bomb in it is read to its end", () =>
    Effect.gen(function* () {
      const bomb = deflateSync(Buffer.alloc(50_000)).toString("base64url")
      yield* publish({ status_list: { bits: 8, lst: bomb } })
      assert.strictEqual(yield* verdict(), "KeyringError malformed")
      yield* serve(Effect.sync(() => new Response("x".repeat(5000))))
      assert.strictEqual(yield* verdict(), "KeyringError malformed")
      yield* publish()
      assert.strictEqual(yield* verdict(), "accepted")
    }).pipe(Effect.provide(layer({ maxListBytes: 40_000, maxTokenBytes: 4000 })))
  )
})

describe("TokenStatus and time", () => {
  const revoked = { bits: 1, lst: deflateSync(Uint8Array.from([0b10])).toString("base64url") }

  it.effect("section 13.7: a list is kept for its ttl, and a revocation is seen after it", () =>
    Effect.gen(function* () {
      yield* publish({ ttl: 60 })
      const all = yield* Effect.all([verdict(), verdict(), verdict()], { concurrency: "unbounded" })
      assert.deepStrictEqual(all, ["accepted", "accepted", "accepted"])
      assert.strictEqual(yield* fetches, 1, "one fetch for all who ask at once")
      yield* publish({ status_list: revoked, ttl: 60 })
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(yield* verdict(), "accepted")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* verdict(), "JwtError claim")
      assert.strictEqual(yield* fetches, 2)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("section 11.5: a ttl is held to bounds: no fetch for each token, and none kept for a year", () =>
    Effect.gen(function* () {
      yield* publish({ ttl: 0.001 })
      yield* verdict()
      yield* TestClock.adjust("4 seconds")
      yield* verdict()
      assert.strictEqual(yield* fetches, 1)
      yield* TestClock.adjust("1 seconds")
      yield* publish({ ttl: 31_536_000 })
      yield* verdict()
      yield* TestClock.adjust("14 minutes")
      yield* verdict()
      assert.strictEqual(yield* fetches, 2)
      yield* TestClock.adjust("1 minutes")
      yield* verdict()
      assert.strictEqual(yield* fetches, 3)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("section 13.7: a list is never relied upon past its exp, and an expired one is an outage", () =>
    Effect.gen(function* () {
      yield* publish({ ttl: 600, exp: 100 })
      assert.strictEqual(yield* verdict(), "accepted")
      yield* TestClock.adjust("99 seconds")
      assert.strictEqual(yield* verdict(), "accepted")
      assert.strictEqual(yield* fetches, 1)
      yield* TestClock.adjust("1 seconds")
      yield* serve(Effect.sync(() => new Response("", { status: 503 })))
      assert.strictEqual(yield* verdict(), "KeyringError unavailable")
      yield* publish({ exp: 100 })
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(yield* verdict(), "KeyringError unavailable")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("where it is allowed, an old list serves in an outage, and a newer one is looked for soon", () =>
    Effect.gen(function* () {
      yield* publish({ ttl: 60, exp: 1000 })
      assert.strictEqual(yield* verdict(statusOf(0)), "JwtError claim")
      yield* serve(Effect.sync(() => new Response("", { status: 503 })))
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(yield* verdict(), "accepted")
      assert.strictEqual(yield* verdict(statusOf(0)), "JwtError claim", "what was revoked stays so")
      assert.strictEqual(yield* fetches, 2, "not for each token")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* verdict(), "accepted")
      assert.strictEqual(yield* fetches, 3)
      // What is there and wrong is no outage.
      yield* publish({ sub: "other" })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* verdict(), "KeyringError malformed")
      yield* serve(Effect.sync(() => new Response("", { status: 503 })))
      yield* TestClock.adjust("110 seconds")
      assert.strictEqual(yield* verdict(), "KeyringError unavailable", "two minutes after its ttl")
      yield* publish({ ttl: 60, status_list: revoked })
      assert.strictEqual(yield* verdict(), "JwtError claim")
    }).pipe(Effect.provide(layer({ staleFor: "2 minutes" })))
  )

  it.effect("an old list never serves past its exp", () =>
    Effect.gen(function* () {
      yield* publish({ ttl: 60, exp: 100 })
      assert.strictEqual(yield* verdict(), "accepted")
      yield* serve(Effect.sync(() => new Response("", { status: 503 })))
      yield* TestClock.adjust("99 seconds")
      assert.strictEqual(yield* verdict(), "accepted")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* verdict(), "KeyringError unavailable")
    }).pipe(Effect.provide(layer({ staleFor: "1 hour" })))
  )

  it.effect("lists are kept up to a number of them", () =>
    Effect.gen(function* () {
      const at = (n: number) => `${uri}/${n}`
      const ask = (n: number) =>
        Effect.zipRight(publish({ sub: at(n) }), verdict(statusOf(1, { uri: at(n) })))
      for (const n of [1, 2, 1, 3, 1, 2]) assert.strictEqual(yield* ask(n), "accepted")
      // The third took the place of the second, which was asked for longest ago.
      assert.strictEqual(yield* fetches, 4)
    }).pipe(Effect.provide(layer({ maximum: 2 })))
  )
})
