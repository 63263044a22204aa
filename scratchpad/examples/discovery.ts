/** What an authorization server publishes about itself: RFC 8414, OpenID Connect Discovery 1.0. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Discovery from "effect-oauth/Discovery"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { startProvider } from "../support/provider.js"

const program = (issuer: string) =>
  Effect.gen(function* () {
    const discovery = yield* Discovery.Discovery
    const metadata = yield* discovery.server(issuer)
    yield* Console.log(`authorize  ${metadata.authorization_endpoint}`)
    yield* Console.log(`token      ${metadata.token_endpoint}`)
    yield* Console.log(`grants     ${metadata.grant_types_supported?.join(", ")}`)

    // An issuer is compared character for character: a slash more is another one.
    yield* discovery
      .server(`${issuer}/`)
      .pipe(
        Effect.catchTag("DiscoveryError", (error) =>
          Console.log(`refused    ${error.reason}: ${error.message}`)
        )
      )
  })

const main = Effect.flatMap(startProvider(), ({ issuer }) => program(issuer))

main.pipe(
  Effect.scoped,
  Effect.provide(Discovery.layer.pipe(Layer.provide(NodeHttpClient.layerUndici))),
  NodeRuntime.runMain
)
