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
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AtOnce from "effect-oauth/AtOnce"
import * as Step from "effect-oauth/Step"
import { AccessToken } from "./AccessToken.js"
import { Authenticator } from "./Authenticator.js"
import type { Incoming } from "./Incoming.js"
import type { Misdirected } from "./Refusal.js"
import { Refusal } from "./Refusal.js"
import { told } from "./internal/onAnswer.js"
import type { Requirements } from "./Requirements.js"
import { combine } from "./Requirements.js"

/**
 * What a request needs that only its body tells, as with JSON-RPC; or the answer
 * to one that cannot be read. Reading has no other effect: limit what is read
 * (`HttpIncomingMessage.withMaxBodySize`), and refuse what could be read in two
 * ways.
 *
 * @since 0.1.0
 * @category models
 */
export type Needs = Effect.Effect<
  Requirements,
  HttpServerResponse.HttpServerResponse,
  HttpServerRequest.HttpServerRequest
>

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
): Effect.Effect<AccessToken.Principal, HttpServerResponse.HttpServerResponse> =>
  Step.withFiber((fiber) => {
    const admit = (incoming: Incoming) => {
      const judged = Step.now(authenticator.authenticate(incoming, requirements), fiber)
      return AtOnce.isValue(judged)
        ? judged
        : Effect.catchAll(judged, (refusal) => Effect.flip(answer(authenticator, refusal, incoming)))
    }
    return AtOnce.isValue(received)
      ? admit(received.value)
      : Effect.matchEffect(received, {
          onFailure: (refusal) => Effect.flip(answer(authenticator, refusal)),
          onSuccess: admit
        })
  })

/** Who makes the request under way, or the answer. */
const caller = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  authenticator: Authenticator.Service,
  requirements: Requirements
) => {
  const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
  return Step.now(admitted(authenticator, authenticator.receive(request), requirements), fiber)
}

/** The app for a principal who keeps the requirements, for others the answer. */
const held = <E, R>(
  authenticator: Authenticator.Service,
  principal: AccessToken.Principal,
  requirements: Requirements,
  app: HttpApp.Default<E, R>
): HttpApp.Default<E, R> =>
  Effect.matchEffect(authenticator.authorize(principal, requirements), {
    onFailure: (refusal) => answer(authenticator, refusal, principal),
    onSuccess: () => app
  })

const guarded = <E, R>(
  authenticator: Authenticator.Service,
  requirements: Requirements,
  needs: Needs | undefined,
  app: HttpApp.Default<E, R>
): HttpApp.Default<E, Exclude<R, AccessToken>> => {
  /** The body is not read before the token is known to be good. */
  const judged = (principal: AccessToken.Principal) =>
    needs === undefined
      ? app
      : Effect.matchEffect(needs, {
          onFailure: Effect.succeed,
          onSuccess: (more) => held(authenticator, principal, combine(requirements, more), app)
        })
  const pass = (principal: AccessToken.Principal) => {
    const answered = Effect.provideService(judged(principal), AccessToken, principal)
    return Option.isNone(principal.confirmation)
      ? answered
      : Effect.zipWith(answered, authenticator.headers(principal), HttpServerResponse.setHeaders)
  }
  return Step.withFiber((fiber) => {
    const found = caller(fiber, authenticator, requirements)
    return AtOnce.isValue(found)
      ? pass(found.value)
      : Effect.matchEffect(found, { onFailure: Effect.succeed, onSuccess: pass })
  })
}

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
 * With `needs`, the body is read once the token is known to be good and has what
 * every request needs, and all that it needs is held against the token before
 * the app begins. A refusal is answered alike, with the scopes of both.
 *
 * @since 0.1.0
 * @category guards
 */
export const protect =
  (requirements: Requirements = {}, needs?: Needs) =>
  <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, Exclude<R, AccessToken> | Authenticator> =>
    Effect.withFiberRuntime((fiber) => {
      const authenticator = Context.unsafeGet(fiber.currentContext, Authenticator)
      return Step.now(guarded(authenticator, requirements, needs, app), fiber)
    })

/**
 * The principal of the request under way, for a handler that asks itself; fails
 * with the answer to send, which is that of `protect`. The app is not given the
 * principal as a service then, which is most of what the other guards take.
 *
 * @example
 * ```ts
 * HttpRouter.get(
 *   "/notes",
 *   Guard.principal({ scope: ["notes:read"] }).pipe(Effect.flatMap(listNotesOf), Effect.merge)
 * )
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const principal = (
  requirements: Requirements = {}
): Effect.Effect<
  AccessToken.Principal,
  HttpServerResponse.HttpServerResponse,
  Authenticator | HttpServerRequest.HttpServerRequest
> =>
  Effect.withFiberRuntime((fiber) => {
    const authenticator = Context.unsafeGet(fiber.currentContext, Authenticator)
    return AtOnce.flatMap(caller(fiber, authenticator, requirements), (known) => told(authenticator, known))
  })

/**
 * Holds the caller to requirements that an app learns on its way: the rest of
 * it runs if they are kept, and otherwise the answer is the same as that of the
 * guard before it. In a handler of an `HttpApi` use `BearerAuth.authorize`, which
 * fails with the typed refusal.
 *
 * @since 0.1.0
 * @category guards
 */
export const authorize =
  (requirements: Requirements) =>
  <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R | AccessToken | Authenticator> =>
    Effect.flatMap(Effect.all([Authenticator, AccessToken]), ([authenticator, principal]) =>
      held(authenticator, principal, requirements, app)
    )

/**
 * The same for the routes of an `HttpLayerRouter`: provide its `layer` to them.
 *
 * @since 0.1.0
 * @category guards
 */
export const router = (
  requirements: Requirements = {},
  needs?: Needs
): HttpLayerRouter.Middleware<{
  provides: AccessToken
  handles: never
  error: never
  requires: never
  layerError: never
  layerRequires: Authenticator
}> =>
  HttpLayerRouter.middleware<{ provides: AccessToken }>()(
    Effect.map(Authenticator, (authenticator) => (app) => guarded(authenticator, requirements, needs, app))
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

/**
 * Holds the principal of a Web request to further requirements, such as its body
 * tells; fails with the answer to send.
 *
 * @since 0.1.0
 * @category guards
 */
export const authorizeWeb = (
  principal: AccessToken.Principal,
  requirements: Requirements
): Effect.Effect<void, Response, Authenticator> =>
  Effect.flatMap(Authenticator, (authenticator) =>
    Effect.catchAll(authenticator.authorize(principal, requirements), (refusal) =>
      Effect.flatMap(answer(authenticator, refusal, principal), (response) =>
        Effect.fail(HttpServerResponse.toWeb(response))
      )
    )
  )
