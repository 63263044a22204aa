/** How the tenants of a program are told apart: by the issuer of a token, or by another claim of it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Issuer from "effect-oauth/Issuer"
import type { JwtClaims } from "effect-oauth/Jwt"
import type { DiscoveryError } from "effect-oauth/OAuthError"
import * as Tenant from "../Tenant.js"

export interface Naming {
  readonly issuerOf: (label: string) => Option.Option<string>
  readonly labelOf: (claims: JwtClaims) => Option.Option<string>
}

interface Options {
  readonly issuer: string
  readonly claim?: string | undefined
  readonly isLabel?: ((text: string) => boolean) | undefined
  readonly allowInsecure?: boolean | undefined
}

export const make = (options: Options): Effect.Effect<Naming, DiscoveryError> =>
  Effect.gen(function* () {
    const { claim, isLabel = Tenant.isLabel, issuer } = options
    const rules = { allowInsecure: options.allowInsecure === true }
    // Without a place for the label the issuer is that of all, and only a claim can tell them apart.
    if (claim !== undefined && !issuer.includes("{tenant}")) {
      yield* Issuer.validate("Tenants.make", issuer, rules)
      return byClaim(claim, (label) => Option.as(Option.liftPredicate(label, isLabel), issuer))
    }
    const template = yield* Tenant.issuerTemplate(issuer, rules)
    const issuerOf = (label: string) => Option.filter(template.issuerOf(label), () => isLabel(label))
    return claim !== undefined
      ? byClaim(claim, issuerOf)
      : {
          issuerOf,
          labelOf: ({ iss }) =>
            typeof iss === "string" ? Option.filter(template.labelOf(iss), isLabel) : Option.none()
        }
  })

/** The claim tells the tenant, and the issuer must be that one's. */
const byClaim = (claim: string, issuerOf: Naming["issuerOf"]): Naming => ({
  issuerOf,
  labelOf: (claims) => {
    const label = claims[claim]
    return typeof label === "string" && Option.contains(issuerOf(label), claims["iss"])
      ? Option.some(label)
      : Option.none()
  }
})
