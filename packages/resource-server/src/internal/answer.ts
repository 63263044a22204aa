/** What goes out for a refusal besides its body. */
import * as Option from "effect/Option"
import type { Scheme } from "effect-oauth/BearerCredential"
import * as Challenge from "effect-oauth/Challenge"
import type { Refusal } from "../Refusal.js"
import type { ResourceServer } from "../ResourceServer.js"
import type { SenderConstraint } from "../SenderConstraint.js"

/** The status of each refusal. */
export const statusOf = (refusal: Refusal): 400 | 401 | 403 | 421 | 503 => {
  switch (refusal._tag) {
    case "InvalidRequest":
      return 400
    case "InsufficientScope":
      return 403
    case "Misdirected":
      return 421
    case "Unavailable":
      return 503
    default:
      return 401
  }
}

/** The refusals that a challenge tells of. */
type Challenged = Exclude<Refusal, { readonly _tag: "Misdirected" | "Unavailable" }>

const parametersOf = (refusal: Challenged) => ({
  error: refusal.error,
  error_description: refusal.error === undefined ? undefined : refusal.error_description,
  ...(refusal._tag === "InsufficientUserAuthentication"
    ? { acr_values: refusal.acr_values, max_age: refusal.max_age?.toString() }
    : {})
})

/** What a challenge tells of the server. */
type Told = Pick<ResourceServer.Service, "realm" | "metadataUrl">

/**
 * One challenge for each scheme that is accepted (RFC 9449 section 7.1); the
 * error is in that of the scheme which was used.
 */
const challenges = (
  server: Told,
  constraint: SenderConstraint.Service,
  refusal: Challenged
): ReadonlyArray<Challenge.Challenge> => {
  const used: Scheme = refusal.scheme ?? constraint.schemes[0] ?? "Bearer"
  return constraint.schemes.map((scheme) =>
    Challenge.make(scheme, {
      realm: Option.getOrUndefined(server.realm),
      ...(scheme === used ? parametersOf(refusal) : {}),
      scope: refusal._tag === "InvalidRequest" ? undefined : refusal.scope,
      resource_metadata: Option.getOrUndefined(server.metadataUrl),
      ...(scheme === "DPoP" ? Option.getOrUndefined(constraint.challenge) : {})
    })
  )
}

/** The headers of the answer to a refusal; `own` are those of the sender constraint. */
export const headersOf = (
  server: Told,
  constraint: SenderConstraint.Service,
  refusal: Refusal,
  own: Readonly<Record<string, string>>
): Readonly<Record<string, string>> => {
  switch (refusal._tag) {
    case "Misdirected":
      return {}
    case "Unavailable":
      return { "retry-after": String(refusal.retry_after) }
    default:
      return { ...own, "www-authenticate": Challenge.format(challenges(server, constraint, refusal)) }
  }
}
