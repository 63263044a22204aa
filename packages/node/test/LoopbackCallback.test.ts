import { assert, describe, it } from "@effect/vitest"
import * as LoopbackCallback from "effect-oauth-node/LoopbackCallback"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type * as net from "node:net"
import { inspect } from "node:util"
import * as Http from "./support/http.js"

const state = "the-state-of-this-login"
const code = "canary-code-4711"
const mine = LoopbackCallback.hasState(Redacted.make(state))
const success: LoopbackCallback.Outcome = { _tag: "Success" }

const hit = (
  login: LoopbackCallback.LoopbackCallback,
  query = `?code=${code}&state=${state}`,
  options = {}
) => Http.request(login.redirectUri + query, options)

/** A login in progress: what was received, and the page the person sees. */
const waiting = (options?: LoopbackCallback.Options) =>
  Effect.gen(function* () {
    const login = yield* LoopbackCallback.listen(options)
    const received = yield* Effect.fork(login.await(mine))
    yield* Effect.yieldNow()
    return { login, received }
  })

/** The right answer still gets through, and its page says so. */
const finishes = ({ login, received }: Effect.Effect.Success<ReturnType<typeof waiting>>) =>
  Effect.gen(function* () {
    const page = yield* Effect.fork(hit(login))
    const callback = yield* Fiber.join(received)
    yield* callback.respond(success)
    assert.strictEqual((yield* Fiber.join(page)).status, 200)
    assert.deepStrictEqual(Redacted.value(callback.parameters), [
      ["code", code],
      ["state", state]
    ])
  })

describe("the way of a login", () => {
  it.scopedLive("RFC 8252 section 7.3: listens on 127.0.0.1 with a free port", () =>
    Effect.gen(function* () {
      const login = yield* LoopbackCallback.listen()
      assert.match(login.redirectUri, /^http:\/\/127\.0\.0\.1:\d{2,5}\/callback$/)
      const port = new URL(login.redirectUri).port
      const external = yield* Effect.exit(Http.connect(`http://[::1]:${port}/`))
      assert.isTrue(Exit.isFailure(external))
    })
  )

  it.scopedLive("peers 4c 60: listens on ::1 alone where asked", () =>
    Effect.gen(function* () {
      const started = yield* waiting({ address: "::1" })
      assert.match(started.login.redirectUri, /^http:\/\/\[::1\]:\d+\/callback$/)
      assert.isFalse(yield* Http.canConnect(started.login.redirectUri.replace("[::1]", "127.0.0.1")))
      yield* finishes(started)
    })
  )

  it.scopedLive("may be called localhost for servers that insist, and then answers to that name alone", () =>
    Effect.gen(function* () {
      const started = yield* waiting({ name: "localhost" })
      const { host, port } = new URL(started.login.redirectUri)
      assert.strictEqual(host, `localhost:${port}`)
      const direct = `http://127.0.0.1:${port}/callback?state=${state}`
      assert.strictEqual((yield* Http.request(direct)).status, 421)
      const page = yield* Effect.fork(Http.request(direct, { headers: { host } }))
      yield* Effect.flatMap(Fiber.join(started.received), (callback) => callback.respond(success))
      assert.strictEqual((yield* Fiber.join(page)).status, 200)
    })
  )

  it.scopedLive("the page claims success only after the program says so", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting()
      const page = yield* Effect.fork(hit(login))
      const callback = yield* Fiber.join(received)
      yield* Effect.sleep(100)
      assert.isTrue(Option.isNone(yield* Fiber.poll(page)))
      yield* callback.respond(success)
      const answer = yield* Fiber.join(page)
      assert.strictEqual(answer.status, 200)
      assert.include(answer.body, "You are logged in")
    })
  )

  it.scopedLive("a failed exchange is told in the browser, escaped", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting()
      const page = yield* Effect.fork(hit(login))
      const callback = yield* Fiber.join(received)
      yield* callback.respond({
        _tag: "Failure",
        message: `<script>alert("1")</script> & \u001b[31m'red'\u202e\r\nSet-Cookie: a=b`
      })
      yield* callback.respond(success)
      const answer = yield* Fiber.join(page)
      assert.strictEqual(answer.status, 400)
      assert.notInclude(answer.body, "<script")
      assert.include(answer.body, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp;")
      for (const hidden of ["\u001b", "\u202e", "\r"]) assert.notInclude(answer.body, hidden)
      assert.notProperty(answer.headers, "set-cookie")
      assert.notInclude(answer.body, "You are logged in")
    })
  )

  it.scopedLive("an answer that comes before anybody waits is kept", () =>
    Effect.gen(function* () {
      const login = yield* LoopbackCallback.listen()
      const stray = yield* Effect.fork(hit(login, "?code=x&state=other"))
      const page = yield* Effect.fork(hit(login))
      yield* Effect.sleep(50)
      const callback = yield* login.await(mine)
      assert.strictEqual((yield* Fiber.join(stray)).status, 400)
      yield* callback.respond(success)
      assert.strictEqual((yield* Fiber.join(page)).status, 200)
    })
  )

  it.scopedLive("an error of the server is an answer too, if it has the right state", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting()
      yield* Effect.fork(hit(login, `?error=access_denied&state=${state}`))
      const callback = yield* Fiber.join(received)
      assert.deepInclude(Redacted.value(callback.parameters), ["error", "access_denied"])
    })
  )
})

