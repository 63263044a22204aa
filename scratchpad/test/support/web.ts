/** The server of a web application, its clients as layers, and the place where it is told of logouts. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Dpop from "effect-oauth/Dpop"
import * as JwtDecrypter from "effect-oauth/JwtDecrypter"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as RequestEncryption from "effect-oauth/RequestEncryption"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Queue from "effect/Queue"
import { makeBell, type Rung } from "./bell.js"
import { startWebProvider, type WebClient, type WebProvider } from "../../support/webProvider.js"

export class Web extends Context.Tag("effect-oauth-scratchpad/Web")<
  Web,
  WebProvider & {
    /** What the server has posted to the application. */
    readonly logouts: Queue.Dequeue<Rung>
  }
>() {}

export const WebLive = Layer.merge(
  Layer.scoped(
    Web,
    Effect.gen(function* () {
      const { rung, url } = yield* makeBell
      return { ...(yield* startWebProvider({ backChannelLogoutUri: url })), logouts: rung }
    })
  ),
  NodeHttpClient.layerUndici
)

/** A client of the server, with every flow. */
export const clientLive = (
  clientId: WebClient,
  options: {
    readonly signedRequests?: boolean
    readonly encryption?: RequestEncryption.Options
    readonly dpop?: boolean
  } = {}
) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const { decryptionKey, issuer, key, redirectUri } = yield* Web
      const client = OAuthClient.layer({
        issuer,
        clientId,
        redirectUri,
        authentication: ClientAuthentication.privateKeyJwt(),
        dpop: options.dpop === true ? yield* Dpop.make() : undefined,
        decrypter:
          clientId === "sealed"
            ? yield* JwtDecrypter.make({
                keys: [decryptionKey],
                algorithms: ["ECDH-ES"],
                encryptions: ["A128GCM"]
              })
            : undefined
      })
      const encryption =
        options.encryption === undefined ? undefined : RequestEncryption.toServer(options.encryption)
      const flows = options.signedRequests === true ? OAuth.layerSigned({ encryption }) : OAuth.layer
      return flows.pipe(Layer.provideMerge(client), Layer.provide(Keyring.layerPem(key)))
    })
  )
