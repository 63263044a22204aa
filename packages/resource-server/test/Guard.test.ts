import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as Incoming from "effect-oauth-resource-server/Incoming"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import { SenderConstraint } from "effect-oauth-resource-server/SenderConstraint"
import * as SenderConstraints from "effect-oauth-resource-server/SenderConstraint"
import { ConstraintRefusal } from "effect-oauth-resource-server/ConstraintRefusal"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Challenge from "effect-oauth/Challenge"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import { Api, issuer, live, metadataUrl, request, resource, sender, serve } from "./support/api.js"
import { bodyOf, challengeOf, mint } from "./support/asking.js"

const provided = Effect.provide(TestIssuer.layer())

const authenticator = Authenticator.layer.pipe(Layer.provide(ResourceServer.layer({ resource, issuer })))

const whoami = Effect.map(AccessToken, ({ subject }) =>
  HttpServerResponse.text(Option.getOrElse(subject, () => ""))
)

/** Every guard answers alike. */
const isGuarded = (send: (request: Request) => Effect.Effect<Response>) =>
  Effect.gen(function* () {
    const none = yield* send(request("/notes"))
    assert.strictEqual(none.status, 401)
    assert.deepStrictEqual(challengeOf(none), { resource_metadata: metadataUrl, scope: "read" })
    const weak = yield* send(request("/notes", { authorization: `Bearer ${yield* mint()}` }))
    assert.strictEqual(weak.status, 403)
    assert.deepInclude(challengeOf(weak), { error: "insufficient_scope", scope: "read" })
    assert.deepInclude(yield* bodyOf(weak), { _tag: "InsufficientScope", error: "insufficient_scope" })
    const scope = ["read"]
    const good = yield* send(
      request("/notes", { authorization: `Bearer ${yield* mint({ scope, sub: "alice" })}` })
    )
    assert.strictEqual(good.status, 200)
    assert.strictEqual(yield* Effect.promise(() => good.text()), "alice")
  })

describe("guards", () => {
  it.scoped("as an HttpMiddleware", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      const app = Guard.protect({ scope: ["read"] })(whoami)
      yield* isGuarded(yield* sender(Effect.provide(app, context)))
    }).pipe(provided)
  )

  it.scoped("on the routes of an HttpRouter", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      const router = HttpRouter.empty.pipe(
        HttpRouter.get("/notes", whoami),
        HttpRouter.use(Guard.protect({ scope: ["read"] })),
        HttpRouter.get("/open", HttpServerResponse.text("open"))
      )
      const send = yield* sender(Effect.provide(router, context))
      yield* isGuarded(send)
      assert.strictEqual((yield* send(request("/open"))).status, 200)
    }).pipe(provided)
  )

  it.scoped("on the routes of an HttpLayerRouter", () =>
    Effect.gen(function* () {
      const routes = HttpLayerRouter.add("GET", "/notes", whoami).pipe(
        Layer.provide(Guard.router({ scope: ["read"] }).layer),
        Layer.provide(authenticator)
      )
      yield* isGuarded(yield* sender(yield* HttpLayerRouter.toHttpEffect(routes)))
    }).pipe(provided)
  )

  it.scoped("in a handler that asks itself", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      const app = Guard.principal({ scope: ["read"] }).pipe(
        Effect.map(({ subject }) => HttpServerResponse.text(Option.getOrElse(subject, () => ""))),
        Effect.merge
      )
      yield* isGuarded(yield* sender(Effect.provide(app, context)))
    }).pipe(provided)
  )

  it.scoped("of a Web request: the principal, or the answer to send", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      yield* isGuarded((one) =>
        Guard.web(one, { scope: ["read"] }).pipe(
          Effect.map(({ subject }) => new Response(Option.getOrElse(subject, () => ""))),
          Effect.merge,
          Effect.provide(context)
        )
      )
      const head = yield* Effect.flip(Effect.provide(Guard.web(request("/", { method: "HEAD" })), context))
      assert.deepStrictEqual([head.status, yield* Effect.promise(() => head.text())], [401, ""])
    }).pipe(provided)
  )
})

