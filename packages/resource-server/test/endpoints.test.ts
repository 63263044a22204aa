import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import { Open, Requires } from "effect-oauth-resource-server/Requirements"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Api, appOf, groups, issuer, live, request, resource, sender, serve } from "./support/api.js"
import { challengeOf, mint, protection } from "./support/asking.js"
import { watch } from "./support/watched.js"

const provided = Effect.provide(TestIssuer.layer())

const get = <const Name extends string>(name: Name, path: `/${string}`) =>
  HttpApiEndpoint.get(name, path).addSuccess(Schema.String)

const group = <const Name extends string>(name: Name) => HttpApiGroup.make(name)

/** Why an API does not start. */
const problemOf = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>
) => Effect.scoped(Effect.flip(Layer.build(BearerAuth.layer(api, { resource, issuer })))).pipe(provided)

describe("an API that cannot be meant does not start", () => {
  it.effect("an endpoint that was added after middlewareEndpoints, with requirements", () =>
    Effect.gen(function* () {
      const error = yield* problemOf(
        HttpApi.make("api").add(
          group("notes")
            .add(get("a", "/a"))
            .middlewareEndpoints(BearerAuth.BearerAuth)
            .add(get("b", "/b").annotate(Requires, { scope: ["b"] }))
        )
      )
      assert.strictEqual(error.reason, "unprotected")
      assert.include(error.message, "notes.b (GET /b)")
    })
  )

  it.effect("an endpoint that was added after middlewareEndpoints, and does not say that it is open", () =>
    Effect.gen(function* () {
      const notes = group("notes").add(get("a", "/a")).middlewareEndpoints(BearerAuth.BearerAuth)
      const error = yield* problemOf(HttpApi.make("api").add(notes.add(get("b", "/b"))))
      assert.strictEqual(error.reason, "unprotected")
      assert.include(error.message, "Open")
      const open = HttpApi.make("api").add(notes.add(get("b", "/b").annotate(Open, true)))
      yield* Effect.scoped(Layer.build(BearerAuth.layer(open, { resource, issuer })))
    }).pipe(provided)
  )

  it.effect("requirements of a group that nothing reads", () =>
    Effect.gen(function* () {
      const error = yield* problemOf(
        HttpApi.make("api").add(
          group("notes")
            .add(get("a", "/a"))
            .annotate(Requires, { scope: ["a"] })
        )
      )
      assert.strictEqual(error.reason, "unprotected")
    })
  )

  it.effect("requirements of the API as a whole, which another API that it is put into could lose", () =>
    Effect.gen(function* () {
      const error = yield* problemOf(
        HttpApi.make("api")
          .add(group("notes").add(get("a", "/a")).middleware(BearerAuth.BearerAuth))
          .annotate(Requires, { scope: ["a"] })
      )
      assert.strictEqual(error.reason, "requirements")
      assert.include(error.message, "annotate the groups")
    })
  )

  it.effect("an endpoint that is open and protected; scopes that are none; an acr that nobody has", () =>
    Effect.gen(function* () {
      const of = (
        endpoint: HttpApiEndpoint.HttpApiEndpoint<"a", "GET", never, never, never, never, string>
      ) => problemOf(HttpApi.make("api").add(group("notes").add(endpoint).middleware(BearerAuth.BearerAuth)))
      assert.strictEqual((yield* of(get("a", "/a").annotate(Open, true))).reason, "unprotected")
      assert.strictEqual(
        (yield* of(get("a", "/a").annotate(Requires, { scope: ["a b"] }))).reason,
        "requirements"
      )
      assert.strictEqual((yield* of(get("a", "/a").annotate(Requires, { acr: [] }))).reason, "requirements")
    })
  )

  it.effect("a resource, an origin, a metadata URL or an issuer that is none", () =>
    Effect.gen(function* () {
      const api = HttpApi.make("api")
      const wrong = [
        { option: "resource", resource: "api", issuer },
        { option: "resource", resource: "http://api.example", issuer },
        { option: "resource", resource: "https://api.example/#a", issuer },
        { option: "origin", resource: "urn:example:api", issuer },
        { option: "origin", resource, origin: "https://api.example/notes", issuer },
        { option: "metadataUrl", resource, metadataUrl: "http://api.example/", issuer },
        { option: "issuer", resource, issuer: "issuer.example" },
        { option: "issuer", resource, issuer: [] },
        { option: "issuer", resource, issuer: [issuer, { issuer, profile: "lenient" as const }] }
      ]
      for (const { option, ...options } of wrong) {
        const error = yield* Effect.scoped(Effect.flip(Layer.build(BearerAuth.layer(api, options))))
        assert.strictEqual(error.option, option)
      }
    }).pipe(provided)
  )
})

