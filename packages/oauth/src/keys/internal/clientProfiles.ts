/** Tokens that clients make, and what a server says of a token. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { JwtError } from "../../protocol/OAuthError.js"
import type { JwtClaims } from "../Jwt.js"
import * as Base64Url from "./base64url.js"
import type { Problem } from "./claimRules.js"
import { isAudience, isText, isTime, missing } from "./claimRules.js"
import { equalsConstantTime } from "../../protocol/Text.js"
import { isObject } from "./json.js"
import type { JwtProfile } from "./profile.js"
import { make } from "./profile.js"

const unfit = (kind: string): JwtError =>
  new JwtError({
    operation: "JwtVerifier.verify",
    reason: "claim",
    message: `JwtVerifier.verify: a claim of the ${kind} is not of its type.`
  })

/**
 * The claims of a client assertion (RFC 7523 section 3).
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientAssertionClaims extends JwtClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | ReadonlyArray<string>
  readonly exp: number
  readonly jti: string
}

const isClientAssertion = (claims: JwtClaims): claims is ClientAssertionClaims =>
  isText(claims["iss"]) &&
  isText(claims["sub"]) &&
  isAudience(claims["aud"]) &&
  isTime(claims["exp"]) &&
  isText(claims["jti"])

/**
 * The assertion by which a client says who it is (RFC 7523 section 3, OpenID
 * Connect Core 9): issuer and subject are the client, the server is its only
 * audience, it lives shortly, and has a `jti`. The client's keys are those the
 * keyring has under its id as the issuer. Whether `jti` has been seen is for
 * the caller to know.
 *
 * @since 0.1.0
 * @category profiles
 */
export const clientAssertion = (
  options: JwtProfile.Common & {
    readonly clientId: string
    /** The server: its issuer identifier, or a list with its endpoints too. */
    readonly audience: string | ReadonlyArray<string>
    /** How far `exp` may be ahead. 10 minutes. */
    readonly maxLifetime?: Duration.DurationInput | undefined
  }
): JwtProfile<ClientAssertionClaims> => {
  const lifetime = Duration.toSeconds(options.maxLifetime ?? Duration.minutes(10))
  return make({
    name: "client assertion",
    algorithms: options.algorithms,
    leeway: options.leeway,
    issuer: options.clientId,
    types: ["JWT", "client-authentication+jwt", undefined],
    audience: options.audience,
    required: ["sub", "jti"],
    rules: [
      ({ sub }) =>
        sub === options.clientId
          ? undefined
          : {
              reason: "subject",
              claim: "sub",
              message: "issuer and subject of a client assertion are the client",
              expected: options.clientId
            },
      ({ aud }) =>
        Array.isArray(aud) && aud.length > 1
          ? { reason: "audience", claim: "aud", message: "the assertion is for other servers too" }
          : undefined,
      ({ exp }, _, now) =>
        isTime(exp) && exp - now > lifetime
          ? {
              reason: "claim",
              claim: "exp",
              message: "the assertion lives too long",
              expected: `${lifetime} s`
            }
          : undefined
    ],
    finish: (claims) =>
      isClientAssertion(claims) ? Effect.succeed(claims) : Effect.fail(unfit("client assertion"))
  })
}

/**
 * The claims of a DPoP proof (RFC 9449 section 4.2).
 *
 * @since 0.1.0
 * @category models
 */
export interface DpopProofClaims extends JwtClaims {
  readonly jti: string
  readonly htm: string
  readonly htu: string
  readonly iat: number
  readonly ath?: string
  readonly nonce?: string
}

const isDpopProof = (claims: JwtClaims): claims is DpopProofClaims =>
  isText(claims["jti"]) &&
  isText(claims["htm"]) &&
  isText(claims["htu"]) &&
  isTime(claims["iat"]) &&
  (claims["ath"] === undefined || isText(claims["ath"])) &&
  (claims["nonce"] === undefined || isText(claims["nonce"]))

/** Scheme, host, port and path, normalised by RFC 3986 sections 6.2.2 and 6.2.3, as RFC 9449 section 4.3 advises. */
const target = (url: string): string | undefined => {
  if (!URL.canParse(url)) return undefined
  const { host, password, pathname, protocol, username } = new URL(url)
  // A client that names its user says something else than the request did.
  if (username !== "" || password !== "") return undefined
  return `${protocol}//${host}${pathname.replace(/%[0-9A-Fa-f]{2}/g, unescaped)}`
}

/** An unreserved character as itself, any other in upper case. */
const unescaped = (escape: string): string => {
  const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
  return /[A-Za-z0-9._~-]/.test(character) ? character : escape.toUpperCase()
}

