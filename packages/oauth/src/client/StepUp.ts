/**
 * Asking a person again, because a resource wants more.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Telemetry from "../http/Telemetry.js"
import { AuthorizationError, DiscoveryError } from "../protocol/OAuthError.js"
import * as Scope from "../protocol/Scope.js"
import * as StepUpChallenge from "../protocol/StepUpChallenge.js"
import * as Authorization from "./Authorization.js"
import * as OAuthClient from "./OAuthClient.js"

/**
 * Makes an authorization request of the challenge by which a resource refuses
 * a token that is good but not good enough: more scope (`insufficient_scope`,
 * RFC 6750 section 3.1), or another or a fresher login
 * (`insufficient_user_authentication`, RFC 9470).
 *
 * @since 0.1.0
 * @category services
 */
export class StepUp extends Context.Tag("effect-oauth/StepUp")<StepUp, StepUp.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace StepUp {
  /**
   * @since 0.1.0
   * @category models
   */
  export type Login = StepUpChallenge.Login

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Request extends Authorization.Authorization.Request {
    /** The `WWW-Authenticate` header of the resource. */
    readonly challenge: string
    /** The scope of the token that was refused. */
    readonly granted: ReadonlyArray<string>
    /** How the person has logged in, where it is known: so that what they have done already is not asked again. */
    readonly login?: Login | undefined
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Reads the challenges of scheme `Bearer` and `DPoP`, and begins with the
     * union of the scope that is granted, challenged and requested, with the
     * challenged `acr_values`, and with the smaller of the challenged and the
     * requested `max_age`. For a login `openid` is asked for as well, unless the
     * server says that it does not know it: `CodeExchange` then insists on an
     * ID token with one of these `acr` and a fresh `auth_time`.
     *
     * Fails with `no_challenge` where the header tells neither error or not what
     * is wanted, and with `invalid_request` where all of it is granted and done
     * already, since asking again would loop.
     */
    readonly begin: (
      request: Request
    ) => Effect.Effect<Authorization.Authorization.Begun, Authorization.Authorization.BeginError>
  }
}

/**
 * Makes the service for the `OAuthClient` and the `Authorization` of the
 * program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  StepUp.Service,
  never,
  Authorization.Authorization | OAuthClient.OAuthClient
> = Effect.gen(function* () {
  const client = yield* OAuthClient.OAuthClient
  const authorization = yield* Authorization.Authorization

  return {
    begin: ({ challenge, granted, login = {}, ...request }) =>
      Effect.gen(function* () {
        const wanted = StepUpChallenge.wanted(StepUpChallenge.challenges(challenge))
        if (Option.isNone(wanted)) return yield* noChallenge()
        const { acrValues, maxAge, scope: required } = wanted.value
        if (acrValues.length === 0 && maxAge === undefined) {
          return yield* authorization.stepUp({ ...request, granted, required })
        }
        const now = (yield* Clock.currentTimeMillis) / 1000
        if (Scope.includes(granted, required) && StepUpChallenge.isMet(wanted.value, login, now))
          return yield* loop()

        const { scopes_supported: known } = yield* client.metadata
        const openid = known?.includes("openid") === false ? [] : ["openid"]
        const scope = Scope.make([...granted, ...required, ...openid, ...(request.scope ?? [])])
        const asked = request.maxAge === undefined ? Infinity : Duration.toSeconds(request.maxAge)
        const begun = yield* authorization.begin({
          ...request,
          scope,
          acrValues: acrValues.length === 0 ? request.acrValues : acrValues,
          maxAge: maxAge === undefined ? request.maxAge : Duration.seconds(Math.min(maxAge, asked))
        })
        return acrValues.length === 0 || !scope.includes("openid")
          ? begun
          : { ...begun, transaction: { ...begun.transaction, acr: acrValues } }
      }).pipe(Telemetry.flow(operation, { issuer: client.issuer, client_id: client.clientId }))
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<StepUp, never, Authorization.Authorization | OAuthClient.OAuthClient> =
  Layer.effect(StepUp, make)

const operation = "StepUp.begin"

const noChallenge = (): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "no_challenge",
    expected: "insufficient_scope with scope, or insufficient_user_authentication with acr_values or max_age",
    message: `${operation}: the challenge of the resource does not say what it wants, and asking the person again would change nothing.`
  })

const loop = (): AuthorizationError =>
  new AuthorizationError({
    operation,
    reason: "invalid_request",
    message: `${operation}: the person has logged in as is asked for, and all of the scope is granted; asking again would loop.`
  })
