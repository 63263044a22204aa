/**
 * Who is calling.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { Actor } from "effect-oauth/Actor"
import * as Actors from "effect-oauth/Actor"
import * as Jwt from "effect-oauth/Jwt"
import type { VerifiedToken } from "effect-oauth/TokenVerifier"

/**
 * The verified access token of the request under way: what `BearerAuth`
 * provides to the handlers that it protects.
 *
 * @since 0.1.0
 * @category services
 */
export class AccessToken extends Context.Tag("effect-oauth/AccessToken")<
  AccessToken,
  AccessToken.Principal
>() {}

/**
 * @since 0.1.0
 */
export declare namespace AccessToken {
  /**
   * The key that the sender has proved to hold.
   *
   * @since 0.1.0
   * @category models
   */
  export type Confirmation =
    /** RFC 9449 section 6: the RFC 7638 thumbprint of the key of the DPoP proof. */
    | { readonly _tag: "DPoP"; readonly jkt: string }
    /** RFC 8705 section 3: the SHA-256 of the client's certificate, in base64url. */
    | { readonly _tag: "MutualTls"; readonly certificate: string }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Principal {
    /** The resource that the token was accepted for: where hosts are declared, that of the request's. */
    readonly resource: string
    /** `iss`; where an introspection did not tell, the only issuer there is. */
    readonly issuer: string
    /** `sub`: a person, or the client itself. None where an introspection did not tell. */
    readonly subject: Option.Option<string>
    /** `client_id`. */
    readonly clientId: Option.Option<string>
    /** `scope`, each value once. */
    readonly scope: ReadonlyArray<string>
    readonly audience: ReadonlyArray<string>
    /** Who acts for the subject (RFC 8693 section 4.1), the current actor outermost. */
    readonly actor: Option.Option<Actor>
    readonly confirmation: Option.Option<Confirmation>
    /** `authorization_details` (RFC 9396 section 9). */
    readonly authorizationDetails: ReadonlyArray<unknown>
    /** `acr`: how well the person logged in (RFC 9470 section 6.1). */
    readonly acr: Option.Option<string>
    /** `auth_time`, in seconds since the epoch. */
    readonly authTime: Option.Option<number>
    /** `exp`, in seconds since the epoch. */
    readonly expiresAt: Option.Option<number>
    /** Every claim, or member of the introspection response. */
    readonly claims: Readonly<Record<string, unknown>>
    /** As it came, for a token exchange in the caller's name. */
    readonly token: Redacted.Redacted<string>
  }
}

const textOf = (claims: Jwt.JwtClaims, name: string): Option.Option<string> => {
  const value = claims[name]
  return typeof value === "string" && value !== "" ? Option.some(value) : Option.none()
}

const instantOf = (claims: Jwt.JwtClaims, name: string): Option.Option<number> => {
  const value = claims[name]
  return typeof value === "number" && Number.isFinite(value) ? Option.some(value) : Option.none()
}

/**
 * The principal that a verified token speaks for. None for a token that cannot
 * be told whose it is: without an issuer while there are several, or with an
 * actor chain that cannot be read (`Actor.chain`). Refuse it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromVerified = (
  { claims, scope }: VerifiedToken,
  how: {
    readonly token: Redacted.Redacted<string>
    readonly confirmation: Option.Option<AccessToken.Confirmation>
    /** The issuers whose tokens are accepted. */
    readonly issuers: ReadonlyArray<string>
    /** The resource that it was accepted for. */
    readonly resource: string
  }
): Option.Option<AccessToken.Principal> => {
  const actors = Actors.chain(claims)
  const [only, ...others] = how.issuers
  const named = claims["iss"]
  const issuer = typeof named === "string" ? named : others.length === 0 ? only : undefined
  if (Option.isNone(actors) || issuer === undefined) return Option.none()
  const details = claims["authorization_details"]
  return Option.some({
    resource: how.resource,
    issuer,
    subject: textOf(claims, "sub"),
    clientId: textOf(claims, "client_id"),
    scope,
    audience: Jwt.audiences(claims),
    actor: Option.fromNullable(actors.value[0]),
    confirmation: how.confirmation,
    authorizationDetails: Array.isArray(details) ? details : [],
    acr: textOf(claims, "acr"),
    authTime: instantOf(claims, "auth_time"),
    expiresAt: instantOf(claims, "exp"),
    claims,
    token: how.token
  })
}
