/**
 * Whose part of an API a request is for, where one serves several tenants with
 * an issuer each.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Issuer from "effect-oauth/Issuer"
import { DiscoveryError } from "effect-oauth/OAuthError"

/**
 * A tenant, and the issuer of its tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tenant {
  readonly label: string
  readonly issuer: string
}

/**
 * Whether a text is a label of the DNS in lower case (RFC 1035 section 2.3.1,
 * RFC 1123 section 2.1): letters, digits and hyphens, at most 63, no hyphen at
 * either end. Nothing else becomes a part of an issuer.
 *
 * @since 0.1.0
 * @category guards
 */
export const isLabel = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)

/**
 * The label of a host right under a domain: `acme` of `acme.api.example:8443`
 * under `api.example`. Hosts have no case and may have a port. None for the
 * domain itself, for one further down, and for any other host.
 *
 * @since 0.1.0
 * @category reading
 */
export const fromHost = (host: string, domain: string): Option.Option<string> => {
  const name = host.toLowerCase().replace(/:\d{1,5}$/, "")
  const suffix = `.${domain.toLowerCase()}`
  return name.endsWith(suffix) ? Option.liftPredicate(name.slice(0, -suffix.length), isLabel) : Option.none()
}

/**
 * The label that follows a prefix in a path: `acme` of `/t/acme/notes` after
 * `/t/`. Paths have a case, and nothing in them is decoded.
 *
 * @since 0.1.0
 * @category reading
 */
export const fromPath = (path: string, prefix: string): Option.Option<string> =>
  path.startsWith(prefix) && prefix.endsWith("/")
    ? Option.liftPredicate(path.slice(prefix.length).split(/[/?#]/, 1)[0] ?? "", isLabel)
    : Option.none()

/**
 * The issuers of all tenants, as one text with a place in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface IssuerTemplate {
  readonly issuerOf: (label: string) => Option.Option<string>
  readonly labelOf: (issuer: string) => Option.Option<string>
}

/**
 * Reads a template such as `https://{tenant}.auth.example` or
 * `https://auth.example/{tenant}`: `{tenant}` once, as a whole label of the host
 * that something follows, or as a whole segment of the path. Fails with
 * `forbidden_url` otherwise, and where it makes no issuer that may be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const issuerTemplate = (
  template: string,
  options?: { readonly allowInsecure?: boolean }
): Effect.Effect<IssuerTemplate, DiscoveryError> =>
  Effect.gen(function* () {
    const [before = "", after, ...more] = template.split(place)
    const fits =
      after !== undefined &&
      more.length === 0 &&
      (/^https?:\/\/[^/?#]+\/(?:[^?#]*\/)?$/.test(before)
        ? /^(?:\/|$)/.test(after)
        : /^https?:\/\/(?:[^/?#]+\.)?$/.test(before) && /^\.[^/?#]/.test(after))
    if (!fits) return yield* notATemplate
    yield* Issuer.validate(operation, `${before}tenant${after}`, options)
    return {
      issuerOf: (label) => (isLabel(label) ? Option.some(`${before}${label}${after}`) : Option.none()),
      labelOf: (issuer) =>
        issuer.startsWith(before) && issuer.endsWith(after) && issuer.length > before.length + after.length
          ? Option.liftPredicate(issuer.slice(before.length, issuer.length - after.length), isLabel)
          : Option.none()
    }
  })

const place = "{tenant}"

const operation = "Tenant.issuerTemplate"

const notATemplate = new DiscoveryError({
  operation,
  reason: "forbidden_url",
  message: `${operation}: the template of the issuers must have ${place} once, as a whole label of the host or a whole segment of the path.`
})
