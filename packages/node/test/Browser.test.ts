import { assert, describe, it } from "@effect/vitest"
import * as Browser from "effect-oauth-node/Browser"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"

const url = "https://issuer.example/authorize?client_id=cli&state=s&scope=openid%20email"

const machine = (
  platform: string,
  env: Record<string, string | undefined>,
  commands: ReadonlyArray<string>,
  release = "6.1.0"
): Browser.Environment => ({
  platform,
  release,
  env,
  find: (command) =>
    commands.includes(command)
      ? Option.some(/^([A-Z]:)?[\\/]/.test(command) ? command : `/usr/bin/${command}`)
      : Option.none()
})

/** What would be run, in order, or why nothing. */
const planned = (environment: Browser.Environment): ReadonlyArray<ReadonlyArray<string>> | string => {
  const plan = Browser.plan(environment)
  return plan._tag === "NoBrowser"
    ? plan.why
    : plan.launches.map(({ args, command }) => [command, ...args(url)])
}

describe("Browser.plan", () => {
  const display = { DISPLAY: ":0" }
  const ssh = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" }
  const rundll32 = "C:\\Windows\\System32\\rundll32.exe"
  const interop = "/mnt/c/Windows/System32/rundll32.exe"
  const fileProtocolHandler = ["url.dll,FileProtocolHandler", url]
  const linux = ["xdg-open", "gio", "sensible-browser"]

  const plans: ReadonlyArray<readonly [string, Browser.Environment, ReadonlyArray<ReadonlyArray<string>>]> = [
    ["macOS", machine("darwin", {}, ["/usr/bin/open", "open"]), [["/usr/bin/open", url]]],
    [
      "Windows, without cmd and by its full path",
      machine("win32", { SystemRoot: "C:\\Windows" }, [rundll32, "rundll32", "cmd"]),
      [[rundll32, ...fileProtocolHandler]]
    ],
    [
      "Linux with X",
      machine("linux", display, linux),
      [
        ["/usr/bin/xdg-open", url],
        ["/usr/bin/gio", "open", url],
        ["/usr/bin/sensible-browser", url]
      ]
    ],
    [
      "Linux with Wayland",
      machine("linux", { WAYLAND_DISPLAY: "wayland-0" }, ["xdg-open"]),
      [["/usr/bin/xdg-open", url]]
    ],
    ["FreeBSD", machine("freebsd", display, ["xdg-open"]), [["/usr/bin/xdg-open", url]]],
    ["Android", machine("android", {}, ["termux-open-url"]), [["/usr/bin/termux-open-url", url]]],
    [
      "WSL without display, through interop",
      machine("linux", { WSL_DISTRO_NAME: "Debian" }, [interop, "xdg-open"]),
      [[interop, ...fileProtocolHandler]]
    ],
    [
      "WSL known by its kernel alone",
      machine("linux", {}, [interop], "5.15.90.1-microsoft-standard-WSL2"),
      [[interop, ...fileProtocolHandler]]
    ],
    [
      "WSL with a display tries Windows first",
      machine("linux", { ...display, WSL_INTEROP: "/run/WSL/1_interop" }, ["wslview", "xdg-open"]),
      [
        ["/usr/bin/wslview", url],
        ["/usr/bin/xdg-open", url]
      ]
    ],
    [
      "SSH with a forwarded display",
      machine("linux", { ...ssh, ...display }, ["xdg-open"]),
      [["/usr/bin/xdg-open", url]]
    ],
    [
      "$BROWSER first",
      machine("linux", { ...display, BROWSER: "firefox:chromium" }, ["firefox", "chromium", "xdg-open"]),
      [
        ["/usr/bin/firefox", url],
        ["/usr/bin/chromium", url],
        ["/usr/bin/xdg-open", url]
      ]
    ],
    [
      "$BROWSER with arguments, each its own",
      machine("linux", { ...display, BROWSER: "firefox --new-window %s" }, ["firefox"]),
      [["/usr/bin/firefox", "--new-window", url]]
    ],
    [
      "$BROWSER of a remote editor, in an SSH session",
      machine("linux", { ...ssh, BROWSER: "/srv/editor/helpers/browser.sh" }, [
        "/srv/editor/helpers/browser.sh"
      ]),
      [["/srv/editor/helpers/browser.sh", url]]
    ],
    [
      "$BROWSER that is a text browser is passed over",
      machine("linux", { ...display, BROWSER: "w3m:/usr/bin/lynx" }, ["w3m", "/usr/bin/lynx", "xdg-open"]),
      [["/usr/bin/xdg-open", url]]
    ]
  ]
  for (const [name, environment, expected] of plans) {
    it(name, () => {
      assert.deepStrictEqual(planned(environment), expected)
    })
  }

  const obstacles: ReadonlyArray<readonly [string, Browser.Environment, RegExp]> = [
    ["no display", machine("linux", {}, linux), /no display/],
    ["an empty DISPLAY", machine("linux", { DISPLAY: "" }, linux), /no display/],
    ["SSH without display", machine("linux", ssh, linux), /SSH session/],
    ["SSH on macOS", machine("darwin", ssh, ["/usr/bin/open"]), /SSH session/],
    ["SSH on Windows", machine("win32", { SSH_CLIENT: "x" }, [rundll32]), /SSH session/],
    ["SSH into WSL", machine("linux", { ...ssh, WSL_DISTRO_NAME: "Debian" }, [interop]), /SSH session/],
    ["CI", machine("linux", { ...display, CI: "true" }, linux), /CI job/],
    ["CI on macOS", machine("darwin", { CI: "1" }, ["/usr/bin/open"]), /CI job/],
    ["no command", machine("linux", display, []), /no command .* was found \(looked for xdg-open/],
    ["WSL without interop", machine("linux", { WSL_DISTRO_NAME: "x" }, ["xdg-open"]), /no command/],
    ["BROWSER=none", machine("linux", { ...display, BROWSER: "none" }, linux), /BROWSER is set to none/],
    ["$BROWSER that does not exist, no display", machine("linux", { BROWSER: "gone" }, linux), /no display/]
  ]
  for (const [name, environment, expected] of obstacles) {
    it(`knows why there is none: ${name}`, () => {
      const why = planned(environment)
      assert.isString(why)
      assert.match(String(why), expected)
    })
  }

  it("CI=false is no CI job", () => {
    assert.isArray(planned(machine("linux", { ...display, CI: "false" }, linux)))
  })

  it("wslview builds a PowerShell command line: what means something there is escaped", () => {
    const plan = Browser.plan(machine("linux", { WSL_DISTRO_NAME: "x" }, ["wslview"]))
    const args = plan._tag === "Open" ? plan.launches[0].args("https://a.example/?x=$(calc)`a`;'b'&c") : []
    assert.deepStrictEqual(args, ["https://a.example/?x=%24%28calc%29%60a%60%3B%27b%27&c"])
  })
})

/** A machine whose commands are scripts: each writes its arguments, one a line and whole, into `arguments`. */
const scripted = (
  commands: Readonly<Record<string, string>>,
  env: Record<string, string> = {}
): Effect.Effect<
  { readonly environment: Browser.Environment; readonly seen: Effect.Effect<ReadonlyArray<string>> },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const dir = yield* Effect.acquireRelease(
      Effect.promise(() => fs.mkdtemp(path.join(os.tmpdir(), "browser-"))),
      (dir) => Effect.promise(() => fs.rm(dir, { recursive: true, force: true }))
    )
    const log = path.join(dir, "arguments")
    for (const [name, body] of Object.entries(commands)) {
      const script = `#!/bin/sh\nprintf '%s\\n' "${name}" "$@" >> "${log}"\n${body}\n`
      yield* Effect.promise(() => fs.writeFile(path.join(dir, name), script, { mode: 0o755 }))
    }
    const environment: Browser.Environment = {
      platform: "linux",
      release: "6.1.0",
      env: { PATH: process.env["PATH"], DISPLAY: ":99", ...env },
      find: (command) => (command in commands ? Option.some(path.join(dir, command)) : Option.none())
    }
    const seen = Effect.promise(() => fs.readFile(log, "utf8").catch(() => "")).pipe(
      Effect.map((text) => text.split("\n").slice(0, -1))
    )
    return { environment, seen }
  })

