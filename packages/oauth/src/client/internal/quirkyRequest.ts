/** What goes out, bent to a provider's ways. */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { Switches } from "./quirkySwitches.js"

const form = "application/x-www-form-urlencoded"

/** The form of a request, where it is one. */
const formOf = ({ body }: HttpClientRequest.HttpClientRequest): URLSearchParams | undefined =>
  body._tag === "Uint8Array" && body.contentType === form
    ? new URLSearchParams(new TextDecoder().decode(body.body))
    : undefined

/** What is asked: the grant of a request for tokens, anything else in a form, or something else altogether. */
export interface Asked {
  readonly form: boolean
  readonly grantType: string | undefined
}

/** The request as the provider wants it, and what it asks. */
export const bend = (
  switches: Switches,
  request: HttpClientRequest.HttpClientRequest
): { readonly asked: Asked; readonly request: HttpClientRequest.HttpClientRequest } => {
  const { userAgent } = switches
  const named =
    userAgent === undefined ? request : HttpClientRequest.setHeader(request, "user-agent", userAgent)
  const parameters = formOf(request)
  if (parameters === undefined) return { asked: { form: false, grantType: undefined }, request: named }
  const grantType = parameters.get("grant_type") ?? undefined
  const grant = grantType !== undefined
  if (grant) {
    if (grantType === "refresh_token" && switches.omitScopeOnRefresh === true) parameters.delete("scope")
    addMissing(parameters, switches.tokenParameters)
    if (switches.omitPkce === true) parameters.delete("code_verifier")
  }
  renamed(switches, parameters)
  return {
    asked: { form: true, grantType },
    request:
      grant && switches.tokenRequestFormat === "json"
        ? HttpClientRequest.bodyText(named, JSON.stringify(jsonOf(parameters)), "application/json")
        : HttpClientRequest.bodyText(named, parameters.toString(), form)
  }
}

/** The parameters of an authorization request as the provider wants them. */
export const authorize = (switches: Switches, parameters: URLSearchParams): void => {
  addMissing(parameters, switches.authorizeParameters)
  if (switches.omitPkce === true) {
    parameters.delete("code_challenge")
    parameters.delete("code_challenge_method")
  }
  if (switches.omitNonce === true) parameters.delete("nonce")
  renamed(switches, parameters)
}

/** What the flow or the caller has set stays. */
const addMissing = (
  parameters: URLSearchParams,
  defaults: Readonly<Record<string, string>> | undefined
): void => {
  for (const [name, value] of Object.entries(defaults ?? {})) {
    if (!parameters.has(name)) parameters.set(name, value)
  }
}

const renamed = ({ clientIdParameter, scopeSeparator }: Switches, parameters: URLSearchParams): void => {
  const scope = parameters.get("scope")
  if (scopeSeparator !== undefined && scope !== null) {
    parameters.set("scope", scope.split(" ").join(scopeSeparator))
  }
  const clientId = parameters.get("client_id")
  if (clientIdParameter !== undefined && clientId !== null) {
    parameters.delete("client_id")
    parameters.set(clientIdParameter, clientId)
  }
}

/** A parameter that comes more than once is a list. */
const jsonOf = (parameters: URLSearchParams): Record<string, string | Array<string>> =>
  Object.fromEntries(
    [...new Set(parameters.keys())].map((name) => {
      const [first = "", ...more] = parameters.getAll(name)
      return [name, more.length === 0 ? first : [first, ...more]]
    })
  )
