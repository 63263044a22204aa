/** URLs that others supply, read by a client that cannot be aimed at what only this machine can reach. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as GuardedHttpClient from "effect-oauth-node/GuardedHttpClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"

/** In the place of the system's resolver, so that this program needs no network. */
const resolve = (host: string) =>
  Effect.succeed(host === "metadata.example" ? ["169.254.169.254"] : ["93.184.216.34", "::ffff:10.0.0.1"])

const GuardLive = GuardedHttpClient.layer({ resolve })

const told = (error: { readonly _tag: string; readonly reason: string }) =>
  Console.log(`refused    ${error._tag} (${error.reason})`)

const program = Effect.gen(function* () {
  const discovery = yield* Discovery.Discovery
  for (const issuer of [
    "https://metadata.example",
    "https://two-addresses.example",
    "https://[::ffff:7f00:1]",
    "https://2130706433"
  ]) {
    yield* Console.log(`issuer     ${issuer}`)
    yield* Effect.catchAll(discovery.server(issuer), told)
  }
  yield* Console.log("client id  https://metadata.example/client.json")
  yield* Effect.catchAll(ClientIdMetadata.fetch("https://metadata.example/client.json"), told)
})

program.pipe(
  Effect.provide(Layer.provideMerge(Discovery.layer, GuardLive)),
  Effect.provide(HttpLimits.layer({ retries: 0 })),
  // Why a request was refused is logged at level debug.
  Logger.withMinimumLogLevel(LogLevel.Debug),
  NodeRuntime.runMain
)