/** Each of the ways in which an API is put somewhere; the requirements must follow. */
const isGuarded = (send: (request: Request) => Effect.Effect<Response>, prefix: string) =>
  Effect.gen(function* () {
    const status = (path: string, authorization?: string) =>
      Effect.map(send(request(prefix + path, { authorization })), (response) => response.status)
    const bearer = (scope: ReadonlyArray<string>) => Effect.map(mint({ scope }), (token) => `Bearer ${token}`)
    assert.strictEqual(yield* status("/notes"), 401)
    assert.strictEqual(yield* status("/notes", yield* bearer([])), 403)
    assert.strictEqual(yield* status("/notes", yield* bearer(["notes:read"])), 200)
    assert.strictEqual(yield* status("/admin/users", yield* bearer(["admin"])), 403)
    assert.strictEqual(yield* status("/admin/users", yield* bearer(["admin", "users:read"])), 200)
    assert.strictEqual(yield* status("/health"), 200)
    assert.strictEqual(yield* status("/nowhere", yield* bearer([])), 404)
    const challenge = challengeOf(yield* send(request(`${prefix}/notes`)))
    assert.strictEqual(challenge["scope"], "notes:read")
  })

describe("requirements are found wherever the API is put", () => {
  it.scoped("at the root", () =>
    Effect.flatMap(serve(live(protection)), (send) => isGuarded(send, "")).pipe(provided)
  )

  it.scoped("as an app under a prefix that is taken away", () =>
    Effect.gen(function* () {
      const app = HttpRouter.mountApp(HttpRouter.empty, "/v1", yield* appOf(live(protection)))
      yield* isGuarded(yield* sender(app), "/v1")
    }).pipe(provided)
  )

  it.scoped("with its routes under a prefix", () =>
    Effect.gen(function* () {
      const layers = Layer.mergeAll(HttpApiBuilder.Router.Live, HttpServer.layerContext)
      const context = yield* Layer.build(Layer.provideMerge(live(protection), layers))
      const router = yield* Effect.provide(
        Effect.flatMap(HttpApiBuilder.Router, (service) => service.router),
        context
      )
      const app = HttpRouter.mount(HttpRouter.empty, "/v2", router).pipe(
        Effect.catchAllCause(() => Effect.dieMessage("refused")),
        Effect.provide(context)
      )
      const send = yield* sender(app)
      const scope = ["notes:read"]
      const ok = yield* send(request("/v2/notes", { authorization: `Bearer ${yield* mint({ scope })}` }))
      assert.strictEqual(ok.status, 200)
      const refused = yield* send(request("/v2/notes", { authorization: `Bearer ${yield* mint()}` }))
      assert.strictEqual(refused.status, 500)
    }).pipe(provided)
  )

  it.scoped("in an HttpLayerRouter, at the root and under a prefix", () =>
    Effect.gen(function* () {
      const routes = HttpLayerRouter.addHttpApi(Api).pipe(
        Layer.provide(groups),
        Layer.provide(protection),
        Layer.provide(HttpServer.layerContext)
      )
      const app = yield* HttpLayerRouter.toHttpEffect(routes)
      yield* isGuarded(yield* sender(Effect.orDie(app)), "")
    }).pipe(provided)
  )

  it.scoped("in an API that was made of this one, prefixed", () =>
    Effect.gen(function* () {
      class Whole extends HttpApi.make("api").addHttpApi(Api).prefix("/v3") {}
      const protectedWhole = BearerAuth.layer(Whole, { resource, issuer })
      const handlers = Layer.mergeAll(
        HttpApiBuilder.group(Whole, "notes", (_) =>
          _.handle("whoami", () => Effect.succeed(""))
            .handle("list", () => Effect.succeed(""))
            .handle("write", () => Effect.succeed(""))
            .handle("pay", () => Effect.succeed(""))
            .handle("strong", () => Effect.succeed(""))
            .handle("recent", () => Effect.succeed(""))
            .handle("own", () => Effect.succeed(""))
            .handle("late", () => Effect.succeed(""))
        ),
        HttpApiBuilder.group(Whole, "admin", (_) =>
          _.handle("users", () => Effect.succeed("")).handle("anyone", () => Effect.succeed(""))
        ),
        HttpApiBuilder.group(Whole, "health", (_) => _.handle("up", () => Effect.succeed("")))
      )
      const send = yield* serve(
        HttpApiBuilder.api(Whole).pipe(Layer.provide(handlers), Layer.provide(protectedWhole))
      )
      yield* isGuarded(send, "/v3")
    }).pipe(provided)
  )
})

