/** A real Chromium: the system's, headless, and cut off from any network but loopback. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { chromium } from "playwright-core"
import type { BrowserContext, Page, Request } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

const installed = (): ReadonlyArray<string> => [
  ...names.flatMap((name) =>
    (process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, name))
  ),
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium"
]

/** `CHROMIUM_PATH`, or the first browser of the system. */
export const executable: Option.Option<string> = Option.fromNullable(
  [process.env["CHROMIUM_PATH"], ...installed()].find((file) => file !== undefined && fs.existsSync(file))
)

/** Where a missing browser is a failure instead of a skipped test. */
export const isRequired: boolean = (process.env["EFFECT_OAUTH_REQUIRE_BROWSER"] ?? "") !== ""

export interface Window {
  readonly context: BrowserContext
  readonly page: Page
  /** Everything the browser asked for, and what its console complained about. */
  readonly requests: ReadonlyArray<Request>
  readonly complaints: ReadonlyArray<{ readonly url: string; readonly text: string }>
}

/** A fresh window with its own cookies; the browser ends with the scope. */
export const open = (executablePath: string): Effect.Effect<Window, never, Scope.Scope> =>
  Effect.gen(function* () {
    const browser = yield* Effect.acquireRelease(
      Effect.promise(() =>
        chromium.launch({
          executablePath,
          headless: true,
          args: [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"
          ]
        })
      ),
      (browser) => Effect.promise(() => browser.close())
    )
    const context = yield* Effect.promise(() => browser.newContext())
    const page = yield* Effect.promise(() => context.newPage())
    const requests: Array<Request> = []
    const complaints: Array<{ readonly url: string; readonly text: string }> = []
    page.on("request", (request) => requests.push(request))
    page.on("pageerror", (error) => complaints.push({ url: page.url(), text: error.message }))
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push({ url: message.location().url, text: message.text() })
    })
    return { context, page, requests, complaints }
  })
