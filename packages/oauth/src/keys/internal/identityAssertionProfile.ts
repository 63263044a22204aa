/** Identity assertion grants (draft-ietf-oauth-identity-assertion-authz-grant). */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Actor from "../../protocol/Actor.js"
import { JwtError } from "../../protocol/OAuthError.js"
import type { JwtClaims } from "../Jwt.js"
import type { Problem } from "./claimRules.js"
import { isAudience, isText, isTime } from "./claimRules.js"
import type { JwtProfile } from "./profile.js"
import { make } from "./profile.js"

/**
 * The claims of an identity assertion grant
 * (draft-ietf-oauth-identity-assertion-authz-grant section 3.1).
 *
 * @since 0.1.0
 * @category models
 */
export interface IdentityAssertionClaims extends JwtClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | ReadonlyArray<string>
  readonly client_id: string
  readonly jti: string
  readonly exp: number
  readonly iat: number
  readonly resource?: string | ReadonlyArray<string>
  /** As in the token; `Jwt.scopes` gives it as a list. */
  readonly scope?: string
  readonly authorization_details?: ReadonlyArray<unknown>
  /** Who acts for `sub` (RFC 8693 section 4.1). */
  readonly act?: Actor.Actor
  /** The tenant of the issuer, where it has several: then `sub` is unique within it only. */
  readonly tenant?: string
  readonly aud_tenant?: string
  readonly aud_sub?: string
  readonly email?: string
  readonly auth_time?: number
  readonly acr?: string
  readonly amr?: ReadonlyArray<string>
}

/**
 * What an identity assertion grant is checked against.
 *
 * @since 0.1.0
 * @category models
 */
export interface IdentityAssertionOptions extends JwtProfile.Common {
  /** The identity providers that are trusted for single sign-on, byte for byte. */
  readonly issuer: string | ReadonlyArray<string> | ((issuer: string) => boolean)
  /** The issuer identifier of the authorization server that receives the grant. */
  readonly audience: string
  /** The client that authenticated with the request: the grant must be for it. */
  readonly clientId: string
  /** The resource that must be among those of the grant, byte for byte; not looked at unless given. */
  readonly resource?: string | undefined
  /** How long ago it may have been issued. 10 minutes. */
  readonly maxAge?: Duration.DurationInput | undefined
}

const isString = (value: unknown): boolean => typeof value === "string"
const isList = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

/** What each optional claim must be where it is there. */
const optional: ReadonlyArray<readonly [claim: string, is: (value: unknown) => boolean]> = [
  ["resource", isAudience],
  ["authorization_details", isList],
  ["amr", (value) => isList(value) && value.every(isString)],
  ["auth_time", isTime],
  ...["scope", "tenant", "aud_tenant", "aud_sub", "email", "acr"].map((claim) => [claim, isString] as const)
]

const typesOf = (claims: JwtClaims): Problem | undefined => {
  const wrong = optional.find(([claim, is]) => claims[claim] !== undefined && !is(claims[claim]))
  if (wrong !== undefined) {
    return { reason: "claim", claim: wrong[0], message: `the claim ${wrong[0]} is not of its type` }
  }
  return Actor.chain(claims)._tag === "None"
    ? { reason: "claim", claim: "act", message: "the claim act does not say who acts" }
    : undefined
}

const isIdentityAssertion = (claims: JwtClaims): claims is IdentityAssertionClaims =>
  ["iss", "sub", "client_id", "jti"].every((claim) => isText(claims[claim])) &&
  isAudience(claims["aud"]) &&
  isTime(claims["exp"]) &&
  isTime(claims["iat"]) &&
  typesOf(claims) === undefined

/**
 * An identity assertion grant (ID-JAG) as the authorization server that receives
 * it accepts it (draft-ietf-oauth-identity-assertion-authz-grant section 4.4.1):
 * `typ` of `oauth-id-jag+jwt` and no other; `iss`, `sub`, `aud`, `client_id`,
 * `jti`, `exp` and `iat` required; this server its only audience; for the client
 * that authenticated; issued a short while ago.
 *
 * The keyring must have the keys of the identity providers. Whether `jti` has
 * been seen is for the caller to know: a client may present one grant again
 * while it is valid. What access it gives is for the server's own policy.
 *
 * @since 0.1.0
 * @category profiles
 */
export const identityAssertion = (options: IdentityAssertionOptions): JwtProfile<IdentityAssertionClaims> =>
  make({
    name: "identity assertion grant",
    algorithms: options.algorithms,
    leeway: options.leeway,
    issuer: options.issuer,
    types: ["oauth-id-jag+jwt"],
    audience: options.audience,
    issued: true,
    maxAge: options.maxAge ?? Duration.minutes(10),
    required: ["sub", "client_id", "jti"],
    rules: [
      ({ aud }): Problem | undefined =>
        isList(aud) && aud.length > 1
          ? { reason: "audience", claim: "aud", message: "the grant is for other servers too" }
          : undefined,
      ({ client_id }) =>
        client_id === options.clientId
          ? undefined
          : {
              reason: "authorized_party",
              claim: "client_id",
              message: "the grant is for another client than the one that presents it",
              expected: options.clientId
            },
      typesOf,
      ({ resource }) => {
        const wanted = options.resource
        if (wanted === undefined || resource === wanted) return undefined
        return isList(resource) && resource.includes(wanted)
          ? undefined
          : {
              reason: "claim",
              claim: "resource",
              message: "the grant is for another resource",
              expected: wanted
            }
      }
    ],
    finish: (claims) =>
      isIdentityAssertion(claims)
        ? Effect.succeed(claims)
        : Effect.fail(
            new JwtError({
              operation: "JwtVerifier.verify",
              reason: "claim",
              message: "JwtVerifier.verify: a claim of the identity assertion grant is not of its type."
            })
          )
  })
