/** The profile of the tokens of several issuers, each by its own rules. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { JwtClaims } from "effect-oauth/Jwt"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import * as JwtProfile from "effect-oauth/JwtProfile"
import { JwtError } from "effect-oauth/OAuthError"

/**
 * An issuer whose tokens are accepted, and what they must be.
 *
 * @since 0.1.0
 * @category models
 */
export interface AcceptedIssuer {
  /** As tokens name it, byte for byte. */
  readonly issuer: string
  /**
   * `rfc9068` unless said. `lenient` is for servers whose access tokens are JWTs
   * of their own kind (`JwtProfile.accessTokenLenient`: Auth0, Entra, Keycloak,
   * Okta by default). A profile of your own is used as it is; it must refuse
   * other issuers and other audiences. With `forwarded`, name its `audience` too
   * where that is not the resource.
   */
  readonly profile?: "rfc9068" | "lenient" | JwtProfile.JwtProfile<JwtClaims> | undefined
  /** What it calls this API in `aud`, where that is not the resource identifier; one of these. */
  readonly audience?: string | ReadonlyArray<string> | undefined
  /** The algorithms accepted. Every asymmetric one but ES256K. */
  readonly algorithms?: ReadonlyArray<JwtAlgorithm> | undefined
  /** How far its clock may differ. 30 seconds. */
  readonly leeway?: Duration.DurationInput | undefined
}

type Accepted = string | AcceptedIssuer

/** Issuers as they were given, as a list. */
export const accepted = (issuer: Accepted | ReadonlyArray<Accepted>): ReadonlyArray<AcceptedIssuer> =>
  (isList(issuer) ? issuer : [issuer]).map((one) => (typeof one === "string" ? { issuer: one } : one))

const isList = (issuer: Accepted | ReadonlyArray<Accepted>): issuer is ReadonlyArray<Accepted> =>
  Array.isArray(issuer)

const own = (
  resource: string | ReadonlyArray<string>,
  options: AcceptedIssuer
): JwtProfile.JwtProfile<JwtClaims> => {
  const { profile = "rfc9068", ...rest } = options
  if (typeof profile === "object") return profile
  const given = { ...rest, audience: options.audience ?? resource }
  return profile === "lenient" ? JwtProfile.accessTokenLenient(given) : JwtProfile.accessToken(given)
}

/** One profile for all: what is asked before the issuer is known is the union, and then only its own counts. */
export const profile = (
  resource: string | ReadonlyArray<string>,
  issuers: ReadonlyArray<AcceptedIssuer>
): JwtProfile.JwtProfile<JwtClaims> => {
  const profiles = new Map(issuers.map((options) => [options.issuer, own(resource, options)]))
  const all = [...profiles.values()]
  const [only] = all
  if (all.length === 1 && only !== undefined) return only
  const of = (claims: JwtClaims) => profiles.get(String(claims["iss"]))
  return {
    name: "access token",
    key: "issuer",
    algorithms: [...new Set(all.flatMap((one) => one.algorithms))],
    acceptsType: (typ) => all.some((one) => one.acceptsType(typ)),
    expectedType: [...new Set(all.map((one) => one.expectedType))].join(" or "),
    acceptsIssuer: (issuer) => profiles.get(issuer)?.acceptsIssuer(issuer) === true,
    expectedIssuer: [...profiles.keys()].join(" or "),
    issuers: [...profiles.keys()],
    check: (claims, header, now) => {
      const one = of(claims)
      if (one === undefined) return { reason: "issuer", message: "the issuer is not trusted" }
      if (!one.algorithms.some((algorithm) => algorithm === header.alg)) {
        return { reason: "algorithm", message: "the issuer may not use this algorithm" }
      }
      return one.acceptsType(header.typ)
        ? one.check(claims, header, now)
        : { reason: "type", message: "the type is not that of this issuer", expected: one.expectedType }
    },
    finish: (claims, header) => of(claims)?.finish(claims, header) ?? Effect.fail(ofNobody())
  }
}

const ofNobody = (): JwtError =>
  new JwtError({
    operation: "JwtVerifier.verify",
    reason: "issuer",
    message: "JwtVerifier.verify: the issuer is not trusted."
  })
