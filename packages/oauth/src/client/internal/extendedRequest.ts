/** Authorization requests beyond the plain code flow: pushed, signed, answered by a JWT, or with an ID token. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { AuthorizationServerMetadata } from "../../protocol/AuthorizationServerMetadata.js"
import { AuthorizationError, DiscoveryError } from "../../protocol/OAuthError.js"
import type { AuthorizationTransaction } from "../AuthorizationTransaction.js"
import type { Parameter } from "../ClientAuthentication.js"
import type { OAuthClient } from "../OAuthClient.js"
import type { RequestObject } from "../RequestObject.js"
import type { TokenEndpoint } from "../TokenEndpoint.js"
import { type Forms, push } from "./push.js"
import type { urlOf } from "./urlOf.js"

/** What of a request goes beyond the plain code flow. */
export interface Wanted {
  readonly pushed?: boolean | undefined
  readonly responseMode?: string | undefined
  readonly responseType?: "code" | "code id_token" | undefined
}

/** Where to send the person, and what to remember. */
export interface Begun {
  readonly url: string
  readonly transaction: AuthorizationTransaction
  readonly openBefore?: number | undefined
}

/** A request as the plain code flow would send it. */
export interface Plain extends Forms {
  readonly client: OAuthClient.Service
  readonly operation: string
  readonly endpoint: string
  readonly metadata: AuthorizationServerMetadata
  readonly request: Wanted
  readonly parameters: URLSearchParams
  readonly transaction: AuthorizationTransaction
  /** What the plain code flow has loaded, so that this chunk shares no module with it. */
  readonly urlOf: typeof urlOf
}

/** The URL and the transaction of a request that wants more than the plain code flow. */
export const begin = (
  plain: Plain,
  sign: RequestObject.Service["sign"] | undefined
): Effect.Effect<Begun, AuthorizationError | TokenEndpoint.RequestError> =>
  Effect.gen(function* () {
    const { client, endpoint, metadata, request, urlOf } = plain
    const response = yield* responseOf(plain)
    const parameters = new URLSearchParams(plain.parameters)
    if (response === "code id_token") {
      parameters.set("response_type", response)
      parameters.set("response_mode", request.responseMode ?? "form_post")
    }
    const transaction = { ...plain.transaction, response }
    const pushed = request.pushed === true || metadata.require_pushed_authorization_requests === true
    yield* checkSigning(plain, sign !== undefined, pushed)

    const clientId = ["client_id", client.clientId] as const
    const signed: ReadonlyArray<Parameter> | undefined =
      sign === undefined ? undefined : [["request", yield* sign([...parameters])]]
    const own = signed ?? [...parameters].filter(([name]) => name !== "client_id").map(covered)
    if (!pushed) return { url: urlOf(endpoint, [clientId, ...own].map(revealed)), transaction }
    const { expiresAt, requestUri } = yield* push(client, plain, own)
    return {
      url: urlOf(endpoint, [clientId, ["request_uri", requestUri]]),
      transaction,
      openBefore: expiresAt
    }
  })

/** What a server may not say again in an error. */
const covered = ([name, value]: readonly [string, string]): Parameter =>
  name === "state" || name === "nonce" ? [name, Redacted.make(value)] : [name, value]

const revealed = ([name, value]: Parameter): readonly [string, string] => [
  name,
  Redacted.isRedacted(value) ? Redacted.value(value) : value
]

/** A request for more scope than was granted (RFC 6750 section 3.1). */
export const stepUp = <R extends { readonly scope?: ReadonlyArray<string> | undefined }, A, E>(
  begin: (request: R & { readonly scope: ReadonlyArray<string> }) => Effect.Effect<A, E>,
  request: R & { readonly granted: ReadonlyArray<string>; readonly required: ReadonlyArray<string> }
): Effect.Effect<A, E | AuthorizationError> => {
  const { granted, required } = request
  const scope = [...granted, ...required, ...(request.scope ?? [])]
  return scope.every((one) => granted.includes(one))
    ? refuse(
        "Authorization.stepUp",
        "everything that is asked for has been granted before; asking again would loop"
      )
    : begin({ ...request, scope })
}

const refuse = (operation: string, problem: string): AuthorizationError =>
  new AuthorizationError({ operation, reason: "invalid_request", message: `${operation}: ${problem}.` })

/** How the answer will come, where it is not the plain one; refused where it cannot come so. */
const responseOf = ({
  metadata,
  operation,
  parameters,
  request: { responseMode: mode, responseType = "code" }
}: Plain): Effect.Effect<AuthorizationTransaction["response"], AuthorizationError | DiscoveryError> => {
  const unsupported = (expected: string) => unsupportedBy(operation, metadata, expected)
  if (responseType === "code id_token") {
    if (!parameters.has("nonce")) {
      return refuse(
        operation,
        "the response type code id_token needs the scope openid, and a nonce (OpenID Connect Core section 3.3)"
      )
    }
    if (mode !== undefined && mode !== "form_post" && mode !== "fragment") {
      return refuse(
        operation,
        "an ID token comes in the fragment of the redirect or in a posted form, so the response mode is form_post or fragment"
      )
    }
    return metadata.response_types_supported?.some((type) =>
      /^(?:code id_token|id_token code)$/.test(type)
    ) === false
      ? unsupported("the response type code id_token")
      : Effect.succeed("code id_token")
  }
  if (mode === "fragment") {
    return refuse(
      operation,
      "a code alone comes in the query of the redirect or in a posted form, not in the fragment"
    )
  }
  if (mode === undefined || mode === "query" || mode === "form_post") return Effect.succeed(undefined)
  return metadata.response_modes_supported?.includes(mode) === false
    ? unsupported(`the response mode ${mode} (JARM)`)
    : Effect.succeed("jwt")
}

/** Whether the request may be signed, or must be (RFC 9101 sections 10.5 and 9.2). */
const checkSigning = (
  { metadata, operation }: Plain,
  signed: boolean,
  pushed: boolean
): Effect.Effect<void, DiscoveryError> => {
  if (!signed && metadata.require_signed_request_object === true) {
    return new DiscoveryError({
      operation,
      reason: "unsupported",
      message: `${operation}: ${metadata.issuer} takes signed requests only (RFC 9101 section 10.5). Use Authorization.layerSigned, with a key that is registered for this client.`
    })
  }
  return signed && !pushed && metadata.request_parameter_supported === false
    ? unsupportedBy(
        operation,
        metadata,
        "the parameter request (RFC 9101); push the request with pushed: true"
      )
    : Effect.void
}

const unsupportedBy = (
  operation: string,
  metadata: AuthorizationServerMetadata,
  expected: string
): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "unsupported",
    expected,
    message: `${operation}: ${metadata.issuer} says in its metadata that it does not support ${expected}.`
  })