describe("Browser.open", () => {
  const hostile = [
    "https://a.example/?x=$(calc)&calc&y=`id`|id;id",
    "https://a.example/?x=%USERPROFILE%&y='q'",
    "https://a.example/--renderer-cmd-prefix=calc?-x",
    "http://127.0.0.1:8080/authorize?a=*&b=~&c=$HOME&d=%20!!"
  ]
  for (const text of hostile) {
    it.scopedLive(`peers 4c 63: ${text} arrives as one argument, and nothing of it is run`, () =>
      Effect.gen(function* () {
        const { environment, seen } = yield* scripted({ "xdg-open": "exit 0" })
        yield* Browser.make(environment).open(text)
        assert.deepStrictEqual(yield* seen, ["xdg-open", new URL(text).href])
      })
    )
  }

  const refused = [
    "file:///etc/passwd",
    "javascript:alert(1)",
    "ms-settings:privacy",
    "data:text/html,x",
    "JAVASCRIPT:alert(1)",
    "--renderer-cmd-prefix=calc",
    "-a Calculator",
    "/etc/passwd",
    "issuer.example/authorize",
    "",
    " https://a.example/",
    "https://a.example/\n--flag",
    "https://a.example/\u0000",
    "https://a.example/\u001b[2J",
    "java\nscript:alert(1)",
    "https://a.example/a b",
    "https://issuer.example@evil.example/",
    "https://u:p@issuer.example/"
  ]
  for (const text of refused) {
    it.scopedLive(`peers 4c 62, 64: ${JSON.stringify(text)} is not opened`, () =>
      Effect.gen(function* () {
        const { environment, seen } = yield* scripted({ "xdg-open": "exit 0" })
        const error = yield* Effect.flip(Browser.make(environment).open(text))
        assert.strictEqual(error.reason, "no_browser")
        assert.match(error.message, /^The URL was not opened: /)
        assert.deepStrictEqual(yield* seen, [])
      })
    )
  }

  it.scopedLive("a command that fails at once gives way to the next", () =>
    Effect.gen(function* () {
      const { environment, seen } = yield* scripted({ "xdg-open": "exit 3", gio: "exit 0" })
      yield* Browser.make(environment).open(url)
      assert.deepStrictEqual(yield* seen, ["xdg-open", url, "gio", "open", url])
    })
  )

  it.scopedLive("when all fail, the error names each and shows nothing of the URL", () =>
    Effect.gen(function* () {
      const { environment } = yield* scripted({ "xdg-open": "exit 3", gio: "kill -9 $$" })
      const error = yield* Effect.flip(Browser.make(environment).open(url))
      assert.match(error.message, /xdg-open ended with code 3; .*gio ended with SIGKILL\.$/)
      assert.notInclude(JSON.stringify(error), "issuer.example")
    })
  )

  it.scopedLive("a browser command that is missing is a clear error", () =>
    Effect.gen(function* () {
      const { environment } = yield* scripted({})
      const gone = { ...environment, find: () => Option.some("/nowhere/xdg-open") }
      const error = yield* Effect.flip(Browser.make(gone).open(url))
      assert.strictEqual(error.reason, "no_browser")
      assert.include(error.message, "/nowhere/xdg-open could not be started")
    })
  )

  it.scopedLive("an URL that is longer than an argument may be is an error, not a crash", () =>
    Effect.gen(function* () {
      const { environment } = yield* scripted({ "xdg-open": "exit 0" })
      const error = yield* Effect.flip(Browser.make(environment).open(`${url}&x=${"x".repeat(4_000_000)}`))
      assert.include(error.message, "could not be started")
    })
  )

  it.scopedLive("a browser that keeps running is not waited for", () =>
    Effect.gen(function* () {
      const { environment, seen } = yield* scripted({ "xdg-open": "exec sleep 8" })
      yield* Browser.make(environment).open(url)
      assert.deepStrictEqual(yield* seen, ["xdg-open", url])
    })
  )

  it.effect("the layer describes the machine it is built on", () =>
    Effect.gen(function* () {
      const environment = yield* Browser.environment
      assert.strictEqual(environment.platform, process.platform)
      assert.isTrue(Option.isSome(environment.find("sh")))
      assert.isTrue(Option.isNone(environment.find("./sh")))
      assert.isTrue(Option.isNone(environment.find("no-such-command-anywhere")))
      assert.isFunction((yield* Browser.Browser).open)
    }).pipe(Effect.provide(Browser.layer))
  )
})
