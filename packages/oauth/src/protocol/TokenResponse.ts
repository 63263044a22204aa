/**
 * Reading a token response (RFC 6749 section 5.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ProtocolViolation } from "./internal/exchangeErrors.js"
import * as Scope from "./Scope.js"
import type { TokenSet } from "./TokenSet.js"

/**
 * What the reader of a token response must know besides the body.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenResponseContext {
  readonly operation: string
  readonly issuer: string
  /** The instant from which `expires_in` counts, in milliseconds since the epoch. */
  readonly receivedAt: number
  /** The scope asked for, which is the one granted when the server is silent. */
  readonly requestedScope: ReadonlyArray<string>
  /** Whether the token may be none of access: token exchange has the type `N_A` for that (RFC 8693 section 2.2.1). */
  readonly notApplicable?: boolean | undefined
}

/**
 * Checks a token response and makes a `TokenSet` of it.
 *
 * `access_token` and `token_type` are required; the type is one that a client
 * can use (`Bearer`, `DPoP`, and `N_A` where `notApplicable` says so), in any case; `expires_in` is a number of
 * seconds, not negative; `scope` is text. A `null` counts as absent, and so does
 * an empty `refresh_token`, so that neither replaces a token one has. No value
 * of the response appears in the error.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode = (
  body: Readonly<Record<string, unknown>>,
  context: TokenResponseContext
): Effect.Effect<TokenSet, ProtocolViolation> => {
  const violation = (member: string, reason: ProtocolViolation["reason"], rule: string) =>
    Effect.fail(
      new ProtocolViolation({
        operation: context.operation,
        reason,
        member,
        rule: `RFC 6749 section 5.1: ${rule}`,
        message: `${context.operation}: the token response of ${context.issuer} is not valid: ${rule} (RFC 6749 section 5.1).`
      })
    )
  const text = (member: string): string | undefined => {
    const value = body[member]
    return typeof value === "string" ? value : undefined
  }
  for (const member of textMembers) {
    const value = body[member] ?? ""
    if (typeof value !== "string") return violation(member, "type", `${member} must be a string`)
    if (value === "" && isRequired(member)) return violation(member, "missing", `${member} is required`)
  }
  const tokenType = tokenTypes.get((text("token_type") ?? "").toLowerCase())
  if (tokenType === undefined || (tokenType === "N_A" && !context.notApplicable)) {
    return violation("token_type", "unsupported", "token_type must be Bearer or DPoP")
  }
  const expiresIn = body["expires_in"] ?? undefined
  if (expiresIn !== undefined && typeof expiresIn !== "number") {
    return violation("expires_in", "type", "expires_in must be a number of seconds")
  }
  if (expiresIn !== undefined && !(expiresIn >= 0 && context.receivedAt + expiresIn * 1000 <= lastInstant)) {
    return violation("expires_in", "value", "expires_in must be a lifetime in seconds")
  }
  const details = body["authorization_details"] ?? undefined
  if (details !== undefined && !Array.isArray(details)) {
    return violation("authorization_details", "type", "authorization_details must be an array")
  }
  const secret = (member: string) => {
    const token = text(member)
    return token === undefined || token === "" ? Option.none() : Option.some(Redacted.make(token))
  }
  const scope = text("scope")
  return Effect.succeed({
    issuer: context.issuer,
    accessToken: Redacted.make(text("access_token") ?? ""),
    tokenType,
    expiresAt: expiresIn === undefined ? Option.none() : Option.some(context.receivedAt + expiresIn * 1000),
    scope: scope === undefined ? context.requestedScope : Scope.parse(scope),
    refreshToken: secret("refresh_token"),
    idToken: secret("id_token"),
    issuedTokenType: Option.fromNullable(text("issued_token_type")),
    authorizationDetails: Option.fromNullable<ReadonlyArray<unknown> | undefined>(details),
    additional: Redacted.make(additionalMembers(body))
  })
}

const textMembers: ReadonlyArray<string> = [
  "access_token",
  "token_type",
  "scope",
  "refresh_token",
  "id_token",
  "issued_token_type"
]

const isRequired = (member: string): boolean => member === "access_token" || member === "token_type"

const tokenTypes: ReadonlyMap<string, TokenSet["tokenType"]> = new Map([
  ["bearer", "Bearer"],
  ["dpop", "DPoP"],
  ["n_a", "N_A"]
])

/** The last instant that a date can hold, in milliseconds since the epoch. */
const lastInstant = 8.64e15

const knownMembers: ReadonlySet<string> = new Set([...textMembers, "expires_in", "authorization_details"])

/** `Object.fromEntries` defines members, so one named `__proto__` is only a member. */
const additionalMembers = (body: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(body).filter(([member]) => !knownMembers.has(member)))
