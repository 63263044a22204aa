/** What the server tells of the person, encrypted to the client: OpenID Connect Core 5.3, RFC 7516. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as JwtDecrypter from "effect-oauth/JwtDecrypter"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as UserInfo from "effect-oauth/UserInfo"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { logIn } from "../support/logIn.js"
import { startWebProvider } from "../support/webProvider.js"

const program = Effect.gen(function* () {
  const userInfo = yield* UserInfo.UserInfo
  const { tokens } = yield* logIn({ scope: ["openid"] })

  // Opened with the client's key, verified with the server's, and about the subject of the ID token.
  const claims = yield* userInfo.get(tokens, { signed: true })
  yield* Console.log(`person     ${claims.sub}`)

  const error = yield* Effect.flip(userInfo.get(tokens, { subject: "somebody else" }))
  yield* Console.log(`refused    ${error._tag} (${error.reason})`)
})

const main = Effect.gen(function* () {
  const { decryptionKey, issuer, key, redirectUri } = yield* startWebProvider()
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: "sealed",
    redirectUri,
    authentication: ClientAuthentication.privateKeyJwt(),
    decrypter: yield* JwtDecrypter.make({
      keys: [decryptionKey],
      algorithms: ["ECDH-ES"],
      encryptions: ["A128GCM"]
    })
  }).pipe(Layer.provide(Keyring.layerPem(key)))
  yield* Effect.provide(program, OAuth.layerKeyless.pipe(Layer.provide(ClientLive)))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
