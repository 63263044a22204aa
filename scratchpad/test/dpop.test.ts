/** RFC 9449 against oidc-provider at its strictest: a nonce in every proof, codes and refresh tokens bound to the key. */
import * as NodeHttp from "effect-oauth-node/NodeHttp"
import { assert, layer } from "@effect/vitest"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Dpop from "effect-oauth/Dpop"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Refresh from "effect-oauth/Refresh"
import * as UserInfo from "effect-oauth/UserInfo"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { startProvider } from "../support/provider.js"
import { walk } from "../support/userAgent.js"

class Strict extends Context.Tag("effect-oauth-scratchpad/Strict")<
  Strict,
  { readonly issuer: string; readonly clientId: string; readonly redirectUri: string }
>() {}

const StrictLive = Layer.scoped(
  Strict,
  Effect.map(
    startProvider({
      configuration: {
        clientBasedCORS: () => false,
        features: {
          devInteractions: { enabled: true },
          userinfo: { enabled: true },
          pushedAuthorizationRequests: { enabled: true },
          dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 9), requireNonce: () => true }
        }
      }
    }),
    ({ cli, issuer }) => ({ issuer, ...cli })
  )
)

/** The public client, with a key or without. */
const withKey = (dpop: Dpop.Dpop | undefined) =>
  OAuth.layerKeyless.pipe(
    Layer.provideMerge(
      Layer.unwrapEffect(
        Effect.map(Strict, ({ clientId, issuer, redirectUri }) =>
          OAuthClient.layer({ issuer, clientId, redirectUri, dpop })
        )
      )
    )
  )

const login = (request: Authorization.Authorization.Request = {}) =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const { transaction, url } = yield* authorization.begin({
      scope: ["openid", "offline_access"],
      prompt: "consent",
      ...request
    })
    const { callback } = yield* walk(url, "ada")
    return { url, code: yield* authorization.complete(callback, transaction) }
  })

const exchange = (request: Authorization.Authorization.Request = {}) =>
  Effect.gen(function* () {
    const { code } = yield* login(request)
    return (yield* (yield* CodeExchange.CodeExchange).exchange(code)).tokens
  })

const StrictWorld = Layer.merge(StrictLive, NodeHttp.layer)

layer(StrictWorld, { excludeTestServices: true })("RFC 9449 with oidc-provider, nonces required", (it) => {
  for (const pushed of [false, true]) {
    it.effect(
      `RFC 9449 sections 8 to 10: nonces at the token endpoint and UserInfo, the code bound (${pushed ? "pushed" : "by URL"})`,
      () =>
        Effect.gen(function* () {
          const dpop = yield* Dpop.make()
          yield* Effect.gen(function* () {
            const { code, url } = yield* login({ pushed })
            if (!pushed) assert.strictEqual(new URL(url).searchParams.get("dpop_jkt"), dpop.thumbprint)
            const { tokens } = yield* (yield* CodeExchange.CodeExchange).exchange(code)
            assert.strictEqual(tokens.tokenType, "DPoP")
            assert.strictEqual((yield* (yield* UserInfo.UserInfo).get(tokens)).sub, "ada")
            const again = yield* (yield* Refresh.Refresh).refresh(tokens)
            assert.strictEqual(again.tokens.tokenType, "DPoP")
            assert.strictEqual((yield* (yield* UserInfo.UserInfo).get(again.tokens)).sub, "ada")
          }).pipe(Effect.provide(withKey(dpop)))
        })
    )

    it.effect(
      `RFC 9449 section 10: a code that was bound to another key is refused (${pushed ? "pushed" : "by URL"})`,
      () =>
        Effect.gen(function* () {
          const { code } = yield* Effect.provide(login({ pushed }), withKey(yield* Dpop.make()))
          const error = yield* Effect.flatMap(CodeExchange.CodeExchange, (flow) => flow.exchange(code)).pipe(
            Effect.provide(withKey(yield* Dpop.make())),
            Effect.flip
          )
          assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError invalid_grant")
        })
    )
  }

  it.effect("RFC 9449 section 5: the refresh token of a public client is of use with its key alone", () =>
    Effect.gen(function* () {
      const dpop = yield* Dpop.make()
      const tokens = yield* Effect.provide(exchange(), withKey(dpop))
      assert.isTrue(Option.isSome(tokens.refreshToken))
      const refreshed = (key: Dpop.Dpop | undefined) =>
        Effect.flatMap(Refresh.Refresh, (flow) => flow.refresh(tokens)).pipe(Effect.provide(withKey(key)))
      for (const thief of [yield* Dpop.make(), undefined]) {
        const error = yield* Effect.flip(refreshed(thief))
        assert.strictEqual(error._tag, "OAuthResponseError")
        assert.include(["invalid_grant", "invalid_dpop_proof", "invalid_request"], error.reason)
      }
      assert.strictEqual((yield* refreshed(dpop)).tokens.tokenType, "DPoP")
    })
  )

  it.effect("RFC 9449 section 7: a bound token is refused with a proof of another key", () =>
    Effect.gen(function* () {
      const tokens = yield* Effect.provide(exchange(), withKey(yield* Dpop.make()))
      const error = yield* Effect.flatMap(UserInfo.UserInfo, (flow) => flow.get(tokens)).pipe(
        Effect.provide(withKey(yield* Dpop.make())),
        Effect.flip
      )
      assert.notStrictEqual(error._tag, "TransportError")
    })
  )

  it.effect(
    "RFC 9449 section 8: many requests at once, all of them refused for want of a nonce, all succeed",
    () =>
      Effect.gen(function* () {
        const authorization = yield* Authorization.Authorization
        const pushed = authorization.begin({ scope: ["openid"], pushed: true })
        const all = yield* Effect.all(
          Array.from({ length: 10 }, () => pushed),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(all.map(({ url }) => url)).size, 10)
      }).pipe(Effect.provide(Layer.unwrapEffect(Effect.map(Dpop.make(), withKey))))
  )
})
