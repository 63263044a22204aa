/** Workers as processes of their own. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Scope from "effect/Scope"
import type { ChildProcessByStdio } from "node:child_process"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { bundle } from "../support/bundle.js"
import type { Task } from "./worker.js"

const outfile = fileURLToPath(
  new URL("../../node_modules/.cache/effect-oauth-faults/worker.mjs", import.meta.url)
)

/** Makes the program that `start` starts. */
export const prepare: Effect.Effect<void> = bundle("faults/worker.ts", outfile)

export interface Worker {
  /** What it says, a line each, until it has ended. */
  readonly lines: Stream.Stream<string>
  /** Tells it to stop. */
  readonly stop: Effect.Effect<void>
  /** How it ended: the exit code, or the signal. */
  readonly ended: Effect.Effect<number | string>
}

export const start = (task: Task): Effect.Effect<Worker, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync((): ChildProcessByStdio<Writable, Readable, null> =>
        spawn(process.execPath, [outfile, JSON.stringify(task)], { stdio: ["pipe", "pipe", "inherit"] })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => {
      const end = new Promise<number | string>((resolve) =>
        child.once("close", (code, signal) => resolve(code ?? signal ?? "nothing"))
      )
      return {
        lines: Stream.orDie(Stream.fromAsyncIterable(createInterface(child.stdout), String)),
        stop: Effect.sync(() => child.stdin.end()),
        ended: Effect.promise(() => end)
      }
    }
  )
