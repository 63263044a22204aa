/** Everything that a program may print of a failure. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import { inspect } from "node:util"

const deep = { depth: null, showHidden: true, getters: true, breakLength: Infinity } as const

const printed = (value: unknown): ReadonlyArray<string> => [
  String(value),
  JSON.stringify(value) ?? "",
  inspect(value, deep)
]

/** A cause as a logger or an exporter of spans prints it. */
export const ofCause = (cause: Cause.Cause<unknown>): string =>
  Cause.isEmpty(cause) ? "" : [...printed(cause), Cause.pretty(cause, { renderErrorCause: true })].join("\n")

/** An exit as it is printed: as a value, as an error, as a rejection that nobody caught. */
export const ofExit = (exit: Exit.Exit<unknown, unknown>): string => {
  if (exit._tag === "Success") return ""
  const error = Cause.squash(exit.cause)
  return [
    ofCause(exit.cause),
    inspect(exit, deep),
    ...printed(error),
    inspect(error),
    ...printed(Runtime.makeFiberFailure(exit.cause))
  ].join("\n")
}
