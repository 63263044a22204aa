import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { ProtocolViolation } from "../OAuthError.js"

/** How a kind of metadata document is read. */
interface Kind {
  /** The members which the schema knows. */
  readonly known: ReadonlyArray<string>
  /** Known members that are objects of the same manner. */
  readonly nested: ReadonlyArray<string>
  /** Where its members are defined, as in `"RFC 8414 section 2"`. */
  readonly specification: string
}

/** Reads a metadata document; its errors name a member and never show a value. */
export const decoder = <A, I>(
  schema: Schema.Schema<A, I>,
  kind: Kind
): ((operation: string, json: unknown) => Effect.Effect<A, ProtocolViolation>) => {
  const parse = ParseResult.decodeUnknownEither(schema, { errors: "first" })
  return (operation, json) => {
    if (!isObject(json)) {
      return Effect.fail(
        new ProtocolViolation({
          operation,
          reason: "type",
          message: `The metadata is not a JSON object (${kind.specification}).`,
          member: "",
          rule: `${kind.specification}: metadata is a JSON object`
        })
      )
    }
    return Either.match(parse(tidy(kind, json)), {
      onRight: Effect.succeed,
      onLeft: (issue) => Effect.fail(violation(kind, operation, placeOf(issue)))
    })
  }
}

const isObject = (json: unknown): json is Record<string, unknown> => Predicate.isRecord(json)

/**
 * Leaves out `__proto__`, which JSON.parse makes an ordinary member and a copy
 * would take for a prototype, and known members that are null.
 */
const tidy = (kind: Kind, json: Record<string, unknown>): Record<string, unknown> => {
  const kept = Object.entries(json).filter(
    ([name, value]) => name !== "__proto__" && !(value === null && kind.known.includes(name))
  )
  return Object.fromEntries(
    kept.map(([name, value]) => [
      name,
      kind.nested.includes(name) && isObject(value) ? tidy(kind, value) : value
    ])
  )
}

interface Place {
  readonly member: string
  readonly missing: boolean
}

/** The member an issue is about. Of what the formatter says only the path and the kind are used, never its text. */
const placeOf = (issue: ParseResult.ParseIssue): Place => {
  const [first] = ParseResult.ArrayFormatter.formatIssueSync(issue)
  return {
    member: (first?.path ?? []).filter(Predicate.isString).join("."),
    missing: first?._tag === "Missing"
  }
}

const violation = (kind: Kind, operation: string, place: Place): ProtocolViolation => {
  const says = place.missing ? "is required" : "has the wrong type"
  return new ProtocolViolation({
    operation,
    reason: place.missing ? "missing" : "type",
    message: `The metadata breaks ${kind.specification}: ${place.member} ${says}.`,
    member: place.member,
    rule: `${kind.specification}: ${place.member} ${says}`
  })
}
