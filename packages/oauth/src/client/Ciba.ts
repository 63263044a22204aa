/**
 * Client-initiated backchannel authentication.
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
import * as Stream from "effect/Stream"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import type { IdTokenClaims } from "../keys/JwtProfile.js"
import type { VerifiedJwt } from "../keys/JwtVerifier.js"
import * as Entropy from "../protocol/Entropy.js"
import * as GrantType from "../protocol/GrantType.js"
import { DiscoveryError, ProtocolViolation } from "../protocol/OAuthError.js"
import type { AuthorizationError } from "../protocol/OAuthError.js"
import * as Scope from "../protocol/Scope.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { CibaTransaction } from "./CibaTransaction.js"
import type { Parameter } from "./ClientAuthentication.js"
import * as FormRequest from "./internal/formRequest.js"
import { list } from "./internal/list.js"
import * as Notification from "./internal/notification.js"
import * as Polling from "./internal/polling.js"
import * as PollingResponse from "./internal/pollingResponse.js"
import * as RequestRules from "./internal/requestRules.js"
import * as OAuthClient from "./OAuthClient.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Has a person that the client can name log in at a device of their own, such
 * as their phone, with no browser between client and server (OpenID Connect
 * Client-Initiated Backchannel Authentication Core 1.0, poll and ping mode).
 *
 * @since 0.1.0
 * @category services
 */
