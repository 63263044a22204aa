/**
 * Starting a program that outlives this one, without a shell.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { spawn } from "node:child_process"
import type { Launch } from "./browserPlan.js"

/** A command that cannot open anything says so at once; one that runs longer is a browser. */
const patience = Duration.seconds(1)

/**
 * Starts the program with the URL as one argument. Some: why it did not start, or ended at once with an error.
 * Neither waits for the program's end nor keeps this process alive for it.
 */
export const launch = (
  { args, command }: Launch,
  url: string,
  env: Readonly<Record<string, string | undefined>>
): Effect.Effect<Option.Option<string>> =>
  Effect.async<Option.Option<string>>((resume) => {
    const end = (why: Option.Option<string>) => resume(Effect.succeed(why))
    try {
      const child = spawn(command, args(url), {
        detached: true,
        env: { ...env },
        shell: false,
        stdio: "ignore",
        windowsHide: true
      })
      child.on("error", () => end(Option.some("could not be started")))
      child.once("exit", (code, signal) =>
        end(code === 0 ? Option.none() : Option.some(`ended with ${signal ?? `code ${code}`}`))
      )
      child.unref()
    } catch {
      end(Option.some("could not be started"))
    }
  }).pipe(
    Effect.interruptible,
    Effect.timeoutTo({ duration: patience, onSuccess: (why) => why, onTimeout: () => Option.none() })
  )
