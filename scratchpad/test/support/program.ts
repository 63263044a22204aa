import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"

export const root: string = fileURLToPath(new URL("../../..", import.meta.url))

export interface Ended {
  /** None where it was killed. */
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

const execute = (
  file: string,
  parameters: ReadonlyArray<string>,
  onEnd: (ended: Ended) => void
): ChildProcess => {
  const flags = ["--conditions=effect-oauth-source", "--import", "tsx"]
  const env = { ...process.env, NO_COLOR: "1", NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" }
  const child = execFile(
    process.execPath,
    [...flags, file, ...parameters],
    { cwd: root, env },
    (_error, stdout, stderr) => onEnd({ code: child.exitCode, output: stdout, errors: stderr })
  )
  return child
}

/** Runs a program of the scratchpad as its own process, as its first lines say. */
export const run = (file: string, ...parameters: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.async<Ended>((resume) => {
    const child = execute(file, parameters, (ended) => resume(Effect.succeed(ended)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

export interface Running {
  /** The first text of this shape that it writes, anywhere. */
  readonly says: (shape: RegExp) => Effect.Effect<string>
  /** What Ctrl-C does; waits for the end. */
  readonly interrupt: Effect.Effect<Ended>
  readonly ended: Effect.Effect<Ended>
}

/** Starts a program as `run` does, and leaves it running until the scope ends. */
export const start = (
  file: string,
  ...parameters: ReadonlyArray<string>
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function* () {
    const end = yield* Deferred.make<Ended>()
    let written = ""
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        execute(file, parameters, (ended) => Deferred.unsafeDone(end, Effect.succeed(ended)))
      ),
      (started) => Effect.sync(() => started.kill("SIGKILL"))
    )
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text: string | Buffer) => (written += text.toString()))
    }
    const says = (shape: RegExp): Effect.Effect<string> =>
      Effect.suspend(() => {
        const [found] = shape.exec(written) ?? []
        return found === undefined
          ? Effect.flatMap(Effect.sleep("20 millis"), () => says(shape))
          : Effect.succeed(found)
      })
    const ended = Deferred.await(end)
    return {
      says,
      ended,
      interrupt: Effect.zipRight(
        Effect.sync(() => child.kill("SIGINT")),
        ended
      )
    }
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