describe("an API that is protected as a whole", () => {
  class Whole extends HttpApi.make("whole")
    .add(
      group("notes")
        .add(get("open", "/any"))
        .add(get("one", "/notes/:id").annotate(Requires, { scope: ["notes:read"] }))
    )
    .middleware(BearerAuth.BearerAuth) {}
  const handlers = HttpApiBuilder.group(Whole, "notes", (_) =>
    _.handle("open", () => Effect.succeed("any")).handle("one", () => Effect.succeed("one"))
  )
  const whole = HttpApiBuilder.api(Whole).pipe(
    Layer.provide(handlers),
    Layer.provide(BearerAuth.layer(Whole, { resource, issuer }))
  )

  it.scoped("judges before it routes, and tells nobody without a token which paths there are", () =>
    Effect.gen(function* () {
      const send = yield* serve(whole)
      const status = (path: string, authorization?: string) =>
        Effect.map(send(request(path, { authorization })), (response) => response.status)
      const plain = `Bearer ${yield* mint()}`
      const reader = `Bearer ${yield* mint({ scope: ["notes:read"] })}`
      assert.strictEqual(yield* status("/nowhere"), 401)
      assert.strictEqual(yield* status("/nowhere", plain), 404)
      assert.strictEqual(yield* status("/any", plain), 200)
      assert.strictEqual(yield* status("/notes/1", plain), 403)
      assert.strictEqual(yield* status("/notes/1?a=b", plain), 403)
      assert.strictEqual(yield* status("/notes/1", reader), 200)
    }).pipe(provided)
  )

  it.scoped("finds what a path needs as the router does, which takes any case and a slash at the end", () =>
    Effect.gen(function* () {
      const send = yield* serve(whole)
      const authorization = `Bearer ${yield* mint()}`
      for (const path of ["/NOTES/1", "/notes/1/", "/notes//1", "/not%65s/1", "/notes/1?", "/notes/1#a"]) {
        assert.strictEqual((yield* send(request(path, { authorization }))).status, 403, path)
      }
      for (const path of ["/notes/1/2", "/notes/../any/x", "/notes%2F1"]) {
        assert.strictEqual((yield* send(request(path, { authorization }))).status, 404, path)
      }
    }).pipe(provided)
  )

  it.scoped("also where the router is set up to be strict", () =>
    Effect.gen(function* () {
      const strict = HttpRouter.withRouterConfig({ caseSensitive: true, ignoreTrailingSlash: false })
      const send = yield* strict(serve(whole))
      const authorization = `Bearer ${yield* mint()}`
      assert.strictEqual((yield* send(request("/notes/1", { authorization }))).status, 403)
      for (const path of ["/NOTES/1", "/notes/1/"]) {
        assert.strictEqual((yield* send(request(path, { authorization }))).status, 404, path)
      }
    }).pipe(provided)
  )
})

describe("an endpoint of another API than the layer was given", () => {
  it.scoped("is refused, and the log says why", () =>
    Effect.gen(function* () {
      const other = HttpApi.make("other").add(
        group("others").add(get("x", "/x")).middleware(BearerAuth.BearerAuth)
      )
      const authorization = `Bearer ${yield* mint({ scope: ["notes:read"] })}`
      const [answers, { lines }] = yield* watch(
        Effect.gen(function* () {
          const send = yield* serve(live(BearerAuth.layer(other, { resource, issuer })))
          return [yield* send(request("/notes", { authorization })), yield* send(request("/notes"))]
        })
      )
      for (const { status } of answers) assert.strictEqual(status, 500)
      assert.match(lines.join(), /ERROR.*not in the API its layer was given/)
    }).pipe(provided)
  )
})

