/** Everything that a program may print of a failure. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import { inspect } from "node:util"

const deep = { depth: null, showHidden: true, getters: true, breakLength: Infinity } as const

const printed = (error: unknown): ReadonlyArray<string> => [
  String(error),
  JSON.stringify(error) ?? "",
  inspect(error),
  inspect(error, deep),
  error instanceof Error ? `${error.stack}` : ""
]

/** An exit as it is printed: as a value, as a cause, as a rejection that nobody caught. */
export const ofExit = (exit: Exit.Exit<unknown, unknown>): string => {
  if (exit._tag === "Success") return ""
  const cause = exit.cause
  const squashed = Cause.squash(cause)
  return [
    ...printed(exit),
    ...printed(cause),
    ...printed(squashed),
    ...printed(Runtime.makeFiberFailure(cause)),
    Cause.pretty(cause),
    Cause.pretty(cause, { renderErrorCause: true })
  ].join("\n")
}