describe("needs that only the body tells (JSON-RPC)", () => {
  const Call = Schema.parseJson(Schema.Struct({ method: Schema.String }))
  const needs: Guard.Needs = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text).pipe(
    Effect.flatMap(Schema.decode(Call)),
    Effect.mapBoth({
      onFailure: () => HttpServerResponse.empty({ status: 400 }),
      onSuccess: ({ method }) => (method === "write" ? { scope: ["write"], maxAge: "1 hour" } : {})
    })
  )
  const method = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text).pipe(
    Effect.flatMap((text) => Effect.map(AccessToken, () => HttpServerResponse.text(text))),
    Effect.orDie
  )
  const post = (body: string, token?: string) =>
    new Request(`${resource}/rpc`, {
      method: "POST",
      body,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` }
    })
  const write = JSON.stringify({ method: "write" })

  /** Every guard holds the token to both. */
  const holds = (send: (request: Request) => Effect.Effect<Response>) =>
    Effect.gen(function* () {
      const weak = yield* mint({ scope: ["read"], claims: { auth_time: 0 } })
      const strong = yield* mint({ scope: ["read", "write"], claims: { auth_time: 0 } })
      const refused = yield* send(post(write, weak))
      assert.strictEqual(refused.status, 403)
      assert.deepInclude(challengeOf(refused), {
        error: "insufficient_scope",
        scope: "read write",
        resource_metadata: metadataUrl
      })
      assert.deepInclude(yield* bodyOf(refused), { _tag: "InsufficientScope", scope: "read write" })
      const stale = yield* send(post(write, yield* mint({ scope: ["read", "write"] })))
      assert.strictEqual(stale.status, 401)
      assert.deepInclude(challengeOf(stale), { error: "insufficient_user_authentication", max_age: "3600" })
      // The app reads the same body.
      const good = yield* send(post(write, strong))
      assert.deepStrictEqual([good.status, yield* Effect.promise(() => good.text())], [200, write])
      assert.strictEqual((yield* send(post('{"method":"list"}', weak))).status, 200)
    })

  it.scoped("as an HttpMiddleware: the answer has the scopes of both", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      yield* holds(yield* sender(Effect.provide(Guard.protect({ scope: ["read"] }, needs)(method), context)))
    }).pipe(provided)
  )

  it.scoped("on the routes of an HttpLayerRouter", () =>
    Effect.gen(function* () {
      const routes = HttpLayerRouter.add("POST", "/rpc", method).pipe(
        Layer.provide(Guard.router({ scope: ["read"] }, needs).layer),
        Layer.provide(authenticator)
      )
      yield* holds(yield* sender(yield* HttpLayerRouter.toHttpEffect(routes)))
    }).pipe(provided)
  )

  it.scoped(
    "the body is not read before the token is known to be good; one that cannot be read goes no further",
    () =>
      Effect.gen(function* () {
        const context = yield* Layer.build(authenticator)
        const reads = yield* Ref.make(0)
        const counted = Effect.zipRight(
          Ref.update(reads, (n) => n + 1),
          needs
        )
        const reached = yield* Ref.make(0)
        const app = Guard.protect(
          { scope: ["read"] },
          counted
        )(
          Effect.as(
            Ref.update(reached, (n) => n + 1),
            HttpServerResponse.empty()
          )
        )
        const send = yield* sender(Effect.provide(app, context))
        const token = yield* mint({ scope: ["read"] })
        for (const [status, request] of [
          [401, post(write)],
          [401, post(write, "x.y.z")],
          [403, post(write, yield* mint())]
        ] as const) {
          assert.strictEqual((yield* send(request)).status, status)
        }
        assert.strictEqual(yield* Ref.get(reads), 0)
        for (const body of ["", "[]", `[${write}]`, "{", "{}"]) {
          assert.strictEqual((yield* send(post(body, token))).status, 400, body.slice(0, 20))
        }
        assert.deepStrictEqual([yield* Ref.get(reads), yield* Ref.get(reached)], [5, 0])
      }).pipe(provided)
  )

  it.scoped("needs that a handler learns on its way are answered alike", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      const handler = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text).pipe(
        Effect.orDie,
        Effect.flatMap((text) =>
          Guard.authorize(
            text === write ? { scope: ["read", "write"], maxAge: "1 hour" } : { scope: ["read"] }
          )(Effect.succeed(HttpServerResponse.text(text)))
        )
      )
      yield* holds(yield* sender(Effect.provide(Guard.protect()(handler), context)))
    }).pipe(provided)
  )

  it.scoped("and for a Web request, whose body is the program's to read", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(authenticator)
      yield* holds((request) =>
        Effect.gen(function* () {
          const principal = yield* Guard.web(request)
          const body = yield* Effect.promise(() => request.text())
          yield* Guard.authorizeWeb(
            principal,
            body === write ? { scope: ["read", "write"], maxAge: "1 hour" } : { scope: ["read"] }
          )
          return new Response(body)
        }).pipe(Effect.merge, Effect.provide(context))
      )
    }).pipe(provided)
  )
})

describe("a request as guards see it", () => {
  it("has the origin of the configuration, whatever the request or its Host says", () => {
    const seen = (url: string) => Incoming.fromWeb(new Request(url), "https://api.example").url
    assert.strictEqual(seen("http://evil.test/notes?a=b"), "https://api.example/notes?a=b")
    assert.strictEqual(seen("http://evil.test"), "https://api.example/")
    assert.strictEqual(seen("http://evil.test//x/../y"), "https://api.example//y")
  })
})

describe("a sender constraint", () => {
  const bound: SenderConstraint["Type"] = {
    ...SenderConstraints.none,
    schemes: ["Bearer", "DPoP"],
    challenge: Option.some({ algs: "ES256" }),
    headers: Effect.succeed({ "dpop-nonce": "n1" }),
    check: ({ incoming, scheme }) => {
      assert.strictEqual(incoming.url, `${resource}/notes?a=b`)
      const proof = incoming.headers["dpop"]
      return scheme === "Bearer"
        ? Effect.succeedNone
        : proof === "good"
          ? Effect.succeedSome({ _tag: "DPoP", jkt: "key" })
          : proof === "down"
            ? new ConstraintRefusal({ reason: "unavailable", message: "the store is down" })
            : new ConstraintRefusal({
                reason: proof === undefined ? "invalid_dpop_proof" : "use_dpop_nonce",
                message: "why"
              })
    }
  }
  const guarded = (authorization: string | undefined, headers: Record<string, string> = {}) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.provide(authenticator, Layer.succeed(SenderConstraint, bound)))
      const send = yield* sender(Effect.provide(Guard.protect()(whoami), context))
      return yield* send(request("/notes?a=b", { authorization, headers }))
    })
  const challengesOf = (response: Response) =>
    Challenge.parse(response.headers.get("www-authenticate") ?? "").map(({ parameters, scheme }) => [
      scheme,
      Object.fromEntries(parameters)
    ])

  it.scoped("RFC 9449 section 7.1: without a credential, one challenge for each scheme", () =>
    Effect.gen(function* () {
      const response = yield* guarded(undefined)
      assert.strictEqual(response.status, 401)
      assert.deepStrictEqual(challengesOf(response), [
        ["Bearer", { resource_metadata: metadataUrl }],
        ["DPoP", { resource_metadata: metadataUrl, algs: "ES256" }]
      ])
    }).pipe(provided)
  )

  it.scoped(
    "RFC 9449 sections 7.1 and 9: a bad proof or nonce is told in the challenge of DPoP, with a nonce",
    () =>
      Effect.gen(function* () {
        for (const [headers, error] of [
          [{}, "invalid_dpop_proof"],
          [{ dpop: "old" }, "use_dpop_nonce"]
        ] as const) {
          const response = yield* guarded(`DPoP ${yield* mint()}`, headers)
          assert.strictEqual(response.status, 401)
          const [bearer, dpop] = challengesOf(response)
          assert.deepStrictEqual(bearer, ["Bearer", { resource_metadata: metadataUrl }])
          assert.deepInclude(dpop?.[1], { error, algs: "ES256" })
          assert.strictEqual(response.headers.get("dpop-nonce"), "n1")
        }
      }).pipe(provided)
  )

  it.scoped(
    "a good proof lets in, and the answer has the nonce for the next; a store that is down is 503",
    () =>
      Effect.gen(function* () {
        const good = yield* guarded(`DPoP ${yield* mint()}`, { dpop: "good" })
        assert.strictEqual(good.status, 200)
        assert.strictEqual(good.headers.get("dpop-nonce"), "n1")
        const down = yield* guarded(`DPoP ${yield* mint()}`, { dpop: "down" })
        assert.strictEqual(down.status, 503)
        assert.isFalse(down.headers.has("www-authenticate"))
        const bearer = yield* guarded(`Bearer ${yield* mint()}`)
        assert.strictEqual(bearer.status, 200)
        assert.isFalse(bearer.headers.has("dpop-nonce"))
      }).pipe(provided)
  )

  it.scoped("a handler that asks itself answers alike", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(Layer.provide(authenticator, Layer.succeed(SenderConstraint, bound)))
      const app = Effect.merge(Effect.as(Guard.principal(), HttpServerResponse.text("in")))
      const send = yield* sender(Effect.provide(app, context))
      const ask = (authorization: string, headers: Record<string, string> = {}) =>
        send(request("/notes?a=b", { authorization, headers }))
      const good = yield* ask(`DPoP ${yield* mint()}`, { dpop: "good" })
      assert.deepStrictEqual([good.status, good.headers.get("dpop-nonce")], [200, "n1"])
      const old = yield* ask(`DPoP ${yield* mint()}`, { dpop: "old" })
      assert.deepStrictEqual([old.status, old.headers.get("dpop-nonce")], [401, "n1"])
      assert.strictEqual((yield* ask(`Bearer ${yield* mint()}`)).headers.get("dpop-nonce"), null)
    }).pipe(provided)
  )

  it.scoped("an HttpApi answers alike: the nonce is on what is let in, and on what is refused", () =>
    Effect.gen(function* () {
      const constraint = Layer.succeed(SenderConstraint, bound)
      const send = yield* serve(
        live(BearerAuth.layer(Api, { resource, issuer }).pipe(Layer.provide(constraint)))
      )
      const ask = (authorization: string, headers: Record<string, string> = {}) =>
        send(request("/notes?a=b", { authorization, headers }))
      const scope = ["notes:read"]
      const good = yield* ask(`DPoP ${yield* mint({ scope })}`, { dpop: "good" })
      assert.deepStrictEqual([good.status, good.headers.get("dpop-nonce")], [200, "n1"])
      const weak = yield* ask(`DPoP ${yield* mint()}`, { dpop: "good" })
      assert.deepStrictEqual([weak.status, weak.headers.get("dpop-nonce")], [403, "n1"])
      const [bearer, dpop] = challengesOf(weak)
      assert.notProperty(bearer?.[1], "error")
      assert.deepInclude(dpop?.[1], { error: "insufficient_scope", scope: "notes:read" })
      const old = yield* ask(`DPoP ${yield* mint({ scope })}`, { dpop: "old" })
      assert.deepStrictEqual([old.status, old.headers.get("dpop-nonce")], [401, "n1"])
    }).pipe(provided)
  )
})
