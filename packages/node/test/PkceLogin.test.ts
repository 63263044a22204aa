import { assert, describe, it } from "@effect/vitest"
import * as LoopbackCallback from "effect-oauth-node/LoopbackCallback"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as FakeServer from "./support/fakeServer.js"
import * as Http from "./support/http.js"
import * as Person from "./support/person.js"

const code = "canary-code"
const options = { issuer: FakeServer.issuer, clientId: "cli", scope: ["notes:read"] } as const

const visit = (opened: Person.Opened, parameters: Record<string, string>) =>
  Option.some(Http.request(`${opened.redirectUri}?${new URLSearchParams(parameters).toString()}`))

/** A browser in which the person consents at once. */
const consents = (opened: Person.Opened) => visit(opened, { code, state: opened.state })
const noBrowser = () => Option.none()

const provide = (person: Person.Person, server: FakeServer.FakeServer) =>
  Effect.provide(Layer.merge(person.layer, server.layer))

describe("PkceLogin.login", () => {
  it.live(
    "RFC 8252, RFC 7636: the browser's answer is exchanged, and the page tells success afterwards",
    () =>
      Effect.gen(function* () {
        const server = FakeServer.make()
        const person = yield* Person.make(consents)
        const { idToken, tokens } = yield* PkceLogin.login(options).pipe(provide(person, server))
        assert.strictEqual(Redacted.value(tokens.accessToken), FakeServer.accessToken)
        assert.isTrue(Option.isNone(idToken))

        const { url } = yield* person.opened
        assert.strictEqual(url.origin + url.pathname, `${FakeServer.issuer}/authorize`)
        assert.strictEqual(url.searchParams.get("code_challenge_method"), "S256")
        assert.strictEqual(url.searchParams.get("scope"), "notes:read")
        assert.lengthOf(server.forms, 1)
        const form = server.forms[0] ?? new URLSearchParams()
        assert.strictEqual(form.get("code"), code)
        assert.strictEqual(form.get("client_id"), "cli")
        assert.strictEqual(form.get("redirect_uri"), url.searchParams.get("redirect_uri"))
        assert.isAtLeast(form.get("code_verifier")?.length ?? 0, 43)

        const page = yield* person.page
        assert.strictEqual(page.status, 200)
        assert.include(page.body, "You are logged in")
        assert.deepStrictEqual(
          person.events.map(({ _tag }) => _tag),
          ["Started", "BrowserOpened", "Answered"]
        )
        assert.isFalse(person.isListening())
        assert.isFalse(yield* Http.canConnect(url.searchParams.get("redirect_uri") ?? ""))
      })
  )

  it.live("RFC 9728 section 5.1: from a resource URL, its challenge names the server and the scope", () =>
    Effect.gen(function* () {
      const server = FakeServer.make()
      const person = yield* Person.make(consents)
      yield* PkceLogin.login({ resource: FakeServer.resource, clientId: "cli" }).pipe(provide(person, server))
      const { url } = yield* person.opened
      assert.strictEqual(url.origin, FakeServer.issuer)
      assert.strictEqual(url.searchParams.get("resource"), FakeServer.resource)
      assert.strictEqual(url.searchParams.get("scope"), "notes:read")
      assert.strictEqual(server.forms[0]?.get("resource"), FakeServer.resource)
    })
  )

  const prompts: ReadonlyArray<readonly [ReadonlyArray<string>, string | undefined, string | null]> = [
    [["openid", "offline_access"], undefined, "consent"],
    [["openid", "offline_access"], "none", "none"],
    [["openid", "offline_access"], "login consent", "login consent"],
    [["openid", "offline_access"], "", null],
    [["notes:read"], undefined, null]
  ]
  for (const [scope, prompt, sent] of prompts) {
    it.live(
      `OpenID Connect Core section 11: for ${scope.join(" ")}, with the prompt ${prompt ?? "left out"}, ${sent ?? "none"} is sent`,
      () =>
        Effect.gen(function* () {
          const person = yield* Person.make((opened) =>
            visit(opened, { error: "access_denied", state: opened.state })
          )
          const login = PkceLogin.login({ ...options, scope, prompt })
          yield* Effect.flip(login.pipe(provide(person, FakeServer.make())))
          assert.strictEqual((yield* person.opened).url.searchParams.get("prompt"), sent)
        })
    )
  }

  it.live("the answer may be posted as a form, where asked for", () =>
    Effect.gen(function* () {
      const server = FakeServer.make()
      const person = yield* Person.make(({ redirectUri, state, url }) => {
        assert.strictEqual(url.searchParams.get("response_mode"), "form_post")
        const body = new URLSearchParams({ code, state }).toString()
        const headers = { "content-type": "application/x-www-form-urlencoded" }
        return Option.some(Http.request(redirectUri, { method: "POST", body, headers }))
      })
      yield* PkceLogin.login({ ...options, responseMode: "form_post" }).pipe(provide(person, server))
      assert.strictEqual((yield* person.page).status, 200)
    })
  )

  it.live("port, path and address are the caller's to choose", () =>
    Effect.gen(function* () {
      const free = yield* Effect.scoped(LoopbackCallback.listen({ address: "::1" }))
      const port = Number(new URL(free.redirectUri).port)
      const person = yield* Person.make(consents)
      yield* PkceLogin.login({ ...options, callback: { address: "::1", port, path: "/login/done" } }).pipe(
        provide(person, FakeServer.make())
      )
      assert.strictEqual((yield* person.opened).redirectUri, `http://[::1]:${port}/login/done`)
    })
  )

  it.live("openBrowser: false only shows the address", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(() => assert.fail("a browser was opened"))
      const login = yield* Effect.fork(
        PkceLogin.login({ ...options, openBrowser: false }).pipe(provide(person, FakeServer.make()))
      )
      const { redirectUri, state } = yield* person.opened
      yield* Effect.fork(Http.request(`${redirectUri}?code=${code}&state=${state}`))
      yield* Fiber.join(login)
      assert.deepStrictEqual(
        person.events.map(({ _tag }) => _tag),
        ["Started", "Answered"]
      )
    })
  )
})

