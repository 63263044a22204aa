/** A client that registers itself, changes what is registered, and leaves again: RFC 7591, RFC 7592. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as RegisteredClient from "effect-oauth/RegisteredClient"
import * as Registration from "effect-oauth/Registration"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { startRegistrar } from "../support/registrar.js"
import { iso, mask } from "../support/transcript.js"

const program = (issuer: string, initialAccessToken: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const registration = yield* Registration.Registration
    const client = yield* registration.register({
      issuer,
      initialAccessToken,
      metadata: {
        client_name: "A nightly job",
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
        software_version: "1.0"
      }
    })
    yield* Console.log(
      `registered ${client.clientId.length} characters of id, by ${client.authenticationMethod}`
    )
    yield* Console.log(
      `secret     ${Option.match(client.clientSecret, { onNone: () => "none", onSome: mask })}`
    )
    yield* Console.log(
      `until      ${Option.match(client.secretExpiresAt, { onNone: () => "it does not end", onSome: iso })}`
    )
    for (const { member } of client.changes) yield* Console.log(`not as asked: ${member}`)

    // The client as it was registered, by the method that the server chose
    const authentication = yield* RegisteredClient.authentication(client)
    const FlowsLive = OAuth.layerKeyless.pipe(
      Layer.provide(OAuthClient.layer({ issuer, clientId: client.clientId, authentication }))
    )
    const tokens = yield* Effect.flatMap(ClientCredentials.ClientCredentials, (flow) =>
      flow.request({ scope: ["notes:read"] })
    ).pipe(Effect.provide(FlowsLive))
    yield* Console.log(`access     ${mask(tokens.accessToken)}`)

    // Each answer may have a new token for the next request: go on with the last one.
    const renamed = yield* registration.update(client, {
      metadata: {
        client_name: "A job of the night",
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: []
      }
    })
    const now = yield* registration.read(renamed)
    yield* Console.log(`name       ${String(now.metadata["client_name"])}`)
    yield* registration.delete(now)
    yield* registration
      .read(now)
      .pipe(Effect.catchTag("OAuthResponseError", (error) => Console.log(`deleted    ${error.error}`)))
  })

const main = Effect.gen(function* () {
  const initialAccessToken = "for-those-who-may-register"
  const { issuer } = yield* startRegistrar({ initialAccessToken })
  yield* program(issuer, Redacted.make(initialAccessToken))
})

main.pipe(
  Effect.scoped,
  Effect.provide(Registration.layer),
  Effect.provide(NodeHttpClient.layerUndici),
  NodeRuntime.runMain
)
