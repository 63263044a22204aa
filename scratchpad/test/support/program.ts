import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"

export const root: string = fileURLToPath(new URL("../../..", import.meta.url))

export interface Ended {
  /** None where it was killed. */
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** Runs a program of the scratchpad as its own process, as its first lines say. */
export const run = (file: string, ...parameters: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.async<Ended>((resume) => {
    const flags = ["--conditions=effect-oauth-source", "--import", "tsx"]
    const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" }
    const child = execFile(
      process.execPath,
      [...flags, file, ...parameters],
      { cwd: root, env },
      (_error, stdout, stderr) => {
        resume(Effect.succeed({ code: child.exitCode, output: stdout, errors: stderr }))
      }
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Whether anything accepts connections at a port of this machine. */
export const listens = (port: number): Effect.Effect<boolean> =>
  Effect.async<boolean>((resume) => {
    const socket = connect({ port, host: "127.0.0.1" })
    const answer = (accepted: boolean) => () => {
      socket.destroy()
      resume(Effect.succeed(accepted))
    }
    socket.once("connect", answer(true)).once("error", answer(false))
  })
