/** What a program may ask for: its own mistakes, told before anything is sent. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ProtocolViolation } from "../../protocol/OAuthError.js"
import * as Scope from "../../protocol/Scope.js"
import { violation } from "./violation.js"

/** Each scope is one token (RFC 6749 section 3.3). */
export const scope = (
  operation: string,
  wanted: ReadonlyArray<string> | undefined
): Effect.Effect<void, ProtocolViolation> =>
  Option.match(Scope.problem(wanted ?? []), {
    onNone: () => Effect.void,
    onSome: (problem) =>
      refuse(operation, "scope", "RFC 6749 section 3.3: a scope is a list of tokens", problem)
  })

/** Each resource is an absolute URI without a fragment (RFC 8707 section 2, RFC 8693 section 2.1). */
export const resource = (
  operation: string,
  resources: ReadonlyArray<string>
): Effect.Effect<void, ProtocolViolation> =>
  resources.every((one) => URL.canParse(one) && !one.includes("#"))
    ? Effect.void
    : refuse(
        operation,
        "resource",
        "RFC 8707 section 2: a resource is an absolute URI without a fragment",
        "a resource is not an absolute URI without a fragment"
      )

/** A credential that is needed has something in it. */
export const present = (
  operation: string,
  member: string,
  value: string | Redacted.Redacted<string>,
  rule: string
): Effect.Effect<void, ProtocolViolation> =>
  (Redacted.isRedacted(value) ? Redacted.value(value) : value).trim() === ""
    ? refuse(operation, member, rule, `${member} is empty`)
    : Effect.void

/** Something that the program asks for and that the specification does not allow. */
export const refuse = (
  operation: string,
  member: string,
  rule: string,
  problem: string
): Effect.Effect<never, ProtocolViolation> =>
  violation(operation, "value", member, rule, `${problem}; nothing was sent`)
