/**
 * The authorization request and its response, with PKCE.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Telemetry from "../http/Telemetry.js"
import type { KeyringService } from "../keys/Keyring.js"
import type { AuthorizationError, JwtError, KeyringError } from "../protocol/OAuthError.js"
import type { AuthorizationCode, AuthorizationTransaction } from "./AuthorizationTransaction.js"
import * as AuthorizationRequest from "./internal/authorizationRequest.js"
import {
  checkState,
  code,
  read,
  refuse,
  type Response as AuthorizationResponse
} from "./internal/authorizationResponse.js"
import { object, send } from "./internal/formRequest.js"
import { loaded } from "./internal/loaded.js"
import { makeOnce } from "./internal/once.js"
import { urlOf } from "./internal/urlOf.js"
import * as OAuthClient from "./OAuthClient.js"
import * as RequestObject from "./RequestObject.js"
import type { TokenEndpoint } from "./TokenEndpoint.js"

/**
 * Sends a person to the authorization endpoint and reads what comes back
 * (RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC 8707, OpenID Connect Core 3.1);
 * where asked for, pushed (RFC 9126), signed (RFC 9101), answered in a JWT
 * (JARM), or with an ID token beside the code (OpenID Connect Core 3.3).
 *
 * @since 0.1.0
 * @category services
 */
export class Authorization extends Context.Tag("effect-oauth/Authorization")<
  Authorization,
  Authorization.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace Authorization {
  /**
   * @since 0.1.0
   * @category models
   */
  export type Request = AuthorizationRequest.Request

  /**
   * @since 0.1.0
   * @category models
   */
  export type ResponseMode = AuthorizationRequest.ResponseMode

  /**
   * How an authorization can fail before the person is asked.
   *
   * @since 0.1.0
   * @category errors
   */
  export type BeginError = AuthorizationError | TokenEndpoint.RequestError

  /**
   * How a response can be refused; with anything but a code in the query, also
   * because keys could not be had.
   *
   * @since 0.1.0
   * @category errors
   */
  export type CompleteError =
    AuthorizationError | OAuthClient.OAuthClient.MetadataError | JwtError | KeyringError

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Begun {
    /** Where to send the person. It holds no secret but the `state`, which the person's browser may know. */
    readonly url: string
    /** What `complete` needs; keep it where only this person's session can use it. */
    readonly transaction: AuthorizationTransaction
    /** Until when the URL of a pushed request may be opened, in milliseconds since the epoch. */
    readonly openBefore?: number | undefined
  }

  /**
   * The parameters of an authorization response: the URL that the browser came
   * back to, its query or posted form as text, or pairs.
   *
   * @since 0.1.0
   * @category models
   */
  export type Response = AuthorizationResponse

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Makes a fresh state, PKCE verifier and (for `openid`) nonce, and the URL
     * with them. Refuses a server whose metadata lists PKCE methods without
     * S256. A pushed request has only `client_id` and `request_uri` in its URL.
     */
    readonly begin: (request?: Request) => Effect.Effect<Begun, BeginError>
    /**
     * Checks a response against its transaction and gives the code. In this
     * order: no parameter twice; `state`, in constant time; not expired; not
     * completed before (in this process); `iss`; then the server's `error`;
     * then a code and nothing that does not belong beside one. A wrong state
     * leaves the transaction open; whatever comes after it closes it.
     *
     * What the server signs is verified against its keys first, and leaves the
     * transaction open where it is refused: the JWT that a response is (JARM:
     * `iss`, `aud`, `exp`), or the ID token beside the code (`nonce`, `c_hash`,
     * `s_hash` where there is one), whose subject that of `CodeExchange` must be.
     */
    readonly complete: (
      response: Response,
      transaction: AuthorizationTransaction
    ) => Effect.Effect<AuthorizationCode, CompleteError>
    /**
     * Begins again with more scope: the union of what is granted and what a
     * resource asked for (`insufficient_scope`, RFC 6750 section 3.1), and
     * `scope`: what the login asked for, since some servers leave `openid` and
     * `offline_access` out of what they tell as granted. Fails with reason
     * `invalid_request` where all that is required was granted before, since
     * asking again would loop.
     */
    readonly stepUp: (
      request: Request & { readonly granted: ReadonlyArray<string>; readonly required: ReadonlyArray<string> }
    ) => Effect.Effect<Begun, BeginError>
  }
}

