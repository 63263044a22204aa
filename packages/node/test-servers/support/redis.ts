/** Debian's redis-server on loopback, in a directory of its own. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"

/** `REDIS_SERVER_PATH`, or the first server of the system. */
export const executable: Option.Option<string> = Option.fromNullable(
  [
    process.env["REDIS_SERVER_PATH"],
    ...(process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, "redis-server"))
  ].find((file) => file !== undefined && fs.existsSync(file))
)

/** Where a missing server is a failure instead of a skipped test. */
export const isRequired: boolean = (process.env["EFFECT_OAUTH_REQUIRE_REDIS"] ?? "") !== ""

export interface Server {
  readonly port: number
  readonly url: string
  readonly start: Effect.Effect<void>
  /** Without a chance to save anything but what it saved before. */
  readonly kill: Effect.Effect<void>
  /** Answers nothing from now on, or again. */
  readonly signal: (name: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
}

const freePort: Effect.Effect<number> = Effect.async((resume) => {
  const server = net.createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address ? address.port : 0)))
  })
})

const answers = (port: number): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    const end = (isThere: boolean) => {
      socket.destroy()
      resume(Effect.succeed(isThere))
    }
    socket.once("data", (data) => end(String(data).startsWith("+PONG")))
    socket.once("error", () => end(false))
  })

/** A server that keeps what it was told (every write goes to the disk), also when it is killed and started again. */
export const serve = (command: string): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = fs.mkdtempSync(path.join(tmpdir(), "redis-"))
    const port = yield* freePort
    let child: ChildProcess | undefined
    const start = Effect.gen(function* () {
      const options = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
      const durable = ["--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"]
      child = spawn(command, [...options, ...durable], { stdio: "ignore" })
      yield* Effect.repeat(Effect.delay(answers(port), 20), { until: (isThere) => isThere }).pipe(
        Effect.timeout("20 seconds"),
        Effect.orDie
      )
    })
    const kill = Effect.async<void>((resume) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null)
        return resume(Effect.void)
      child.once("exit", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        kill,
        Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
      )
    )
    yield* start
    return {
      port,
      url: `redis://127.0.0.1:${port}`,
      start,
      kill,
      signal: (name) => Effect.sync(() => child?.kill(name))
    }
  })
