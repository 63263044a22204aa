/** RFC 7662 end to end: opaque tokens of `oidc-provider`, JWTs beside them, revocation, an outage. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Introspection from "effect-oauth/Introspection"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as Keyring from "effect-oauth/Keyring"
import * as Revocation from "effect-oauth/Revocation"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as N from "./support/notes.js"

const call = (url: string, token: Redacted.Redacted<string>) =>
  Effect.flatMap(HttpClient.HttpClient, (http) =>
    http.execute(HttpClientRequest.bearerToken(HttpClientRequest.get(url), token))
  )

const status = (...args: Parameters<typeof call>) => Effect.map(call(...args), (response) => response.status)

type Provider = Effect.Effect.Success<ReturnType<typeof N.provider>>

const verifier = (
  provider: Provider,
  resource: string,
  options: Partial<IntrospectionVerifier.Options> = {}
) =>
  IntrospectionVerifier.layer({ audience: resource, timeToLive: 0, ...options }).pipe(
    Layer.provide(Introspection.layer),
    Layer.provide(N.client(provider)),
    Layer.provide(HttpLimits.layer({ retries: 0 }))
  )

/** Another name of the API, for which the provider issues JWTs. */
const jwtResource = "https://api.example/notes"

/** Accepts opaque tokens by asking, and JWTs by the keys of their issuer. */
const either = (provider: Provider, resource: string) =>
  Layer.effect(
    TokenVerifier.TokenVerifier,
    Effect.gen(function* () {
      const opaque = yield* TokenVerifier.TokenVerifier
      const jwt = yield* TokenVerifier.makeJwt(
        JwtProfile.accessToken({ issuer: provider.issuer, audience: [resource, jwtResource] })
      )
      return TokenVerifier.byIssuer({ issuers: { [provider.issuer]: jwt }, opaque })
    })
  ).pipe(
    Layer.provide(verifier(provider, resource)),
    Layer.provide(Keyring.layerRemote({ issuers: provider.issuer }))
  )

const tokensOf =
  (provider: Provider) =>
  (resource: string, scope: ReadonlyArray<string> = ["notes:read"]) =>
    Effect.provide(
      Effect.flatMap(ClientCredentials.ClientCredentials, (flow) => flow.request({ resource, scope })),
      ClientCredentials.layer.pipe(Layer.provide(N.client(provider)))
    )

const revoke = (provider: Provider, token: Redacted.Redacted<string>) =>
  Effect.provide(
    Effect.flatMap(Revocation.Revocation, (flow) => flow.revoke(token)),
    Revocation.layer.pipe(Layer.provide(N.client(provider)))
  )

describe("opaque tokens of oidc-provider", () => {
  it.scopedLive("are accepted where they are for, until they are revoked", () =>
    Effect.gen(function* () {
      const provider = yield* N.provider()
      const { answered, resource } = yield* N.serve("/opaque", (resource) =>
        Layer.merge(
          ResourceServer.layerVerifier({ resource, issuer: provider.issuer }),
          verifier(provider, resource)
        )
      )
      const issue = tokensOf(provider)
      const { accessToken } = yield* issue(resource)
      const response = yield* call(resource, accessToken)
      assert.deepStrictEqual(yield* response.json, {
        issuer: provider.issuer,
        clientId: provider.secretClient.clientId,
        scope: ["notes:read"],
        bound: null
      })
      assert.strictEqual(yield* status(resource, (yield* issue(resource, ["notes:write"])).accessToken), 403)
      assert.strictEqual(
        yield* status(resource, (yield* issue("https://other.example/opaque")).accessToken),
        401
      )
      yield* revoke(provider, accessToken)
      assert.strictEqual(yield* status(resource, accessToken), 401)
      assert.deepStrictEqual(answered, [
        "200",
        "403 insufficient_scope",
        "401 invalid_token",
        "401 invalid_token"
      ])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("an answer is kept as long as was said, and no longer", () =>
    Effect.gen(function* () {
      const provider = yield* N.provider()
      const { resource } = yield* N.serve("/opaque", (resource) =>
        Layer.merge(
          ResourceServer.layerVerifier({ resource, issuer: provider.issuer }),
          verifier(provider, resource, { timeToLive: "2 seconds" })
        )
      )
      const { accessToken } = yield* tokensOf(provider)(resource)
      assert.strictEqual(yield* status(resource, accessToken), 200)
      yield* revoke(provider, accessToken)
      assert.strictEqual(yield* status(resource, accessToken), 200)
      yield* Effect.sleep("2100 millis")
      assert.strictEqual(yield* status(resource, accessToken), 401)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("beside JWTs, behind one verifier", () =>
    Effect.gen(function* () {
      const provider = yield* N.provider()
      const { resource } = yield* N.serve("/opaque", (resource) =>
        Layer.merge(
          ResourceServer.layerVerifier({ resource, issuer: provider.issuer }),
          either(provider, resource)
        )
      )
      const issue = tokensOf(provider)
      assert.strictEqual(yield* status(resource, (yield* issue(resource)).accessToken), 200)
      assert.strictEqual(yield* status(resource, (yield* issue(jwtResource)).accessToken), 200)
      const foreign = yield* issue("https://other.example/notes")
      assert.strictEqual(yield* status(resource, foreign.accessToken), 401)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("a server that is down makes no good token a bad one: 503, and when to come again", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const provider = yield* Scope.extend(N.provider(), scope)
      const { resource } = yield* N.serve("/opaque", (resource) =>
        Layer.merge(
          ResourceServer.layerVerifier({ resource, issuer: provider.issuer }),
          verifier(provider, resource)
        )
      )
      const { accessToken } = yield* tokensOf(provider)(resource)
      assert.strictEqual(yield* status(resource, accessToken), 200)
      yield* Scope.close(scope, Exit.void)
      const response = yield* call(resource, accessToken)
      assert.strictEqual(response.status, 503)
      assert.match(response.headers["retry-after"] ?? "", /^\d+$/)
      assert.isUndefined(response.headers["www-authenticate"])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})
