import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Telemetry from "../../http/Telemetry.js"
import * as Wire from "../../http/Wire.js"
import { ProtocolViolation } from "../../protocol/OAuthError.js"
import type { Parameter } from "../ClientAuthentication.js"
import type { OAuthClient } from "../OAuthClient.js"
import type { TokenEndpoint } from "../TokenEndpoint.js"
import type * as FormRequest from "./formRequest.js"

/** What the server made of the parameters. */
export interface Pushed {
  /** Stands for the parameters at the authorization endpoint, once. */
  readonly requestUri: string
  /** Until when the person may be sent there, in milliseconds since the epoch as `Clock` tells. */
  readonly expiresAt: number
}

/** How forms are sent: given, so that a chunk that pushes shares no module with what a login loads first. */
export type Forms = Pick<typeof FormRequest, "send" | "object">

/** Posts an authorization request, and reads the reference to it (RFC 9126 section 2). */
export const push = (
  client: OAuthClient.Service,
  forms: Forms,
  parameters: ReadonlyArray<Parameter>
): Effect.Effect<Pushed, TokenEndpoint.RequestError> =>
  Effect.gen(function* () {
    const reserved = parameters.find(([name]) => name === "client_id" || name === "request_uri")
    if (reserved !== undefined) return yield* notPushed(reserved[0])
    const { response, secrets } = yield* forms.send(client, {
      operation,
      endpoint: "pushed_authorization_request_endpoint",
      parameters,
      identify: true,
      dpop: true
    })
    const body = yield* forms.object(operation, response, secrets, 201)
    if (response.status !== 201) {
      return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
    }
    const { expires_in: expiresIn, request_uri: requestUri } = body
    if (typeof requestUri !== "string" || !isReference(requestUri)) {
      return yield* violation("request_uri", "request_uri is a URI of at most 2048 characters")
    }
    if (typeof expiresIn !== "number" || !(expiresIn > 0 && expiresIn <= maxSeconds)) {
      return yield* violation("expires_in", "expires_in is a positive number of seconds")
    }
    return { requestUri, expiresAt: (yield* Clock.currentTimeMillis) + expiresIn * 1000 }
  }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))

const operation = "PushedAuthorization.push"

/** A year, which is more than any server means. */
const maxSeconds = 31_536_000

/** A URI, of any scheme, in visible ASCII. */
const isReference = (text: string): boolean =>
  text.length <= 2048 && /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7E]+$/.test(text)

const violation = (member: string, rule: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "value",
    member,
    rule: `RFC 9126 section 2.2: ${rule}`,
    message: `${operation}: the answer to the pushed request is not valid: ${rule} (RFC 9126 section 2.2).`
  })

const notPushed = (member: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "value",
    member,
    rule: "RFC 9126 section 2.1: the client adds client_id, and request_uri must not be provided",
    message: `${operation}: ${member} cannot be among the parameters: client_id is added, and a request is not pushed by reference (RFC 9126 section 2.1).`
  })
