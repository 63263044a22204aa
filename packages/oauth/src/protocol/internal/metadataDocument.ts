import type * as Effect from "effect/Effect"
import { ProtocolViolation } from "./exchangeErrors.js"

/** What the value of a member is: text, true or false, or a list of texts. */
type Kind = "text" | "flag" | "list"

/** The members that are known, with what their values are. */
export type Shape = Readonly<Record<string, Kind>>

interface Values {
  readonly text: string
  readonly flag: boolean
  readonly list: ReadonlyArray<string>
}

/** A document with the members of a shape, each of them optional, and any others as they came. */
export type Document<S extends Shape> = {
  readonly [Member in keyof S]?: Values[S[Member]] | undefined
} & { readonly [member: string]: unknown }

/**
 * Where a member is not what its shape says; none where all are. A table and a
 * loop, since a schema of seventy members weighs more in a browser than the
 * rest of discovery.
 */
export const wrongMember = (shape: Shape, json: Readonly<Record<string, unknown>>): string | undefined =>
  Object.keys(json).find((member) => {
    const kind = Object.hasOwn(shape, member) ? shape[member] : undefined
    const value = json[member]
    return kind !== undefined && value !== undefined && !is[kind](value)
  })

const is: { readonly [K in Kind]: (value: unknown) => boolean } = {
  text: (value) => typeof value === "string",
  flag: (value) => typeof value === "boolean",
  list: (value) => Array.isArray(value) && value.every((element) => typeof element === "string")
}

/**
 * A parsed document without `__proto__`, which JSON.parse makes an ordinary
 * member and a copy would take for a prototype, and without known members that
 * are null.
 */
export const tidy = (shape: Shape, json: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(json).filter(
      ([member, value]) => member !== "__proto__" && !(value === null && Object.hasOwn(shape, member))
    )
  )

export const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** A document that breaks its specification; names the member and never shows a value. */
export const violation = (
  operation: string,
  specification: string,
  reason: "missing" | "type",
  member: string
): Effect.Effect<never, ProtocolViolation> => {
  const says =
    member === ""
      ? "metadata is a JSON object"
      : `${member} ${reason === "missing" ? "is required" : "has the wrong type"}`
  return new ProtocolViolation({
    operation,
    reason,
    member,
    rule: `${specification}: ${says}`,
    message: `The metadata breaks ${specification}: ${says}.`
  })
}