describe("hits that are not the answer", () => {
  const ignored: ReadonlyArray<readonly [string, number, string, object?]> = [
    ["peers 4c 51: wrong state before the right one", 400, `?code=${code}&state=wrong`],
    ["peers 4c 51: missing state", 400, `?code=${code}`],
    ["peers 4c 50: state twice", 400, `?code=${code}&state=${state}&state=${state}`],
    ["peers 4c 50: code twice", 400, `?code=a&code=b&state=${state}`],
    ["peers 4c 50: iss twice", 400, `?code=a&iss=x&iss=y&state=${state}`],
    ["peers 4c 50: a name twice, once escaped", 400, `?code=a&c%6Fde=b&state=${state}`],
    ["peers 4c 52: error without state", 400, "?error=access_denied"],
    ["no parameters", 400, ""],
    ["a broken escape", 400, `?code=%zz&state=${state}`],
    ["an escape that is not UTF-8", 400, `?code=%ff&state=${state}`],
    ["a parameter without a name", 400, `?=x&state=${state}`],
    ["17 parameters", 400, `?state=${state}&${Array.from({ length: 16 }, (_, i) => `p${i}=1`).join("&")}`],
    ["a parameter of 4097 bytes", 400, `?state=${state}&code=${"c".repeat(4097)}`],
    ["peers 4c 55: HEAD", 405, `?code=${code}&state=${state}`, { method: "HEAD" }],
    ["peers 4c 55: OPTIONS", 405, `?code=${code}&state=${state}`, { method: "OPTIONS" }],
    ["peers 4c 55: POST", 405, `?code=${code}&state=${state}`, { method: "POST", body: `state=${state}` }],
    ["peers 4c 56: Host of another name", 421, `?state=${state}`, { headers: { host: "attacker.example" } }],
    ["peers 4c 56: Host without the port", 421, `?state=${state}`, { headers: { host: "127.0.0.1" } }],
    ["Sec-Purpose: prefetch", 503, `?state=${state}`, { headers: { "sec-purpose": "prefetch;prerender" } }],
    ["Purpose: prefetch", 503, `?state=${state}`, { headers: { purpose: "prefetch" } }],
    ["X-Moz: prefetch", 503, `?state=${state}`, { headers: { "x-moz": "prefetch" } }],
    ["X-Purpose: preview", 503, `?state=${state}`, { headers: { "x-purpose": "preview" } }]
  ]
  for (const [name, status, query, options] of ignored) {
    it.scopedLive(`${name} is answered with ${status} and ignored`, () =>
      Effect.gen(function* () {
        const started = yield* waiting()
        const answer = yield* hit(started.login, query, options)
        assert.strictEqual(answer.status, status)
        assert.notInclude(answer.body, code)
        yield* finishes(started)
      })
    )
  }

  for (const path of [
    "/favicon.ico",
    "/",
    "/callback/",
    "/Callback",
    "/callback%20",
    "//callback",
    "/./callback"
  ]) {
    it.scopedLive(`peers 4c 55: another path (${path}) is not found and ignored`, () =>
      Effect.gen(function* () {
        const started = yield* waiting()
        const { host, origin } = new URL(started.login.redirectUri)
        const answer = yield* Http.raw(origin, [
          `GET ${path}?code=${code}&state=${state} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
        ])
        assert.match(answer, /^HTTP\/1\.1 404 /)
        yield* finishes(started)
      })
    )
  }

  it.scopedLive("peers 4c 55: a query of 1 MB is refused while reading", () =>
    Effect.gen(function* () {
      const started = yield* waiting()
      const exit = yield* Effect.exit(hit(started.login, `?state=${state}&x=${"x".repeat(1_000_000)}`))
      assert.isTrue(Exit.isFailure(exit) || exit.value.status === 431)
      yield* finishes(started)
    })
  )

  it.scopedLive("peers 4c 58: a second answer after the first is told that it is too late", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting()
      const first = yield* Effect.fork(hit(login))
      const callback = yield* Fiber.join(received)
      const second = yield* hit(login, `?code=other&state=${state}`)
      assert.strictEqual(second.status, 409)
      assert.include(second.body, "Already used")
      yield* callback.respond(success)
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
      assert.strictEqual((yield* hit(login)).status, 409)
      assert.strictEqual(yield* login.await(() => true), callback)
    })
  )

  it.scopedLive("peers 4c 59: a client that is gone before the page does not fail the login", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting()
      const { host } = new URL(login.redirectUri)
      const socket = yield* Http.connect(login.redirectUri)
      socket.write(`GET /callback?code=${code}&state=${state} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      const callback = yield* Fiber.join(received)
      socket.resetAndDestroy()
      yield* Effect.sleep(50)
      yield* callback.respond(success)
    })
  )

  it.scopedLive("more early answers than are kept are turned away", () =>
    Effect.gen(function* () {
      const login = yield* LoopbackCallback.listen()
      yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.fork(hit(login, "?state=other")))
      yield* Effect.sleep(100)
      assert.strictEqual((yield* hit(login)).status, 503)
      const received = yield* Effect.fork(login.await(mine))
      yield* Effect.sleep(50)
      yield* finishes({ login, received })
    })
  )

  it.scopedLive("a predicate that throws is a defect of whoever waits, not a silence", () =>
    Effect.gen(function* () {
      const login = yield* LoopbackCallback.listen()
      const received = yield* Effect.fork(
        login.await(() => {
          throw new Error("a bug")
        })
      )
      yield* Effect.yieldNow()
      assert.strictEqual((yield* hit(login)).status, 410)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(received)))
    })
  )
})

