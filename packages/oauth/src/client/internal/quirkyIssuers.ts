/** One server that speaks for the issuers of many tenants. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { WireResponse } from "../../http/Wire.js"
import * as Wire from "../../http/Wire.js"
import type { IssuerTemplate, Switches } from "./quirkySwitches.js"

/** Which issuers are the server's. */
export interface Policy {
  /** Whether a token may be of this issuer. */
  readonly accepts: (issuer: string) => boolean
  /** Whether the claims tell the tenant that is in their issuer. */
  readonly agrees: (claims: Readonly<Record<string, unknown>>) => boolean
}

/** A tenant is a UUID or a name; never a part of a URL that means something. */
const isTenant = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$/.test(text)

const issuerOf = ({ placeholder, template }: IssuerTemplate, tenant: string): string =>
  template.replace(placeholder, () => tenant)

/** The tenant in an issuer, where the rest of it is as in the template. */
const tenantOf = ({ placeholder, template }: IssuerTemplate, issuer: string): string | undefined => {
  const [before = "", after = ""] = template.split(placeholder)
  const tenant = issuer.slice(before.length, issuer.length - after.length)
  return issuer.startsWith(before) && issuer.endsWith(after) && isTenant(tenant) ? tenant : undefined
}

export const policy = ({ issuer: of }: Switches): Policy | undefined =>
  of === undefined
    ? undefined
    : {
        accepts: (issuer) => {
          const tenant = tenantOf(of, issuer)
          return tenant !== undefined && (of.tenants === "any" || of.tenants.includes(tenant))
        },
        agrees: (claims) => {
          const tenant = claims[of.claim]
          return typeof tenant === "string" && isTenant(tenant) && claims["iss"] === issuerOf(of, tenant)
        }
      }

/** Metadata that names the template is that of the issuer asked for: it is the same document for all of them. */
export const named = <E>(
  { issuer: of }: Switches,
  issuer: string,
  answer: Effect.Effect<WireResponse, E>
): Effect.Effect<WireResponse, E> =>
  of === undefined
    ? answer
    : Effect.flatMap(answer, (response) =>
        Wire.json("Quirks", response).pipe(
          Effect.map((json) =>
            Predicate.isReadonlyRecord(json) && json["issuer"] === of.template
              ? { ...response, body: new TextEncoder().encode(JSON.stringify({ ...json, issuer })) }
              : response
          ),
          Effect.orElseSucceed(() => response)
        )
      )
