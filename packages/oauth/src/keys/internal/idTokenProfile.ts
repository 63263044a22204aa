/** ID tokens (OpenID Connect Core 2 and 3.1.3.7) and logout tokens. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { JwtError } from "../../protocol/OAuthError.js"
import * as IdTokenHash from "../IdTokenHash.js"
import type { JwtClaims } from "../Jwt.js"
import type { Problem } from "./claimRules.js"
import { isAudience, isText, isTime, missing } from "./claimRules.js"
import { equalsConstantTime } from "../../protocol/Text.js"
import { isObject } from "./json.js"
import type { JwtProfile } from "./profile.js"
import { defaultLeeway, make } from "./profile.js"

/**
 * The claims of an ID token (OpenID Connect Core 2).
 *
 * @since 0.1.0
 * @category models
 */
export interface IdTokenClaims extends JwtClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | ReadonlyArray<string>
  readonly exp: number
  readonly iat: number
  readonly auth_time?: number
  readonly nonce?: string
  readonly acr?: string
  readonly amr?: ReadonlyArray<string>
  readonly azp?: string
}

/**
 * What an ID token is checked against.
 *
 * @since 0.1.0
 * @category models
 */
export interface IdTokenOptions extends JwtProfile.Common {
  /** The issuer of the metadata that the login began with, byte for byte. */
  readonly issuer: string | ReadonlyArray<string> | ((issuer: string) => boolean)
  readonly clientId: string
  /** The nonce of the authorization request: must be in the token. A token with one that was not asked for is refused. */
  readonly nonce?: string | Redacted.Redacted<string> | undefined
  /** After a refresh: the nonce may be absent, but not another (OpenID Connect Core 12.2). */
  readonly nonceOptional?: boolean | undefined
  /** The `max_age` of the request: `auth_time` must be there and not be older. */
  readonly maxAge?: Duration.DurationInput | undefined
  /** The authentication context classes accepted in `acr`. */
  readonly acr?: ReadonlyArray<string> | undefined
  /** The subject that it must be of, as after a refresh. */
  readonly subject?: string | undefined
  /** The access token that came with it: `at_hash`, where there is one, must be its hash. */
  readonly accessToken?: Redacted.Redacted<string> | undefined
  /** The code that came with it: `c_hash`, where there is one, must be its hash. */
  readonly code?: Redacted.Redacted<string> | undefined
  /** The state that came with it: `s_hash`, where there is one, must be its hash; it is never required. */
  readonly state?: Redacted.Redacted<string> | undefined
  /** Refuse a token without the hashes of the token and the code that came with it, as the hybrid flow requires. */
  readonly hashesRequired?: boolean | undefined
}

const optional = (value: unknown, is: (value: unknown) => boolean): boolean =>
  value === undefined || is(value)
const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one === "string")

const isIdToken = (claims: JwtClaims): claims is IdTokenClaims =>
  isText(claims["iss"]) &&
  isText(claims["sub"]) &&
  isAudience(claims["aud"]) &&
  isTime(claims["exp"]) &&
  isTime(claims["iat"]) &&
  optional(claims["auth_time"], isTime) &&
  ["nonce", "acr", "azp"].every((name) => optional(claims[name], (value) => typeof value === "string")) &&
  optional(claims["amr"], isTextList)

const authorizedParty =
  (clientId: string) =>
  (claims: JwtClaims): Problem | undefined => {
    const { aud, azp } = claims
    if (azp === undefined) {
      return Array.isArray(aud) && aud.length > 1
        ? {
            reason: "authorized_party",
            claim: "azp",
            message: "the token has several audiences and no azp",
            expected: clientId
          }
        : undefined
    }
    return azp === clientId
      ? undefined
      : {
          reason: "authorized_party",
          claim: "azp",
          message: "the token was issued to another client",
          expected: clientId
        }
  }

const nonceRule =
  (expected: string | undefined, isOptional: boolean) =>
  ({ nonce }: JwtClaims): Problem | undefined => {
    if (nonce === undefined) {
      return expected === undefined || isOptional
        ? undefined
        : { reason: "nonce", claim: "nonce", message: "the token does not have the nonce of this login" }
    }
    if (expected === undefined) {
      return {
        reason: "nonce",
        claim: "nonce",
        message: "the token has a nonce that this login did not ask for"
      }
    }
    return typeof nonce === "string" && equalsConstantTime(nonce, expected)
      ? undefined
      : { reason: "nonce", claim: "nonce", message: "the token has the nonce of another login" }
  }

const authTime =
  (maxAge: number, leeway: number) =>
  (claims: JwtClaims, _: unknown, now: number): Problem | undefined => {
    const at = claims["auth_time"]
    if (!isTime(at))
      return {
        reason: "auth_time",
        claim: "auth_time",
        message: "max_age was asked for, and auth_time is missing"
      }
    return now - leeway > at + maxAge
      ? {
          reason: "auth_time",
          claim: "auth_time",
          message: "the person logged in too long ago",
          expected: `${maxAge} s`
        }
      : undefined
  }

const subjectRule =
  (subject: string) =>
  ({ sub }: JwtClaims): Problem | undefined =>
    sub === subject
      ? undefined
      : { reason: "subject", claim: "sub", message: "the token is of another subject" }

const acrRule =
  (accepted: ReadonlyArray<string>) =>
  ({ acr }: JwtClaims): Problem | undefined =>
    accepted.some((one) => one === acr)
      ? undefined
      : {
          reason: "claim",
          claim: "acr",
          message: "the person was not authenticated as asked",
          expected: accepted.join(" or ")
        }

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

