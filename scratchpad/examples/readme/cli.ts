import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as NodeLogin from "effect-oauth-node/NodeLogin"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const [command, issuer = "https://issuer.example", api = "https://notes.example/api"] = process.argv.slice(2)
const clientId = "notes-cli"
const scope = ["openid", "offline_access", "notes:read"]

const login = Effect.gen(function* () {
  const session = yield* TokenManager.TokenManager
  const { tokens } = yield* PkceLogin.loginWithClient({ scope, resource: api })
  yield* session.adopt(tokens)
  yield* Console.log("Logged in.")
})

const readNotes = Effect.gen(function* () {
  const client = yield* OAuthHttpClient.OAuthHttpClient
  const response = yield* client.get(api)
  yield* Console.log(response.status, yield* response.text)
}).pipe(
  Effect.catchTag("ReauthorizationRequired", () =>
    Console.log("Nobody is logged in: run `cli.ts login` first.")
  )
)

const logout = Effect.gen(function* () {
  const session = yield* TokenManager.TokenManager
  const { alive } = yield* session.logout
  yield* Console.log(
    ["Logged out.", ...alive.map((token) => `Good until it expires: the ${token}.`)].join(" ")
  )
})

/** Each layer gets what it needs from those below it. */
const MainLive = OAuthHttpClient.layer({ resources: [api] }).pipe(
  Layer.provideMerge(
    TokenManager.layer({
      key: { issuer, clientId, resource: [api], scope },
      source: TokenSource.refreshToken({ resource: api })
    })
  ),
  Layer.provide(TokenStore.layer),
  Layer.provide(FileSecretStore.layer()),
  Layer.provideMerge(OAuth.layerKeyless),
  Layer.provide(OAuthClient.layer({ issuer, clientId })),
  Layer.provideMerge(NodeLogin.layer)
)

const program = Effect.gen(function* () {
  if (command === "login") return yield* login
  if (command === "logout") return yield* logout
  return yield* readNotes
})

program.pipe(Effect.provide(MainLive), NodeRuntime.runMain)
