/**
 * Where a browser is, and why there is none: decided from what is known about the machine, without touching it.
 */
import * as Option from "effect/Option"

/**
 * What is known about the machine.
 *
 * @since 0.1.0
 * @category models
 */
export interface Environment {
  /** As `process.platform`. */
  readonly platform: string
  /** As `os.release()`: the Windows Subsystem for Linux is recognised by it. */
  readonly release: string
  /** As `process.env`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The absolute path of a command, or of an absolute path itself if it can be executed. */
  readonly find: (command: string) => Option.Option<string>
}

/**
 * A program and its arguments, the URL one of them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Launch {
  readonly command: string
  readonly args: (url: string) => ReadonlyArray<string>
}

/**
 * What to try, in this order, or why there is nothing to try.
 *
 * @since 0.1.0
 * @category models
 */
export type Plan =
  | { readonly _tag: "Open"; readonly launches: readonly [Launch, ...Array<Launch>] }
  | { readonly _tag: "NoBrowser"; readonly why: string }

const noBrowser = (why: string): Plan => ({ _tag: "NoBrowser", why })

const last = (url: string): ReadonlyArray<string> => [url]

/** `wslview` pastes its argument into a PowerShell command line: what means something there is escaped. */
const forPowerShell = (url: string): ReadonlyArray<string> => [
  url.replace(/[$`'"();|{}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
]

const fileProtocolHandler = (url: string): ReadonlyArray<string> => ["url.dll,FileProtocolHandler", url]

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ""

const isOn = (value: string | undefined): boolean => isSet(value) && !/^(0|false|no|off)$/i.test(value)

/** Browsers that need the terminal, which is not theirs. */
const isTextBrowser = (command: string): boolean =>
  /(^|\/)(www-browser|lynx|w3m|e?links2?|browsh|carbonyl)$/.test(command)

/** `$BROWSER`: commands separated by colons; `%s` stands for the URL, which is the last argument otherwise. */
const named = (environment: Environment): ReadonlyArray<Launch> => {
  const { BROWSER } = environment.env
  if (!isSet(BROWSER) || environment.platform === "win32") return []
  return BROWSER.split(":").flatMap((entry) => {
    const [name = "", ...words] = entry.trim().split(/\s+/)
    if (name === "" || isTextBrowser(name)) return []
    const args = (url: string): ReadonlyArray<string> =>
      words.some((word) => word.includes("%s"))
        ? words.map((word) => word.replaceAll("%s", () => url))
        : [...words, url]
    return Option.toArray(Option.map(environment.find(name), (command) => ({ command, args })))
  })
}

const isWsl = ({ env, platform, release }: Environment): boolean =>
  platform === "linux" &&
  (isSet(env["WSL_DISTRO_NAME"]) || isSet(env["WSL_INTEROP"]) || /microsoft/i.test(release))

const hasDisplay = ({ env }: Environment): boolean => isSet(env["DISPLAY"]) || isSet(env["WAYLAND_DISPLAY"])

const isRemote = ({ env }: Environment): boolean =>
  isSet(env["SSH_CONNECTION"]) || isSet(env["SSH_CLIENT"]) || isSet(env["SSH_TTY"])

const desktop: ReadonlyArray<readonly [name: string, args: Launch["args"]]> = [
  ["xdg-open", last],
  ["gio", (url) => ["open", url]],
  ["sensible-browser", last],
  ["x-www-browser", last]
]

const interop: ReadonlyArray<readonly [name: string, args: Launch["args"]]> = [
  ["/mnt/c/Windows/System32/rundll32.exe", fileProtocolHandler],
  ["rundll32.exe", fileProtocolHandler],
  ["wslview", forPowerShell]
]

const candidates = (environment: Environment): ReadonlyArray<readonly [string, Launch["args"]]> => {
  switch (environment.platform) {
    case "darwin":
      return [["/usr/bin/open", last]]
    case "win32": {
      // by its full path: Windows would look into the working directory first
      const root = environment.env["SystemRoot"] ?? environment.env["SYSTEMROOT"] ?? "C:\\Windows"
      return [[`${root}\\System32\\rundll32.exe`, fileProtocolHandler]]
    }
    case "android":
      return [["termux-open-url", last]]
    default:
      return [...(isWsl(environment) ? interop : []), ...(hasDisplay(environment) ? desktop : [])]
  }
}

/** Why nothing should be tried at all, although a command may exist. */
const obstacle = (environment: Environment): Option.Option<string> => {
  const { env, platform } = environment
  const hasOwnScreen = platform === "darwin" || platform === "win32" || platform === "android"
  if (isOn(env["CI"])) return Option.some("this is a CI job (CI is set)")
  if (isRemote(environment) && (hasOwnScreen || !hasDisplay(environment))) {
    return Option.some("this is an SSH session without a display")
  }
  if (hasOwnScreen || hasDisplay(environment) || isWsl(environment)) return Option.none()
  return Option.some("this machine has no display (neither DISPLAY nor WAYLAND_DISPLAY is set)")
}

/** See `Browser.plan`. */
export const plan = (environment: Environment): Plan => {
  if (/^(none|false|0)$/i.test(environment.env["BROWSER"] ?? "")) return noBrowser("BROWSER is set to none")
  const obstructed = obstacle(environment)
  const found = Option.isSome(obstructed)
    ? []
    : candidates(environment).flatMap(([name, args]) =>
        Option.toArray(Option.map(environment.find(name), (command) => ({ command, args })))
      )
  const [first, ...others] = [...named(environment), ...found]
  if (first !== undefined) return { _tag: "Open", launches: [first, ...others] }
  if (Option.isSome(obstructed)) return noBrowser(obstructed.value)
  const looked = candidates(environment).map(([name]) => name)
  return noBrowser(`no command that opens one was found (looked for ${looked.join(", ")})`)
}
