/**
 * The device authorization grant.
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
import type { VerifiedJwt } from "../keys/JwtVerifier.js"
import * as GrantType from "../protocol/GrantType.js"
import type { AuthorizationError, ProtocolViolation } from "../protocol/OAuthError.js"
import * as Scope from "../protocol/Scope.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import type { DeviceTransaction } from "./DeviceTransaction.js"
import * as FormRequest from "./internal/formRequest.js"
import { list } from "./internal/list.js"
import * as Pace from "./internal/pace.js"
import * as Polling from "./internal/polling.js"
import * as PollingResponse from "./internal/pollingResponse.js"
import * as RequestRules from "./internal/requestRules.js"
import { verificationUri } from "./internal/verificationUri.js"
import * as OAuthClient from "./OAuthClient.js"
import * as TokenEndpoint from "./TokenEndpoint.js"

/**
 * Logs a person in at a device without a browser: the person types a code in at
 * another device, and this one asks the server until they have (RFC 8628).
 *
 * @since 0.1.0
 * @category services
 */
export class DeviceAuthorization extends Context.Tag("effect-oauth/DeviceAuthorization")<
  DeviceAuthorization,
  DeviceAuthorization.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace DeviceAuthorization {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request {
    readonly scope?: ReadonlyArray<string> | undefined
    /** The resources that the token is for; sent one parameter each (RFC 8707 section 2). */
    readonly resource?: string | ReadonlyArray<string> | undefined
    /** Further parameters of the server's own. */
    readonly parameters?: Readonly<Record<string, string>> | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Result {
    readonly tokens: TokenSet
    /** Who logged in: there where `openid` was asked for and the server sent an ID token; verified. */
    readonly idToken: Option.Option<VerifiedJwt<IdTokenClaims>>
  }

  /**
   * What happens while the person decides: `Pending` (not yet), `SlowDown` (the
   * server wants fewer requests from now on), `Retrying` (a request failed, and
   * another is made later), and at last `Granted`. `next` is how long it takes to
   * the next request.
   *
   * @since 0.1.0
   * @category models
   */
  export type Progress = Polling.Progress<Result>

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
     * Asks for a code (section 3.1) and checks the answer (section 3.2): device
     * and user code are there; the URIs are https, or http on this machine, and
     * have nothing in them that a terminal or a shell would take amiss; times are
     * numbers of seconds. Show the person `verificationUri` and `userCode`.
     */
    readonly begin: (
      request?: Request
    ) => Effect.Effect<DeviceTransaction, TokenEndpoint.TokenEndpoint.RequestError>
    /**
     * Waits for the person and gives the tokens. Never asks more often than the
     * server allows, by a fifth less, whatever happens to the clock: `slow_down`
     * adds 5 seconds for good (or what the server says), also for who is interrupted
     * and completes the same transaction again in this process; `Retry-After` is kept,
     * and a request that fails in a way that may pass is made again, with
     * doubling waits (section 3.5). Interrupt it to give up.
     *
     * Fails with an `AuthorizationError`: `denied` when the person or the server
     * refuses, `expired` when the time is over; with other errors of the server
     * and with what is wrong about its answers, at once. One at a time for a
     * transaction.
     */
    readonly complete: (transaction: DeviceTransaction) => Effect.Effect<Result, CompleteError>
    /** The same, told as it happens; the last element is `Granted`. */
    readonly progress: (transaction: DeviceTransaction) => Stream.Stream<Progress, CompleteError>
  }
}

