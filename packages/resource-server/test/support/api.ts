/** An API of notes, protected, and run without a socket on the clock of the test. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import { Requires, someDetail } from "effect-oauth-resource-server/Requirements"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

export const issuer = "https://issuer.test"
export const resource = "https://api.test"
export const metadataUrl = "https://api.test/.well-known/oauth-protected-resource"

const Payment = Schema.Struct({ type: Schema.Literal("payment"), amount: Schema.Number })

const get = <const Name extends string>(name: Name, path: `/${string}`) =>
  HttpApiEndpoint.get(name, path).addSuccess(Schema.String)

class Notes extends HttpApiGroup.make("notes")
  .add(get("whoami", "/me"))
  .add(get("list", "/notes").annotate(Requires, { scope: ["notes:read"] }))
  .add(
    HttpApiEndpoint.post("write", "/notes")
      .addSuccess(Schema.String)
      .annotate(Requires, { scope: ["notes:read", "notes:write"] })
  )
  .add(get("pay", "/pay").annotate(Requires, { authorizationDetails: someDetail(Payment) }))
  .add(get("strong", "/strong").annotate(Requires, { acr: ["gold", "silver"], scope: ["notes:read"] }))
  .add(get("recent", "/recent").annotate(Requires, { maxAge: "5 minutes" }))
  .add(
    get("own", "/own").annotate(Requires, {
      predicate: ({ subject }) => Option.contains(subject, "alice")
    })
  )
  .add(get("late", "/late"))
  .middleware(BearerAuth.BearerAuth) {}

class Admin extends HttpApiGroup.make("admin")
  .add(get("users", "/users").annotate(Requires, { scope: ["users:read"] }))
  .add(get("anyone", "/anyone"))
  .prefix("/admin")
  .annotate(Requires, { scope: ["admin"] })
  .middleware(BearerAuth.BearerAuth) {}

class Health extends HttpApiGroup.make("health").add(get("up", "/health")) {}

export class Api extends HttpApi.make("api").add(Notes).add(Admin).add(Health) {}

const subject = Effect.map(AccessToken, (principal) => Option.getOrElse(principal.subject, () => "nobody"))

const notes = HttpApiBuilder.group(Api, "notes", (handlers) =>
  handlers
    .handle("whoami", () => subject)
    .handle("list", () => Effect.succeed("notes"))
    .handle("write", () => Effect.succeed("written"))
    .handle("pay", () => Effect.succeed("paid"))
    .handle("strong", () => Effect.succeed("strong"))
    .handle("recent", () => Effect.succeed("recent"))
    .handle("own", () => Effect.succeed("own"))
    .handle("late", () => Effect.as(BearerAuth.authorize({ scope: ["late"] }), "late"))
)
const admin = HttpApiBuilder.group(Api, "admin", (handlers) =>
  handlers.handle("users", () => Effect.succeed("users")).handle("anyone", () => Effect.succeed("anyone"))
)
const health = HttpApiBuilder.group(Api, "health", (handlers) =>
  handlers.handle("up", () => Effect.succeed("up"))
)

export const groups = Layer.mergeAll(notes, admin, health)

/** The API over a layer that protects it. */
export const live = <E, R>(protection: Layer.Layer<BearerAuth.Provided, E, R>) =>
  HttpApiBuilder.api(Api).pipe(Layer.provide(groups), Layer.provide(protection))

/** Sends requests to an app, on the clock of the test, with its loggers and tracer. */
export const sender = <E>(app: HttpApp.Default<E, Scope.Scope>) =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const handler = HttpApp.toWebHandlerRuntime(runtime)(app)
    return (request: Request): Effect.Effect<Response> => Effect.promise(() => handler(request))
  })

/** The app of an API. */
export const appOf = <E, R>(api: Layer.Layer<HttpApi.Api, E, R>) =>
  Effect.gen(function* () {
    const layers = Layer.mergeAll(HttpApiBuilder.Router.Live, HttpApiBuilder.Middleware.layer)
    const context = yield* Layer.build(
      Layer.provideMerge(api, Layer.provideMerge(layers, HttpServer.layerContext))
    )
    return Effect.provide(yield* Effect.provide(HttpApiBuilder.httpApp, context), context)
  })

export const serve = <E, R>(api: Layer.Layer<HttpApi.Api, E, R>) => Effect.flatMap(appOf(api), sender)

export interface Sent {
  readonly method?: string
  readonly authorization?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export const request = (path: string, { authorization, headers, method = "GET" }: Sent = {}): Request =>
  new Request(`${resource}${path}`, {
    method,
    headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) }
  })
