/** Where a person's programs keep what they remember. */
import * as Option from "effect/Option"
import { posix, win32 } from "node:path"

/** What of a machine says where. */
export interface Machine {
  readonly platform: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly home: string
}

const folder = "effect-oauth"

/**
 * `XDG_STATE_HOME` or `~/.local/state`; `~/Library/Application Support` on
 * macOS; on Windows the local folder rather than the one that roams. A variable
 * that is not an absolute path does not count. None where there is no home.
 */
export const stateDirectory = ({ environment, home, platform }: Machine): Option.Option<string> => {
  const { isAbsolute, join } = platform === "win32" ? win32 : posix
  const named = (...names: ReadonlyArray<string>) =>
    Option.fromNullable(
      names.map((name) => environment[name]).find((path) => path !== undefined && isAbsolute(path))
    )
  const atHome = (...path: ReadonlyArray<string>) =>
    isAbsolute(home) ? Option.some(join(home, ...path)) : Option.none()
  const parent =
    platform === "win32"
      ? Option.orElse(named("LOCALAPPDATA", "APPDATA"), () => atHome("AppData", "Local"))
      : platform === "darwin"
        ? atHome("Library", "Application Support")
        : Option.orElse(named("XDG_STATE_HOME"), () => atHome(".local", "state"))
  return Option.map(parent, (path) => join(path, folder))
}