/**
 * A DPoP proof (RFC 9449 section 4.3): signed with the public key in its own
 * header, made for this method and URL, within 5 minutes of now, and, with an
 * access token, bound to it by `ath`. With the thumbprint that the token is bound
 * to, a proof of another key fails with reason `key` and claim `jwk`, before its
 * signature is looked at; without, the key that verified it is in the result, to
 * be compared by the caller. Whether `jti` has been seen is for the caller to
 * check.
 *
 * @since 0.1.0
 * @category profiles
 */
export const dpopProof = (
  options: JwtProfile.Common & {
    readonly method: string
    /** The URL of the request; its query and fragment are not compared. */
    readonly url: string
    readonly accessToken?: Redacted.Redacted<string> | undefined
    /** The RFC 7638 thumbprint of the key that it must be of: `cnf.jkt` of the token. */
    readonly thumbprint?: string | undefined
    /** The nonce that the server gave out. */
    readonly nonce?: string | undefined
    /** How old, and with the leeway how far ahead, `iat` may be. 5 minutes. */
    readonly maxAge?: Duration.DurationInput | undefined
  }
): JwtProfile<DpopProofClaims> => {
  const { accessToken, nonce } = options
  const wanted = target(options.url)
  return make({
    name: "DPoP proof",
    algorithms: options.algorithms,
    leeway: options.leeway,
    key: "header",
    thumbprint: options.thumbprint,
    types: ["dpop+jwt"],
    expires: false,
    maxAge: options.maxAge ?? Duration.minutes(5),
    required: ["jti", "htm", "htu", ...(accessToken === undefined ? [] : ["ath"])],
    rules: [
      ({ htm }): Problem | undefined =>
        htm === options.method
          ? undefined
          : {
              reason: "claim",
              claim: "htm",
              message: "the proof is for another method",
              expected: options.method
            },
      ({ htu }) =>
        typeof htu === "string" && wanted !== undefined && target(htu) === wanted
          ? undefined
          : {
              reason: "claim",
              claim: "htu",
              message: "the proof is for another URL",
              ...(wanted === undefined ? {} : { expected: wanted })
            },
      (claims) => {
        if (nonce === undefined) return undefined
        return typeof claims["nonce"] === "string" && equalsConstantTime(claims["nonce"], nonce)
          ? undefined
          : {
              reason: "nonce",
              claim: "nonce",
              message: "the proof does not have the nonce that was given out"
            }
      }
    ],
    finish: (claims) => {
      if (!isDpopProof(claims)) return Effect.fail(unfit("DPoP proof"))
      if (accessToken === undefined) return Effect.succeed(claims)
      return Effect.flatMap(
        Effect.promise(() =>
          crypto.subtle.digest("SHA-256", Base64Url.utf8Bytes(Redacted.value(accessToken)))
        ),
        (digest) =>
          equalsConstantTime(claims.ath ?? "", Base64Url.encodeBytes(new Uint8Array(digest)))
            ? Effect.succeed(claims)
            : Effect.fail(
                new JwtError({
                  operation: "JwtVerifier.verify",
                  reason: "hash",
                  claim: "ath",
                  message: "JwtVerifier.verify: the proof is for another access token (RFC 9449 section 4.3)."
                })
              )
      )
    }
  })
}

/**
 * The claims of a signed introspection response (RFC 9701 section 5).
 *
 * @since 0.1.0
 * @category models
 */
export interface IntrospectionClaims extends JwtClaims {
  readonly iss: string
  readonly aud: string | ReadonlyArray<string>
  readonly iat: number
  readonly token_introspection: { readonly active: boolean; readonly [member: string]: unknown }
}

const isIntrospection = (claims: JwtClaims): claims is IntrospectionClaims =>
  isText(claims["iss"]) &&
  isAudience(claims["aud"]) &&
  isTime(claims["iat"]) &&
  isObject(claims["token_introspection"]) &&
  typeof claims["token_introspection"]["active"] === "boolean"

/**
 * A signed introspection response (RFC 9701 section 5): `typ` of
 * `token-introspection+jwt`, for this audience, with the answer in
 * `token_introspection`.
 *
 * @since 0.1.0
 * @category profiles
 */
export const introspection = (
  options: JwtProfile.Common & {
    readonly issuer: string | ReadonlyArray<string>
    readonly audience: string
    /** How long ago it may have been issued. 5 minutes. */
    readonly maxAge?: Duration.DurationInput | undefined
  }
): JwtProfile<IntrospectionClaims> =>
  make({
    name: "introspection response",
    algorithms: options.algorithms,
    leeway: options.leeway,
    issuer: options.issuer,
    types: ["token-introspection+jwt"],
    audience: options.audience,
    expires: false,
    issued: true,
    maxAge: options.maxAge ?? Duration.minutes(5),
    rules: [
      ({ token_introspection: answer }) =>
        isObject(answer) ? undefined : missing("token_introspection", "is missing or not an object")
    ],
    finish: (claims) =>
      isIntrospection(claims) ? Effect.succeed(claims) : Effect.fail(unfit("introspection response"))
  })
