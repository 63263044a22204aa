/** A new access token from a refresh token, which the server rotates: RFC 6749 section 6, RFC 9700 section 4.14. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Refresh from "effect-oauth/Refresh"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"

const program = Effect.gen(function* () {
  const { tokens } = yield* logIn({ scope: ["openid", "offline_access"] })
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)

  const refresh = yield* Refresh.Refresh
  const after = yield* refresh.refresh(tokens)
  yield* Console.log(`access     ${mask(after.tokens.accessToken)}, another one`)

  // Keep `after.tokens`: the refresh token of before is used up, and using it again ends the session.
  yield* refresh
    .refresh(tokens)
    .pipe(
      Effect.catchTag("OAuthResponseError", (error) =>
        error.error === "invalid_grant" ? Console.log(`refused    ${error.message}`) : Effect.fail(error)
      )
    )
})

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const FlowsLive = OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli })))
  yield* Effect.provide(program, FlowsLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
