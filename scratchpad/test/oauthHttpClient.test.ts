/** Issue 5: a client that carries tokens, at oidc-provider and at resources over sockets. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, layer } from "@effect/vitest"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Authorization from "effect-oauth/Authorization"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { logIn } from "../support/logIn.js"
import { startNotesApi } from "../support/notesApi.js"
import { walk } from "../support/userAgent.js"
import { CliLive, Server, StageLive } from "./support/stage.js"
import { clientLive, Web, WebLive } from "./support/web.js"

layer(StageLive, { excludeTestServices: true })("bearer tokens of oidc-provider", (it) => {
  it.scoped("a token that the resource refuses is refreshed once for all, and every request succeeds", () =>
    Effect.gen(function* () {
      const { cli, issuer } = yield* Server
      const { resource } = yield* startNotesApi({ issuer, scope: "notes:read" })
      const { tokens } = yield* logIn({ scope: ["offline_access", "notes:read"], resource })
      const session = yield* TokenManager.make({
        key: { issuer, clientId: cli.clientId, resource: [resource] },
        source: TokenSource.refreshToken({ resource })
      })
      // As after a change of keys: good still by its date, and refused.
      const refused = `${Redacted.value(tokens.accessToken).slice(0, -8)}AAAAAAAA`
      yield* session.adopt({ ...tokens, accessToken: Redacted.make(refused) })
      let posted = 0
      const counting = HttpClient.tapRequest(yield* HttpClient.HttpClient, (request) =>
        Effect.sync(() => {
          if (request.url.startsWith(resource)) posted++
        })
      )
      const client = (yield* OAuthHttpClient.transform({ tokens: session, resources: [resource] }))(counting)
      const statuses = yield* Effect.forEach(
        Array.from({ length: 50 }),
        () => Effect.map(client.get(resource), ({ status }) => status),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual([...new Set(statuses)], [200])
      assert.isAtMost(posted, 100)
      const after = yield* session.get
      assert.notStrictEqual(Redacted.value(after.accessToken), refused)
    }).pipe(Effect.provide(CliLive), Effect.provide(TokenStore.layerMemory))
  )

  it.scoped("RFC 6750 section 3.1: a real challenge becomes StepUpRequired", () =>
    Effect.gen(function* () {
      const { issuer } = yield* Server
      const { resource } = yield* startNotesApi({ issuer, scope: "notes:write" })
      const { tokens } = yield* logIn({ scope: ["notes:read"], resource })
      const held = Effect.succeed(tokens)
      const client = yield* OAuthHttpClient.make({
        tokens: { get: held, renew: () => held },
        resources: [resource]
      })
      const error = yield* Effect.flip(client.get(resource))
      assert.deepStrictEqual(error._tag === "StepUpRequired" ? error.scope : error._tag, [
        "notes:read",
        "notes:write"
      ])
    }).pipe(Effect.provide(CliLive))
  )
})

layer(WebLive, { excludeTestServices: true })("bound tokens of oidc-provider", (it) => {
  it.effect(
    "RFC 9449 sections 7 and 9: its UserInfo endpoint takes the proof, with the nonce that it asks for",
    () =>
      Effect.gen(function* () {
        const { issuer } = yield* Web
        const oauthClient = yield* OAuthClient.OAuthClient
        const authorization = yield* Authorization.Authorization
        const codeExchange = yield* CodeExchange.CodeExchange
        const { transaction, url } = yield* authorization.begin({ scope: ["openid"] })
        const { callback } = yield* walk(url, "ada")
        const { tokens } = yield* codeExchange.exchange(yield* authorization.complete(callback, transaction))
        assert.strictEqual(tokens.tokenType, "DPoP")
        const held = Effect.succeed(tokens)
        const { userinfo_endpoint: endpoint = "" } = yield* oauthClient.metadata
        const client = yield* OAuthHttpClient.make({
          tokens: { get: held, renew: () => held },
          resources: [issuer],
          dpop: oauthClient.dpop
        })
        for (let i = 0; i < 3; i++) {
          const response = yield* client.get(endpoint)
          assert.strictEqual(response.status, 200)
          assert.deepInclude(yield* response.json, { sub: "ada" })
        }
        // The key is what the token is bound to: without it nothing is sent.
        const keyless = yield* OAuthHttpClient.make({
          tokens: { get: held, renew: () => held },
          resources: [issuer]
        })
        assert.strictEqual((yield* Effect.flip(keyless.get(endpoint)))._tag, "ProtocolViolation")
      }).pipe(Effect.provide(clientLive("plain", { dpop: true })))
  )
})
