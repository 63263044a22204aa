/** What a user writes: a login as the main program. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeLogin from "effect-oauth-node/NodeLogin"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const [issuer = "", timeout = "60000"] = process.argv.slice(2)

PkceLogin.login({ issuer, clientId: "cli", scope: ["notes:read"], timeout: Number(timeout) }).pipe(
  Effect.flatMap(({ tokens }) => Console.log(`logged in at ${tokens.issuer}`)),
  Effect.catchAll((failure) =>
    Effect.zipRight(
      Console.log(PkceLogin.ending(failure)),
      Effect.sync(() => (process.exitCode = 3))
    )
  ),
  Effect.provide(NodeLogin.layer),
  NodeRuntime.runMain
)
