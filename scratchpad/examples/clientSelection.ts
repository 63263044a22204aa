/** Which client to be at a server that the program meets for the first time, and the times after. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as EndpointPolicy from "effect-oauth/EndpointPolicy"
import * as OAuth from "effect-oauth/OAuth"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"
import { startRegistrar } from "../support/registrar.js"
import { mask } from "../support/transcript.js"

/** What the program can be anywhere: registered by hand at one server, and by itself at others. */
const policy = (issuer: string, known: string): ClientSelection.ClientSelection.Policy => ({
  issuer,
  redirectUri: "http://127.0.0.1/callback",
  preRegistered: [{ issuer: known, clientId: "notes-cli" }],
  registration: {
    metadata: {
      client_name: "Notes",
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code"],
      response_types: ["code"]
    }
  },
  discovery: { endpointPolicy: EndpointPolicy.sameOrigin }
})

const main = Effect.gen(function* () {
  const known = yield* startProvider()
  const open = yield* startRegistrar()
  const closed = yield* startProvider()
  const selection = yield* ClientSelection.ClientSelection

  for (const server of [known, open, open, closed]) {
    const ours = policy(server.issuer, known.issuer)
    yield* Effect.gen(function* () {
      const { source } = yield* selection.select(ours)
      const FlowsLive = OAuth.layerKeyless.pipe(Layer.provide(ClientSelection.layerClient(ours)))
      const { tokens } = yield* logIn({ scope: ["openid"] }).pipe(Effect.provide(FlowsLive))
      yield* Console.log(`${source.padEnd(15)} access ${mask(tokens.accessToken)}`)
    }).pipe(
      Effect.catchTag("DiscoveryError", (error) => Console.log(`${error.reason.padEnd(15)} ${error.message}`))
    )
  }
})

main.pipe(
  Effect.scoped,
  Effect.provide(ClientSelection.layerDefault.pipe(Layer.provide(RegistrationStore.layerMemory))),
  Effect.provide(NodeHttpClient.layerUndici),
  NodeRuntime.runMain
)
