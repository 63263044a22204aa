/**
 * Protecting an `HttpApi`.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { KeyringService } from "effect-oauth/Keyring"
import type { TokenVerifier } from "effect-oauth/TokenVerifier"
import { AccessToken } from "./AccessToken.js"
import * as Authenticator from "./Authenticator.js"
import * as AtOnce from "effect-oauth/AtOnce"
import * as Step from "effect-oauth/Step"
import type { Incoming } from "./Incoming.js"
import * as Endpoints from "./internal/endpoints.js"
import { onAnswer, told } from "./internal/onAnswer.js"
import type { InsufficientScope, InsufficientUserAuthentication } from "./Refusal.js"
import { Refusal } from "./Refusal.js"
import type { Requirements } from "./Requirements.js"
import { combine } from "./Requirements.js"
import * as ResourceServer from "./ResourceServer.js"
import type { ResourceServerError } from "./ResourceServerError.js"

/**
 * Lets in requests with a good access token, and gives it to the handlers as
 * `AccessToken`.
 *
 * Put it on a group (`HttpApiGroup.middleware`) or an endpoint, and say with
 * `Requires` what each needs. Prefer the group: `middlewareEndpoints` covers
 * only the endpoints that were added before it. On the whole API
 * (`HttpApi.middleware`) it judges requests before they are routed, and answers
 * 404 itself for those of no endpoint; what `Publishing.layer` serves stays open.
 *
 * Do not use `HttpApiSecurity.bearer` with a middleware of your own instead: it
 * takes the token of any scheme, and sends no challenge.
 *
 * @since 0.1.0
 * @category middleware
 */
export class BearerAuth extends HttpApiMiddleware.Tag<BearerAuth>()("effect-oauth/BearerAuth", {
  failure: Refusal,
  provides: AccessToken,
  // Of this comes the scheme in OpenAPI; the header is read anew.
  security: { oauth2: HttpApiSecurity.bearer }
}) {}

const refuse = <E extends Refusal>(
  authenticator: Authenticator.Authenticator.Service,
  refusal: E,
  at?: { readonly resource?: string | undefined }
): Effect.Effect<never, E> =>
  Effect.flatMap(authenticator.answer(refusal, at), ({ headers, status }) =>
    Effect.zipRight(onAnswer(headers, status), Effect.fail(refusal))
  )

/** An endpoint that is protected, and is none of the API that was given to the layer: never open. */
const unknownEndpoint: Effect.Effect<never> = Effect.zipRight(
  Effect.logError(
    "BearerAuth protects an endpoint that is not in the API its layer was given, and refuses its requests"
  ),
  Effect.die(HttpServerResponse.empty({ status: 500 }))
)

/** Of two APIs with one path, nobody could tell whose endpoint a request is for, and what that needs. */
const ofSeveralApis: Effect.Effect<never> = Effect.zipRight(
  Effect.logError(
    "BearerAuth protects another API than its layer was given, or one more, and refuses its requests: give each API that is built a BearerAuth of its own (BearerAuth.layerAuthenticator over one Authenticator)"
  ),
  Effect.die(HttpServerResponse.empty({ status: 500 }))
)

type RunningFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Whether a request is under way, and nothing is built. */
const isServing = (): boolean =>
  Option.exists(Fiber.getCurrentFiber(), (fiber) =>
    Option.isSome(
      Context.getOption(fiber.getFiberRef(FiberRef.currentContext), HttpServerRequest.HttpServerRequest)
    )
  )

const notFound: Effect.Effect<never> = Effect.die(HttpServerResponse.empty({ status: 404 }))