describe("framing (seeds 4.11)", () => {
  const head = (login: LoopbackCallback.LoopbackCallback) => new URL(login.redirectUri).host

  it.scopedLive("a request in pieces, with bytes after its end, is read up to its end", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting()
      const text = yield* Effect.fork(
        Http.raw(login.redirectUri, [
          `GET /callback?code=${code}&state=${state} HTTP/1.1\r`,
          `\nHost: ${head(login)}`,
          "\r\nAccept: text/html\r\n\r",
          "\nignored-body"
        ])
      )
      const callback = yield* Fiber.join(received)
      assert.deepInclude(Redacted.value(callback.parameters), ["code", code])
      yield* Effect.sleep(50)
      yield* callback.respond(success)
      assert.match(yield* Fiber.join(text), /^HTTP\/1\.1 200 [^]*You are logged in/)
    })
  )

  it.scopedLive("headers of more than 16 KiB are refused with 431", () =>
    Effect.gen(function* () {
      const started = yield* waiting()
      const answer = yield* Http.raw(started.login.redirectUri, [
        `GET /callback?state=${state} HTTP/1.1\r\nHost: ${head(started.login)}\r\nX: ${"x".repeat(16_384)}\r\n\r\n`
      ])
      assert.match(answer, /^HTTP\/1\.1 431 /)
      yield* finishes(started)
    })
  )

  it.scopedLive("headers that drip in are cut off at an absolute deadline", () =>
    Effect.gen(function* () {
      const started = yield* waiting({ headerTimeout: 150 })
      const answer = yield* Http.raw(
        started.login.redirectUri,
        ["GET /callback HTTP/1.1\r\n", "A: 1\r\n", "B: 2\r\n", "C: 3\r\n", "D: 4\r\n", "E: 5\r\n"],
        90
      )
      assert.match(answer, /^HTTP\/1\.1 408 /)
      yield* finishes(started)
    })
  )

  for (const [name, text] of [
    ["no HTTP", "hello\r\n\r\n"],
    ["a line that ends in LF alone", "GET /callback HTTP/1.1\nHost: x\n\n"],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u0000\u0003\u0003"],
    ["both lengths", "POST /callback HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["a blank before the colon", "GET /callback HTTP/1.1\r\nHost : x\r\n\r\n"]
  ] as const) {
    it.scopedLive(`${name} is refused with 400`, () =>
      Effect.gen(function* () {
        const started = yield* waiting()
        assert.match(yield* Http.raw(started.login.redirectUri, [text]), /^HTTP\/1\.1 400 /)
        yield* finishes(started)
      })
    )
  }

  for (const [name, hosts] of [
    ["no Host", () => []],
    ["two Hosts", (host: string) => [host, host]],
    ["two Hosts, the other foreign", (host: string) => [host, "attacker.example"]]
  ] as const) {
    it.scopedLive(`RFC 9110 section 7.2: ${name} is refused`, () =>
      Effect.gen(function* () {
        const started = yield* waiting()
        const lines = hosts(head(started.login)).map((host) => `Host: ${host}\r\n`)
        const answer = yield* Http.raw(started.login.redirectUri, [
          `GET /callback?code=${code}&state=${state} HTTP/1.1\r\n${lines.join("")}\r\n`
        ])
        assert.match(answer, /^HTTP\/1\.1 421 /)
        yield* finishes(started)
      })
    )
  }
})

