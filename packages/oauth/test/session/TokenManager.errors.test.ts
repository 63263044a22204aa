import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as CodeExchange from "effect-oauth/CodeExchange"
import type { SessionKey } from "effect-oauth/SessionKey"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "../client/support/setup.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

const key: SessionKey = { issuer: H.issuer, clientId: "app", subject: "alice" }

const session = TokenManager.layer({ key, source: TokenSource.refreshToken() })
const app = (server: TestIssuer.TestIssuer.Options = {}) =>
  Layer.provideMerge(
    session,
    Layer.merge(TokenStore.layerMemory, H.layer({}, { accessTokens: "opaque", ...server }))
  )

const login = (scope: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { exchange } = yield* CodeExchange.CodeExchange
    const { tokens } = yield* exchange(yield* H.login({ scope }))
    const manager = yield* TokenManager.TokenManager
    yield* manager.adopt(tokens)
    return { manager, tokens }
  })

/** A proxy that answers in the place of the server, which sees nothing of it. */
const proxy = (answer: () => Response) => Misbehaviour.custom(() => Effect.sync(answer))

const wrongs = [
  proxy(() => new Response("slow down", { status: 429, headers: { "retry-after": "7" } })),
  proxy(
    () =>
      new Response("<html>502 Bad Gateway</html>", { status: 502, headers: { "content-type": "text/html" } })
  ),
  proxy(
    () => new Response("<html>Sign in to the network</html>", { headers: { "content-type": "text/html" } })
  ),
  proxy(() =>
    Response.json({ error: "temporarily_unavailable" }, { status: 503, headers: { "retry-after": "3" } })
  ),
  proxy(() => new Response('{"access_token":"half', { headers: { "content-type": "application/json" } })),
  proxy(() => new Response(null, { status: 302, headers: { location: "https://evil.test" } })),
  proxy(() => new Response(null, { status: 500 })),
  Misbehaviour.connectionFailure
]

