/** A server in memory, a client of it, and a person who logs in. */
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import type { AuthorizationCode } from "effect-oauth/AuthorizationTransaction"
import * as Authorization from "effect-oauth/Authorization"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { OAuthError } from "effect-oauth/OAuthError"
import type { RecordedRequest } from "effect-oauth-testing/RecordedRequest"
import type { TestClient } from "effect-oauth-testing/TestClient"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { Decision } from "effect-oauth-testing/TestUser"

export const issuer = "https://issuer.test"
export const redirectUri = "https://app.test/callback"

/** A public client, and a confidential one. */
export const app: TestClient = { clientId: "app", redirectUris: [redirectUri] }
export const service: TestClient = { clientId: "service", secret: "s3cret" }

export type Flows = Layer.Layer.Success<typeof OAuth.layerKeyless> | OAuthClient.OAuthClient

/** The server, its client `app`, and every flow that needs no keys; nothing is tried twice. */
export const layer = (
  options: Partial<OAuthClient.OAuthClient.Options> = {},
  server: TestIssuer.TestIssuer.Options = {},
  limits: Parameters<typeof HttpLimits.layer>[0] = {}
): Layer.Layer<Flows | TestIssuer.TestIssuer | HttpClient.HttpClient> =>
  OAuth.layerKeyless.pipe(
    Layer.provideMerge(Layer.orDie(OAuthClient.layer({ issuer, clientId: "app", redirectUri, ...options }))),
    Layer.provideMerge(TestIssuer.layer({ clients: [app, service], ...server })),
    Layer.provide(HttpLimits.layer({ retries: 0, ...limits }))
  )

/** A flow for one test, at a server and with a client of its own. */
export const begin = (request?: Authorization.Authorization.Request) =>
  Effect.flatMap(Authorization.Authorization, (authorization) => authorization.begin(request))

/** What the browser brings back for a request, after a person has decided. */
export const callback = (url: string, decision?: Decision) =>
  Effect.orDie(Effect.flatMap(TestIssuer.TestIssuer, (server) => server.authorize(url, decision)))

/** From the request to the code. */
export const login = (
  request: Authorization.Authorization.Request = { scope: ["openid", "offline_access"] },
  decision?: Decision
): Effect.Effect<AuthorizationCode, OAuthError, Authorization.Authorization | TestIssuer.TestIssuer> =>
  Effect.gen(function* () {
    const { complete } = yield* Authorization.Authorization
    const { transaction, url } = yield* begin(request)
    return yield* complete(yield* callback(url, decision), transaction)
  })

/** The last request to the token endpoint. */
export const lastTokenRequest: Effect.Effect<RecordedRequest, never, TestIssuer.TestIssuer> = Effect.flatMap(
  TestIssuer.TestIssuer,
  (server) =>
    Effect.flatMap(server.requestsTo("token"), (all) => {
      const last = all.at(-1)
      return last === undefined
        ? Effect.dieMessage("nothing came to the token endpoint")
        : Effect.succeed(last)
    })
)

/** What becomes of an effect while time passes, a second at a time; less where real work must keep up with a deadline. */
export const asTimePasses = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  step: Duration.DurationInput = "1 second"
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      yield* TestClock.adjust(step)
      yield* TestServices.provideLive(Effect.sleep("1 millis"))
    }
    return yield* Fiber.join(fiber)
  })

/** Misbehaves at an endpoint until told otherwise. */
export const misbehave = (...args: Parameters<TestIssuer.TestIssuer.Service["misbehave"]>) =>
  Effect.flatMap(TestIssuer.TestIssuer, (server) => server.misbehave(...args))

/** The failure of an effect, which is of this tag and for this reason. */
export const fails = <A, E extends OAuthError, R, T extends E["_tag"]>(
  effect: Effect.Effect<A, E, R>,
  tag: T,
  reason: Extract<E, { readonly _tag: T }>["reason"]
): Effect.Effect<Extract<E, { readonly _tag: T }>, never, R> =>
  Effect.matchEffect(effect, {
    onSuccess: () => Effect.sync(() => assert.fail(`succeeded, where ${tag} ${reason} was expected`)),
    onFailure: (error) => {
      assert.strictEqual(`${error._tag} ${error.reason}`, `${tag} ${reason}`, error.message)
      return hasTag<E, T>(error, tag) ? Effect.succeed(error) : Effect.die(error)
    }
  })

const hasTag = <E extends OAuthError, T extends E["_tag"]>(
  error: E,
  tag: T
): error is Extract<E, { readonly _tag: T }> => error._tag === tag
