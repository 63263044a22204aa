/** A service that calls an API with a token of its own, which is always a good one. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"

/** An HttpClient that carries the token of the service to this API, and to no other. */
const ApiClientLive = (issuer: string, clientId: string, secret: Redacted.Redacted<string>, api: string) =>
  OAuthHttpClient.layer({ resources: [api] }).pipe(
    Layer.provide(
      TokenManager.layer({
        key: { issuer, clientId, resource: [api], scope: ["notes:read"] },
        source: TokenSource.clientCredentials({ resource: api, scope: ["notes:read"] })
      })
    ),
    // In memory: what a restart loses is asked for again.
    Layer.provide(TokenStore.layerMemory),
    Layer.provide(ClientCredentials.layer),
    Layer.provide(
      OAuthClient.layer({ issuer, clientId, authentication: ClientAuthentication.clientSecret(secret) })
    )
  )

const readNotes = (api: string) =>
  Effect.gen(function* () {
    const client = yield* OAuthHttpClient.OAuthHttpClient
    const response = yield* client.get(api)
    return yield* response.json
  })

/** As with any other HttpClient: a hundred requests, and one for a token. */
const readOften = (api: string) =>
  Effect.gen(function* () {
    const answers = yield* Effect.replicateEffect(readNotes(api), 100, { concurrency: 20 })
    yield* Console.log(`${answers.length} answers, such as ${JSON.stringify(answers[0])}`)
  })

const main = Effect.gen(function* () {
  const { issuer, secretClient } = yield* startProvider()
  const { resource } = yield* startNotesApi({ issuer, scope: "notes:read" })
  const { clientId, secret } = secretClient
  yield* Effect.provide(readOften(resource), ApiClientLive(issuer, clientId, secret, resource))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
