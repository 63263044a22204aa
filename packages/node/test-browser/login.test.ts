/** Logins that are clicked through in a real browser, at a server nobody here wrote. */
import { assert, describe, it } from "@effect/vitest"
import * as Browser from "effect-oauth-node/Browser"
import * as LoginPrompt from "effect-oauth-node/LoginPrompt"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import { LoginError } from "effect-oauth/OAuthError"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as net from "node:net"
import { startProvider } from "../../../scratchpad/support/provider.js"
import * as Chromium from "./support/chromium.js"

type Step = (window: Chromium.Window, url: string) => Promise<void>

const missing =
  "No browser was found, so no login was clicked through. Install Chromium, or name one in CHROMIUM_PATH."

/** A login whose browser is the window, with a person in it who takes these steps. */
const setUp = (steps: Step) =>
  Effect.gen(function* () {
    const executable = yield* Effect.orDieWith(Chromium.executable, () => new Error(missing))
    const window = yield* Chromium.open(executable)
    const provider = yield* startProvider()
    const clicked = yield* Deferred.make<void, LoginError>()
    const walk = (url: string) =>
      Effect.tryPromise({
        try: () => steps(window, url),
        catch: (cause) => new LoginError({ reason: "no_browser", operation: "test", message: String(cause) })
      })
    const person = Layer.merge(
      Layer.succeed(Browser.Browser, {
        open: (url) => Effect.asVoid(Effect.forkDaemon(Deferred.complete(clicked, walk(url))))
      }),
      Layer.succeed(LoginPrompt.LoginPrompt, {
        tell: () => Effect.void,
        // a person who could not get through gives up, so that the test says why at once
        entered: Stream.unwrap(
          Deferred.await(clicked).pipe(
            Effect.map(() => Stream.never),
            Effect.catchAll((error) => Effect.succeed(Stream.fail(error)))
          )
        )
      })
    )
    const login = (options: Partial<PkceLogin.ClientOptions> = {}) =>
      PkceLogin.login({
        issuer: provider.issuer,
        clientId: provider.cli.clientId,
        scope: ["openid", "offline_access"],
        prompt: "consent",
        ...options
      }).pipe(Effect.provide(Layer.merge(person, FetchHttpClient.layer)))
    return { login, provider, window, clicked: Deferred.await(clicked) }
  })

const logIn: Step = async ({ page }, url) => {
  await page.goto(url)
  await page.fill("input[name=login]", "ada")
  await page.fill("input[name=password]", "any")
  await page.click("button[type=submit]")
  await page.getByRole("button", { name: "Continue" }).click()
  await page.getByRole("heading", { name: /login|logged in/i }).waitFor()
}

const portIsOpen = (port: number) =>
  Effect.async<boolean>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    const end = (isOpen: boolean) => {
      socket.destroy()
      resume(Effect.succeed(isOpen))
    }
    socket.once("connect", () => end(true))
    socket.once("error", () => end(false))
  })

if (Option.isNone(Chromium.executable) && !Chromium.isRequired) {
  // said where the run is read, not only in a list of skipped tests
  process.stderr.write(`\nSKIPPED: ${missing}\n`)
}

describe.skipIf(Option.isNone(Chromium.executable) && !Chromium.isRequired)("a login in Chromium", () => {
  it.scopedLive("is clicked through: tokens, a verified ID token, and a page that says so", () =>
    Effect.gen(function* () {
      const { clicked, login, provider, window } = yield* setUp(logIn)
      const { idToken, tokens } = yield* login()
      yield* clicked
      assert.strictEqual(tokens.issuer, provider.issuer)
      assert.isAbove(Redacted.value(tokens.accessToken).length, 20)
      assert.isTrue(Option.isSome(tokens.refreshToken))
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "ada")

      const { page } = window
      assert.strictEqual(yield* Effect.promise(() => page.title()), "You are logged in")
      const callback = new URL(page.url())
      assert.isFalse(yield* portIsOpen(Number(callback.port)))
    })
  )

  it.scopedLive("the last page is styled, runs nothing and loads nothing", () =>
    Effect.gen(function* () {
      const { clicked, login, window } = yield* setUp(logIn)
      yield* login()
      yield* clicked
      const { complaints, page, requests } = window
      const { origin } = new URL(page.url())
      const asked = requests.map((request) => new URL(request.url())).filter((url) => url.origin === origin)
      assert.deepStrictEqual(
        asked.map(({ pathname }) => pathname),
        ["/callback"]
      )
      assert.deepStrictEqual(
        complaints.filter(({ url }) => url.startsWith(origin)),
        []
      )
      const width = yield* Effect.promise(() =>
        page.locator("body").evaluate((body) => getComputedStyle(body).maxWidth)
      )
      assert.strictEqual(width, "512px")
      assert.strictEqual(yield* Effect.promise(() => page.locator("script").count()), 0)
    })
  )

  it.scopedLive("OAuth 2.0 Form Post Response Mode: the answer may be posted", () =>
    Effect.gen(function* () {
      const { clicked, login, window } = yield* setUp(logIn)
      yield* login({ responseMode: "form_post" })
      yield* clicked
      assert.strictEqual(yield* Effect.promise(() => window.page.title()), "You are logged in")
      assert.strictEqual(new URL(window.page.url()).search, "")
    })
  )

  it.scopedLive("a person who cancels at the server is denied, in the terminal and in the browser", () =>
    Effect.gen(function* () {
      const { clicked, login, window } = yield* setUp(async ({ page }, url) => {
        await page.goto(url)
        await page.getByRole("link", { name: /cancel/i }).click()
        await page.getByRole("heading", { name: /login/i }).waitFor()
      })
      const error = yield* Effect.flip(login())
      yield* clicked
      assert.strictEqual(PkceLogin.ending(error), "denied")
      assert.include(yield* Effect.promise(() => window.page.content()), "Access was denied")
    })
  )

  it.scopedLive(
    "peers 4c 51, 55: a forged answer and a favicon in the same browser do not end the login",
    () =>
      Effect.gen(function* () {
        const { clicked, login } = yield* setUp(async (window, url) => {
          const redirectUri = String(new URL(url).searchParams.get("redirect_uri"))
          const other = await window.context.newPage()
          await other.goto(`${redirectUri}?code=forged&state=forged`)
          assert.include(await other.content(), "Not the login that is waited for")
          const icon = await other.goto(new URL("/favicon.ico", redirectUri).href)
          assert.strictEqual(icon?.status(), 404)
          await logIn(window, url)
        })
        const { idToken } = yield* login()
        yield* clicked
        assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "ada")
      })
  )

  it.scopedLive(
    "a window that is closed while the login waits ends it by its timeout, and frees the port",
    () =>
      Effect.gen(function* () {
        const port = yield* Deferred.make<number>()
        const { login } = yield* setUp(async ({ page }, url) => {
          const redirectUri = String(new URL(url).searchParams.get("redirect_uri"))
          Deferred.unsafeDone(port, Effect.succeed(Number(new URL(redirectUri).port)))
          await page.goto(url)
          await page.close()
        })
        const running = yield* Effect.fork(Effect.flip(login({ timeout: "2 seconds" })))
        const number = yield* Deferred.await(port)
        assert.isTrue(yield* portIsOpen(number))
        assert.strictEqual(PkceLogin.ending(yield* Fiber.join(running)), "timed_out")
        assert.isFalse(yield* portIsOpen(number))
      })
  )
})
