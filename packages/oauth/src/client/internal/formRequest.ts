import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Wire from "../../http/Wire.js"
import type { EndpointName } from "../../protocol/AuthorizationServerMetadata.js"
import * as ErrorResponse from "../../protocol/ErrorResponse.js"
import type { OAuthResponseError, ProtocolViolation, TransportError } from "../../protocol/OAuthError.js"
import type { AuthenticationError, Parameter } from "../ClientAuthentication.js"
import type { OAuthClient } from "../OAuthClient.js"
import { violation } from "./violation.js"

/** A form for an endpoint of the client's server. */
export interface FormRequest {
  readonly operation: string
  readonly endpoint: EndpointName
  readonly parameters: ReadonlyArray<Parameter>
  /** The caller's own parameters, none of which the flow or the client sets. */
  readonly extra?: Readonly<Record<string, string>> | undefined
  /** Whether a client that binds its tokens to a key proves it here (RFC 9449 section 5). */
  readonly dpop?: boolean | undefined
  /** Whether `client_id` is in the form also where the credentials are in a header (RFC 9126 section 2.1). */
  readonly identify?: boolean | undefined
  /** The media types that may come back; JSON unless given. */
  readonly accept?: string | undefined
  /** Comes before sending, when nothing else can fail any more. */
  readonly sending?: Effect.Effect<void> | undefined
}

/** What came back, and what was sent in confidence and may not come out again. */
export interface Answer {
  readonly response: Wire.WireResponse
  readonly secrets: ReadonlyArray<string>
  /** Whether the server wants other credentials, which can be made now. */
  readonly again?: boolean | undefined
}

/** Posts a form, authenticated as the client. */
export const send = (
  client: OAuthClient.Service,
  form: FormRequest
): Effect.Effect<Answer, OAuthClient.MetadataError | AuthenticationError> =>
  Effect.flatMap(client.endpoint(form.operation, form.endpoint), (endpoint) => {
    const { dpop } = client
    const attempt =
      dpop === undefined || form.dpop !== true
        ? sendOnce(client, form, endpoint)
        : dpop.exchange({ method: "POST", url: endpoint }, (proof) => sendOnce(client, form, endpoint, proof))
    return Effect.flatMap(attempt, (answer) => (answer.again ? attempt : Effect.succeed(answer)))
  })

const sendOnce = (
  client: OAuthClient.Service,
  form: FormRequest,
  endpoint: string,
  proof?: Redacted.Redacted<string>
): Effect.Effect<Answer, OAuthClient.MetadataError | AuthenticationError> =>
  Effect.flatMap(
    client.authenticate(form.operation, endpoint, form.endpoint),
    (credentials): Effect.Effect<Answer, TransportError | ProtocolViolation> => {
      const { extra = {}, operation } = form
      const own = [...form.parameters, ...credentials.parameters]
      if (form.identify === true && !own.some(([name]) => name === "client_id")) {
        own.push(["client_id", client.clientId])
      }
      const reserved = Object.keys(extra).find(
        (name) => reservedNames.has(name.toLowerCase()) || own.some(([set]) => set === name.toLowerCase())
      )
      if (reserved !== undefined) return Effect.fail(reservedParameter(operation, reserved))

      const body = new URLSearchParams()
      const secrets = (credentials.secrets ?? []).map(Redacted.value)
      for (const [name, value] of own) {
        if (Redacted.isRedacted(value)) secrets.push(Redacted.value(value))
        body.append(name, Redacted.isRedacted(value) ? Redacted.value(value) : value)
      }
      for (const [name, value] of Object.entries(extra)) body.append(name, value)

      const headers: Record<string, string> = { accept: form.accept ?? "application/json" }
      for (const [name, value] of Object.entries({ ...credentials.headers, dpop: proof })) {
        if (value === undefined) continue
        const text = Redacted.value(value)
        // Basic tells the secret without its name as well.
        secrets.push(text, text.slice(text.indexOf(" ") + 1))
        headers[name] = text
      }
      const request = HttpClientRequest.post(endpoint, {
        headers,
        body: HttpBody.text(body.toString(), "application/x-www-form-urlencoded")
      })
      const sent = Effect.map(client.wire.send(operation, request), (response): Answer => ({
        response,
        secrets,
        again: credentials.again?.(response)
      }))
      return form.sending === undefined ? sent : Effect.zipRight(form.sending, sent)
    }
  )

/**
 * The JSON object of a response. The server's own error comes first, whatever
 * the status: some send it with 200, and a body tells more than a challenge.
 * `success` is the status with which there must be an object.
 */
export const object = (
  operation: string,
  response: Wire.WireResponse,
  secrets: ReadonlyArray<string>,
  success = 200
): Effect.Effect<
  Readonly<Record<string, unknown>>,
  TransportError | OAuthResponseError | ProtocolViolation
> =>
  Effect.matchEffect(Wire.json(operation, response), {
    onFailure: (error) => unlessOk(operation, response, success, error),
    onSuccess: (
      json
    ): Effect.Effect<
      Readonly<Record<string, unknown>>,
      TransportError | OAuthResponseError | ProtocolViolation
    > => {
      if (!Predicate.isReadonlyRecord(json) || Array.isArray(json)) {
        return unlessOk(operation, response, success, notAnObject(operation, response))
      }
      if (!("error" in json)) return Effect.succeed(json)
      return Effect.flatMap(Wire.retryAfter(response), (retryAfter) =>
        Option.match(
          ErrorResponse.decode(json, { operation, status: response.status, retryAfter, secrets }),
          {
            onNone: () => Effect.succeed(json),
            onSome: Effect.fail
          }
        )
      )
    }
  })

/** What is wrong with the body of a success; of anything else the status says enough. */
const unlessOk = <E>(
  operation: string,
  response: Wire.WireResponse,
  success: number,
  error: E
): Effect.Effect<never, E | TransportError> =>
  response.status === success
    ? Effect.fail(error)
    : Effect.flatMap(Wire.statusError(operation, response), Effect.fail)

/** Parameters that a caller may not set beside a grant, whether or not the grant sets them. */
const reservedNames: ReadonlySet<string> = new Set([
  "grant_type",
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
  "code",
  "code_verifier",
  "redirect_uri",
  "refresh_token",
  "scope"
])

const reservedParameter = (operation: string, member: string): ProtocolViolation =>
  violation(
    operation,
    "duplicate",
    member,
    "RFC 6749 section 3.2: parameters must not be included more than once",
    `${JSON.stringify(member.slice(0, 60))} is set by the flow`
  )

const notAnObject = (operation: string, response: Wire.WireResponse): ProtocolViolation =>
  violation(
    operation,
    "type",
    "(body)",
    "RFC 6749 section 5.1: the response is a JSON object",
    `the answer of ${response.url} is JSON, but not an object`
  )