/**
 * Protects an API with the authenticator of the program. The API tells what its
 * endpoints need: fails with a `ResourceServerError` if that cannot be meant, or
 * if an endpoint is open that has requirements, or that is the only one of its
 * group without protection and is not annotated as `Open`.
 *
 * It is for this API, built once. A service that is given to another one, too or
 * instead, would judge that by the requirements of this: requests are then
 * refused with 500, and the log says why. Where an `HttpLayerRouter` serves an
 * API instead of this one that has the same paths, nobody can tell.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>
): Effect.Effect<Context.Tag.Service<typeof BearerAuth>, ResourceServerError, Authenticator.Authenticator> =>
  Effect.gen(function* () {
    const authenticator = yield* Authenticator.Authenticator
    const endpoints = yield* Endpoints.make(api, BearerAuth)

    const requirementsOf = (
      context: Context.Context<never>,
      request: HttpServerRequest.HttpServerRequest
    ): Requirements | undefined => {
      const routed = Context.getOption(context, HttpRouter.RouteContext)
      const ofRoute = Option.isSome(routed) ? endpoints.ofRoute(routed.value.route) : undefined
      const ofRequest = endpoints.ofRequest(request.method, request.url)
      return ofRoute === undefined || ofRequest === undefined || ofRoute === ofRequest
        ? (ofRoute ?? ofRequest)
        : combine(ofRoute, ofRequest)
    }

    const authenticate = (
      fiber: RunningFiber,
      request: HttpServerRequest.HttpServerRequest,
      requirements: Requirements
    ): Effect.Effect<AccessToken.Principal, Refusal> => {
      const judge = (incoming: Incoming) => {
        const judged = Step.now(authenticator.authenticate(incoming, requirements), fiber)
        return AtOnce.isValue(judged)
          ? told(authenticator, judged.value)
          : Effect.matchEffect(judged, {
              onFailure: (refusal) => refuse(authenticator, refusal, incoming),
              onSuccess: (principal) => told(authenticator, principal)
            })
      }
      const received = authenticator.receive(request)
      return AtOnce.isValue(received)
        ? judge(received.value)
        : Effect.matchEffect(received, {
            onFailure: (refusal) => refuse(authenticator, refusal),
            onSuccess: judge
          })
    }

    const guard = Effect.withFiberRuntime<
      AccessToken.Principal,
      Refusal,
      HttpServerRequest.HttpServerRequest
    >((fiber) => {
      const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
      const requirements = requirementsOf(fiber.currentContext, request)
      if (requirements === undefined && !endpoints.isWhole) return unknownEndpoint
      if (places > endpoints.places || !isOfServed(fiber.currentContext)) return ofSeveralApis
      return requirements === undefined
        ? Effect.zipRight(authenticate(fiber, request, {}), notFound)
        : authenticate(fiber, request, requirements)
    })

    /** The API that is served is known unless it is served by an `HttpLayerRouter`. */
    const isOfServed = (context: Context.Context<never>): boolean => {
      const served = Context.getOption(context, HttpApi.Api)
      return Option.isNone(served) || endpoints.agreesWith(served.value.api)
    }

    let places = 0
    return {
      /** Read once for each place of this guard in an API when that is built; nothing else tells of another API. */
      get oauth2() {
        if (!isServing()) places++
        return () => guard
      }
    }
  })

/**
 * Holds the caller to requirements that depend on the request, from within a
 * handler: the answer is the same as for those of an annotation.
 *
 * @since 0.1.0
 * @category guards
 */
export const authorize = (
  requirements: Requirements
): Effect.Effect<
  AccessToken.Principal,
  InsufficientScope | InsufficientUserAuthentication,
  AccessToken | Authenticator.Authenticator
> =>
  Effect.gen(function* () {
    const authenticator = yield* Authenticator.Authenticator
    const principal = yield* AccessToken
    yield* Effect.catchAll(authenticator.authorize(principal, requirements), (refusal) =>
      refuse(authenticator, refusal, principal)
    )
    return principal
  })

/**
 * Protects an API with the authenticator of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAuthenticator = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>
): Layer.Layer<BearerAuth, ResourceServerError, Authenticator.Authenticator> =>
  Layer.effect(BearerAuth, make(api))

/**
 * Everything that `BearerAuth` gives: itself, and what handlers and guards
 * beside the API may use.
 *
 * @since 0.1.0
 * @category models
 */
export type Provided = BearerAuth | Authenticator.Authenticator | ResourceServer.ResourceServer

/**
 * Protects an API by the keys that issuers publish: the line for the common
 * case. Nothing is fetched before the first token comes.
 *
 * @example
 * ```ts
 * BearerAuth.layer(Api, { resource: "https://api.example/notes", issuer: "https://issuer.example" })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  options: ResourceServer.RemoteOptions
): Layer.Layer<Provided, ResourceServerError, HttpClient.HttpClient> =>
  over(api, ResourceServer.layer(options))

/**
 * Protects an API by the keyring of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerKeyring = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  options: ResourceServer.Options
): Layer.Layer<Provided, ResourceServerError, KeyringService> =>
  over(api, ResourceServer.layerKeyring(options))

/**
 * Protects an API by the `TokenVerifier` of the program, whatever tokens are
 * made of.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerVerifier = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  options: ResourceServer.Identity & { readonly issuer: string | ReadonlyArray<string> }
): Layer.Layer<Provided, ResourceServerError, TokenVerifier> =>
  Layer.provideMerge(
    layerAuthenticator(api),
    Layer.provideMerge(Authenticator.layer, ResourceServer.layerVerifier(options))
  )

const over = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R, R2>(
  api: HttpApi.HttpApi<Id, Groups, E, R>,
  server: Layer.Layer<ResourceServer.ResourceServer | TokenVerifier, ResourceServerError, R2>
): Layer.Layer<Provided, ResourceServerError, R2> =>
  Layer.provideMerge(layerAuthenticator(api), Layer.provideMerge(Authenticator.layer, server))
