/** RFC 8693 end to end: a person calls an API, which calls two others in that person's name. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenExchange from "effect-oauth/TokenExchange"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as DelegatedAccess from "effect-oauth-resource-server/DelegatedAccess"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import { logIn } from "../../../scratchpad/support/logIn.js"
import { startProvider } from "../../../scratchpad/support/provider.js"
import { listen } from "../../../scratchpad/support/serveApi.js"

const call = (url: string, token: Redacted.Redacted<string>) =>
  Effect.flatMap(HttpClient.HttpClient, (http) =>
    http.execute(HttpClientRequest.bearerToken(HttpClientRequest.get(url), token))
  )

/** An API that says who called it, and who acted. */
const leaf = (issuer: string) =>
  Effect.gen(function* () {
    const { origin, serve } = yield* listen()
    const app = Effect.flatMap(AccessToken, ({ actor, subject }) =>
      HttpServerResponse.json([
        Option.getOrNull(subject),
        Option.getOrNull(Option.flatMap(actor, (one) => Option.fromNullable(one.sub)))
      ])
    ).pipe(
      Guard.protect({ scope: ["notes:read"] }),
      Effect.provide(
        yield* Layer.build(
          Authenticator.layer.pipe(Layer.provide(ResourceServer.layer({ resource: origin, issuer })))
        )
      )
    )
    yield* serve(app)
    return origin
  })

describe("DelegatedAccess", () => {
  it.scopedLive("each person's calls are made in that person's name, by the API as itself", () =>
    Effect.gen(function* () {
      const { cli, issuer, provider, service } = yield* startProvider()
      let exchanges = 0
      provider.on("grant.success", ({ oidc }) => {
        if (oidc.params?.["grant_type"] === "urn:ietf:params:oauth:grant-type:token-exchange") exchanges++
      })
      const one = yield* leaf(issuer)
      const two = yield* leaf(issuer)
      const { origin: front, serve } = yield* listen()

      const self = OAuthClient.layer({
        issuer,
        clientId: service.clientId,
        authentication: ClientAuthentication.privateKeyJwt()
      }).pipe(Layer.provide(Keyring.layerPem(service)))
      const frontLive = Layer.merge(
        Authenticator.layer.pipe(Layer.provide(ResourceServer.layer({ resource: front, issuer }))),
        DelegatedAccess.layer().pipe(Layer.provide(TokenExchange.layer), Layer.provide(self))
      )
      yield* serve(
        Effect.gen(function* () {
          const access = yield* DelegatedAccess.DelegatedAccess
          const tokens = yield* access.tokens({ resources: [one, two, "not a URI"], scope: ["notes:read"] })
          const answers = yield* Effect.forEach(tokens.successful, (resource) =>
            Effect.flatMap(tokens.token(resource), ({ accessToken }) =>
              Effect.flatMap(call(resource, accessToken), (response) => response.json)
            )
          )
          return yield* HttpServerResponse.json({ answers, failed: tokens.failed })
        }).pipe(Guard.protect(), Effect.provide(yield* Layer.build(frontLive)))
      )

      const personsToken = (person: string) =>
        logIn({ scope: ["notes:read"], resource: front }, person).pipe(
          Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli })))),
          Effect.map(({ tokens }) => tokens.accessToken)
        )
      for (const person of ["ada", "grace"]) {
        const token = yield* personsToken(person)
        for (let n = 0; n < 2; n++) {
          const response = yield* call(front, token)
          assert.deepStrictEqual(yield* response.json, {
            answers: [
              [person, service.clientId],
              [person, service.clientId]
            ],
            failed: ["not a URI"]
          })
        }
      }
      // Two for each person; the second call of each needed none.
      assert.strictEqual(exchanges, 4)
      // The person's own token opens neither.
      assert.strictEqual((yield* call(one, yield* personsToken("ada"))).status, 401)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})
