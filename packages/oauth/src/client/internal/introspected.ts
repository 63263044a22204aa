import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { ProtocolViolation } from "../../protocol/OAuthError.js"
import * as Scope from "../../protocol/Scope.js"

/** The token is not good, or not for this client to know of; nothing more is said. */
export interface Inactive {
  readonly active: false
}

/** What the server says of a token that is good (RFC 7662 section 2.2). */
export interface Active {
  readonly active: true
  readonly scope: ReadonlyArray<string>
  readonly clientId: Option.Option<string>
  readonly username: Option.Option<string>
  readonly tokenType: Option.Option<string>
  readonly subject: Option.Option<string>
  readonly audience: ReadonlyArray<string>
  readonly issuer: Option.Option<string>
  /** Instants are in milliseconds since the epoch. */
  readonly expiresAt: Option.Option<number>
  readonly issuedAt: Option.Option<number>
  readonly notBefore: Option.Option<number>
  readonly tokenId: Option.Option<string>
  readonly authorizationDetails: Option.Option<ReadonlyArray<unknown>>
  /** Every member as it came, `act`, `cnf` and the server's own among them. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** How far clocks may differ, in milliseconds. */
const leeway = 30_000

/** Checks the members of an introspection response; nothing of their values is in a failure. */
export const read = (
  operation: string,
  body: Readonly<Record<string, unknown>>,
  now: number
): Effect.Effect<Inactive | Active, ProtocolViolation> =>
  Either.gen(function* () {
    const violation = (member: string, rule: string, reason: ProtocolViolation["reason"] = "type") =>
      new ProtocolViolation({
        operation,
        reason,
        member,
        rule: `RFC 7662 section 2.2: ${rule}`,
        message: `${operation}: the introspection response is not valid: ${rule} (RFC 7662 section 2.2).`
      })
    const { active } = body
    if (typeof active !== "boolean") {
      return yield* Either.left(
        violation("active", "active is required and a boolean", active === undefined ? "missing" : "type")
      )
    }
    if (!active) return { active }

    const text = (member: string): Either.Either<Option.Option<string>, ProtocolViolation> => {
      const value = body[member] ?? undefined
      return value === undefined || typeof value === "string"
        ? Either.right(Option.fromNullable(value))
        : Either.left(violation(member, `${member} is a string`))
    }
    const time = (member: string): Either.Either<Option.Option<number>, ProtocolViolation> => {
      const value = body[member] ?? undefined
      if (value === undefined) return Either.right(Option.none())
      return typeof value === "number" && Number.isFinite(value)
        ? Either.right(Option.some(value * 1000))
        : Either.left(violation(member, `${member} is a number of seconds since the epoch`))
    }
    const audience: unknown = body["aud"] ?? []
    const audiences: ReadonlyArray<unknown> = Array.isArray(audience) ? audience : [audience]
    if (!audiences.every((one) => typeof one === "string")) {
      return yield* Either.left(violation("aud", "aud is a string or a list of strings"))
    }
    const details: unknown = body["authorization_details"] ?? undefined
    if (details !== undefined && !Array.isArray(details)) {
      return yield* Either.left(
        violation("authorization_details", "authorization_details is an array (RFC 9396 section 9.2)")
      )
    }
    const expiresAt = yield* time("exp")
    const notBefore = yield* time("nbf")
    if (
      Option.exists(expiresAt, (instant) => instant + leeway <= now) ||
      Option.exists(notBefore, (instant) => instant - leeway > now)
    ) {
      return { active: false }
    }
    return {
      active,
      scope: Option.match(yield* text("scope"), { onNone: () => [], onSome: (scope) => Scope.parse(scope) }),
      clientId: yield* text("client_id"),
      username: yield* text("username"),
      tokenType: yield* text("token_type"),
      subject: yield* text("sub"),
      audience: audiences,
      issuer: yield* text("iss"),
      expiresAt,
      issuedAt: yield* time("iat"),
      notBefore,
      tokenId: yield* text("jti"),
      authorizationDetails: Option.fromNullable<ReadonlyArray<unknown> | undefined>(details),
      claims: body
    }
  })
