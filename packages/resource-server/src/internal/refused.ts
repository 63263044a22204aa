/** Refusals, each with the reason that is for the log. */
import type { Scheme } from "effect-oauth/BearerCredential"
import type { JwtError, KeyringError } from "effect-oauth/OAuthError"
import type { ConstraintRefusal } from "../ConstraintRefusal.js"
import type { Refusal } from "../Refusal.js"
import { InvalidRequest, Unauthorized, Unavailable } from "../Refusal.js"
import type { Requirements } from "../Requirements.js"
import { scopeOf } from "./judge.js"

export interface Refused {
  readonly refusal: Refusal
  /** The check that failed. Nothing of the token. */
  readonly reason: string
}

/** A client that is told to come again later, and nothing about when. */
const retryAfter = 5
const longestRetryAfter = 3600

export const inQuery: Refused = {
  reason: "an access token is in the query",
  refusal: new InvalidRequest({
    error: "invalid_request",
    error_description: "Access tokens are not accepted in the query"
  })
}

export const malformed = (description: string): Refused => ({
  reason: description,
  refusal: new InvalidRequest({ error: "invalid_request", error_description: description })
})

/** RFC 6750 section 3.1: no error code for a request without a credential, or with one of another kind. */
export const noCredential = (requirements: Requirements, kind: "None" | "OtherScheme"): Refused => ({
  reason: kind === "None" ? "there is no credential" : "the credential is of another scheme",
  refusal: new Unauthorized(scopeOf(requirements))
})

/** RFC 6750 section 3.1, its words. Which of these it is, is for the log. */
const unusable = "The access token is expired, revoked, malformed, or invalid for other reasons"

const invalidToken = (requirements: Requirements, scheme: Scheme): Unauthorized =>
  new Unauthorized({
    error: "invalid_token",
    error_description: unusable,
    scheme,
    ...scopeOf(requirements)
  })

export const elsewhere = (requirements: Requirements, scheme: Scheme): Refused => ({
  reason: "the token is not for the resource of this host",
  refusal: invalidToken(requirements, scheme)
})

export const unbound = (requirements: Requirements, scheme: Scheme): Refused => ({
  reason: "the token is bound to nothing, and must be",
  refusal: invalidToken(requirements, scheme)
})

export const unreadable = (requirements: Requirements, scheme: Scheme): Refused => ({
  reason: "the token does not tell whose it is: iss or act cannot be read",
  refusal: invalidToken(requirements, scheme)
})

const unavailable = (seconds: number = retryAfter): Unavailable =>
  new Unavailable({
    error: "temporarily_unavailable",
    error_description: "Access tokens cannot be verified for the moment",
    retry_after: Number.isFinite(seconds)
      ? Math.min(Math.max(1, Math.ceil(seconds)), longestRetryAfter)
      : retryAfter
  })

/** A token that is refused, or keys that cannot be had. */
export const unverified = (
  error: JwtError | KeyringError,
  requirements: Requirements,
  scheme: Scheme
): Refused => ({
  reason: error.message,
  refusal: error._tag === "JwtError" ? invalidToken(requirements, scheme) : unavailable(error.retryAfter)
})

/** A sender that is not the one the token was issued to. */
export const unconfirmed = (
  { message, reason }: ConstraintRefusal,
  requirements: Requirements,
  scheme: Scheme
): Refused => {
  switch (reason) {
    case "unavailable":
      return { reason: message, refusal: unavailable() }
    case "invalid_token":
      return { reason: message, refusal: invalidToken(requirements, scheme) }
    default:
      return {
        reason: message,
        refusal: new Unauthorized({
          error: reason,
          error_description:
            reason === "use_dpop_nonce"
              ? "The DPoP proof needs a nonce of this resource"
              : "The DPoP proof is missing or not accepted",
          scheme,
          ...scopeOf(requirements)
        })
      }
  }
}