describe("form_post", () => {
  const form = { "content-type": "application/x-www-form-urlencoded" }
  const post = (login: LoopbackCallback.LoopbackCallback, body: string, headers: object = form) =>
    Http.request(login.redirectUri, { method: "POST", body, headers: { ...headers } })

  it.scopedLive("OAuth 2.0 Form Post Response Mode: a posted form is an answer, where enabled", () =>
    Effect.gen(function* () {
      const { login, received } = yield* waiting({ formPost: true })
      const page = yield* Effect.fork(
        post(login, `state=${state}&code=a%2Bb+c`, {
          "content-type": `${form["content-type"]}; charset=UTF-8`
        })
      )
      const callback = yield* Fiber.join(received)
      assert.deepInclude(Redacted.value(callback.parameters), ["code", "a+b c"])
      yield* callback.respond(success)
      assert.strictEqual((yield* Fiber.join(page)).status, 200)
    })
  )

  it.scopedLive("what is no form, has a query, is no UTF-8 or passes 64 KiB is answered and ignored", () =>
    Effect.gen(function* () {
      const started = yield* waiting({ formPost: true })
      const { login } = started
      const body = `state=${state}&code=${code}`
      assert.strictEqual((yield* post(login, body, { "content-type": "text/plain" })).status, 415)
      assert.strictEqual((yield* post(login, body, {})).status, 415)
      const both = Http.request(`${login.redirectUri}?state=${state}`, {
        method: "POST",
        body,
        headers: form
      })
      assert.strictEqual((yield* both).status, 400)
      assert.strictEqual((yield* post(login, "state=wrong")).status, 400)
      const { host } = new URL(login.redirectUri)
      const chunked = yield* Http.raw(login.redirectUri, [
        `POST /callback HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${form["content-type"]}\r\n` +
          `Transfer-Encoding: chunked\r\n\r\n10001\r\n${"x".repeat(65_537)}\r\n`
      ])
      assert.match(chunked, /^HTTP\/1\.1 413 /)
      const declared = yield* Http.raw(login.redirectUri, [
        `POST /callback HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${form["content-type"]}\r\n` +
          "Content-Length: 65537\r\n\r\n"
      ])
      assert.match(declared, /^HTTP\/1\.1 413 /)
      yield* finishes(started)
    })
  )

  it.scopedLive("a body that never comes does not hold up the login", () =>
    Effect.gen(function* () {
      const started = yield* waiting({ formPost: true })
      const socket = yield* Http.connect(started.login.redirectUri)
      const { host } = new URL(started.login.redirectUri)
      socket.write(
        `POST /callback HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${form["content-type"]}\r\n` +
          `Content-Length: 10\r\n\r\nstate`
      )
      yield* finishes(started)
    })
  )
})

