/** What a failed refresh means for the session. */
import { ReauthorizationRequired } from "../../../protocol/OAuthError.js"
import type { SourceError } from "../../TokenSource.js"
import type { Ending } from "./standing.js"

/**
 * Whether it is certain that the server has not acted on the request: it said
 * so, or nothing was sent. After anything else (no answer, a page of a proxy, half
 * a body) the refresh token may be spent.
 */
export const isWithoutEffect = (error: SourceError): boolean => {
  switch (error._tag) {
    case "OAuthResponseError":
      return error.status < 500
    case "TransportError":
      return error.reason === "forbidden_url" || error.status === 429
    case "ProtocolViolation":
    case "JwtError":
      return false
    default:
      return true
  }
}

/** Whether the server has refused what the session is refreshed with (RFC 6749 section 5.2). */
export const isRefusal = (error: SourceError): boolean =>
  error._tag === "OAuthResponseError" && error.error === "invalid_grant"

/** A server may ask for five minutes of rest; what it asks for beyond that would lock the session out. */
const longestRest = 300_000

/** How long the server asks to be left alone, in milliseconds. */
export const restOf = (error: SourceError): number => {
  const seconds = "retryAfter" in error ? (error.retryAfter ?? 0) : 0
  return Math.min(Math.max(0, seconds * 1000), longestRest)
}

const why: Record<Ending, string> = {
  no_session: "there is no session",
  refused: "the server accepts the refresh token no more",
  expired: "the access token has expired, and there is no refresh token",
  interrupted_refresh:
    "a refresh was interrupted before its answer was kept, and the server accepts the old refresh token no more",
  revoked: "the session was logged out"
}

/** `bare`: the tokens that it ended with had no refresh token, which most servers give where they are asked for one. */
export const reauthorize = (reason: Ending, bare: boolean): ReauthorizationRequired =>
  new ReauthorizationRequired({
    operation: "TokenManager.get",
    reason,
    message:
      `TokenManager.get: ${bare && reason === "refused" ? refusedBare : why[reason]}. ` +
      "Log in, and give the tokens of the login to TokenManager.adopt." +
      (bare
        ? ' Most servers give a refresh token for the scope offline_access, with the prompt "consent".'
        : "")
  })

const refusedBare = "a resource refused the access token, and there is no refresh token"
