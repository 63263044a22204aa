/** What a client may say of itself, whether it says it to a server or a server reads it. */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Jwk from "../../keys/Jwk.js"
import * as Endpoint from "../../protocol/Endpoint.js"

/** A member that breaks a rule. Neither text shows its value, except that of a URL as far as it may be shown. */
export interface Problem {
  readonly member: string
  readonly reason: "missing" | "type" | "value" | "duplicate"
  readonly rule: string
  readonly problem: string
}

export type Members = Readonly<Record<string, unknown>>

/** A value that was parsed from JSON, if it is an object. */
export const isObject = (value: unknown): value is Members =>
  Predicate.isReadonlyRecord(value) && !Array.isArray(value)

/** Members without those that are not said, and without `__proto__`. */
export const said = (members: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(members).filter(
      ([member, value]) => member !== "__proto__" && value !== undefined && value !== null
    )
  )

/** The first member that breaks a rule. */
export const problem = (members: Members, options: Endpoint.Options = {}): Option.Option<Problem> =>
  Option.firstSomeOf([
    types(members),
    redirectUris(members, options),
    keys(members, options),
    urls(members, options)
  ])

const some = (
  member: string,
  reason: Problem["reason"],
  rule: string,
  problem: string
): Option.Option<Problem> => Option.some({ member, reason, rule, problem })

export const isTexts = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((one) => typeof one === "string")

/** The members of `ClientMetadata` by what they are; those that are not here have rules of their own below. */
const lists: ReadonlyArray<string> = [
  "redirect_uris",
  "grant_types",
  "response_types",
  "contacts",
  "default_acr_values",
  "request_uris",
  "post_logout_redirect_uris",
  "authorization_details_types"
]
const flags: ReadonlyArray<string> = [
  "require_auth_time",
  "backchannel_logout_session_required",
  "frontchannel_logout_session_required",
  "tls_client_certificate_bound_access_tokens",
  "require_signed_request_object",
  "require_pushed_authorization_requests",
  "dpop_bound_access_tokens",
  "backchannel_user_code_parameter"
]
const texts =
  /^(?:token_endpoint_auth_method|client_name|scope|software_(?:id|version)|application_type|subject_type|.+_(?:alg|enc)|tls_client_auth_.+|backchannel_token_delivery_mode|(?:front|back)channel_logout_uri|sector_identifier_uri|backchannel_client_notification_endpoint)$/

const types = (members: Members): Option.Option<Problem> => {
  for (const [member, value] of Object.entries(members)) {
    const wanted =
      lists.includes(member) && !isTexts(value)
        ? "an array of strings"
        : flags.includes(member) && typeof value !== "boolean"
          ? "true or false"
          : texts.test(member) && typeof value !== "string"
            ? "a string"
            : member === "default_max_age" && typeof value !== "number"
              ? "a number of seconds"
              : undefined
    if (wanted !== undefined) {
      return some(member, "type", `RFC 7591 section 2: ${member} is ${wanted}`, `${member} is not ${wanted}`)
    }
  }
  return Option.none()
}

/** Whether a client with these members receives authorization responses; what is not said is `authorization_code`. */
const redirects = (members: Members): boolean => {
  const { grant_types: grants = ["authorization_code"] } = members
  return isTexts(grants) && grants.some((grant) => grant === "authorization_code" || grant === "implicit")
}

const redirectUris = (members: Members, options: Endpoint.Options): Option.Option<Problem> => {
  const member = "redirect_uris"
  const { redirect_uris: uris = [] } = members
  if (!isTexts(uris) || (uris.length === 0 && (redirects(members) || members[member] !== undefined))) {
    return redirects(members)
      ? some(
          member,
          "missing",
          "RFC 7591 section 2: clients using flows with redirection must register their redirection URI values",
          "there is no redirect URI, and the grant types need one"
        )
      : Option.none()
  }
  if (new Set(uris).size !== uris.length) {
    return some(
      member,
      "duplicate",
      "RFC 7591 section 2: redirect_uris is a list of URIs",
      "a redirect URI is listed twice"
    )
  }
  for (const uri of uris) {
    const why = Endpoint.redirectUriProblem(uri, options)
    if (Option.isSome(why)) {
      return some(
        member,
        "value",
        "RFC 7591 section 5: a redirect URI is https, on this machine, or of the client's own scheme",
        `the redirect URI ${Endpoint.show(uri)} ${why.value}`
      )
    }
  }
  return Option.none()
}

const keys = (members: Members, options: Endpoint.Options): Option.Option<Problem> => {
  const { jwks, jwks_uri: uri } = members
  if (jwks !== undefined && uri !== undefined) {
    return some(
      "jwks",
      "duplicate",
      "RFC 7591 section 2: jwks and jwks_uri must not both be present",
      "jwks and jwks_uri are both there"
    )
  }
  if (uri !== undefined) {
    if (typeof uri !== "string")
      return some("jwks_uri", "type", "RFC 7591 section 2: jwks_uri is a string", "jwks_uri is not a string")
    const why = Endpoint.problem(uri, options)
    if (Option.isSome(why))
      return some(
        "jwks_uri",
        "value",
        "RFC 7591 section 2: jwks_uri is an https URL",
        `jwks_uri ${why.value}`
      )
  }
  if (jwks !== undefined) {
    const set = isObject(jwks) ? jwks["keys"] : undefined
    if (!Array.isArray(set) || !set.every(Jwk.isJsonWebKey)) {
      return some("jwks", "type", "RFC 7517 section 5: jwks is a set of keys", "jwks is not a set of keys")
    }
    if (set.some(Jwk.isPrivate)) {
      return some(
        "jwks",
        "value",
        "RFC 7591 section 2: jwks contains the client's public keys",
        "jwks has a private or secret key in it; publish the public halves, which are Keyring's jwks"
      )
    }
  }
  return Option.none()
}

/** Members that a person is shown, or that a server or browser opens. */
const pages = ["client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri"]

const urls = (members: Members, options: Endpoint.Options): Option.Option<Problem> => {
  for (const member of pages) {
    const value = members[member]
    if (value === undefined) continue
    const url = typeof value === "string" ? value.replace(/#.*$/s, "") : ""
    const why = Endpoint.problem(url, options)
    if (Option.isSome(why)) {
      return some(
        member,
        "value",
        `RFC 7591 section 2: ${member} is the URL of a web page`,
        `${member} ${why.value}`
      )
    }
  }
  return Option.none()
}

/** The methods by which a client shares a secret with its server. */
export const isSharedSecretMethod = (method: unknown): boolean =>
  typeof method === "string" && method.startsWith("client_secret_")
