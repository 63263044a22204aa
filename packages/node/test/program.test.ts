/** A login as a process of its own: what it prints, how it ends, and that nothing of it stays. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as http from "node:http"
import { fileURLToPath } from "node:url"
import * as Http from "./support/http.js"

const code = "canary-code"
const accessToken = "canary-access-token"

/** An authorization server on loopback that grants whatever it is asked. */
const server: Effect.Effect<string, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<{ readonly issuer: string; readonly server: http.Server }>((resume) => {
      const server = http.createServer((request, response) => {
        const issuer = `http://${request.headers.host}`
        response.setHeader("content-type", "application/json")
        response.end(
          JSON.stringify(
            request.method === "POST"
              ? { access_token: accessToken, token_type: "Bearer", expires_in: 60 }
              : {
                  issuer,
                  authorization_endpoint: `${issuer}/authorize`,
                  token_endpoint: `${issuer}/token`,
                  response_types_supported: ["code"],
                  code_challenge_methods_supported: ["S256"]
                }
          )
        )
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ issuer: `http://127.0.0.1:${port}`, server }))
      })
    }),
    ({ server }) => Effect.sync(() => server.close().closeAllConnections())
  ),
  ({ issuer }) => issuer
)

const program = fileURLToPath(new URL("./support/loginProgram.ts", import.meta.url))

const run = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const shown = yield* Deferred.make<URL>()
    const ended = yield* Deferred.make<{ readonly code: number | null; readonly signal: string | null }>()
    let stdout = ""
    let stderr = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--conditions=effect-oauth-source", "--import", "tsx", program, ...args], {
          env: { PATH: process.env["PATH"], BROWSER: "none" },
          stdio: ["pipe", "pipe", "pipe"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    child.stdout.on("data", (chunk: Buffer) => (stdout += String(chunk)))
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += String(chunk)
      const url = /^ {2}(http\S+)$/m.exec(stderr)?.[1]
      if (url !== undefined) Deferred.unsafeDone(shown, Effect.succeed(new URL(url)))
    })
    child.once("close", (code, signal) => Deferred.unsafeDone(ended, Effect.succeed({ code, signal })))
    return {
      kill: (signal: NodeJS.Signals) => Effect.sync(() => child.kill(signal)),
      shown: Deferred.await(shown),
      ended: Effect.map(Deferred.await(ended), (how) => ({ ...how, stdout, stderr }))
    }
  })

const redirectUriOf = (url: URL) => url.searchParams.get("redirect_uri") ?? ""

describe("a program that logs in", { timeout: 30_000 }, () => {
  it.scopedLive("ends by itself as soon as it is done, and prints no secret", () =>
    Effect.gen(function* () {
      const issuer = yield* server
      const login = yield* run(issuer)
      const url = yield* login.shown
      const state = url.searchParams.get("state") ?? ""
      const page = yield* Http.request(`${redirectUriOf(url)}?code=${code}&state=${state}`)
      assert.strictEqual(page.status, 200)
      const { code: exitCode, stderr, stdout } = yield* login.ended
      assert.strictEqual(exitCode, 0)
      assert.strictEqual(stdout, `logged in at ${issuer}\n`)
      assert.include(stderr, "No browser was opened: BROWSER is set to none.")
      for (const secret of [code, accessToken]) assert.notInclude(stderr + stdout, secret)
    })
  )

  it.scopedLive("ends when it is denied", () =>
    Effect.gen(function* () {
      const login = yield* run(yield* server)
      const url = yield* login.shown
      const state = url.searchParams.get("state") ?? ""
      yield* Http.request(`${redirectUriOf(url)}?error=access_denied&state=${state}`)
      const { code: exitCode, stdout } = yield* login.ended
      assert.strictEqual(exitCode, 3)
      assert.strictEqual(stdout, "denied\n")
    })
  )

  it.scopedLive("ends when nobody answers in time", () =>
    Effect.gen(function* () {
      const login = yield* run(yield* server, "200")
      const { code: exitCode, stdout } = yield* login.ended
      assert.strictEqual(exitCode, 3)
      assert.strictEqual(stdout, "timed_out\n")
    })
  )

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.scopedLive(`${signal} ends the process, whatever connections are open`, () =>
      Effect.gen(function* () {
        const login = yield* run(yield* server)
        const redirectUri = redirectUriOf(yield* login.shown)
        const idle = yield* Http.connect(redirectUri)
        const drained = yield* Effect.fork(Http.drain(idle))
        yield* login.kill(signal)
        yield* login.ended
        yield* Fiber.join(drained)
        assert.isFalse(yield* Http.canConnect(redirectUri))
      })
    )
  }
})
