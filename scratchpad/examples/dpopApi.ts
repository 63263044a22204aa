/** An API that accepts tokens from those alone to whom they were issued: RFC 9449, with nonces, and replays refused. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Dpop from "effect-oauth/Dpop"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as ReplayStore from "effect-oauth/ReplayStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import { startProvider } from "../support/provider.js"
import { listen } from "../support/serveApi.js"

// With several machines: RedisReplayStore of effect-oauth-node, and one `secret` for the nonces of all.
const ConstraintLive = Layer.unwrapEffect(
  Effect.map(DpopNonce.make(), (nonce) =>
    SenderConstraint.layer().pipe(Layer.provide(DpopVerifier.layer({ nonce })))
  )
).pipe(Layer.provide(ReplayStore.layerMemory))

const notes = Effect.flatMap(AccessToken, ({ clientId, confirmation }) =>
  HttpServerResponse.text(
    `notes of ${Option.getOrElse(clientId, () => "nobody")}, who has proved a key by ${Option.match(
      confirmation,
      {
        onNone: () => "nothing",
        onSome: ({ _tag }) => _tag
      }
    )}`
  )
)

const main = Effect.gen(function* () {
  const { issuer, service } = yield* startProvider()
  const { origin: resource, serve } = yield* listen()
  const ProtectionLive = Authenticator.layer.pipe(
    Layer.provide(
      ResourceServer.layer({ resource, issuer, boundTokensOnly: true, logLevel: LogLevel.Debug })
    ),
    Layer.provide(ConstraintLive)
  )
  const protection = yield* Layer.build(ProtectionLive)
  yield* serve(notes.pipe(Guard.protect({ scope: ["notes:read"] }), Effect.provide(protection)))

  // A client whose tokens are bound to a key of its own.
  const dpop = yield* Dpop.make()
  const tokens = yield* Effect.flatMap(ClientCredentials.ClientCredentials, (flow) =>
    flow.request({ resource, scope: ["notes:read"] })
  ).pipe(
    Effect.provide(ClientCredentials.layer),
    Effect.provide(
      OAuthClient.layer({
        issuer,
        clientId: service.clientId,
        authentication: ClientAuthentication.privateKeyJwt(),
        dpop
      })
    ),
    Effect.provide(Keyring.layerPem(service))
  )
  const client = yield* OAuthHttpClient.make({
    tokens: { get: Effect.succeed(tokens), renew: () => Effect.succeed(tokens) },
    resources: [resource],
    dpop
  })
  const own = yield* client.get(resource)
  yield* Console.log(`${own.status}        ${yield* own.text}`)

  // Whoever has the token and not the key.
  const http = yield* HttpClient.HttpClient
  const stolen = yield* http.execute(
    HttpClientRequest.bearerToken(HttpClientRequest.get(resource), tokens.accessToken)
  )
  yield* Console.log(`${stolen.status}        ${stolen.headers["www-authenticate"] ?? ""}`)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
