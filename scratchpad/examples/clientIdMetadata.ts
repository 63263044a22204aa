/** A client whose id is the URL of a document about it: nobody registers, the server reads the document. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as OAuth from "effect-oauth/OAuth"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { logIn } from "../support/logIn.js"
import { startRegistrar } from "../support/registrar.js"
import { mask } from "../support/transcript.js"

const url = "https://client.example/oauth/client.json"
const redirectUri = "http://127.0.0.1/callback"

const main = Effect.gen(function* () {
  const { issuer, publish } = yield* startRegistrar()

  // What the host of the client serves at the URL, as application/json
  const document = yield* ClientIdMetadata.build(url, {
    client_name: "Notes",
    application_type: "native",
    redirect_uris: [redirectUri],
    grant_types: ["authorization_code"],
    response_types: ["code"],
    token_endpoint_auth_method: "none"
  })
  yield* publish(url, document)
  yield* Console.log(`document   ${Object.keys(document).join(", ")}`)

  const FlowsLive = OAuth.layerKeyless.pipe(
    Layer.provide(
      ClientSelection.layerClient({
        issuer,
        redirectUri,
        metadataDocument: { url },
        registration: { metadata: document }
      })
    )
  )
  const { tokens } = yield* logIn({ scope: ["openid"] }).pipe(Effect.provide(FlowsLive))
  yield* Console.log(`client     ${url}`)
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)

  // What a server checks before it believes a document
  yield* ClientIdMetadata.build("https://client.example/", { ...document, client_name: "Notes" }).pipe(
    Effect.catchTag("DiscoveryError", (error) => Console.log(`refused    ${error.message}`))
  )
})

main.pipe(
  Effect.scoped,
  Effect.provide(ClientSelection.layerDefault.pipe(Layer.provide(RegistrationStore.layerMemory))),
  Effect.provide(NodeHttpClient.layerUndici),
  NodeRuntime.runMain
)