describe("one BearerAuth for two APIs with the same path", () => {
  const apiOf = <const Id extends string>(id: Id, scope: string) =>
    HttpApi.make(id).add(
      group("notes")
        .add(get("all", "/notes").annotate(Requires, { scope: [scope] }))
        .middleware(BearerAuth.BearerAuth)
    )
  const V1 = apiOf("v1", "notes:read")
  const V2 = apiOf("v2", "admin")
  const done = () => Effect.succeed("done")
  const v1 = HttpApiBuilder.api(V1).pipe(
    Layer.provide(HttpApiBuilder.group(V1, "notes", (_) => _.handle("all", done)))
  )
  const v2 = HttpApiBuilder.api(V2).pipe(
    Layer.provide(HttpApiBuilder.group(V2, "notes", (_) => _.handle("all", done)))
  )
  const statuses = <R, R2>(
    one: Effect.Effect<HttpApp.Default<never, Scope.Scope>, unknown, R>,
    other: Effect.Effect<HttpApp.Default<never, Scope.Scope>, unknown, R2>
  ) =>
    Effect.gen(function* () {
      const app = HttpRouter.empty.pipe(
        HttpRouter.mountApp("/v1", yield* one),
        HttpRouter.mountApp("/v2", yield* other)
      )
      const send = yield* sender(app)
      const authorization = `Bearer ${yield* mint({ scope: ["notes:read"] })}`
      // The API that was not given comes first: nothing may depend on the order of requests.
      return yield* Effect.forEach(["/v2/notes", "/v1/notes"], (path) =>
        Effect.map(send(request(path, { authorization })), ({ status }) => status)
      )
    }).pipe(Effect.orDie)

  it.scoped("is refused for both, and the log says what to do", () =>
    Effect.gen(function* () {
      const shared = yield* Layer.build(BearerAuth.layer(V1, { resource, issuer }))
      const auth = Layer.succeedContext(shared)
      const [answers, { lines }] = yield* watch(
        statuses(appOf(Layer.provide(v1, auth)), appOf(Layer.provide(v2, auth)))
      )
      assert.deepStrictEqual(answers, [500, 500])
      assert.match(lines.join(), /ERROR.*give each API that is built a BearerAuth of its own/)
    }).pipe(provided)
  )

  it.scoped(
    "is refused for the one that was not given also where each has its layer, of the other's API",
    () =>
      Effect.gen(function* () {
        const auth = BearerAuth.layer(V1, { resource, issuer })
        const [answers, { lines }] = yield* watch(
          statuses(appOf(Layer.provide(v1, auth)), appOf(Layer.provide(v2, auth)))
        )
        assert.deepStrictEqual(answers, [500, 200])
        assert.match(lines.join(), /ERROR.*another API than its layer was given/)
      }).pipe(provided)
  )

  it.scoped("a layer for each over one authenticator judges each by its own requirements", () =>
    Effect.gen(function* () {
      const authenticator = yield* Layer.build(
        Layer.provideMerge(Authenticator.layer, ResourceServer.layer({ resource, issuer }))
      )
      const auth = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
        api: HttpApi.HttpApi<Id, Groups, E, R>
      ) => Layer.provide(BearerAuth.layerAuthenticator(api), Layer.succeedContext(authenticator))
      assert.deepStrictEqual(
        yield* statuses(appOf(Layer.provide(v1, auth(V1))), appOf(Layer.provide(v2, auth(V2)))),
        [403, 200]
      )
    }).pipe(provided)
  )

  it.scoped("a program may put its own middleware around the one that it was given", () =>
    Effect.gen(function* () {
      const around = Layer.effect(
        BearerAuth.BearerAuth,
        Effect.map(BearerAuth.BearerAuth, (inner) =>
          BearerAuth.BearerAuth.of({ oauth2: (token) => Effect.zipRight(Effect.void, inner.oauth2(token)) })
        )
      ).pipe(Layer.provide(BearerAuth.layer(V1, { resource, issuer })))
      const send = yield* serve(Layer.provide(v1, around))
      const authorization = `Bearer ${yield* mint({ scope: ["notes:read"] })}`
      for (const _ of [1, 2, 3]) {
        assert.strictEqual((yield* send(request("/notes", { authorization }))).status, 200)
      }
    }).pipe(provided)
  )
})
