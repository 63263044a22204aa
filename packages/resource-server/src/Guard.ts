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
import { AccessToken } from "./AccessToken.js"
import { Authenticator } from "./Authenticator.js"
import { Refusal } from "./Refusal.js"
import type { Requirements } from "./Requirements.js"

const bodyOf = Schema.encode(Refusal)

const answer = (
  authenticator: Authenticator.Service,
  refusal: Refusal
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.flatMap(Effect.orDie(bodyOf(refusal)), (body) =>
    Effect.map(authenticator.answer(refusal), (answered) => HttpServerResponse.unsafeJson(body, answered))
  )

const guarded = <E, R>(
  authenticator: Authenticator.Service,
  requirements: Requirements,
  app: HttpApp.Default<E, R>
): HttpApp.Default<E, Exclude<R, AccessToken>> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Effect.matchEffect(
      Effect.flatMap(authenticator.receive(request), (incoming) =>
        authenticator.authenticate(incoming, requirements)
      ),
      {
        onFailure: (refusal) => answer(authenticator, refusal),
        onSuccess: (principal) =>
          Effect.zipWith(
            Effect.provideService(app, AccessToken, principal),
            authenticator.headers(principal),
            HttpServerResponse.setHeaders
          )
      }
    )
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
    Effect.flatMap(authenticator.receiveWeb(request), (incoming) =>
      Effect.catchAll(authenticator.authenticate(incoming, requirements), (refusal) =>
        Effect.flatMap(answer(authenticator, refusal), (response) =>
          Effect.fail(HttpServerResponse.toWeb(response, { withoutBody: request.method === "HEAD" }))
        )
      )
    )
  )
