/**
 * Tokens that only those may use to whom they were issued.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { Scheme } from "effect-oauth/BearerCredential"
import type { JwtClaims } from "effect-oauth/Jwt"
import * as Text from "effect-oauth/Text"
import type { AccessToken } from "./AccessToken.js"
import { ConstraintRefusal } from "./ConstraintRefusal.js"
import * as DpopVerifier from "./DpopVerifier.js"
import type { Incoming } from "./Incoming.js"

/**
 * How senders are held to the key or the certificate that their token is bound
 * to, by its claim `cnf` (RFC 7800).
 *
 * A `Context.Reference`: a program that does not choose a constraint accepts
 * unbound tokens, and refuses those that are bound, since it could not tell who
 * sends them. Provide it to the `Authenticator` (to `BearerAuth.layer`), which
 * takes it when it is made. That every token must be bound is said by
 * `boundTokensOnly` of `ResourceServer`: it does not start with no constraint.
 *
 * @since 0.1.0
 * @category services
 */
export class SenderConstraint extends Context.Reference<SenderConstraint>()("effect-oauth/SenderConstraint", {
  defaultValue: (): SenderConstraint.Service => none
}) {}

/**
 * @since 0.1.0
 */
export declare namespace SenderConstraint {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Judges a token that has been verified.
     *
     * - without `cnf`: refused under the scheme `DPoP`; else none
     * - `cnf.jkt`: the scheme must be `DPoP`, with a good proof of that key
     *   (RFC 9449 section 7.1)
     * - `cnf["x5t#S256"]`: the scheme must be `Bearer`, and the certificate of the
     *   connection that one (RFC 8705 section 3)
     * - a `cnf` with anything else in it, or with both: refused. RFC 7800 section
     *   3.1 would have a member ignored that is not understood; a token would then
     *   count as bound to less than its issuer meant
     */
    readonly check: (
      presented: Presented
    ) => Effect.Effect<Option.Option<AccessToken.Confirmation>, ConstraintRefusal>
    /** The schemes under which tokens are accepted. */
    readonly schemes: ReadonlyArray<Scheme>
    /** The parameters of a `DPoP` challenge: `algs` (RFC 9449 section 7.1). None without DPoP. */
    readonly challenge: Option.Option<Readonly<Record<string, string>>>
    /** What an answer carries besides: `dpop-nonce`, where one is asked for (RFC 9449 section 8.2). */
    readonly headers: Effect.Effect<Readonly<Record<string, string>>>
  }

  /**
   * A token, and how it came.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Presented {
    readonly incoming: Pick<Incoming, "method" | "url" | "headers" | "certificate">
    readonly scheme: Scheme
    readonly token: Redacted.Redacted<string>
    readonly claims: JwtClaims
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** Accept tokens that are bound to a certificate. true, where there is one to compare. */
    readonly mutualTls?: boolean | undefined
  }
}

interface Checks {
  readonly dpop?: DpopVerifier.DpopVerifier.Service | undefined
  readonly mutualTls?: boolean | undefined
}

const fromChecks = ({ dpop, mutualTls = false }: Checks): SenderConstraint.Service => {
  const unbound = (scheme: Scheme) =>
    scheme === "DPoP" ? refuse("a token that is not bound came under the scheme DPoP") : Effect.succeedNone

  const byKey = (thumbprint: string, { incoming, scheme, token }: SenderConstraint.Presented) => {
    if (dpop === undefined) return refuse("the token is bound to a DPoP key, and no DpopVerifier is provided")
    if (scheme !== "DPoP") return refuse("a token that is bound to a DPoP key came under the scheme Bearer")
    const { headers, method, url } = incoming
    return Effect.as(
      dpop.verify({ headers, method, url, token, thumbprint }),
      Option.some<AccessToken.Confirmation>({ _tag: "DPoP", jkt: thumbprint })
    )
  }

  const byCertificate = (thumbprint: string, { incoming, scheme }: SenderConstraint.Presented) => {
    if (!mutualTls) return refuse("the token is bound to a certificate, and certificates are not looked at")
    if (scheme !== "Bearer") return refuse("a token that is bound to a certificate came under another scheme")
    return Option.match(incoming.certificate, {
      onNone: () => refuse("the token is bound to a certificate, and the client has shown none"),
      onSome: (shown) =>
        Text.equalsConstantTime(shown, thumbprint)
          ? Effect.succeedSome<AccessToken.Confirmation>({ _tag: "MutualTls", certificate: thumbprint })
          : refuse("the token is bound to another certificate")
    })
  }

  return {
    schemes: dpop === undefined ? ["Bearer"] : ["Bearer", "DPoP"],
    challenge: Option.map(Option.fromNullable(dpop), ({ algorithms }) => ({ algs: algorithms.join(" ") })),
    headers: Effect.map(dpop?.nonce ?? Effect.succeed(undefined), (nonce): Record<string, string> =>
      nonce === undefined ? {} : { "dpop-nonce": nonce }
    ),
    check: (presented) => {
      const confirmation: unknown = presented.claims["cnf"]
      if (confirmation === undefined) return unbound(presented.scheme)
      if (typeof confirmation !== "object" || confirmation === null || Array.isArray(confirmation)) {
        return refuse("cnf is not an object")
      }
      const [only, ...others] = Object.entries(confirmation)
      if (only === undefined || others.length > 0) return refuse("cnf does not have exactly one member")
      const [member, value]: [string, unknown] = only
      if (!isThumbprint(value)) return refuse("cnf does not have a SHA-256 in base64url")
      switch (member) {
        case "jkt":
          return byKey(value, presented)
        case "x5t#S256":
          return byCertificate(value, presented)
        default:
          return refuse("cnf has a member that is not understood")
      }
    }
  }
}

const isThumbprint = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9_-]{43}$/.test(value)

const refuse = (message: string): Effect.Effect<never, ConstraintRefusal> =>
  new ConstraintRefusal({ reason: "invalid_token", message })

/**
 * No way to tell who sends a token: unbound ones are accepted, bound ones are
 * refused. The default.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: SenderConstraint.Service = fromChecks({})

/**
 * Makes a constraint of the verifier of proofs of the program, and of
 * certificates.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: SenderConstraint.Options = {}
): Effect.Effect<SenderConstraint.Service, never, DpopVerifier.DpopVerifier> =>
  Effect.map(DpopVerifier.DpopVerifier, (dpop) => fromChecks({ mutualTls: true, ...options, dpop }))

/**
 * Accepts tokens that are bound to a DPoP key or to a certificate, and unbound
 * ones unless `ResourceServer` has `boundTokensOnly`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: SenderConstraint.Options
): Layer.Layer<SenderConstraint, never, DpopVerifier.DpopVerifier> =>
  Layer.effect(SenderConstraint, make(options))

/**
 * Accepts tokens that are bound to a certificate, and unbound ones unless
 * `ResourceServer` has `boundTokensOnly`; those that are bound to a DPoP key are
 * refused.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMutualTls = (): Layer.Layer<SenderConstraint> =>
  Layer.succeed(SenderConstraint, fromChecks({ mutualTls: true }))
