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
import { startNotesApi } from "../support/notesApi.js"
import { startProvider } from "../support/provider.js"
import type { RunningProvider } from "../support/provider.js"

/** An HttpClient that carries the token of the service to this API, and to no other. */
const NotesClientLive = ({ issuer, secretClient }: RunningProvider, resource: string) =>
  OAuthHttpClient.layer({ resources: [resource] }).pipe(
    Layer.provide(
      TokenManager.layer({
        key: { issuer, clientId: secretClient.clientId, resource: [resource], scope: ["notes:read"] },
        source: TokenSource.clientCredentials({ resource, scope: ["notes:read"] })
      })
    ),
    // In memory: what a restart loses is asked for again.
    Layer.provide(TokenStore.layerMemory),
    Layer.provide(ClientCredentials.layer),
    Layer.provide(
      OAuthClient.layer({
        issuer,
        clientId: secretClient.clientId,
        authentication: ClientAuthentication.clientSecret(secretClient.secret)
      })
    )
  )

/** As with any other HttpClient: a hundred requests, and one for a token. */
const readNotes = (resource: string) =>
  Effect.gen(function* () {
    const client = yield* OAuthHttpClient.OAuthHttpClient
    const answers = yield* Effect.forEach(
      Array.from({ length: 100 }),
      () => Effect.flatMap(client.get(resource), (response) => response.json),
      { concurrency: 20 }
    )
    yield* Console.log(`${answers.length} answers, such as ${JSON.stringify(answers[0])}`)
  })

const main = Effect.gen(function* () {
  const provider = yield* startProvider()
  const { resource } = yield* startNotesApi({ issuer: provider.issuer, scope: "notes:read" })
  yield* Effect.provide(readNotes(resource), NotesClientLive(provider, resource))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