describe("a server that answers wrongly", () => {
  it.effect(
    "issue 5: 429, 502 HTML, resets, half a body in random order, 1,000 rounds: the session survives",
    () =>
      Effect.gen(function* () {
        const issuer = yield* TestIssuer.TestIssuer
        const { manager, tokens } = yield* login(["notes", "offline_access"])
        let seed = 11
        const chance = (n: number) => {
          seed = (seed * 1103515245 + 12345) % 2147483648
          return seed % n
        }
        let last = tokens
        let failed = 0
        for (let round = 0; round < 1000; round++) {
          const wrong = wrongs[chance(wrongs.length * 2)]
          if (wrong !== undefined) yield* issuer.misbehave("token", wrong, { times: 1 })
          const exit = yield* Effect.exit(manager.renew(last.accessToken))
          if (Exit.isSuccess(exit)) {
            last = exit.value
            continue
          }
          failed += 1
          assert.notInclude(String(exit), "ReauthorizationRequired")
          // What it asked for is waited for, now and then; before that nothing is sent.
          if (round % 5 === 0) yield* TestClock.adjust("7 seconds")
        }
        yield* issuer.behave()
        yield* TestClock.adjust("7 seconds")
        last = yield* manager.renew(last.accessToken)
        assert.isAbove(failed, 300)
        assert.strictEqual((yield* manager.state)._tag, "Active")
        const sent = (yield* issuer.requestsTo("token")).map(({ form }) => form.get("refresh_token"))
        assert.notInclude(sent, Option.getOrThrow(Option.map(last.refreshToken, Redacted.value)))
      }).pipe(Effect.provide(app())),
    120_000
  )

  it.effect("issue 5: timeouts, where the server did nothing: the session survives", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { manager, tokens } = yield* login(["notes", "offline_access"])
      let last = tokens
      for (let round = 0; round < 5; round++) {
        yield* issuer.misbehave(
          "token",
          Misbehaviour.custom(() => Effect.never),
          { times: 1 }
        )
        const [, waited] = yield* R.timed(
          R.fails(manager.renew(last.accessToken), "TransportError", "timeout")
        )
        assert.strictEqual(waited, 10_000)
        last = yield* manager.renew(last.accessToken)
      }
    }).pipe(Effect.provide(app()))
  )

  it.scoped("issue 5: an answer that is lost after the rotation survives where the server gives grace", () =>
    Effect.gen(function* () {
      const { manager } = yield* R.loggedIn()
      const server = Server.make(3600, true)
      const graceful = yield* R.another({ secrets: (yield* R.loggedIn()).secrets, server })
      let last = yield* server.login
      yield* graceful.adopt(last)
      for (let round = 0; round < 1000; round++) {
        if (round % 3 === 0) server.script({ error: Server.unreachable() })
        const exit = yield* Effect.exit(graceful.renew(last.accessToken))
        if (Exit.isSuccess(exit)) last = exit.value
      }
      assert.strictEqual(server.reuses(), 0)
      assert.strictEqual((yield* graceful.state)._tag, "Active")
      yield* manager.get
    })
  )

  it.effect("OpenID Connect Core 12.2: the new tokens are kept while the server's keys cannot be had", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { manager, tokens } = yield* login(["openid", "offline_access"])
      yield* issuer.rotateKeys()
      yield* issuer.misbehave("jwks", Misbehaviour.html(502))
      const renewed = yield* R.asTimePasses(manager.renew(tokens.accessToken))
      const valueOf = Option.map<Redacted.Redacted<string>, string>(Redacted.value)
      assert.deepStrictEqual(valueOf(renewed.idToken), valueOf(tokens.idToken))
      assert.notDeepEqual(valueOf(renewed.refreshToken), valueOf(tokens.refreshToken))
      yield* issuer.behave()
      // And one that is wrong is no reason to keep anything.
      yield* issuer.misbehave("token", Misbehaviour.tokens({ idToken: { claims: { sub: "mallory" } } }), {
        times: 1
      })
      yield* R.pass("1 minute", "10 seconds")
      yield* R.fails(R.asTimePasses(manager.renew(renewed.accessToken)), "JwtError", "subject")
    }).pipe(Effect.provide(app()))
  )

  it.effect(
    "RFC 9700 section 4.14.2: two that refresh without a common store end the family; one is told why",
    () =>
      Effect.gen(function* () {
        const { manager, tokens } = yield* login(["notes", "offline_access"])
        const apart = yield* Effect.provide(
          TokenManager.make({ key, source: TokenSource.refreshToken() }),
          TokenStore.layerMemory
        )
        yield* apart.adopt(tokens)
        yield* manager.renew(tokens.accessToken)
        yield* R.fails(apart.renew(tokens.accessToken), "ReauthorizationRequired", "refused")
        yield* R.fails(
          Effect.flatMap(manager.get, ({ accessToken }) => manager.renew(accessToken)),
          "ReauthorizationRequired",
          "refused"
        )
      }).pipe(Effect.scoped, Effect.provide(app()))
  )

  it.effect("eight managers over one store, a server that detects reuse, 20 rounds over the wire", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      const { manager, tokens } = yield* login(["notes", "offline_access"])
      const managers = [manager]
      for (let i = 0; i < 7; i++) {
        managers.push(yield* TokenManager.make({ key, source: TokenSource.refreshToken() }))
      }
      let last = tokens
      for (let round = 1; round <= 20; round++) {
        const refused = last.accessToken
        const all = yield* R.asTimePasses(
          Effect.forEach(managers, (one) => one.renew(refused), { concurrency: "unbounded" }),
          "100 millis"
        )
        assert.strictEqual(new Set(all.map(Server.accessOf)).size, 1)
        last = all[0] ?? last
      }
      // The login was one request, and each round another.
      assert.strictEqual(yield* issuer.count("token"), 21)
    }).pipe(Effect.scoped, Effect.provide(app()))
  )
})