const makeWith = (
  sign?: RequestObject.RequestObject.Service["sign"]
): Effect.Effect<Authorization.Service, never, OAuthClient.OAuthClient> =>
  Effect.gen(function* () {
    const client = yield* OAuthClient.OAuthClient
    const once = yield* makeOnce

    const begin: Authorization.Service["begin"] = (request = {}) =>
      Effect.gen(function* () {
        const operation = "Authorization.begin"
        const metadata = yield* client.metadata
        const endpoint = yield* client.endpoint(operation, "authorization_endpoint")
        const { parameters, transaction } = yield* AuthorizationRequest.prepare(
          client,
          metadata,
          operation,
          request
        )
        return sign ||
          request.pushed ||
          request.responseType ||
          !/^(query|form_post)?$/.test(request.responseMode ?? "") ||
          metadata.require_pushed_authorization_requests ||
          metadata.require_signed_request_object
          ? yield* (yield* loadExtended(operation)).begin(
              {
                client,
                operation,
                endpoint,
                metadata,
                request,
                parameters,
                transaction,
                send,
                object,
                urlOf
              },
              sign
            )
          : { url: urlOf(endpoint, parameters), transaction }
      }).pipe(Telemetry.flow("Authorization.begin", { issuer: client.issuer, client_id: client.clientId }))

    const complete: Authorization.Service["complete"] = (response, begun) =>
      Effect.gen(function* () {
        const operation = "Authorization.complete"
        const { parameters, transaction } =
          begun.response === undefined
            ? { parameters: yield* read(operation, response), transaction: begun }
            : yield* (yield* loadExtended(operation)).read(client, response, begun, { read, checkState })
        yield* checkState(operation, parameters, transaction)
        if (transaction.issuer !== client.issuer || transaction.clientId !== client.clientId) {
          return yield* refuse(operation, "issuer_mismatch", "the transaction is of another client or server")
        }
        if ((yield* Clock.currentTimeMillis) >= transaction.expiresAt) {
          return yield* refuse(operation, "expired", "this authorization has expired; begin again")
        }
        if (!(yield* once.claim(Redacted.value(transaction.state), transaction.expiresAt))) {
          return yield* refuse(
            operation,
            "replayed",
            "this authorization has been completed before; begin again"
          )
        }
        return {
          code: yield* code(operation, parameters, transaction, client.quirks?.issuers?.accepts),
          transaction
        }
      }).pipe(Telemetry.flow("Authorization.complete", { issuer: client.issuer, client_id: client.clientId }))

    return {
      begin,
      complete,
      stepUp: (request) =>
        Effect.flatMap(loadExtended("Authorization.stepUp"), (extended) => extended.stepUp(begin, request))
    }
  })

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Authorization.Service, never, OAuthClient.OAuthClient> = makeWith()

/**
 * Makes the service for the `OAuthClient` of the program; it signs its
 * requests with the keys of the `KeyringService` (RFC 9101).
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSigned = (
  options?: RequestObject.RequestObject.Options
): Effect.Effect<Authorization.Service, never, OAuthClient.OAuthClient | KeyringService | Scope.Scope> =>
  Effect.flatMap(RequestObject.make(options), ({ sign }) => makeWith(sign))

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Authorization, never, OAuthClient.OAuthClient> = Layer.effect(
  Authorization,
  make
)

/**
 * Authorization whose requests are signed (JAR, RFC 9101): the parameters go
 * into a request object, as `RequestObject` makes it, and only that and
 * `client_id` into the URL or the pushed request. For a client whose keys the
 * server knows. Beside the other flows it is `OAuth.layerSigned`: the `StepUp`
 * of `OAuth.layer` has an authorization of its own, which does not sign.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSigned = (
  options?: RequestObject.RequestObject.Options
): Layer.Layer<Authorization, never, OAuthClient.OAuthClient | KeyringService> =>
  Layer.scoped(Authorization, makeSigned(options))

const loadExtended = (operation: string) =>
  loaded(operation, () => import("./internal/extendedAuthorization.js"))
