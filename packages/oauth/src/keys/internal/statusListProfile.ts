import * as Effect from "effect/Effect"
import { JwtError } from "../../protocol/OAuthError.js"
import type { JwtClaims } from "../Jwt.js"
import * as Base64Url from "./base64url.js"
import type { Problem } from "./claimRules.js"
import { isTime, member } from "./claimRules.js"
import { isObject } from "./json.js"
import type { JwtProfile } from "./profile.js"
import { make } from "./profile.js"
import type { Bits } from "./statusList.js"
import { isBits } from "./statusList.js"

/**
 * What a status list token says (draft-ietf-oauth-status-list section 5.1).
 *
 * @since 0.1.0
 * @category models
 */
export interface StatusListClaims extends JwtClaims {
  /** Where the list is, which its tokens refer to. */
  readonly sub: string
  readonly iat: number
  readonly exp?: number
  /** How long it may be kept, in seconds from when it was fetched. */
  readonly ttl?: number
  readonly status_list: StatusListMember
}

/**
 * The list in it, compressed.
 *
 * @since 0.1.0
 * @category models
 */
export interface StatusListMember {
  readonly bits: Bits
  readonly lst: string
}

/**
 * Whose list is accepted, and for which address.
 *
 * @since 0.1.0
 * @category models
 */
export interface StatusListOptions extends JwtProfile.Common {
  /** The issuer of the tokens that refer to the list. The list need not name it, and may name no other. */
  readonly issuer: string
  /** `status_list.uri` of those tokens. */
  readonly uri: string
}

const listOf = (claims: JwtClaims): StatusListMember | undefined => {
  const value = member(claims, "status_list")
  if (!isObject(value)) return undefined
  const { bits, lst } = value
  return isBits(bits) && typeof lst === "string" && Base64Url.isBase64Url(lst) ? { bits, lst } : undefined
}

const problem = (claims: JwtClaims, uri: string): Problem | undefined => {
  const ttl = member(claims, "ttl")
  if (claims["sub"] !== uri) {
    return {
      reason: "subject",
      claim: "sub",
      message: "the status list is not the one that was asked for",
      expected: uri
    }
  }
  return ttl === undefined || (isTime(ttl) && ttl > 0)
    ? undefined
    : { reason: "claim", claim: "ttl", message: "the claim ttl is not a positive number" }
}

/**
 * The profile of status list tokens (draft-ietf-oauth-status-list sections 5.1
 * and 8.3): `typ` of `statuslist+jwt`, `sub` the address of the list, `iat`,
 * `exp` where it is there, `ttl` positive, and a list of statuses of 1, 2, 4 or
 * 8 bits. Asymmetric algorithms unless others are given.
 *
 * @since 0.1.0
 * @category profiles
 */
export const statusList = ({
  algorithms,
  issuer,
  leeway,
  uri
}: StatusListOptions): JwtProfile<StatusListClaims> =>
  make({
    name: "status list token",
    algorithms,
    leeway,
    issuer,
    impliedIssuer: issuer,
    types: ["statuslist+jwt"],
    expires: false,
    issued: true,
    rules: [(claims) => problem(claims, uri)],
    finish: (claims) => {
      const { exp, iat, ttl } = claims
      const list = listOf(claims)
      return list === undefined || !isTime(iat)
        ? noList()
        : Effect.succeed({
            ...claims,
            sub: uri,
            iat,
            ...(isTime(exp) ? { exp } : {}),
            ...(isTime(ttl) ? { ttl } : {}),
            status_list: list
          })
    }
  })

const noList = (): Effect.Effect<never, JwtError> =>
  new JwtError({
    operation: "JwtVerifier.verify",
    reason: "claim",
    claim: "status_list",
    message: "JwtVerifier.verify: status_list has not bits (1, 2, 4 or 8) and lst (base64url)."
  })
