/** An API that calls others in the name of its caller: RFC 8693 within a request, a result for each resource. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as DelegatedAccess from "effect-oauth-resource-server/DelegatedAccess"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { call } from "../support/callApi.js"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"
import { listen } from "../support/serveApi.js"
import { mask } from "../support/transcript.js"

/** A handler: whoever calls, the tokens are that one's. */
const report = Effect.gen(function* () {
  const access = yield* DelegatedAccess.DelegatedAccess
  const tokens = yield* access.tokens({
    resources: [
      "https://archive.example/api",
      { resource: "https://notes.example/api", scope: ["notes:read", "notes:write"] },
      "https://notes.example/api#draft"
    ]
  })
  const had = yield* Effect.forEach(tokens.successful, (resource) =>
    Effect.map(
      tokens.token(resource),
      ({ accessToken, scope }) => `${resource}   ${mask(accessToken)} for ${scope.join(" ")}`
    )
  )
  const failed = tokens.failed.map(
    (resource) => `${resource}   ${Option.getOrThrow(tokens.error(resource)).reason}`
  )
  return HttpServerResponse.text([tokens.status, ...had, ...failed].join("\n"))
})

const main = Effect.gen(function* () {
  const { cli, issuer, service } = yield* startProvider()
  const { origin: resource, serve } = yield* listen()

  // The API as a client, at the issuer of its callers and nowhere else. Several issuers: see Tenants.
  const SelfLive = OAuthClient.layer({
    issuer,
    clientId: service.clientId,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(service)))
  const ApiLive = Layer.merge(
    Authenticator.layer.pipe(Layer.provide(ResourceServer.layer({ resource, issuer }))),
    DelegatedAccess.layer().pipe(Layer.provide(TokenExchange.layer), Layer.provide(SelfLive))
  )
  yield* serve(report.pipe(Guard.protect(), Effect.provide(yield* Layer.build(ApiLive))))

  const person = yield* logIn({ scope: ["notes:read"], resource }).pipe(
    Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli }))))
  )
  yield* Console.log(yield* call(resource, person.tokens.accessToken))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
