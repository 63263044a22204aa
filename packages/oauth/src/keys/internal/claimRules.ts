/** The rules of claims, as closures that run in well under a microsecond. */
import type { JwtError } from "../../protocol/OAuthError.js"
import type { JwtClaims, JwtHeader } from "../Jwt.js"
import { expected } from "./names.js"

export interface Problem {
  readonly reason: JwtError["reason"]
  readonly message: string
  readonly claim?: string | undefined
  readonly expected?: string | undefined
  /** What the message says in the place of `expected`. */
  readonly shown?: string | undefined
}

export interface Rules {
  readonly leeway: number
  readonly audience: ReadonlyArray<string> | undefined
  readonly expires: boolean
  readonly issued: boolean
  readonly maxAge: number | undefined
  readonly required: ReadonlyArray<string>
  readonly rules: ReadonlyArray<(claims: JwtClaims, header: JwtHeader, now: number) => Problem | undefined>
}

export const listed = (value: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof value === "string" ? [value] : value

export const missing = (claim: string, what = "is missing"): Problem => ({
  reason: "missing_claim",
  claim,
  message: `the claim ${claim} ${what}`
})

export const isTime = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)
export const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

/** A claim of the token itself, never one that its object inherits. */
export const member = (claims: JwtClaims, name: string): unknown =>
  Object.hasOwn(claims, name) ? claims[name] : undefined

export const isAudience = (aud: unknown): aud is string | ReadonlyArray<string> =>
  isText(aud) || (Array.isArray(aud) && aud.length > 0 && aud.every(isText))

const notATime = (claim: string): Problem => ({
  reason: "claim",
  claim,
  message: `the claim ${claim} is not a number`
})

export const compile = (
  rules: Rules
): ((claims: JwtClaims, header: JwtHeader, now: number) => Problem | undefined) => {
  const { audience, expires, issued, leeway, maxAge, required, rules: own } = rules

  const times = (claims: JwtClaims, now: number): Problem | undefined => {
    const { exp, nbf, iat } = claims
    if (exp === undefined) {
      if (expires) return missing("exp")
    } else if (!isTime(exp)) {
      return notATime("exp")
    } else if (now - leeway >= exp) {
      return { reason: "expired", claim: "exp", message: "the token has expired" }
    }
    if (nbf !== undefined) {
      if (!isTime(nbf)) return notATime("nbf")
      if (now + leeway < nbf)
        return { reason: "not_yet_valid", claim: "nbf", message: "the token is not valid yet" }
    }
    if (iat === undefined) {
      return issued || maxAge !== undefined ? missing("iat") : undefined
    }
    if (!isTime(iat)) return notATime("iat")
    if (now + leeway < iat) {
      return { reason: "issued_in_future", claim: "iat", message: "the token was issued in the future" }
    }
    return maxAge !== undefined && now - leeway > iat + maxAge
      ? {
          reason: "expired",
          claim: "iat",
          message: "the token was issued too long ago",
          expected: `${maxAge} s`
        }
      : undefined
  }

  const audiences = (claims: JwtClaims): Problem | undefined => {
    const { aud } = claims
    if (aud === undefined) return audience === undefined ? undefined : missing("aud")
    if (!isAudience(aud)) {
      return { reason: "audience", claim: "aud", message: "the claim aud is neither text nor a list of text" }
    }
    return audience === undefined ||
      (typeof aud === "string" ? audience.includes(aud) : aud.some((one) => audience.includes(one)))
      ? undefined
      : {
          reason: "audience",
          claim: "aud",
          message: "the token is for another audience",
          ...expected(audience, aud)
        }
  }

  return (claims, header, now) => {
    const early = times(claims, now) ?? audiences(claims)
    if (early !== undefined) return early
    for (const claim of required) {
      const value = member(claims, claim)
      if (!isText(value))
        return missing(claim, value === undefined ? "is missing" : "is not a text with something in it")
    }
    for (const rule of own) {
      const problem = rule(claims, header, now)
      if (problem !== undefined) return problem
    }
    return undefined
  }
}
