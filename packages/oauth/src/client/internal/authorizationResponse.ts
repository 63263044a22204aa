import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { AuthorizationError } from "../../protocol/internal/exchangeErrors.js"
import * as Text from "../../protocol/Text.js"
import type { AuthorizationTransaction } from "../AuthorizationTransaction.js"

/** The URL that the browser came back to, its query or posted form as text, or pairs. */
export type Response = string | URL | URLSearchParams | ReadonlyArray<readonly [name: string, value: string]>

/** The parameters of a response, each at most once. */
export type Parameters = ReadonlyMap<string, string>

const maxParameters = 32
const maxValueLength = 16_384

/** Reads the parameters, and refuses any that comes twice; one without a value counts as left out (RFC 6749 section 3.1). */
export const read = (
  operation: string,
  response: Response
): Effect.Effect<Parameters, AuthorizationError> => {
  const parameters = new Map<string, string>()
  for (const [name, value] of pairs(response)) {
    if (parameters.has(name)) {
      return refuse(operation, "duplicate", `the response has ${shown(name)} more than once`)
    }
    if (parameters.size === maxParameters || value.length > maxValueLength) {
      return refuse(operation, "malformed", "the response is too long")
    }
    parameters.set(name, value)
  }
  for (const [name, value] of parameters) if (value === "") parameters.delete(name)
  return Effect.succeed(parameters)
}

/** `state` is there and is that of the transaction (RFC 6749 section 10.12). */
export const checkState = (
  operation: string,
  parameters: Parameters,
  transaction: AuthorizationTransaction
): Effect.Effect<void, AuthorizationError> => {
  const state = parameters.get("state")
  if (state === undefined) return refuse(operation, "state_missing", "the response has no state")
  return Text.equalsConstantTime(state, Redacted.value(transaction.state))
    ? Effect.void
    : refuse(operation, "state_mismatch", "the response has another state")
}

/** The code of a response whose state is right: first who answers (the server, or one that it speaks for), then what. */
export const code = (
  operation: string,
  parameters: Parameters,
  transaction: AuthorizationTransaction,
  accepts?: (issuer: string) => boolean
): Effect.Effect<Redacted.Redacted<string>, AuthorizationError> => {
  const issuer = parameters.get("iss")
  if (issuer === undefined && transaction.issuerRequired) {
    return refuse(
      operation,
      "issuer_missing",
      `the response has no iss, which ${transaction.issuer} sends (RFC 9207 section 2.4)`
    )
  }
  if (issuer !== undefined && issuer !== transaction.issuer && !accepts?.(issuer)) {
    return refuse(
      operation,
      "issuer_mismatch",
      `the response comes from another server than ${transaction.issuer} (RFC 9207 section 2.4)`
    )
  }
  const error = parameters.get("error")
  if (error !== undefined) return serverError(operation, error, parameters, transaction)
  const foreign = ["response", "id_token", "access_token", "token"].find((name) => parameters.has(name))
  if (foreign !== undefined) {
    return refuse(operation, "malformed", `the response has ${foreign}, which does not belong beside a code`)
  }
  const value = parameters.get("code")
  return value === undefined
    ? refuse(operation, "malformed", "the response has no code and no error")
    : Effect.succeed(Redacted.make(value))
}

/** What else a response may hold that must not be shown, though it has no business beside an error. */
const secretParameters = ["code", "response", "id_token", "access_token", "token"]

const serverError = (
  operation: string,
  code: string,
  parameters: Parameters,
  transaction: AuthorizationTransaction
): Effect.Effect<never, AuthorizationError> => {
  const { nonce, state, verifier } = transaction
  const secrets = [
    ...[state, verifier, ...Option.toArray(nonce)].map(Redacted.value),
    ...secretParameters.flatMap((name) => parameters.get(name) ?? [])
  ]
  const error = Text.sanitizeCode(code, secrets)
  const description = parameters.get("error_description")
  const told = description === undefined ? undefined : Text.sanitize(description, secrets)
  const denied = error === "access_denied"
  return new AuthorizationError({
    operation,
    reason: denied ? "denied" : "server",
    error,
    description: told,
    message: `${operation}: ${denied ? "access was denied by the person or the server" : `the server answered ${error}`}${told === undefined ? "" : `: ${told}`}`
  })
}

const pairs = (response: Response): Iterable<readonly [string, string]> => {
  if (response instanceof URL) return response.searchParams
  if (typeof response !== "string") return response
  // The URL of a request as a server has it, without scheme and host.
  if (response.startsWith("/")) return new URLSearchParams(response.replace(/^[^?]*|#.*$/gs, ""))
  return URL.canParse(response) ? new URL(response).searchParams : new URLSearchParams(response)
}

/** The name of a parameter, where it is a word; a hostile or mangled URL may have anything there, a code too. */
const shown = (name: string): string =>
  /^[a-z_]{1,40}$/.test(name) ? `the parameter ${JSON.stringify(name)}` : "a parameter"

/** An authorization that is refused; `problem` is a sentence without its end. */
export const refuse = (
  operation: string,
  reason: AuthorizationError["reason"],
  problem: string
): Effect.Effect<never, AuthorizationError> =>
  Effect.fail(new AuthorizationError({ operation, reason, message: `${operation}: ${problem}.` }))
