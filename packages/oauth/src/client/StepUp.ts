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
import * as Challenge from "../protocol/Challenge.js"
import { AuthorizationError, DiscoveryError } from "../protocol/OAuthError.js"
import * as Scope from "../protocol/Scope.js"
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
   * How the person has logged in: the claims of the ID token, or of an access
   * token that tells them (RFC 9068 section 2.2.1).
   *
   * @since 0.1.0
   * @category models
   */
  export interface Login {
    readonly acr?: string | undefined
    /** In seconds since the epoch. */
    readonly auth_time?: number | undefined
  }

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
        const wanted = read(challenge)
        if (Option.isNone(wanted)) return yield* noChallenge()
        const { acrValues, maxAge, scope: required } = wanted.value
        if (acrValues.length === 0 && maxAge === undefined) {
          return yield* authorization.stepUp({ ...request, granted, required })
        }
        const now = (yield* Clock.currentTimeMillis) / 1000
        if (Scope.includes(granted, required) && isMet(wanted.value, login, now)) return yield* loop()

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

interface Wanted {
  readonly scope: ReadonlyArray<string>
  readonly acrValues: ReadonlyArray<string>
  /** In seconds. */
  readonly maxAge: number | undefined
}

/** What the challenges want; none where they do not say. */
const read = (header: string): Option.Option<Wanted> => {
  const told = Challenge.parse(header).filter(({ scheme }) => /^(?:bearer|dpop)$/i.test(scheme))
  const values = (error: string, parameter: string): ReadonlyArray<string> =>
    told.flatMap(({ parameters }) =>
      parameters.get("error") === error ? Option.toArray(Option.fromNullable(parameters.get(parameter))) : []
    )
  // RFC 9470 section 3: a challenge for another login may name the scope of the resource as well.
  const scope = Scope.make(
    [...values(moreScope, "scope"), ...values(anotherLogin, "scope")].flatMap((text) => Scope.parse(text))
  )
  const acrValues = values(anotherLogin, "acr_values")
    .flatMap((text) => text.split(" "))
    .filter((value) => /^[\x21\x23-\x5B\x5D-\x7E]+$/.test(value))
  const ages = values(anotherLogin, "max_age").filter((text) => /^\d{1,9}$/.test(text))
  const maxAge = ages.length === 0 ? undefined : Math.min(...ages.map(Number))
  return values(moreScope, "scope").length > 0 || acrValues.length > 0 || maxAge !== undefined
    ? Option.some({ scope, acrValues: [...new Set(acrValues)], maxAge })
    : Option.none()
}

const moreScope = "insufficient_scope"
const anotherLogin = "insufficient_user_authentication"

/** Whether the person has logged in as is wanted. What is not known is not. */
const isMet = ({ acrValues, maxAge }: Wanted, login: StepUp.Login, now: number): boolean =>
  (acrValues.length === 0 || (login.acr !== undefined && acrValues.includes(login.acr))) &&
  (maxAge === undefined || (login.auth_time !== undefined && now - login.auth_time <= maxAge))

const noChallenge = (): DiscoveryError =>
  new DiscoveryError({
    operation,
    reason: "no_challenge",
    expected: `${moreScope} with scope, or ${anotherLogin} with acr_values or max_age`,
    message: `${operation}: the challenge of the resource does not say what it wants, and asking the person again would change nothing.`
  })

const loop = (): AuthorizationError =>
  new AuthorizationError({
    operation,
    reason: "invalid_request",
    message: `${operation}: the person has logged in as is asked for, and all of the scope is granted; asking again would loop.`
  })
