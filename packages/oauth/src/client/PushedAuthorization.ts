/**
 * Pushed authorization requests.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import { ProtocolViolation } from "../protocol/OAuthError.js"
import type { Parameter } from "./ClientAuthentication.js"
import * as FormRequest from "./internal/formRequest.js"
import * as OAuthClient from "./OAuthClient.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Hands the parameters of an authorization request to the server itself, so
 * that the browser carries only a reference to them (RFC 9126).
 *
 * `Authorization` uses it: by itself where the server requires it, or when
 * asked with `pushed`.
 *
 * @since 0.1.0
 * @category services
 */
export class PushedAuthorization extends Context.Tag("effect-oauth/PushedAuthorization")<
  PushedAuthorization,
  PushedAuthorization.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace PushedAuthorization {
  /**
   * What the server made of the parameters.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Pushed {
    /** Stands for the parameters at the authorization endpoint, once. */
    readonly requestUri: string
    /** Until when the person may be sent there, in milliseconds since the epoch as `Clock` tells. */
    readonly expiresAt: number
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Posts the parameters, authenticated as the client, with a DPoP proof where
     * the client binds its tokens (RFC 9449 section 10.1). `client_id` is added;
     * `request_uri` may not be among them (section 2.1). The answer must be 201
     * with a `request_uri` and a positive `expires_in` in seconds (section 2.2).
     */
    readonly push: (parameters: ReadonlyArray<Parameter>) => Effect.Effect<Pushed, TokenEndpoint.RequestError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<PushedAuthorization.Service, never, OAuthClient.OAuthClient> = Effect.map(
  OAuthClient.OAuthClient,
  (client): PushedAuthorization.Service => ({
    push: (parameters) =>
      Effect.gen(function* () {
        const reserved = parameters.find(([name]) => name === "client_id" || name === "request_uri")
        if (reserved !== undefined) return yield* notPushed(reserved[0])
        const { response, secrets } = yield* FormRequest.send(client, {
          operation,
          endpoint: "pushed_authorization_request_endpoint",
          parameters,
          identify: true,
          dpop: true
        })
        const body = yield* FormRequest.object(operation, response, secrets)
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
  })
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<PushedAuthorization, never, OAuthClient.OAuthClient> = Layer.effect(
  PushedAuthorization,
  make
)

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
