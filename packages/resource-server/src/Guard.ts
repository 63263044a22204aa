/**
 * Protecting what is not an `HttpApi`: an `HttpApp`, the routes of a router,
 * any Web `Request`.
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as AtOnce from "effect-oauth/AtOnce"
import { AccessToken } from "./AccessToken.js"
import { Authenticator } from "./Authenticator.js"
import type { Incoming } from "./Incoming.js"
import type { Misdirected } from "./Refusal.js"
import { Refusal } from "./Refusal.js"
import type { Requirements } from "./Requirements.js"

const bodyOf = Schema.encode(Refusal)

const answer = (
  authenticator: Authenticator.Service,
  refusal: Refusal,
  at?: { readonly resource?: string | undefined }
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.flatMap(Effect.orDie(bodyOf(refusal)), (body) =>
    Effect.map(authenticator.answer(refusal, at), (answered) => HttpServerResponse.unsafeJson(body, answered))
  )

/** The principal of a request, or the answer to send. */
const admitted = (
  authenticator: Authenticator.Service,
  received: Effect.Effect<Incoming, Misdirected>,
  requirements: Requirements
): Effect.Effect<AccessToken.Principal, HttpServerResponse.HttpServerResponse> => {
  const admit = (incoming: Incoming) =>
    Effect.catchAll(authenticator.authenticate(incoming, requirements), (refusal) =>
      Effect.flip(answer(authenticator, refusal, incoming))
    )
  return AtOnce.isValue(received)
    ? admit(received.value)
    : Effect.matchEffect(received, {
        onFailure: (refusal) => Effect.flip(answer(authenticator, refusal)),
        onSuccess: admit
      })
}

const guarded = <E, R>(
  authenticator: Authenticator.Service,
  requirements: Requirements,
  app: HttpApp.Default<E, R>
): HttpApp.Default<E, Exclude<R, AccessToken>> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.matchEffect(admitted(authenticator, authenticator.receive(request), requirements), {
      onFailure: Effect.succeed,
      onSuccess: (principal) =>
        Effect.zipWith(
          Effect.provideService(app, AccessToken, principal),
          authenticator.headers(principal),
          HttpServerResponse.setHeaders
        )
    })
  )

/**
 * Lets requests with a good token through to an app, which then has the
 * `AccessToken`: an `HttpMiddleware`, and what `HttpRouter.use` takes.
 *
 * @example
 * ```ts
 * HttpRouter.empty.pipe(
 *   HttpRouter.get("/notes", listNotes),
 *   HttpRouter.use(Guard.protect({ scope: ["notes:read"] }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const protect =
  (requirements: Requirements = {}) =>
  <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, Exclude<R, AccessToken> | Authenticator> =>
    Effect.flatMap(Authenticator, (authenticator) => guarded(authenticator, requirements, app))

/**
 * The same for the routes of an `HttpLayerRouter`: provide its `layer` to them.
 *
 * @since 0.1.0
 * @category guards
 */
export const router = (
  requirements: Requirements = {}
): HttpLayerRouter.Middleware<{
  provides: AccessToken
  handles: never
  error: never
  requires: never
  layerError: never
  layerRequires: Authenticator
}> =>
  HttpLayerRouter.middleware<{ provides: AccessToken }>()(
    Effect.map(Authenticator, (authenticator) => (app) => guarded(authenticator, requirements, app))
  )

/**
 * The principal of a Web request; fails with the answer to send.
 *
 * @since 0.1.0
 * @category guards
 */
export const web = (
  request: Request,
  requirements: Requirements = {}
): Effect.Effect<AccessToken.Principal, Response, Authenticator> =>
  Effect.flatMap(Authenticator, (authenticator) =>
    Effect.mapError(admitted(authenticator, authenticator.receiveWeb(request), requirements), (response) =>
      HttpServerResponse.toWeb(response, { withoutBody: request.method === "HEAD" })
    )
  )