const hasLogoutEvent = ({ events }: JwtClaims): boolean => isObject(events) && isObject(events[logoutEvent])

const unfit = (message: string): JwtError =>
  new JwtError({
    operation: "JwtVerifier.verify",
    reason: "claim",
    message: `JwtVerifier.verify: ${message}.`
  })

/**
 * An ID token as the client that asked for it accepts it (OpenID Connect Core
 * 3.1.3.7): `iss`, `sub`, `aud` with the client's id, `exp`, `iat`; `azp`
 * required with several audiences and the client's id wherever it is; the
 * nonce, compared in constant time; `auth_time`, `acr` and the subject where
 * asked for; `at_hash`, `c_hash` and `s_hash`. A token whose `typ` says that it is
 * something else, or that carries a logout event, is refused.
 *
 * @since 0.1.0
 * @category profiles
 */
export const idToken = (options: IdTokenOptions): JwtProfile<IdTokenClaims> => {
  const leeway = Duration.toSeconds(options.leeway ?? defaultLeeway)
  const { nonce } = options
  const hashes: ReadonlyArray<
    readonly ["at_hash" | "c_hash" | "s_hash", Redacted.Redacted<string> | undefined]
  > = [
    ["at_hash", options.accessToken],
    ["c_hash", options.code],
    ["s_hash", options.state]
  ]
  return make({
    name: "ID token",
    algorithms: options.algorithms,
    leeway: options.leeway,
    issuer: options.issuer,
    types: ["JWT", undefined],
    audience: options.clientId,
    issued: true,
    required: ["sub"],
    rules: [
      authorizedParty(options.clientId),
      nonceRule(typeof nonce === "object" ? Redacted.value(nonce) : nonce, options.nonceOptional ?? false),
      (claims) =>
        hasLogoutEvent(claims)
          ? { reason: "type", claim: "events", message: "this is a logout token" }
          : undefined,
      ...(options.maxAge === undefined ? [] : [authTime(Duration.toSeconds(options.maxAge), leeway)]),
      ...(options.subject === undefined ? [] : [subjectRule(options.subject)]),
      ...(options.acr === undefined ? [] : [acrRule(options.acr)])
    ],
    finish: (claims, header) => {
      if (!isIdToken(claims)) return Effect.fail(unfit("a claim of the ID token is not of its type"))
      return Effect.as(
        Effect.forEach(
          hashes,
          ([claim, value]) => {
            const stated = claims[claim]
            if (value === undefined) return Effect.void
            if (stated === undefined && (options.hashesRequired !== true || claim === "s_hash")) {
              return Effect.void
            }
            return typeof stated === "string"
              ? IdTokenHash.check(claim, stated, header.alg, value)
              : Effect.fail(
                  new JwtError({
                    operation: "JwtVerifier.verify",
                    reason: "hash",
                    claim,
                    message: `JwtVerifier.verify: the claim ${claim} is ${stated === undefined ? "missing" : "not text"}.`
                  })
                )
          },
          { discard: true }
        ),
        claims
      )
    }
  })
}

/**
 * The claims of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4).
 *
 * @since 0.1.0
 * @category models
 */
export interface LogoutTokenClaims extends JwtClaims {
  readonly iss: string
  readonly aud: string | ReadonlyArray<string>
  readonly iat: number
  readonly exp: number
  readonly jti: string
  readonly sub?: string
  readonly sid?: string
  readonly events: { readonly [event: string]: unknown }
}

const isLogoutToken = (claims: JwtClaims): claims is LogoutTokenClaims =>
  isText(claims["iss"]) &&
  isAudience(claims["aud"]) &&
  isTime(claims["iat"]) &&
  isTime(claims["exp"]) &&
  isText(claims["jti"]) &&
  optional(claims["sub"], isText) &&
  optional(claims["sid"], isText) &&
  isObject(claims["events"])

/**
 * A logout token (OpenID Connect Back-Channel Logout 1.0, 2.6): `typ` of
 * `logout+jwt`, `JWT` or none; the logout event, `jti`, `sub` or `sid`, and no
 * nonce, so that no ID token passes for one. Whether `jti` has been seen is for
 * the caller to know.
 *
 * @since 0.1.0
 * @category profiles
 */
export const logoutToken = (
  options: JwtProfile.Common & {
    readonly issuer: string | ReadonlyArray<string> | ((issuer: string) => boolean)
    readonly clientId: string
    /** How long ago it may have been issued. 2 minutes. */
    readonly maxAge?: Duration.DurationInput | undefined
  }
): JwtProfile<LogoutTokenClaims> =>
  make({
    name: "logout token",
    algorithms: options.algorithms,
    leeway: options.leeway,
    issuer: options.issuer,
    types: ["logout+jwt", "JWT", undefined],
    audience: options.clientId,
    issued: true,
    maxAge: options.maxAge ?? Duration.minutes(2),
    required: ["jti"],
    rules: [
      (claims) =>
        hasLogoutEvent(claims)
          ? undefined
          : {
              reason: "type",
              claim: "events",
              message: "the token has no logout event",
              expected: logoutEvent
            },
      ({ nonce }) =>
        nonce === undefined
          ? undefined
          : { reason: "nonce", claim: "nonce", message: "a logout token must not have a nonce" },
      ({ sid, sub }) =>
        sub === undefined && sid === undefined ? missing("sub", "and sid are both missing") : undefined
    ],
    finish: (claims) =>
      isLogoutToken(claims)
        ? Effect.succeed(claims)
        : Effect.fail(unfit("a claim of the logout token is not of its type"))
  })
