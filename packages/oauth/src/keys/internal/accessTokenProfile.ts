/** Profiles of access tokens: RFC 9068, and what other servers send. */
import * as Effect from "effect/Effect"
import { JwtError } from "../../protocol/OAuthError.js"
import type { Problem } from "./claimRules.js"
import { isAudience, isText, isTime, listed } from "./claimRules.js"
import { oneOf } from "./names.js"
import type { JwtClaims } from "../Jwt.js"
import { scopes } from "../Jwt.js"
import type { JwtProfile } from "./profile.js"
import { make } from "./profile.js"

/**
 * The claims of an access token by RFC 9068 section 2.2.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessTokenClaims extends JwtClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | ReadonlyArray<string>
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly client_id: string
  /** As in the token; `Jwt.scopes` gives it as a list. */
  readonly scope?: string
}

const isAccessToken = (claims: JwtClaims): claims is AccessTokenClaims =>
  isText(claims["iss"]) &&
  isText(claims["sub"]) &&
  isText(claims["client_id"]) &&
  isText(claims["jti"]) &&
  isTime(claims["exp"]) &&
  isTime(claims["iat"]) &&
  isAudience(claims["aud"]) &&
  (claims["scope"] === undefined || typeof claims["scope"] === "string")

/**
 * What an access token is checked against.
 *
 * @since 0.1.0
 * @category models
 */
export interface AccessTokenOptions extends JwtProfile.Common {
  /** The issuers trusted, byte for byte. */
  readonly issuer: string | ReadonlyArray<string> | ((issuer: string) => boolean)
  /** Who we are: one of these must be among the audiences of the token. */
  readonly audience: string | ReadonlyArray<string>
}

const unfit = (claim: string): JwtError =>
  new JwtError({
    operation: "JwtVerifier.verify",
    reason: "claim",
    claim,
    message: `JwtVerifier.verify: the claim ${claim} is not of its type.`
  })

const scopeIsText = (claims: JwtClaims): Problem | undefined =>
  claims["scope"] === undefined || typeof claims["scope"] === "string"
    ? undefined
    : { reason: "claim", claim: "scope", message: "the claim scope is not text (RFC 9068 section 2.2.3)" }

/**
 * An access token by RFC 9068 section 4: `typ` of `at+jwt`; `iss`, `exp`,
 * `aud`, `sub`, `client_id`, `iat` and `jti` required.
 *
 * @since 0.1.0
 * @category profiles
 */
export const accessToken = (options: AccessTokenOptions): JwtProfile<AccessTokenClaims> =>
  make({
    ...options,
    name: "access token (RFC 9068)",
    types: ["at+jwt"],
    issued: true,
    required: ["sub", "client_id", "jti"],
    rules: [scopeIsText],
    finish: (claims) => (isAccessToken(claims) ? Effect.succeed(claims) : Effect.fail(unfit("scope")))
  })

/**
 * The claims of an access token that keeps to no profile, with the names of
 * RFC 9068 where the token has another for the same thing.
 *
 * @since 0.1.0
 * @category models
 */
export interface LenientAccessTokenClaims extends JwtClaims {
  readonly iss: string
  readonly exp: number
  readonly sub?: string
  /** `client_id`, else `azp`, `cid` or `appid`. */
  readonly client_id?: string
  /** `scope`, else `scp`; a list is joined with spaces. */
  readonly scope?: string
}

const clientOf = (claims: JwtClaims): string | undefined =>
  ["client_id", "azp", "cid", "appid"].map((name) => claims[name]).find(isText)

/** OpenID Connect Core 2 and the servers' own marks of an ID token. */
const isIdToken = (claims: JwtClaims): boolean =>
  claims["at_hash"] !== undefined ||
  claims["c_hash"] !== undefined ||
  claims["token_use"] === "id" ||
  claims["typ"] === "ID"

const notAnIdToken = (claims: JwtClaims): Problem | undefined =>
  isIdToken(claims)
    ? { reason: "type", message: "this is an ID token, not an access token", expected: "an access token" }
    : undefined

const lenientFinish = (claims: JwtClaims): Effect.Effect<LenientAccessTokenClaims, JwtError> => {
  const { iss, exp, sub } = claims
  if (!isText(iss) || !isTime(exp)) return Effect.fail(unfit("exp"))
  if (sub !== undefined && !isText(sub)) return Effect.fail(unfit("sub"))
  const client = clientOf(claims)
  const scope = scopes(claims)
  return Effect.succeed({
    ...claims,
    iss,
    exp,
    ...(sub === undefined ? {} : { sub }),
    ...(client === undefined ? {} : { client_id: client }),
    ...(scope.length === 0 ? {} : { scope: scope.join(" ") })
  })
}

const someone = (claims: JwtClaims): Problem | undefined =>
  isText(claims["sub"]) || (claims["sub"] === undefined && clientOf(claims) !== undefined)
    ? undefined
    : { reason: "missing_claim", claim: "sub", message: "the token names neither a subject nor a client" }

/**
 * An access token of a server that does not follow RFC 9068 (Auth0, Entra,
 * Keycloak, Okta by default): `typ` may be `JWT` or absent; the client may be
 * in `azp`, `cid` or `appid`, the scope in `scp`, as text or list; `iat` and
 * `jti` may be absent. Issuer, audience, expiry and signature are checked as
 * always, and what looks like an ID token (`at_hash`, `c_hash`, `token_use`,
 * Keycloak's `typ` claim) is refused.
 *
 * Since an ID token and an access token can look alike at such a server, use an
 * audience that is not a client id.
 *
 * @since 0.1.0
 * @category profiles
 */
export const accessTokenLenient = (options: AccessTokenOptions): JwtProfile<LenientAccessTokenClaims> =>
  make({
    ...options,
    name: "access token (lenient)",
    types: ["at+jwt", "JWT", undefined],
    rules: [someone, notAnIdToken],
    finish: lenientFinish
  })

/**
 * An access token of Amazon Cognito, which has no `aud` but the client in
 * `client_id`, and says what it is in `token_use`.
 *
 * @since 0.1.0
 * @category profiles
 */
export const accessTokenCognito = (
  options: JwtProfile.Common & {
    readonly issuer: string | ReadonlyArray<string>
    /** The app clients whose tokens are accepted. */
    readonly clientId: string | ReadonlyArray<string>
  }
): JwtProfile<LenientAccessTokenClaims> => {
  const clients = listed(options.clientId)
  return make({
    ...options,
    name: "access token (Cognito)",
    types: ["JWT", undefined],
    required: ["sub", "client_id"],
    rules: [
      (claims) =>
        claims["token_use"] === "access"
          ? undefined
          : {
              reason: "type",
              claim: "token_use",
              message: "the token is not an access token",
              expected: "access"
            },
      (claims) =>
        clients.some((client) => client === claims["client_id"])
          ? undefined
          : {
              reason: "audience",
              claim: "client_id",
              message: "the token is for another client",
              expected: oneOf(clients)
            }
    ],
    finish: lenientFinish
  })
}
