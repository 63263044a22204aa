import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"
import { browse } from "../support/userAgent.js"
import type { Ended } from "./support/program.js"
import { root } from "./support/program.js"

const home = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "readme-cli-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** Runs the program of the README; a person opens the address that it prints. */
const cli = (state: string, ...parameters: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const ended: Ended = yield* Effect.async<Ended>((resume) => {
      const flags = [
        "--conditions=effect-oauth-source",
        "--import",
        "tsx",
        "scratchpad/examples/readme/cli.ts"
      ]
      const env = { ...process.env, HOME: state, XDG_STATE_HOME: state, BROWSER: "none", NO_COLOR: "1" }
      const child = spawn(process.execPath, [...flags, ...parameters], { cwd: root, env, stdio: "pipe" })
      let output = ""
      let errors = ""
      let opened = false
      child.stdout.on("data", (chunk) => (output += String(chunk)))
      child.stderr.on("data", (chunk) => {
        errors += String(chunk)
        const [url] = /http:\S+\?\S+\n/.exec(errors) ?? []
        if (url === undefined || opened) return
        opened = true
        Effect.runFork(browse(url.trim(), "ada"))
      })
      child.on("close", (code) => resume(Effect.succeed({ code, output, errors })))
      return Effect.sync(() => child.kill("SIGKILL"))
    })
    assert.strictEqual(ended.code, 0, ended.errors)
    return ended.output.trim()
  })

describe("the command-line program of the README", () => {
  it.live(
    "logs a person in, calls an API for them in another process, and logs them out",
    () =>
      Effect.gen(function* () {
        const { issuer } = yield* startProvider()
        const { resource } = yield* startNotesApi({ issuer, scope: "notes:read" })
        const state = yield* home

        assert.include(yield* cli(state, "notes", issuer, resource), "Nobody is logged in")
        assert.strictEqual(yield* cli(state, "login", issuer, resource), "Logged in.")
        const notes = yield* cli(state, "notes", issuer, resource)
        assert.match(notes, /^200 .*"buy milk"/)
        assert.include(notes, '"reader":"ada"')
        assert.isNotEmpty(readdirSync(state))
        // The refresh token is revoked: OAuth.layerKeyless has Revocation. This server revokes no access token that is a JWT.
        assert.strictEqual(
          yield* cli(state, "logout", issuer, resource),
          "Logged out. Good until it expires: the access_token."
        )
        assert.include(yield* cli(state, "notes", issuer, resource), "Nobody is logged in")
      }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici)),
    60_000
  )
})
