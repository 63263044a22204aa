/** An API that asks the server what its tokens are (RFC 7662), so that a revoked one is refused within seconds. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Introspection from "effect-oauth/Introspection"
import * as IntrospectionVerifier from "effect-oauth/IntrospectionVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Revocation from "effect-oauth/Revocation"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import { listen } from "../support/serveApi.js"
import { startWebProvider } from "../support/webProvider.js"

const resource = "https://notes.example/"

const main = Effect.gen(function* () {
  const { issuer, key } = yield* startWebProvider()
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: "signed",
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(key)))

  // Signed answers alone (RFC 9701), each kept for a second; the default is 30.
  const VerifierLive = IntrospectionVerifier.layer({
    audience: resource,
    signed: true,
    timeToLive: "1 second"
  }).pipe(Layer.provide(Introspection.layer), Layer.provide(ClientLive))
  const protection = yield* Layer.build(
    Authenticator.layer.pipe(
      Layer.provide(ResourceServer.layerVerifier({ resource, issuer, logLevel: LogLevel.Debug })),
      Layer.provide(VerifierLive)
    )
  )
  const { origin, serve } = yield* listen()
  yield* serve(
    HttpServerResponse.text("notes").pipe(
      Guard.protect({ scope: ["notes:read"] }),
      Effect.provide(protection)
    )
  )

  const FlowsLive = Layer.merge(ClientCredentials.layer, Revocation.layer).pipe(Layer.provide(ClientLive))
  yield* Effect.gen(function* () {
    const clientCredentials = yield* ClientCredentials.ClientCredentials
    const revocation = yield* Revocation.Revocation
    const tokens = yield* clientCredentials.request({ resource, scope: ["notes:read"] })
    const http = yield* HttpClient.HttpClient
    const call = http.execute(
      HttpClientRequest.bearerToken(HttpClientRequest.get(origin), tokens.accessToken)
    )
    yield* Console.log(`active     ${(yield* call).status}`)
    yield* revocation.revokeAll(tokens)
    yield* Console.log(`revoked    ${(yield* call).status}: the answer is kept still`)
    yield* Effect.sleep("1100 millis")
    yield* Console.log(`later      ${(yield* call).status}`)
  }).pipe(Effect.provide(FlowsLive))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