describe("pasting (peers 6: three ways in parallel, the first wins)", () => {
  const shapes: ReadonlyArray<readonly [string, (opened: Person.Opened) => string]> = [
    ["the whole address", ({ redirectUri, state }) => `${redirectUri}?code=${code}&state=${state}`],
    ["with blanks around", ({ redirectUri, state }) => `  ${redirectUri}?state=${state}&code=${code}\t`],
    ["in quotes", ({ redirectUri, state }) => `"${redirectUri}?code=${code}&state=${state}"`],
    ["with a fragment", ({ redirectUri, state }) => `${redirectUri}?code=${code}&state=${state}#_=_`],
    ["the query alone", ({ state }) => `code=${code}&state=${state}`],
    ["the query with its mark", ({ state }) => `?code=${code}&state=${state}`]
  ]
  for (const [name, shape] of shapes) {
    it.live(`without a browser the address may be pasted: ${name}`, () =>
      Effect.gen(function* () {
        const server = FakeServer.make()
        const person = yield* Person.make(noBrowser)
        const login = yield* Effect.fork(PkceLogin.login(options).pipe(provide(person, server)))
        yield* person.enter(shape(yield* person.opened))
        const { tokens } = yield* Fiber.join(login)
        assert.strictEqual(Redacted.value(tokens.accessToken), FakeServer.accessToken)
        assert.strictEqual(server.forms[0]?.get("code"), code)
        const why = person.events.find((event) => event._tag === "BrowserNotOpened")
        assert.strictEqual(why?.why, "No browser was opened.")
      })
    )
  }

  const wrong: ReadonlyArray<readonly [string, (opened: Person.Opened) => string, RegExp]> = [
    ["the address of the server", ({ url }) => `${url.href}&code=x`, /begins with http:\/\/127/],
    ["a page of the server", () => `${FakeServer.issuer}/login`, /begins with/],
    [
      "another port",
      ({ state }) => `http://127.0.0.1:1/callback?code=${code}&state=${state}`,
      /begins with http:\/\/127/
    ],
    ["another login", ({ redirectUri }) => `${redirectUri}?code=${code}&state=other`, /another login/],
    ["a code alone", () => code, /not the whole address/],
    ["a cut address", ({ redirectUri }) => `${redirectUri}?code=${code}`, /not the whole address/],
    ["an empty code", ({ redirectUri, state }) => `${redirectUri}?code=&state=${state}`, /not the whole/],
    ["state twice", ({ state }) => `code=${code}&state=${state}&state=${state}`, /not the whole address/],
    ["noise", () => "\u0000\u001b[2J%%%", /not the whole address/]
  ]
  for (const [name, shape, why] of wrong) {
    it.live(`${name} is refused, says why, and the login keeps waiting`, () =>
      Effect.gen(function* () {
        const person = yield* Person.make(noBrowser)
        const login = yield* Effect.fork(PkceLogin.login(options).pipe(provide(person, FakeServer.make())))
        const opened = yield* person.opened
        yield* person.enter("   ")
        yield* person.enter(shape(opened))
        yield* person.enter(`code=${code}&state=${opened.state}`)
        yield* Fiber.join(login)
        const refused = person.events.filter((event) => event._tag === "PasteRefused")
        assert.lengthOf(refused, 1)
        assert.match(refused[0]?.why ?? "", why)
        assert.notInclude(refused[0]?.why ?? "", code)
      })
    )
  }
})

