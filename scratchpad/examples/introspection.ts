/** What a token is, as the server says it (RFC 7662) and signs it (RFC 9701), until it is revoked (RFC 7009). */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Introspection from "effect-oauth/Introspection"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Revocation from "effect-oauth/Revocation"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { startWebProvider } from "../support/webProvider.js"

const program = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  const introspection = yield* Introspection.Introspection
  const revocation = yield* Revocation.Revocation

  const tokens = yield* clientCredentials.request({
    resource: "https://notes.example/",
    scope: ["notes:read"]
  })

  // `signed` asks for an answer that can be kept as evidence, and takes no other.
  const told = yield* introspection.introspect(tokens.accessToken, { signed: true })
  yield* Console.log(told.active ? `active     ${told.scope.join(" ")}` : "not active")

  yield* revocation.revokeAll(tokens)
  const after = yield* introspection.introspect(tokens.accessToken, { signed: true })
  yield* Console.log(after.active ? "active still" : "revoked    not active any more")
})

const main = Effect.gen(function* () {
  const { issuer, key } = yield* startWebProvider()
  const FlowsLive = Layer.mergeAll(ClientCredentials.layer, Introspection.layer, Revocation.layer).pipe(
    Layer.provide(
      OAuthClient.layer({
        issuer,
        clientId: "signed",
        authentication: ClientAuthentication.privateKeyJwt()
      })
    ),
    Layer.provide(Keyring.layerPem(key))
  )
  yield* Effect.provide(program, FlowsLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
