/** A television without a browser logs a person in, who decides at a phone: RFC 8628. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { deviceConfiguration, television } from "../support/elsewhere.js"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"
import { decide } from "../support/userAgent.js"

const program = Effect.gen(function* () {
  const device = yield* DeviceAuthorization.DeviceAuthorization
  const transaction = yield* device.begin({ scope: ["openid"] })
  yield* Console.log(`visit      ${transaction.verificationUri}`)
  yield* Console.log(`and type   ${transaction.userCode}`)

  // The person takes seven seconds; until then the server is asked as often as it allows.
  const phone = Option.getOrElse(transaction.verificationUriComplete, () => transaction.verificationUri)
  yield* Effect.forkScoped(Effect.delay(decide(phone, "ada"), "7 seconds"))

  yield* Stream.runForEach(device.progress(transaction), (event) => {
    if (event._tag !== "Granted") {
      return Console.log(`${event._tag.toLowerCase().padEnd(10)} again in ${Duration.format(event.next)}`)
    }
    const { idToken, tokens } = event.value
    const person = Option.match(idToken, { onNone: () => "unknown", onSome: ({ claims }) => claims.sub })
    return Console.log(`person     ${person}\naccess     ${mask(tokens.accessToken)}`)
  })
})

const main = Effect.gen(function* () {
  const { issuer } = yield* startProvider({ configuration: deviceConfiguration })
  yield* Effect.provide(
    program,
    DeviceAuthorization.layer.pipe(Layer.provide(OAuthClient.layer({ issuer, ...television })))
  )
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
