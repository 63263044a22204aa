/**
 * The authorization request and its response, with PKCE.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Telemetry from "../http/Telemetry.js"
import type { KeyringService } from "../keys/Keyring.js"
import * as AuthorizationServerMetadata from "../protocol/AuthorizationServerMetadata.js"
import * as Entropy from "../protocol/Entropy.js"
import type { AuthorizationError, JwtError, KeyringError } from "../protocol/OAuthError.js"
import * as Pkce from "../protocol/Pkce.js"
import * as Scope from "../protocol/Scope.js"
import type { AuthorizationCode, AuthorizationTransaction } from "./AuthorizationTransaction.js"
import {
  checkState,
  code,
  read,
  refuse,
  type Response as AuthorizationResponse
} from "./internal/authorizationResponse.js"
import { object, send } from "./internal/formRequest.js"
import { list } from "./internal/list.js"
import { loaded } from "./internal/loaded.js"
import { makeOnce } from "./internal/once.js"
import { chooseRedirectUri } from "./internal/redirectUri.js"
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
  export interface Request {
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** One of the client's redirect URIs, exactly; its first unless given. On the loopback interface any port (RFC 8252 section 7.3). */
    readonly redirectUri?: string | undefined
    /**
     * `form_post` has the response posted instead of put into the URL. The modes
     * with `jwt` have the server sign it (JARM); then no plain one is taken.
     * `fragment` is for `code id_token`, which otherwise is posted.
     */
    readonly responseMode?: ResponseMode | undefined
    /** `code id_token` has an ID token come with the code, which is bound to it (OpenID Connect Core section 3.3). */
    readonly responseType?: "code" | "code id_token" | undefined
    /** Hand the parameters to the server first (RFC 9126), as is done anyway where the server requires it. */
    readonly pushed?: boolean | undefined
    readonly prompt?: string | undefined
    readonly loginHint?: string | undefined
    /** How old the person's login may be; `CodeExchange` checks `auth_time`. Needs the scope `openid`. */
    readonly maxAge?: Duration.DurationInput | undefined
    readonly acrValues?: ReadonlyArray<string> | undefined
    /** How long the person may take; 10 minutes. */
    readonly timeToLive?: Duration.DurationInput | undefined
    /** Further parameters, those of `AuthorizationDetails` (RFC 9396) or of the server's own; none that the flow sets. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export type ResponseMode = "query" | "form_post" | "fragment" | "jwt" | "query.jwt" | "form_post.jwt"

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
        const redirectUri = yield* chooseRedirectUri(operation, client, request.redirectUri)
        const metadata = yield* client.metadata
        const endpoint = yield* client.endpoint(operation, "authorization_endpoint")
        yield* AuthorizationServerMetadata.requirePkce(operation, metadata)

        const problem = Scope.problem(request.scope ?? [])
        if (Option.isSome(problem)) return yield* refuse(operation, "invalid_request", problem.value)
        const scope = Scope.make(request.scope ?? [])
        const resource = list(request.resource)
        const pkce = yield* Pkce.generate
        const state = yield* Entropy.randomText(32)
        const nonce = scope.includes("openid") ? yield* Entropy.randomText(32) : undefined
        if (request.maxAge !== undefined && nonce === undefined) {
          return yield* refuse(
            operation,
            "invalid_request",
            "a maximum age needs the scope openid, whose ID token tells the time of the login"
          )
        }
        const maxAge =
          request.maxAge === undefined ? undefined : Math.floor(Duration.toSeconds(request.maxAge))

        const parameters = new URLSearchParams()
        const wanted = {
          response_type: "code",
          client_id: client.clientId,
          redirect_uri: redirectUri,
          scope: Scope.format(scope),
          state,
          code_challenge: pkce.challenge,
          code_challenge_method: pkce.method,
          nonce,
          response_mode: request.responseMode,
          prompt: request.prompt,
          login_hint: request.loginHint,
          max_age: maxAge?.toString(),
          // RFC 9449 section 10: the code is good only with a proof by this key.
          dpop_jkt: client.dpop?.thumbprint,
          acr_values: request.acrValues?.join(" ")
        }
        const reserved = Object.keys(request.parameters ?? {}).find(
          (name) => Object.hasOwn(wanted, name.toLowerCase()) || neverExtra.test(name)
        )
        if (reserved !== undefined) {
          return yield* refuse(
            operation,
            "reserved_parameter",
            `${JSON.stringify(reserved)} is set by the flow and cannot be an extra parameter`
          )
        }
        for (const [name, value] of Object.entries({ ...wanted, ...request.parameters })) {
          if (value !== undefined && value !== "") parameters.set(name, value)
        }
        for (const one of resource) parameters.append("resource", one)
        client.quirks?.authorize(parameters)

        const transaction: AuthorizationTransaction = {
          issuer: client.issuer,
          clientId: client.clientId,
          redirectUri,
          state: Redacted.make(state),
          verifier: pkce.verifier,
          nonce: Option.map(Option.fromNullable(nonce), Redacted.make),
          scope,
          resource,
          maxAge: Option.fromNullable(maxAge),
          issuerRequired: metadata.authorization_response_iss_parameter_supported === true,
          expiresAt: (yield* Clock.currentTimeMillis) + Duration.toMillis(request.timeToLive ?? "10 minutes")
        }
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
          return yield* refuse(
            operation,
            "issuer_mismatch",
            "the transaction is of another client or another server"
          )
        }
        if ((yield* Clock.currentTimeMillis) >= transaction.expiresAt) {
          return yield* refuse(
            operation,
            "expired",
            "this authorization has taken longer than it may; begin again"
          )
        }
        if (!(yield* once.claim(Redacted.value(transaction.state), transaction.expiresAt))) {
          return yield* refuse(
            operation,
            "replayed",
            "this authorization has been completed before; begin again"
          )
        }
        return { code: yield* code(operation, parameters, transaction), transaction }
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
): Effect.Effect<Authorization.Service, never, OAuthClient.OAuthClient | KeyringService> =>
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
 * server knows. Beside `OAuth.layer`, give it last.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSigned = (
  options?: RequestObject.RequestObject.Options
): Layer.Layer<Authorization, never, OAuthClient.OAuthClient | KeyringService> =>
  Layer.effect(Authorization, makeSigned(options))

const loadExtended = (operation: string) =>
  loaded(operation, () => import("./internal/extendedAuthorization.js"))

/** What would change the flow, besides what the flow sets. */
const neverExtra = /^(resource|code_verifier|client_(secret|assertion(_type)?)|request(_uri)?)$/i