describe("a login that does not succeed ends in one of four ways", () => {
  it.live("denied: the person or the server refused; the browser is not shown the server's words", () =>
    Effect.gen(function* () {
      const person = yield* Person.make((opened) =>
        visit(opened, {
          error: "access_denied",
          error_description: "<b>no</b>\u001b[31m way",
          state: opened.state
        })
      )
      const error = yield* Effect.flip(PkceLogin.login(options).pipe(provide(person, FakeServer.make())))
      assert.strictEqual(PkceLogin.ending(error), "denied")
      assert.notInclude(error.message, "\u001b")
      const page = yield* person.page
      assert.strictEqual(page.status, 400)
      assert.include(page.body, "Access was denied")
      assert.notInclude(page.body, "way")
    })
  )

  it.live("timed out: nobody answered; the port is closed", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(noBrowser)
      const error = yield* Effect.flip(
        PkceLogin.login({ ...options, timeout: Duration.millis(100) }).pipe(
          provide(person, FakeServer.make())
        )
      )
      assert.strictEqual(PkceLogin.ending(error), "timed_out")
      assert.include(error.message, "100ms")
      assert.include(
        error.message,
        "If the browser showed an error of the server, register the redirect URI http://127.0.0.1/callback " +
          "(with any port) for this client there."
      )
      assert.isFalse(person.isListening())
      assert.isFalse(yield* Http.canConnect((yield* person.opened).redirectUri))
    })
  )

  it.live(
    "timed out: a redirect URI with a port of its own is to be registered with that (RFC 8252 7.3)",
    () =>
      Effect.gen(function* () {
        const free = yield* Effect.scoped(LoopbackCallback.listen())
        const port = Number(new URL(free.redirectUri).port)
        const person = yield* Person.make(noBrowser)
        const callback = { port, path: "/login/done" }
        const login = PkceLogin.login({ ...options, callback, timeout: Duration.millis(100) })
        const error = yield* Effect.flip(login.pipe(provide(person, FakeServer.make())))
        assert.include(error.message, `the redirect URI http://127.0.0.1:${port}/login/done for this client`)
      })
  )

  it.live("cancelled: the person gave up at the terminal; the port is closed", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(noBrowser)
      yield* person.giveUp
      const error = yield* Effect.flip(PkceLogin.login(options).pipe(provide(person, FakeServer.make())))
      assert.strictEqual(PkceLogin.ending(error), "cancelled")
      assert.isFalse(person.isListening())
      assert.isFalse(yield* Http.canConnect((yield* person.opened).redirectUri))
    })
  )

  it.live("failed: the token endpoint refused, and the browser is not told of success", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(consents)
      const server = FakeServer.make({
        token: { status: 400, body: { error: "invalid_grant", error_description: "<i>used</i>" } }
      })
      const error = yield* Effect.flip(PkceLogin.login(options).pipe(provide(person, server)))
      assert.strictEqual(error._tag, "OAuthResponseError")
      assert.strictEqual(PkceLogin.ending(error), "failed")
      const page = yield* person.page
      assert.strictEqual(page.status, 400)
      assert.notMatch(page.body, /logged in|<i>|used/)
    })
  )

  it.live("failed: peers 4c 53: an answer of another issuer (RFC 9207 section 2.4)", () =>
    Effect.gen(function* () {
      const person = yield* Person.make((opened) =>
        visit(opened, { code, state: opened.state, iss: "https://evil.example" })
      )
      const server = FakeServer.make()
      const error = yield* Effect.flip(PkceLogin.login(options).pipe(provide(person, server)))
      assert.strictEqual(error._tag, "AuthorizationError")
      assert.strictEqual(error.reason, "issuer_mismatch")
      assert.lengthOf(server.forms, 0)
      assert.strictEqual((yield* person.page).status, 400)
    })
  )

  it.live("failed: the port is in use, before anything is shown", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = yield* LoopbackCallback.listen()
        const port = Number(new URL(other.redirectUri).port)
        const person = yield* Person.make(consents)
        const error = yield* Effect.flip(
          PkceLogin.login({ ...options, callback: { port } }).pipe(provide(person, FakeServer.make()))
        )
        assert.strictEqual(error.reason, "port_in_use")
        assert.lengthOf(person.events, 0)
      })
    )
  )

  it.live("failed: a server without S256 is refused before anything is shown (RFC 7636 downgrade)", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(consents)
      const server = FakeServer.make({ metadata: { code_challenge_methods_supported: ["plain"] } })
      const error = yield* Effect.flip(PkceLogin.login(options).pipe(provide(person, server)))
      assert.strictEqual(PkceLogin.ending(error), "failed")
      assert.lengthOf(person.events, 0)
    })
  )

  it.live("interrupted (Ctrl-C): the port is closed and nothing is read any more", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(noBrowser)
      const login = yield* Effect.fork(PkceLogin.login(options).pipe(provide(person, FakeServer.make())))
      const { redirectUri } = yield* person.opened
      yield* Effect.sleep(50)
      assert.isTrue(person.isListening())
      const exit = yield* Fiber.interrupt(login)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.isFalse(person.isListening())
      assert.isFalse(yield* Http.canConnect(redirectUri))
    })
  )
})

