/**
 * Opening the person's browser.
 *
 * @since 0.1.0
 */
import { LoginError } from "effect-oauth/OAuthError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { launch } from "./internal/browserLaunch.js"
import * as Planning from "./internal/browserPlan.js"

const operation = "Browser.open"

/**
 * Opens web pages for the person at the machine. Provide another implementation to open them elsewhere, or to
 * have a test follow the URL itself.
 *
 * @since 0.1.0
 * @category services
 */
export class Browser extends Context.Tag("effect-oauth/Browser")<Browser, Browser.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Browser {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Opens the URL and returns as soon as a browser is starting.
     *
     * The URL may come from a server: it must be absolute, http or https, without user name, password or control
     * characters, and reaches the browser's program as one argument, never through a shell.
     *
     * Fails with `LoginError` `no_browser`, whose message says why: the URL is refused, or there is no browser
     * here (an SSH session, no display, a CI job, no command). It never contains the URL.
     */
    readonly open: (url: string) => Effect.Effect<void, LoginError>
  }
}

/**
 * What is known about the machine.
 *
 * @since 0.1.0
 * @category models
 */
export type Environment = Planning.Environment

/**
 * A program and its arguments, the URL one of them.
 *
 * @since 0.1.0
 * @category models
 */
export type Launch = Planning.Launch

/**
 * What to try, in this order, or why there is nothing to try.
 *
 * @since 0.1.0
 * @category models
 */
export type Plan = Planning.Plan

/**
 * Decides how to open a browser on such a machine, without touching it.
 *
 * `$BROWSER` first, except on Windows (an editor's remote session sets it to reach the person's own machine);
 * then `open` on macOS, `rundll32 url.dll,FileProtocolHandler` on Windows and, through interop, in WSL;
 * `xdg-open` and its kind where there is a display. A CI job, an SSH session and a machine without display have
 * no browser, unless `$BROWSER` names one; `BROWSER=none` says that there is none.
 *
 * @since 0.1.0
 * @category planning
 */
export const plan: (environment: Environment) => Plan = Planning.plan

const fail = (message: string): LoginError => new LoginError({ reason: "no_browser", operation, message })

/** The URL as a browser may be given it, or why it may not. */
const checkUrl = (text: string): Effect.Effect<string, LoginError> => {
  if (/[\p{Cc}\p{Cf}\p{Z}]/u.test(text))
    return fail("The URL was not opened: it contains blanks or control characters.")
  if (!URL.canParse(text)) return fail("The URL was not opened: it is not an absolute URL.")
  const url = new URL(text)
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return fail("The URL was not opened: only http and https are.")
  }
  if (url.username !== "" || url.password !== "") {
    return fail("The URL was not opened: it contains a user name or a password.")
  }
  return Effect.succeed(url.href)
}

const isExecutable = (file: string): boolean => {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return fs.statSync(file).isFile()
  } catch {
    return false
  }
}

/** Looks a command up as a shell would, but never in the working directory. */
const findIn =
  (searchPath: string) =>
  (command: string): Option.Option<string> => {
    if (path.isAbsolute(command)) return isExecutable(command) ? Option.some(command) : Option.none()
    if (command.includes("/") || command.includes("\\")) return Option.none()
    const files = searchPath.split(path.delimiter).filter(path.isAbsolute)
    return Option.fromNullable(files.map((dir) => path.join(dir, command)).find(isExecutable))
  }

/**
 * This machine, as of now.
 *
 * @since 0.1.0
 * @category planning
 */
export const environment: Effect.Effect<Environment> = Effect.sync(() => ({
  platform: process.platform,
  release: os.release(),
  env: process.env,
  find: findIn(process.env["PATH"] ?? "")
}))

/**
 * Opens browsers on a machine that is described by the caller.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (environment: Environment): Browser.Service => ({
  open: (text) =>
    Effect.gen(function* () {
      const url = yield* checkUrl(text)
      const decided = plan(environment)
      if (decided._tag === "NoBrowser") return yield* fail(`No browser was opened: ${decided.why}.`)
      const troubles: Array<string> = []
      for (const candidate of decided.launches) {
        const trouble = yield* launch(candidate, url, environment.env)
        if (Option.isNone(trouble)) return
        troubles.push(`${candidate.command} ${trouble.value}`)
      }
      return yield* fail(`No browser was opened: ${troubles.join("; ")}.`)
    })
})

/**
 * The browser of this machine.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Browser> = Layer.effect(Browser, Effect.map(environment, make))
