/** The whole login of a terminal program, with a stand-in for the person's browser: RFC 8252. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Browser from "effect-oauth-node/Browser"
import * as LoginPrompt from "effect-oauth-node/LoginPrompt"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"
import { browse } from "../support/userAgent.js"

/** In place of `NodeLogin.layer`, which opens a real browser and talks at the terminal. */
const LoginLive = Layer.mergeAll(
  NodeHttpClient.layerUndici,
  Layer.succeed(Browser.Browser, {
    open: (url) => Effect.asVoid(Effect.forkDaemon(browse(url, "ada")))
  }),
  Layer.succeed(LoginPrompt.LoginPrompt, {
    tell: (event) => Console.log(`login      ${event._tag}`),
    entered: Stream.never
  })
)

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const { idToken, tokens } = yield* PkceLogin.login({
    issuer,
    clientId: cli.clientId,
    scope: ["openid"]
  })
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  yield* Option.match(idToken, {
    onNone: () => Console.log("person     unknown"),
    onSome: ({ claims }) => Console.log(`person     ${claims.sub}`)
  })
})

main.pipe(Effect.scoped, Effect.provide(LoginLive), NodeRuntime.runMain)