describe("hits on the port during a login", () => {
  it.live("peers 2 17, seeds 3.3 6: what is not the answer neither ends nor delays the login", () =>
    Effect.gen(function* () {
      const person = yield* Person.make(noBrowser)
      const login = yield* Effect.fork(PkceLogin.login(options).pipe(provide(person, FakeServer.make())))
      const { redirectUri, state } = yield* person.opened
      for (const query of [
        "?error=access_denied",
        "?error=access_denied&state=x",
        `?code=${code}&state=x`,
        ""
      ]) {
        assert.strictEqual((yield* Http.request(redirectUri + query)).status, 400)
      }
      assert.strictEqual((yield* Http.request(new URL("/favicon.ico", redirectUri).href)).status, 404)
      yield* Effect.fork(Http.request(`${redirectUri}?code=${code}&state=${state}`))
      yield* Fiber.join(login)
    })
  )
})

describe("secrets", () => {
  it.live("DESIGN section 4: no code, state, verifier or token in logs, spans or a printed result", () => {
    const seen: Array<unknown> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make((entry) => seen.push(inspect(entry, { depth: 10 })))
    )
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      context: (f) => f(),
      span: (name, parent, context, links, startTime, kind) => {
        const attributes = new Map<string, unknown>()
        const span: Tracer.Span = {
          _tag: "Span",
          name,
          spanId: String(spans.length),
          traceId: "trace",
          parent,
          context,
          status: { _tag: "Started", startTime },
          attributes,
          links,
          sampled: true,
          kind,
          // a tracer exports the cause of a failure, and never a result
          end: (_, exit) => Exit.isFailure(exit) && seen.push(name, inspect(exit, { depth: 10 })),
          attribute: (key, value) => void attributes.set(key, value),
          event: (event, _, values) => seen.push(event, inspect(values, { depth: 10 })),
          addLinks: () => undefined
        }
        spans.push(span)
        return span
      }
    })
    return Effect.gen(function* () {
      const server = FakeServer.make()
      const person = yield* Person.make(consents)
      const result = yield* PkceLogin.login(options).pipe(provide(person, server))
      const denying = yield* Person.make((opened) => visit(opened, { error: "e", code, state: opened.state }))
      const error = yield* Effect.flip(PkceLogin.login(options).pipe(provide(denying, server)))
      const attributes = spans.map((span) => [span.name, [...span.attributes]])
      const printed =
        inspect([seen, attributes, result, error], { depth: 12 }) + JSON.stringify([result, error])
      const secrets = [
        code,
        FakeServer.accessToken,
        FakeServer.refreshToken,
        (yield* person.opened).state,
        (yield* denying.opened).state,
        server.forms[0]?.get("code_verifier") ?? "?"
      ]
      assert.isAtLeast(spans.length, 3)
      for (const secret of secrets) assert.notInclude(printed, secret)
    }).pipe(Effect.withTracer(tracer), Effect.provide(logger), Logger.withMinimumLogLevel(LogLevel.All))
  })
})
