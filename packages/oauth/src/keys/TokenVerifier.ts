/**
 * Verifying access tokens, whatever they are made of.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as AtOnce from "../http/AtOnce.js"
import * as Step from "../http/Step.js"
import { JwtError } from "../protocol/OAuthError.js"
import type { KeyringError } from "../protocol/OAuthError.js"
import type { JwtClaims } from "./Jwt.js"
import * as Jwt from "./Jwt.js"
import type { JwtProfile } from "./JwtProfile.js"
import * as JwtVerifier from "./JwtVerifier.js"
import type { KeyringService } from "./Keyring.js"
import { deepFreeze } from "./internal/frozen.js"

/**
 * Verifies the access tokens of one protected resource.
 *
 * Whoever asks does not know whether tokens are JWTs that are verified here, or
 * opaque and looked up elsewhere, so a program can change from one to the other
 * in its layers alone. `layerJwt` is the one for JWTs.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenVerifier extends Context.Tag("effect-oauth/TokenVerifier")<
  TokenVerifier,
  TokenVerifier.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenVerifier {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Verifies one token. A `JwtError` refuses the token, and its reason is the
     * check that failed; a `KeyringError` says that it could not be verified,
     * as in an outage, and nothing about the token. Neither holds any of it.
     */
    readonly verify: (
      token: Redacted.Redacted<string>
    ) => Effect.Effect<VerifiedToken, JwtError | KeyringError>
    /**
     * Whether this very token was good before and is remembered, which says
     * nothing about whether it still is. It need not be there.
     */
    readonly isKnown?: ((token: string) => boolean) | undefined
  }
}

/**
 * What a verified access token says.
 *
 * @since 0.1.0
 * @category models
 */
export interface VerifiedToken {
  /** The claims, all of them that the profile lets through. */
  readonly claims: JwtClaims
  /** The scope as a list, each value once; empty when the token has none. */
  readonly scope: ReadonlyArray<string>
  /** When it was verified, in seconds since the epoch. */
  readonly verifiedAt: number
}

/** How many scopes are kept as lists. */
const mostScopes = 256

/**
 * Makes a verifier of JWTs by one profile of access tokens
 * (`JwtProfile.accessToken`, RFC 9068 section 4, or a lenient one), with the
 * keyring of the program. Options are those of `JwtVerifier`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeJwt = (
  profile: JwtProfile<JwtClaims>,
  options?: JwtVerifier.Options
): Effect.Effect<TokenVerifier.Service, never, KeyringService> =>
  Effect.map(JwtVerifier.make(options), (verifier) => {
    // Issuers grant few scopes, and those again and again.
    const known = new Map<string, ReadonlyArray<string>>()
    const scopeOf = (claims: JwtClaims): ReadonlyArray<string> => {
      const text = claims["scope"] ?? claims["scp"]
      if (typeof text !== "string") return Object.freeze(Jwt.scopes(claims))
      const found = known.get(text)
      if (found !== undefined) return found
      if (known.size >= mostScopes) known.clear()
      const scope = Object.freeze(Jwt.scopes(claims))
      known.set(text, scope)
      return scope
    }
    return {
      isKnown: (token) => verifier.isKnown?.(token) === true,
      verify: (token) =>
        Step.withFiber((fiber) =>
          AtOnce.map(Step.now(verifier.verify(token, profile), fiber), ({ claims, verifiedAt }) => ({
            claims,
            scope: scopeOf(claims),
            verifiedAt
          }))
        )
    }
  })

/**
 * Verifies JWTs by one profile of access tokens, as `makeJwt` does.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerJwt = (
  profile: JwtProfile<JwtClaims>,
  options?: JwtVerifier.Options
): Layer.Layer<TokenVerifier, never, KeyringService> => Layer.effect(TokenVerifier, makeJwt(profile, options))

/**
 * Which verifier is for which token.
 *
 * @since 0.1.0
 * @category models
 */
export interface Choice {
  /** By `iss` of tokens that are JWTs, byte for byte. Each verifier must refuse the tokens of other issuers. */
  readonly issuers: Readonly<Record<string, TokenVerifier.Service>>
  /** For what is no JWT, as opaque tokens are. They are refused unless given. */
  readonly opaque?: TokenVerifier.Service | undefined
}

/**
 * Puts several verifiers behind one: by the issuer that a JWT names, and by
 * whether a token is a JWT at all.
 *
 * What a token says of itself is not believed, it only chooses who judges it:
 * profiles and `IntrospectionVerifier` compare the issuer again, so a token
 * cannot choose a verifier that does not refuse it. A JWT of an issuer that has
 * none is refused, also where there is one for opaque tokens, and nobody is
 * asked.
 *
 * @since 0.1.0
 * @category combining
 */
export const byIssuer = ({ issuers, opaque }: Choice): TokenVerifier.Service => {
  const known = new Map(Object.entries(issuers))
  return {
    verify: (token) => {
      const decoded = Jwt.decodeUnverified(token)
      if (Option.isNone(decoded)) {
        return opaque?.verify(token) ?? refuse("malformed", "only JWTs are accepted, and this is none")
      }
      const { iss } = decoded.value.claims
      return (
        (typeof iss === "string" ? known.get(iss) : undefined)?.verify(token) ??
        refuse("issuer", "the token is of no issuer that is accepted")
      )
    }
  }
}

/**
 * Freezes what is told of a token, claims and scope through and through: for a
 * verifier that gives the same answer to whoever presents the token again.
 *
 * @since 0.1.0
 * @category combining
 */
export const frozen = (verified: VerifiedToken): VerifiedToken => deepFreeze(verified)

const refuse = (reason: JwtError["reason"], why: string): Effect.Effect<never, JwtError> =>
  new JwtError({ operation: "TokenVerifier.byIssuer", reason, message: `TokenVerifier.byIssuer: ${why}.` })
