/**
 * Client-initiated backchannel authentication.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Telemetry from "../http/Telemetry.js"
import * as Wire from "../http/Wire.js"
import type { IdTokenClaims } from "../keys/JwtProfile.js"
import * as JwtSigner from "../keys/JwtSigner.js"
import type { VerifiedJwt } from "../keys/JwtVerifier.js"
import type { KeyringService } from "../keys/Keyring.js"
import type { AuthorizationServerMetadata } from "../protocol/AuthorizationServerMetadata.js"
import * as Entropy from "../protocol/Entropy.js"
import * as GrantType from "../protocol/GrantType.js"
import { DiscoveryError, ProtocolViolation } from "../protocol/OAuthError.js"
import type { AuthorizationError, JwtError, KeyringError } from "../protocol/OAuthError.js"
import * as Scope from "../protocol/Scope.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { CibaTransaction } from "./CibaTransaction.js"
import type { Parameter } from "./ClientAuthentication.js"
import * as CibaRequest from "./internal/cibaRequest.js"
import * as FormRequest from "./internal/formRequest.js"
import { list } from "./internal/list.js"
import * as Pace from "./internal/pace.js"
import * as Notification from "./internal/notification.js"
import * as Polling from "./internal/polling.js"
import * as PollingResponse from "./internal/pollingResponse.js"
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
  export type Hint = CibaRequest.Hint

  /**
   * @since 0.1.0
   * @category models
   */
  export type Request = CibaRequest.Request

  /**
   * How authentication requests are signed.
   *
   * @since 0.1.0
   * @category models
   */
  export type SignOptions = CibaRequest.SignOptions

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

/** Puts the parameters of a request into a JWT. */
type Sign = (
  metadata: AuthorizationServerMetadata,
  parameters: ReadonlyArray<Parameter>
) => Effect.Effect<Redacted.Redacted<string>, DiscoveryError | KeyringError | JwtError>

const makeWith = (sign?: Sign): Effect.Effect<Ciba.Service, never, OAuthClient.OAuthClient> =>
  Effect.gen(function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenEndpoint = yield* TokenEndpoint.make
    const pace = yield* Pace.make
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
      Polling.of(
        client,
        operation,
        { ...transaction, code: transaction.authReqId },
        pace,
        request(operation, transaction)
      )

    return {
      begin: (wanted) =>
        Effect.gen(function* () {
          const scope = Scope.union(["openid"], wanted.scope ?? [])
          const resource = list(wanted.resource)
          const asked = yield* CibaRequest.parameters(beginning, wanted, scope, resource)
          const notificationToken =
            wanted.ping === true ? Option.some(Redacted.make(yield* Entropy.randomText(32))) : Option.none()
          const metadata = yield* client.metadata
          if (Option.isSome(notificationToken)) {
            const modes = metadata.backchannel_token_delivery_modes_supported
            if (modes?.includes("ping") === false) return yield* noPing(beginning, client.issuer)
            asked.push(["client_notification_token", notificationToken.value])
          }
          const signed =
            sign === undefined
              ? undefined
              : yield* sign(metadata, yield* CibaRequest.withExtra(beginning, asked, wanted.parameters))
          const { response, secrets } = yield* FormRequest.send(client, {
            operation: beginning,
            endpoint: "backchannel_authentication_endpoint",
            parameters: signed === undefined ? asked : [["request", signed]],
            extra: signed === undefined ? wanted.parameters : undefined
          })
          const inside = signed === undefined ? [] : CibaRequest.secretsOf(asked)
          const body = yield* FormRequest.object(beginning, response, [...secrets, ...inside])
          if (response.status !== 200) {
            return yield* Effect.flatMap(Wire.statusError(beginning, response), Effect.fail)
          }
          const reader = { operation: beginning, specification: "CIBA Core section 7.3", body }
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
        }).pipe(Telemetry.flow(beginning, attributes)),

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
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Ciba.Service, never, OAuthClient.OAuthClient> = makeWith()

/**
 * Makes the service for the `OAuthClient` of the program; it signs its
 * authentication requests with the keys of the `KeyringService`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeSigned = (
  options: Ciba.SignOptions = {}
): Effect.Effect<Ciba.Service, never, OAuthClient.OAuthClient | KeyringService> =>
  Effect.flatMap(Effect.zip(OAuthClient.OAuthClient, JwtSigner.make), ([client, signer]) =>
    makeWith((metadata, parameters) =>
      CibaRequest.sign(beginning, signer, client, metadata, parameters, options)
    )
  )

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Ciba, never, OAuthClient.OAuthClient> = Layer.effect(Ciba, make)

/**
 * CIBA whose authentication requests are signed (CIBA Core section 7.1.1): all
 * that is asked for goes into a JWT with `iss`, `aud`, `iat`, `nbf`, `exp` and
 * `jti`, and only that and what authenticates the client into the form. For a
 * client that is registered with
 * `backchannel_authentication_request_signing_alg`; a server that lists no
 * algorithms for it takes none, and is a `DiscoveryError` with reason
 * `unsupported`. Beside `OAuth.layer`, give it last.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSigned = (
  options?: Ciba.SignOptions
): Layer.Layer<Ciba, never, OAuthClient.OAuthClient | KeyringService> =>
  Layer.effect(Ciba, makeSigned(options))

const beginning = "Ciba.begin"

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
