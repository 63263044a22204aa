/** Directories for one test, and processes that work in them. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "secrets-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

export const modeOf = (...path: ReadonlyArray<string>): number => {
  const stats = fs.lstatSync(join(...path), { throwIfNoEntry: false })
  return stats === undefined ? 0o600 : stats.mode & 0o777
}

export const filesOf = (directory: string): ReadonlyArray<string> => fs.readdirSync(directory).sort()

/** A lock as its holder leaves it that was killed or stands still; gives the path of the holder's file. */
export const plantLock = (lock: string, text: string, ageSeconds = 0): string => {
  const holder = join(lock, randomBytes(12).toString("hex"))
  fs.mkdirSync(lock, { mode: 0o700, recursive: true })
  fs.writeFileSync(holder, text, { mode: 0o600 })
  const written = Date.now() / 1000 - ageSeconds
  fs.utimesSync(holder, written, written)
  return holder
}

const program = fileURLToPath(new URL("./secretProgram.ts", import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly numbers: ReadonlyArray<number>
  /** All that it said. */
  readonly text: string
}

export interface Counting {
  /** When it has said its first number. */
  readonly begun: Effect.Effect<void>
  readonly done: Effect.Effect<Ended>
  readonly kill: () => void
}

/** Starts a process that counts the entry `count` of the directory up. */
export const countUp = (
  directory: string,
  times: number,
  options: { readonly fileBlocks?: number } = {}
): Counting => {
  const command = [process.execPath, "--conditions=effect-oauth-source", "--import", "tsx", program]
  const limit = options.fileBlocks === undefined ? "" : `trap "" XFSZ; ulimit -f ${options.fileBlocks} && `
  const child = spawn("sh", ["-c", `${limit}exec "$@"`, "sh", ...command, directory, String(times)], {
    // what tsx remembers is no part of this
    env: { PATH: process.env["PATH"], TSX_DISABLE_CACHE: "1" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  const begun = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += String(chunk)
      resolve()
    })
    child.once("close", () => resolve())
  })
  child.stderr.on("data", (chunk: Buffer) => (stderr += String(chunk)))
  const done = new Promise<Ended>((resolve) =>
    child.once("close", (code) =>
      resolve({ code, text: stdout + stderr, numbers: stdout.split("\n").slice(0, -1).map(Number) })
    )
  )
  return {
    begun: Effect.promise(() => begun),
    done: Effect.onInterrupt(
      Effect.promise(() => done),
      () => Effect.sync(() => child.kill("SIGKILL"))
    ),
    kill: () => child.kill("SIGKILL")
  }
}