describe("the page", () => {
  it.scopedLive("loads nothing, runs nothing, is not kept and does not leak the URL", () =>
    Effect.gen(function* () {
      const { login } = yield* waiting()
      const { body, headers } = yield* hit(login, "?state=wrong")
      const csp = headers["content-security-policy"]
      assert.match(
        String(csp),
        /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; .*frame-ancestors 'none'$/
      )
      assert.strictEqual(headers["cache-control"], "no-store")
      assert.strictEqual(headers["referrer-policy"], "no-referrer")
      assert.strictEqual(headers["x-content-type-options"], "nosniff")
      assert.strictEqual(headers["connection"], "close")
      assert.strictEqual(headers["content-type"], "text/html; charset=utf-8")
      assert.notMatch(body, /<script|https?:|src=|\son\w+=/)
    })
  )
})

describe("beginning and ending", () => {
  it.scopedLive("peers 4c 60: a port in use is a LoginError that says what to do", () =>
    Effect.gen(function* () {
      const first = yield* LoopbackCallback.listen()
      const port = Number(new URL(first.redirectUri).port)
      const error = yield* Effect.flip(LoopbackCallback.listen({ port }))
      assert.strictEqual(error._tag, "LoginError")
      assert.strictEqual(error.reason, "port_in_use")
      assert.include(error.message, String(port))
      assert.include(error.message, "choose another port")
    })
  )

  it.scopedLive("a port or path that cannot be is refused before listening", () =>
    Effect.gen(function* () {
      for (const port of [-1, 65536, 1.5, Number.NaN]) {
        assert.strictEqual((yield* Effect.flip(LoopbackCallback.listen({ port }))).reason, "listen_failed")
      }
      for (const path of ["callback", "/a?b", "/a#b", "/a/../b", "//evil.example/", "/a b", "/\r\n", ""]) {
        assert.strictEqual((yield* Effect.flip(LoopbackCallback.listen({ path }))).reason, "listen_failed")
      }
    })
  )

  it.live("seeds 3.2 14: the port is free at once after the scope closes, again and again", () =>
    Effect.gen(function* () {
      const first = yield* Effect.scoped(LoopbackCallback.listen())
      const port = Number(new URL(first.redirectUri).port)
      for (let i = 0; i < 3; i++) {
        yield* Effect.scoped(Effect.flatMap(waiting({ port }), finishes))
        assert.isFalse(yield* Http.canConnect(first.redirectUri))
      }
    })
  )

  it.live("peers 2 17: an idle connection that a browser keeps in reserve does not delay the closing", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const started = yield* Scope.extend(waiting(), scope)
      const idle = yield* Http.connect(started.login.redirectUri)
      const half = yield* Http.connect(started.login.redirectUri)
      half.write("GET /callback HTTP/1.1\r\n")
      yield* finishes(started)
      yield* Scope.close(scope, Exit.void)
      yield* Http.drain(idle)
      yield* Http.drain(half)
      assert.isFalse(yield* Http.canConnect(started.login.redirectUri))
    })
  )

  it.live("an answer that the program never responds to gets a failure page at the end", () =>
    Effect.gen(function* () {
      const pages = yield* Deferred.make<Fiber.Fiber<Http.Answer, Error>>()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { login, received } = yield* waiting()
          yield* Deferred.succeed(pages, yield* Effect.forkDaemon(hit(login)))
          yield* Fiber.join(received)
        })
      )
      const answer = yield* Effect.flatMap(Deferred.await(pages), Fiber.join)
      assert.strictEqual(answer.status, 410)
      assert.include(answer.body, "The login is over")
    })
  )

  it.live("interruption shows the failure page and closes the port", () =>
    Effect.gen(function* () {
      const where = yield* Deferred.make<string>()
      const held = yield* Deferred.make<void>()
      const login = yield* Effect.fork(
        Effect.scoped(
          Effect.gen(function* () {
            const login = yield* LoopbackCallback.listen()
            yield* Deferred.succeed(where, login.redirectUri)
            yield* login.await(mine)
            yield* Deferred.succeed(held, undefined)
            return yield* Effect.never
          })
        )
      )
      const redirectUri = yield* Deferred.await(where)
      const page = yield* Effect.fork(Http.request(`${redirectUri}?state=${state}&code=${code}`))
      yield* Deferred.await(held)
      yield* Fiber.interrupt(login)
      assert.strictEqual((yield* Fiber.join(page)).status, 410)
      assert.isFalse(yield* Http.canConnect(redirectUri))
    })
  )

  it.live("peers 4c 61: an answer after the waiting was given up finds the login over", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const login = yield* Scope.extend(LoopbackCallback.listen(), scope)
      const outcome = yield* login.await(mine).pipe(Effect.timeoutOption(50))
      assert.isTrue(Option.isNone(outcome))
      const page = yield* Effect.fork(hit(login))
      yield* Effect.sleep(50)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(page)).status, 410)
    })
  )

  it.live("a flood of connections does not keep the login from ending", () =>
    Effect.gen(function* () {
      const sockets: Array<net.Socket> = []
      const uri = yield* Effect.scoped(
        Effect.gen(function* () {
          const login = yield* LoopbackCallback.listen()
          for (let i = 0; i < 200; i++) sockets.push(yield* Http.connect(login.redirectUri))
          return login.redirectUri
        })
      )
      assert.isFalse(yield* Http.canConnect(uri))
      for (const socket of sockets) socket.destroy()
    })
  )
})

describe("secrets", () => {
  it.live("DESIGN rule 13: nothing of a callback reaches logs, and a printed callback hides it", () => {
    const lines: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make((entry) => lines.push(inspect(entry, { depth: 8 })))
    )
    return Effect.scoped(
      Effect.gen(function* () {
        const { login, received } = yield* waiting()
        yield* hit(login, `?code=${code}&state=wrong`)
        yield* hit(login, `?code=${code}&code=${code}`)
        const page = yield* Effect.fork(hit(login))
        const callback = yield* Fiber.join(received)
        yield* callback.respond(success)
        yield* Fiber.join(page)
        const printed = inspect(callback, { depth: 8 }) + JSON.stringify(callback) + lines.join("\n")
        assert.isAtLeast(lines.length, 2)
        assert.include(lines.join("\n"), "Ignored a request to the login callback")
        for (const secret of [code, state]) assert.notInclude(printed, secret)
      })
    ).pipe(Effect.provide(logger), Logger.withMinimumLogLevel(LogLevel.All))
  })
})
