/**
 * What a resource wants besides a token that is good: more scope (RFC 6750
 * section 3.1), or another or a fresher login (RFC 9470).
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Challenge from "./Challenge.js"
import * as Scope from "./Scope.js"

/**
 * Why a resource refuses a token that is good: the `error` of its challenge.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason = "insufficient_scope" | "insufficient_user_authentication"

/**
 * What the challenges of a resource want.
 *
 * @since 0.1.0
 * @category models
 */
export interface Wanted {
  /** Of both errors: a challenge for another login may name the scope of the resource as well (RFC 9470 section 3). */
  readonly scope: ReadonlyArray<string>
  readonly acrValues: ReadonlyArray<string>
  /** In seconds; of several the smallest. */
  readonly maxAge: number | undefined
}

/**
 * How the person has logged in: the claims of the ID token, or of an access
 * token that tells them (RFC 9068 section 2.2.1).
 *
 * @since 0.1.0
 * @category models
 */
export interface Login {
  readonly acr?: string | undefined
  /** In seconds since the epoch. */
  readonly auth_time?: number | undefined
}

/**
 * The challenges among which a step-up can be: those of scheme `Bearer` and
 * `DPoP`.
 *
 * @since 0.1.0
 * @category reading
 */
export const challenges = (header: string): ReadonlyArray<Challenge.Challenge> =>
  Challenge.parse(header).filter(({ scheme }) => /^(?:bearer|dpop)$/i.test(scheme))

/**
 * Why these challenges refuse a token that is good; none where they do not.
 *
 * @since 0.1.0
 * @category reading
 */
export const reason = (told: ReadonlyArray<Challenge.Challenge>): Option.Option<Reason> => {
  const errors = told.map(({ parameters }) => parameters.get("error"))
  if (errors.includes(anotherLogin)) return Option.some(anotherLogin)
  return errors.includes(moreScope) ? Option.some(moreScope) : Option.none()
}

/**
 * What these challenges want; none where they name neither a scope nor a
 * login.
 *
 * @since 0.1.0
 * @category reading
 */
export const wanted = (told: ReadonlyArray<Challenge.Challenge>): Option.Option<Wanted> => {
  const values = (error: Reason, parameter: string): ReadonlyArray<string> =>
    told.flatMap(({ parameters }) =>
      parameters.get("error") === error ? Option.toArray(Option.fromNullable(parameters.get(parameter))) : []
    )
  const scope = Scope.make(
    [...values(moreScope, "scope"), ...values(anotherLogin, "scope")].flatMap((text) => Scope.parse(text))
  )
  const acrValues = values(anotherLogin, "acr_values")
    .flatMap((text) => text.split(" "))
    .filter((value) => /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(value))
  const ages = values(anotherLogin, "max_age").filter((text) => /^\d{1,9}$/.test(text))
  const maxAge = ages.length === 0 ? undefined : Math.min(...ages.map(Number))
  return values(moreScope, "scope").length > 0 || acrValues.length > 0 || maxAge !== undefined
    ? Option.some({ scope, acrValues: [...new Set(acrValues)], maxAge })
    : Option.none()
}

/**
 * Whether the person has logged in as is wanted, at an instant in seconds since
 * the epoch. What is not known is not.
 *
 * @since 0.1.0
 * @category comparing
 */
export const isMet = ({ acrValues, maxAge }: Wanted, login: Login, now: number): boolean =>
  (acrValues.length === 0 || (login.acr !== undefined && acrValues.includes(login.acr))) &&
  (maxAge === undefined || (login.auth_time !== undefined && now - login.auth_time <= maxAge))

const moreScope: Reason = "insufficient_scope"
const anotherLogin: Reason = "insufficient_user_authentication"
