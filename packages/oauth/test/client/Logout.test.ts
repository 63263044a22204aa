import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as BackChannelLogout from "effect-oauth/BackChannelLogout"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as FrontChannelLogout from "effect-oauth/FrontChannelLogout"
import * as Logout from "effect-oauth/Logout"
import type { AuthorizationError, JwtError } from "effect-oauth/OAuthError"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const layer = H.layer({}, { metadata: { end_session_endpoint: "https://issuer.test/end?tenant=a" } })

const returnTo = "https://app.test/bye"

const tokens = Effect.gen(function* () {
  const exchange = yield* CodeExchange.CodeExchange
  return (yield* exchange.exchange(yield* H.login())).tokens
})

const begin = (request?: Logout.Logout.Request) =>
  Effect.flatMap(Logout.Logout, (service) => service.begin(request))

const complete = (...args: Parameters<Logout.Logout.Service["complete"]>) =>
  Effect.flatMap(Logout.Logout, (service) => service.complete(...args))

describe("Logout", () => {
  it.effect("RP-Initiated Logout section 2: the hint, the client, where to come back, and a state", () =>
    Effect.gen(function* () {
      const granted = yield* tokens
      const begun = yield* begin({
        tokens: granted,
        postLogoutRedirectUri: returnTo,
        logoutHint: "alice",
        uiLocales: ["de", "fr"],
        parameters: { theme: "dark" }
      })
      const url = new URL(begun.url)
      assert.strictEqual(url.origin + url.pathname, "https://issuer.test/end")
      assert.deepStrictEqual(Object.fromEntries(url.searchParams), {
        tenant: "a",
        id_token_hint: Redacted.value(Option.getOrThrow(granted.idToken)),
        logout_hint: "alice",
        client_id: "app",
        post_logout_redirect_uri: returnTo,
        state: Redacted.value(Option.getOrThrow(begun.state)),
        ui_locales: "de fr",
        theme: "dark"
      })
      assert.strictEqual(begun.endpoint, "https://issuer.test/end?tenant=a")
      assert.deepStrictEqual(
        Object.fromEntries(begun.parameters),
        Object.fromEntries([...url.searchParams].filter(([name]) => name !== "tenant"))
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("without a way back there is no state, without tokens no hint", () =>
    Effect.gen(function* () {
      const { parameters, state } = yield* begin()
      assert.deepStrictEqual(parameters, [["client_id", "app"]])
      assert.isTrue(Option.isNone(state))
    }).pipe(Effect.provide(layer))
  )

  it.effect("what is wrong with the request is told, and the ID token of another server stays here", () =>
    Effect.gen(function* () {
      for (const uri of ["javascript:alert(1)", "http://app.test/bye", "https://app.test/bye#x", "/bye"]) {
        yield* H.fails(begin({ postLogoutRedirectUri: uri }), "AuthorizationError", "invalid_request")
      }
      for (const name of ["state", "id_token_hint", "Client_Id", "post_logout_redirect_uri"]) {
        yield* H.fails(begin({ parameters: { [name]: "x" } }), "AuthorizationError", "reserved_parameter")
      }
      const foreign = { ...(yield* tokens), issuer: "https://other.test" }
      yield* H.fails(begin({ tokens: foreign }), "ProtocolViolation", "mismatch")
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 79: an end-session endpoint that is no https URL is refused, none is guessed", () =>
    Effect.gen(function* () {
      for (const [url, reason] of [
        ["javascript:alert(1)", "forbidden_url"],
        ["http://issuer.test/end", "forbidden_url"],
        [undefined, "missing_endpoint"]
      ] as const) {
        const bent = H.layer({}, { metadata: { end_session_endpoint: url } })
        yield* H.fails(Effect.provide(begin(), bent), "DiscoveryError", reason)
      }
    })
  )

  it.effect("RP-Initiated Logout section 3: whoever comes back brings the state, once", () =>
    Effect.gen(function* () {
      const state = Option.getOrThrow((yield* begin({ postLogoutRedirectUri: returnTo })).state)
      const back = (query: string) => complete(`${returnTo}?${query}`, state)
      yield* back(`state=${Redacted.value(state)}`)
      yield* H.fails(back(""), "AuthorizationError", "state_missing")
      yield* H.fails(back("state=other"), "AuthorizationError", "state_mismatch")
      yield* H.fails(back(`state=other&state=${Redacted.value(state)}`), "AuthorizationError", "duplicate")
    }).pipe(Effect.provide(layer))
  )
})

describe("BackChannelLogout", () => {
  const event = "http://schemas.openid.net/event/backchannel-logout"

  const verify = (form: Parameters<BackChannelLogout.BackChannelLogout.Service["verify"]>[0]) =>
    Effect.flatMap(BackChannelLogout.BackChannelLogout, (service) => service.verify(form))

  /** A logout token of the server, bent. */
  const logoutToken = (claims: Readonly<Record<string, unknown>> = {}, more: TokenOverrides = {}) =>
    E.jwt(
      { aud: "app", exp: 120, jti: "j-1", sub: "alice", sid: "s-1", events: { [event]: {} }, ...claims },
      { ...more, header: { typ: "logout+jwt", ...more.header } }
    )

  const told = (claims?: Readonly<Record<string, unknown>>, more?: TokenOverrides) =>
    Effect.flatMap(logoutToken(claims, more), (token) => verify(`logout_token=${token}`))

  it.effect("Back-Channel Logout section 2.6: tells whose session has ended", () =>
    Effect.gen(function* () {
      const both = yield* told()
      assert.deepStrictEqual(both.subject, Option.some("alice"))
      assert.deepStrictEqual(both.sessionId, Option.some("s-1"))
      const all = yield* told({ sid: undefined, jti: "j-2" })
      assert.deepStrictEqual(all.sessionId, Option.none())
      const session = yield* told({ sub: undefined, jti: "j-3" })
      assert.deepStrictEqual(session.subject, Option.none())
      yield* told({ jti: "j-4" }, { header: { typ: "JWT" } })
      yield* told({ jti: "j-5" }, { header: { typ: undefined } })
    }).pipe(Effect.provide(layer))
  )

  const refusals: ReadonlyArray<
    readonly [
      rule: string,
      reason: JwtError["reason"],
      claims?: Readonly<Record<string, unknown>>,
      more?: TokenOverrides
    ]
  > = [
    ["peers 4c 1: alg none", "malformed", {}, { header: { alg: "none" }, key: "none" }],
    ["peers 4c 4: HS256", "algorithm", {}, { key: new Uint8Array(32) }],
    ["a signature by another key", "signature", {}, { key: "unpublished" }],
    ["peers 4c 46: an access token", "type", {}, { header: { typ: "at+jwt" } }],
    ["another issuer", "issuer", { iss: "https://evil.test" }],
    ["another audience", "audience", { aud: "other" }],
    ["no jti", "missing_claim", { jti: undefined }],
    ["no iat", "missing_claim", { iat: undefined }],
    ["no exp", "missing_claim", { exp: undefined }],
    ["neither sub nor sid", "missing_claim", { sub: undefined, sid: undefined }],
    ["an ID token's nonce", "nonce", { nonce: "n" }],
    ["no events", "type", { events: undefined }],
    ["another event", "type", { events: { "http://example.com/event": {} } }],
    ["the event as a text", "type", { events: { [event]: "yes" } }],
    ["an expired one", "expired", { exp: -31 }],
    ["one of long ago", "expired", { iat: -151 }],
    ["one of the future", "issued_in_future", { iat: 31 }],
    ["a sub that is no text", "claim", { sub: 12 }]
  ]
  for (const [rule, reason, claims, more] of refusals) {
    it.effect(`Back-Channel Logout section 2.6: ${rule} is refused`, () =>
      H.fails(told(claims, more), "JwtError", reason).pipe(Effect.provide(layer))
    )
  }

  it.effect("an ID token is not a logout token", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const idToken = yield* server.mintIdToken({ clientId: "app" })
      const error = yield* Effect.flip(verify([["logout_token", idToken]]))
      assert.strictEqual(error._tag, "JwtError")
    }).pipe(Effect.provide(layer))
  )

  it.effect("Back-Channel Logout section 2.5: the form has one logout_token", () =>
    Effect.gen(function* () {
      const token = yield* logoutToken()
      const wrong: ReadonlyArray<readonly [string, AuthorizationError["reason"]]> = [
        ["", "malformed"],
        ["logout_token=", "malformed"],
        [`token=${token}`, "malformed"],
        [`logout_token=${token}&logout_token=${token}`, "duplicate"]
      ]
      for (const [form, reason] of wrong) yield* H.fails(verify(form), "AuthorizationError", reason)
      yield* verify(new URLSearchParams({ logout_token: token }))
    }).pipe(Effect.provide(layer))
  )

  it.effect("Back-Channel Logout section 2.6: a jti is good once, for as long as its token is", () =>
    Effect.gen(function* () {
      yield* told()
      yield* H.fails(told(), "AuthorizationError", "replayed")
      yield* TestClock.adjust("149 seconds")
      yield* H.fails(told({ iat: 120 }), "AuthorizationError", "replayed")
    }).pipe(Effect.provide(layer))
  )

  it.effect("a refused token does not use its jti up", () =>
    Effect.gen(function* () {
      yield* H.fails(told({}, { key: "unpublished" }), "JwtError", "signature")
      yield* told()
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "Back-Channel Logout section 2.8: sessions that could not be ended can be ended when it comes again",
    () =>
      Effect.gen(function* () {
        const { verify: ending } = yield* BackChannelLogout.BackChannelLogout
        const form = `logout_token=${yield* logoutToken()}`
        const ended: Array<unknown> = []
        assert.strictEqual(yield* Effect.flip(ending(form, () => Effect.fail("away" as const))), "away")
        const fiber = yield* Effect.fork(ending(form, () => Effect.never))
        yield* H.asTimePasses(Effect.sleep("1 second"))
        yield* H.fails(
          ending(form, () => Effect.void),
          "AuthorizationError",
          "replayed"
        )
        yield* Fiber.interrupt(fiber)
        const who = yield* ending(form, ({ subject }) => Effect.sync(() => ended.push(subject)))
        assert.deepStrictEqual(ended, [Option.some("alice")])
        assert.deepStrictEqual(who.sessionId, Option.some("s-1"))
        yield* H.fails(ending(form), "AuthorizationError", "replayed")
      }).pipe(Effect.provide(layer))
  )

  it.effect("what several processes share is told to forget it, and never a token that is refused", () =>
    Effect.gen(function* () {
      const used = new Set<string>()
      const service = yield* BackChannelLogout.make({
        firstUse: (tokenId) => Effect.sync(() => !used.has(tokenId) && used.add(tokenId).has(tokenId)),
        forget: (tokenId) => Effect.sync(() => void used.delete(tokenId))
      })
      const form = `logout_token=${yield* logoutToken()}`
      yield* Effect.flip(service.verify(form, () => Effect.fail("away")))
      yield* service.verify(form, () => Effect.void)
      yield* Effect.flip(service.verify(form, () => Effect.fail("away")))
      assert.deepStrictEqual([...used], ["j-1"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("several processes may share what remembers", () =>
    Effect.gen(function* () {
      const asked: Array<readonly [string, number]> = []
      const service = yield* BackChannelLogout.make({
        firstUse: (tokenId, until) =>
          Effect.sync(() => {
            asked.push([tokenId, until])
            return false
          })
      })
      const token = yield* logoutToken()
      yield* H.fails(service.verify(`logout_token=${token}`), "AuthorizationError", "replayed")
      assert.deepStrictEqual(asked, [["j-1", 180_000]])
    }).pipe(Effect.provide(layer))
  )

  it.effect("DESIGN rule 9: an outage of the keys says nothing about the request", () =>
    Effect.gen(function* () {
      yield* H.misbehave("jwks", Misbehaviour.status(503), { times: 1 })
      const error = yield* H.fails(told(), "KeyringError", "unavailable")
      assert.isTrue(error.retriable)
    }).pipe(Effect.provide(layer))
  )
})

describe("FrontChannelLogout", () => {
  const verify = (...args: Parameters<FrontChannelLogout.FrontChannelLogout.Service["verify"]>) =>
    Effect.flatMap(FrontChannelLogout.FrontChannelLogout, (service) => service.verify(...args))

  const url = (parameters: Record<string, string>) =>
    `https://app.test/logout?${new URLSearchParams(parameters).toString()}`

  it.effect("Front-Channel Logout section 2: the session of the server, and no other", () =>
    Effect.gen(function* () {
      const right = url({ iss: H.issuer, sid: "s-1" })
      assert.deepStrictEqual(yield* verify(right, { sessionId: "s-1" }), Option.some("s-1"))
      assert.deepStrictEqual(yield* verify(right), Option.some("s-1"))
      assert.deepStrictEqual(yield* verify(url({})), Option.none())
      assert.deepStrictEqual(yield* verify("/logout", { sessionId: "s-1", required: false }), Option.none())
    }).pipe(Effect.provide(layer))
  )

  const refusals: ReadonlyArray<readonly [rule: string, reason: AuthorizationError["reason"], url: string]> =
    [
      ["neither iss nor sid where the session is known", "malformed", url({})],
      ["iss without sid", "malformed", url({ iss: H.issuer })],
      ["sid without iss", "malformed", url({ sid: "s-1" })],
      ["another issuer", "issuer_mismatch", url({ iss: "https://evil.test", sid: "s-1" })],
      ["an issuer with a slash", "issuer_mismatch", url({ iss: `${H.issuer}/`, sid: "s-1" })],
      ["another session", "state_mismatch", url({ iss: H.issuer, sid: "s-2" })],
      ["sid twice", "duplicate", `${url({ iss: H.issuer, sid: "s-1" })}&sid=s-2`]
    ]
  for (const [rule, reason, request] of refusals) {
    it.effect(`Front-Channel Logout section 3: ${rule} is refused`, () =>
      H.fails(verify(request, { sessionId: "s-1" }), "AuthorizationError", reason).pipe(Effect.provide(layer))
    )
  }
})
