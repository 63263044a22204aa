/** Where a token says that its status is (draft-ietf-oauth-status-list section 6.2). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { JwtError } from "../../protocol/OAuthError.js"
import type { JwtClaims } from "../Jwt.js"
import { isText, member } from "./claimRules.js"
import { isObject } from "./json.js"

export interface StatusReference {
  readonly issuer: string
  readonly uri: string
  readonly index: number
}

const maxUriLength = 2048

/** None for a token without `status`; one that tells another mechanism alone cannot be judged, and is refused. */
export const read = (
  operation: string,
  claims: JwtClaims
): Effect.Effect<Option.Option<StatusReference>, JwtError> => {
  const status = member(claims, "status")
  if (status === undefined) return Effect.succeed(Option.none())
  const issuer = member(claims, "iss")
  const list = isObject(status) && Object.hasOwn(status, "status_list") ? status["status_list"] : undefined
  if (!isText(issuer) || !isObject(list)) return refuse(operation, "has no reference to a status list")
  const { idx, uri } = list
  if (typeof idx !== "number" || !Number.isSafeInteger(idx) || idx < 0) {
    return refuse(operation, "has an idx that is not a number from 0 on")
  }
  return isText(uri) && uri.length <= maxUriLength
    ? Effect.succeed(Option.some({ issuer, uri, index: idx }))
    : refuse(operation, "has a uri that is no address")
}

const refuse = (operation: string, problem: string): Effect.Effect<never, JwtError> =>
  new JwtError({
    operation,
    reason: "claim",
    claim: "status",
    message: `${operation}: the claim status ${problem}.`
  })