/**
 * Makes the service for the `OAuthClient` of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<DeviceAuthorization.Service, never, OAuthClient.OAuthClient> = Effect.gen(
  function* () {
    const client = yield* OAuthClient.OAuthClient
    const tokenEndpoint = yield* TokenEndpoint.make
    const pace = yield* Pace.make
    const attributes = { issuer: client.issuer, client_id: client.clientId }
    const operation = "DeviceAuthorization.complete"

    const request = (transaction: DeviceTransaction) =>
      Effect.gen(function* () {
        const { deviceCode, resource, scope } = transaction
        const tokens = yield* tokenEndpoint.request({
          operation,
          grantType: GrantType.deviceCode,
          parameters: [["device_code", deviceCode], ...resource.map((one) => ["resource", one] as const)],
          defaultScope: scope
        })
        if (!scope.includes("openid") || Option.isNone(tokens.idToken)) {
          // One that nobody asked for is not verified, and must not be taken for the login later.
          return { tokens: { ...tokens, idToken: Option.none() }, idToken: Option.none() }
        }
        const idToken = yield* client.verifyIdToken(tokens.idToken.value, {
          accessToken: tokens.accessToken
        })
        return { tokens, idToken: Option.some(idToken) }
      })

    const poll = (transaction: DeviceTransaction) =>
      Polling.of(
        client,
        operation,
        { ...transaction, code: transaction.deviceCode },
        pace,
        request(transaction)
      )

    return {
      begin: (wanted = {}) =>
        Effect.gen(function* () {
          const resource = list(wanted.resource)
          yield* RequestRules.scope(beginning, wanted.scope)
          yield* RequestRules.resource(beginning, resource)
          const scope = Scope.make(wanted.scope ?? [])
          const { response, secrets } = yield* FormRequest.send(client, {
            operation: beginning,
            endpoint: "device_authorization_endpoint",
            parameters: [
              ...(scope.length === 0 ? [] : [["scope", Scope.format(scope)] as const]),
              ...resource.map((one) => ["resource", one] as const)
            ],
            extra: wanted.parameters
          })
          const body = yield* FormRequest.object(beginning, response, secrets)
          if (response.status !== 200) {
            return yield* Effect.flatMap(Wire.statusError(beginning, response), Effect.fail)
          }
          const answer = yield* read(body, client.wire.limits)
          return {
            issuer: client.issuer,
            clientId: client.clientId,
            deviceCode: answer.deviceCode,
            userCode: answer.userCode,
            verificationUri: answer.uri,
            verificationUriComplete: answer.complete,
            completeElsewhere: Option.exists(answer.complete, (uri) => !sameHost(uri, answer.uri)),
            interval: answer.interval,
            expiresAt: (yield* Clock.currentTimeMillis) + answer.lifetime * 1000,
            scope,
            resource
          }
        }).pipe(Telemetry.flow(beginning, attributes)),
      complete: (transaction) =>
        Effect.flatMap(poll(transaction), Polling.complete).pipe(Telemetry.flow(operation, attributes)),
      progress: (transaction) => Stream.unwrap(Effect.map(poll(transaction), Polling.progress))
    }
  }
)

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<DeviceAuthorization, never, OAuthClient.OAuthClient> = Layer.effect(
  DeviceAuthorization,
  make
)

const beginning = "DeviceAuthorization.begin"

interface Answer extends PollingResponse.Terms {
  readonly deviceCode: Redacted.Redacted<string>
  readonly userCode: string
  readonly uri: string
  readonly complete: Option.Option<string>
}

/** RFC 8628 section 3.2. */
const read = (
  body: Readonly<Record<string, unknown>>,
  rules: { readonly allowInsecure: boolean }
): Effect.Effect<Answer, ProtocolViolation> =>
  Effect.gen(function* () {
    const reader = { operation: beginning, specification: "RFC 8628 section 3.2", body }
    const deviceCode = Redacted.make(yield* PollingResponse.text(reader, "device_code"))
    const userCode = yield* PollingResponse.text(reader, "user_code", 64)
    if (!/^[\x21-\x7E]+(?: [\x21-\x7E]+)*$/.test(userCode)) {
      return yield* PollingResponse.violation(
        reader,
        "user_code",
        "value",
        "user_code is something that a person can type"
      )
    }
    const uri = (member: string) =>
      Effect.flatMap(PollingResponse.text(reader, member), (text) =>
        Option.match(verificationUri(text, rules), {
          onNone: () =>
            Effect.fail(
              PollingResponse.violation(
                reader,
                member,
                "value",
                `${member} is an address that a browser may be sent to`
              )
            ),
          onSome: Effect.succeed
        })
      )
    return {
      deviceCode,
      userCode,
      uri: yield* uri("verification_uri"),
      complete:
        (body["verification_uri_complete"] ?? undefined) === undefined
          ? Option.none()
          : Option.some(yield* uri("verification_uri_complete")),
      ...(yield* PollingResponse.terms(reader))
    }
  })

const sameHost = (one: string, other: string): boolean => new URL(one).host === new URL(other).host
