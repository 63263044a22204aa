import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeLogin from "effect-oauth-node/NodeLogin"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

const program = Effect.gen(function* () {
  const { tokens } = yield* PkceLogin.login({
    issuer: "https://issuer.example",
    clientId: "cli",
    scope: ["openid", "offline_access"]
  })
  yield* Console.log(`Logged in at ${tokens.issuer}; granted: ${tokens.scope.join(" ")}`)
})

program.pipe(
  Effect.catchTag("AuthorizationError", (error) =>
    error.reason === "denied" ? Console.log("You said no; nothing was changed.") : Effect.fail(error)
  ),
  Effect.provide(NodeLogin.layer),
  NodeRuntime.runMain
)