export class Ciba extends Context.Tag("effect-oauth/Ciba")<Ciba, Ciba.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace Ciba {
  /**
   * Who is to log in: by a text that the server understands (an address, a
   * telephone number), by a token of the server's own kind, or by an ID token of
   * before.
   *
   * @since 0.1.0
   * @category models
   */
  export type Hint =
    | { readonly loginHint: string }
    | { readonly loginHintToken: Redacted.Redacted<string> }
    | { readonly idTokenHint: Redacted.Redacted<string> }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request {
    readonly hint: Hint
    /** `openid` is always among it (section 7.1). */
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    readonly acrValues?: ReadonlyArray<string> | undefined
    /** Shown on both devices, so that the person sees that they belong together: short and plain. */
    readonly bindingMessage?: string | undefined
    /** A secret of the person, against requests that they did not want. */
    readonly userCode?: Redacted.Redacted<string> | undefined
    /** How long the person may take, as the client would have it. */
    readonly requestedExpiry?: Duration.DurationInput | undefined
    /** Whether the server notifies the client when the person has decided (ping mode); as the client is registered. false. */
    readonly ping?: boolean | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Result {
    readonly tokens: TokenSet
    /** Who logged in, verified. */
    readonly idToken: VerifiedJwt<IdTokenClaims>
  }

  /**
   * As in `DeviceAuthorization.Progress`.
   *
   * @since 0.1.0
   * @category models
   */
  export type Progress = Polling.Progress<Result>

  /**
   * What came to the notification endpoint of the client (section 10.2).
   *
   * @since 0.1.0
   * @category models
   */
  export type Notification = Notification.Notification

  /**
   * @since 0.1.0
   * @category errors
   */
  export type CompleteError = AuthorizationError | TokenEndpoint.TokenEndpoint.RequestError

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Sends an authentication request (section 7.1) and checks its
     * acknowledgement (section 7.3). With `ping` a token of 256 random bits goes
     * with it, by which the notification is recognised; a server that lists its
     * delivery modes without `ping` is refused.
     */
    readonly begin: (
      request: Request
    ) => Effect.Effect<CibaTransaction, TokenEndpoint.TokenEndpoint.RequestError>
    /**
     * Waits for the person and gives the tokens (section 10.1), asking as often
     * as `DeviceAuthorization.complete` does. The ID token must come and is
     * verified. A server that keeps a request open until the person has decided
     * (long polling) needs an `HttpLimits.deadline` that is longer than it does.
     */
    readonly complete: (transaction: CibaTransaction) => Effect.Effect<Result, CompleteError>
    /** The same, told as it happens; the last element is `Granted`. */
    readonly progress: (transaction: CibaTransaction) => Stream.Stream<Progress, CompleteError>
    /**
     * Judges a notification (section 10.2): it must be a POST body with one
     * `auth_req_id`, which `find` knows, and carry the token of that transaction
     * as a bearer credential, compared in constant time. Gives the transaction, to
     * `redeem`; answer 204 then. Fails with an `AuthorizationError` of reason
     * `malformed`, or `state_mismatch` for whatever is not known: answer 400 or
     * 401, and never a redirect.
     */
    readonly notified: <E, R>(
      notification: Notification,
      find: (authReqId: string) => Effect.Effect<Option.Option<CibaTransaction>, E, R>
    ) => Effect.Effect<CibaTransaction, AuthorizationError | E, R>
    /** Gets the tokens with one request, after a notification. */
    readonly redeem: (transaction: CibaTransaction) => Effect.Effect<Result, CompleteError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Ciba.Service, never, OAuthClient.OAuthClient> = Effect.gen(function* () {
  const client = yield* OAuthClient.OAuthClient
  const tokenEndpoint = yield* TokenEndpoint.make
  const attributes = { issuer: client.issuer, client_id: client.clientId }

  const request = (operation: string, { authReqId, resource, scope }: CibaTransaction) =>
    Effect.gen(function* () {
      const tokens = yield* tokenEndpoint.request({
        operation,
        grantType: GrantType.ciba,
        parameters: [["auth_req_id", authReqId], ...resource.map((one) => ["resource", one] as const)],
        defaultScope: scope
      })
      if (Option.isNone(tokens.idToken)) return yield* missingIdToken(operation)
      const idToken = yield* client.verifyIdToken(tokens.idToken.value, { accessToken: tokens.accessToken })
      return { tokens, idToken }
    })

  const poll = (operation: string, transaction: CibaTransaction) =>
    Polling.of(client, operation, transaction, request(operation, transaction))

  return {
    begin: (wanted) =>
      Effect.gen(function* () {
        const operation = "Ciba.begin"
        const scope = Scope.union(["openid"], wanted.scope ?? [])
        const resource = list(wanted.resource)
        const parameters = yield* parametersOf(operation, wanted, scope, resource)
        const notificationToken =
          wanted.ping === true ? Option.some(Redacted.make(yield* Entropy.randomText(32))) : Option.none()
        if (Option.isSome(notificationToken)) {
          const modes = (yield* client.metadata).backchannel_token_delivery_modes_supported
          if (modes?.includes("ping") === false) return yield* noPing(operation, client.issuer)
          parameters.push(["client_notification_token", notificationToken.value])
        }
        const { response, secrets } = yield* FormRequest.send(client, {
          operation,
          endpoint: "backchannel_authentication_endpoint",
          parameters,
          extra: wanted.parameters
        })
        const body = yield* FormRequest.object(operation, response, secrets)
        if (response.status !== 200) {
          return yield* Effect.flatMap(Wire.statusError(operation, response), Effect.fail)
        }
        const reader = { operation, specification: "CIBA Core section 7.3", body }
        const authReqId = Redacted.make(yield* PollingResponse.text(reader, "auth_req_id"))
        const { interval, lifetime } = yield* PollingResponse.terms(reader)
        return {
          issuer: client.issuer,
          clientId: client.clientId,
          authReqId,
          notificationToken,
          interval,
          expiresAt: (yield* Clock.currentTimeMillis) + lifetime * 1000,
          scope,
          resource
        }
      }).pipe(Telemetry.flow("Ciba.begin", attributes)),

    complete: (transaction) =>
      Effect.flatMap(poll("Ciba.complete", transaction), Polling.complete).pipe(
        Telemetry.flow("Ciba.complete", attributes)
      ),

    progress: (transaction) =>
      Stream.unwrap(Effect.map(poll("Ciba.complete", transaction), Polling.progress)),

    notified: (notification, find) =>
      Effect.gen(function* () {
        const operation = "Ciba.notified"
        const authReqId = yield* Notification.authReqId(operation, notification)
        const found = yield* find(authReqId)
        return yield* Notification.check(operation, notification, authReqId, found)
      }),

    redeem: (transaction) =>
      Effect.flatMap(poll("Ciba.redeem", transaction), Polling.once).pipe(
        Telemetry.flow("Ciba.redeem", attributes)
      )
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Ciba, never, OAuthClient.OAuthClient> = Layer.effect(Ciba, make)

/** CIBA Core section 7.1. */
const parametersOf = (
  operation: string,
  wanted: Ciba.Request,
  scope: ReadonlyArray<string>,
  resource: ReadonlyArray<string>
): Effect.Effect<Array<Parameter>, ProtocolViolation> =>
  Effect.gen(function* () {
    yield* RequestRules.scope(operation, wanted.scope)
    yield* RequestRules.resource(operation, resource)
    const hint = hintOf(wanted.hint)
    yield* RequestRules.present(operation, hint[0], hint[1], "CIBA Core section 7.1: one hint is required")
    const parameters: Array<Parameter> = [["scope", Scope.format(scope)], hint]
    const acrValues = wanted.acrValues ?? []
    if (acrValues.length > 0) parameters.push(["acr_values", acrValues.join(" ")])
    if (wanted.bindingMessage !== undefined) parameters.push(["binding_message", wanted.bindingMessage])
    if (wanted.userCode !== undefined) parameters.push(["user_code", wanted.userCode])
    if (wanted.requestedExpiry !== undefined) {
      const seconds = Math.max(1, Math.floor(Duration.toSeconds(wanted.requestedExpiry)))
      parameters.push(["requested_expiry", String(seconds)])
    }
    for (const one of resource) parameters.push(["resource", one])
    return parameters
  })

const hintOf = (hint: Ciba.Hint): Parameter => {
  if ("loginHint" in hint) return ["login_hint", hint.loginHint]
  return "loginHintToken" in hint
    ? ["login_hint_token", hint.loginHintToken]
    : ["id_token_hint", hint.idTokenHint]
}

const noPing = (operation: string, issuer: string): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "unsupported",
    expected: "ping",
    message: `${operation}: ${issuer} lists how it delivers tokens (backchannel_token_delivery_modes_supported), and ping is not among it. Leave ping out, and ask with complete.`
  })

const missingIdToken = (operation: string): ProtocolViolation =>
  new ProtocolViolation({
    operation,
    reason: "missing",
    member: "id_token",
    rule: "CIBA Core section 10.1.1: id_token is required",
    message: `${operation}: the token response has no id_token, although a person logged in (CIBA Core section 10.1.1).`
  })
