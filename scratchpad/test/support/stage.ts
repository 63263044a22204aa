/** The server of the tests, and its three clients as layers. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ProviderFailed, RunningProvider } from "../../support/provider.js"
import { startProvider } from "../../support/provider.js"

export class Server extends Context.Tag("effect-oauth-scratchpad/Server")<Server, RunningProvider>() {}

/** The server, and the client that reaches it. */
export const StageLive: Layer.Layer<Server | HttpClient.HttpClient, ProviderFailed> = Layer.merge(
  Layer.scoped(Server, startProvider()),
  NodeHttpClient.layerUndici
)

/** The public client, with which people log in. */
export const CliLive = Layer.unwrapEffect(
  Effect.map(Server, ({ cli, issuer }) =>
    OAuth.layerKeyless.pipe(Layer.provideMerge(OAuthClient.layer({ issuer, ...cli })))
  )
)

/** The confidential client that signs assertions. */
export const ServiceLive = Layer.unwrapEffect(
  Effect.map(Server, ({ issuer, service }) =>
    OAuth.layer.pipe(
      Layer.provideMerge(
        OAuthClient.layer({
          issuer,
          clientId: service.clientId,
          authentication: ClientAuthentication.privateKeyJwt()
        })
      ),
      Layer.provide(Keyring.layerPem(service))
    )
  )
)

/** The confidential client with a secret, by `client_secret_basic`. */
export const SecretLive = Layer.unwrapEffect(
  Effect.map(Server, ({ issuer, secretClient }) =>
    OAuth.layerKeyless.pipe(
      Layer.provideMerge(
        OAuthClient.layer({
          issuer,
          clientId: secretClient.clientId,
          authentication: ClientAuthentication.clientSecretBasic(secretClient.secret)
        })
      )
    )
  )
)

/** The resource that tokens are asked for; every absolute URI is one to this server. */
export const resource = "https://notes.example/api"
