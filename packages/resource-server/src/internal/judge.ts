/** Whether a principal has what a request needs. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Scope from "effect-oauth/Scope"
import type { AccessToken } from "../AccessToken.js"
import { InsufficientScope, InsufficientUserAuthentication } from "../Refusal.js"
import type { Requirements } from "../Requirements.js"

/** A refusal, and why, for the log. */
export interface Shortfall {
  readonly refusal: InsufficientScope | InsufficientUserAuthentication
  readonly reason: string
}

/** How far the clock of an issuer may differ, in seconds. */
const leeway = 30

const schemeOf = (principal: AccessToken.Principal): "Bearer" | "DPoP" =>
  Option.exists(principal.confirmation, ({ _tag }) => _tag === "DPoP") ? "DPoP" : "Bearer"

/** `scope` of a challenge, if there is any to name. */
export const scopeOf = (requirements: Requirements): { readonly scope?: string } => {
  const scope = Scope.format(requirements.scope ?? [])
  return scope === "" ? {} : { scope }
}

const isRecent = (authTime: number, maxAge: Duration.DurationInput, now: number): boolean =>
  authTime <= now + leeway && now - authTime <= Duration.toSeconds(maxAge) + leeway

/**
 * The login is judged first, since logging in anew brings a new scope as well:
 * one way to the person instead of two. `now` is in seconds, and only asked for
 * where an age is to be judged.
 */
export const judge = (
  principal: AccessToken.Principal,
  requirements: Requirements,
  now: () => number
): Shortfall | undefined => {
  const { acr, authorizationDetails, maxAge, predicate, scope } = requirements
  const { authTime } = principal
  const lowAcr = acr !== undefined && !Option.exists(principal.acr, (one) => acr.includes(one))
  const old = maxAge !== undefined && !Option.exists(authTime, (at) => isRecent(at, maxAge, now()))
  if (lowAcr || old) {
    return {
      reason: lowAcr ? "acr is none of those needed" : "the person logged in too long ago",
      refusal: new InsufficientUserAuthentication({
        error: "insufficient_user_authentication",
        error_description: "A different or more recent authentication of the person is needed",
        scheme: schemeOf(principal),
        ...(acr === undefined ? {} : { acr_values: acr.join(" ") }),
        ...(maxAge === undefined ? {} : { max_age: Math.floor(Duration.toSeconds(maxAge)) }),
        ...scopeOf(requirements)
      })
    }
  }
  const reason =
    scope !== undefined && !scope.every((one) => principal.scope.includes(one))
      ? `the scope ${Scope.format(scope)} is needed`
      : authorizationDetails !== undefined && !authorizationDetails(principal.authorizationDetails)
        ? "authorization_details do not allow it"
        : predicate !== undefined && !predicate(principal)
          ? "the predicate of the endpoint does not allow it"
          : undefined
  return reason === undefined
    ? undefined
    : {
        reason,
        refusal: new InsufficientScope({
          error: "insufficient_scope",
          error_description: "The access token does not allow this request",
          scheme: schemeOf(principal),
          ...scopeOf(requirements)
        })
      }
}
