/** Someone stays logged in: tokens on the disk, refreshed when it is time, until they log out. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import * as Discovery from "effect-oauth/Discovery"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as StoredJwks from "effect-oauth/StoredJwks"
import * as StoredMetadata from "effect-oauth/StoredMetadata"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"

const scope = ["openid", "offline_access"]

/** One session, whoever asks for it: one refresh at a time, also among processes that share the directory. */
const SessionLive = (issuer: string, clientId: string, directory: string) =>
  TokenManager.layer({
    key: { issuer, clientId, scope },
    source: TokenSource.refreshToken(),
    refreshAhead: true
  }).pipe(Layer.provide(TokenStore.layer), Layer.provide(FileSecretStore.layer({ directory })))

/** The tokens of now. Only when the session is over, or there is none, a person is asked to log in. */
const tokens = Effect.gen(function* () {
  const session = yield* TokenManager.TokenManager
  const begin = Effect.gen(function* () {
    yield* Console.log("nobody is logged in: asking the person")
    const login = yield* logIn({ scope })
    yield* session.adopt(login.tokens)
    return yield* session.get
  })
  return yield* Effect.catchTag(session.get, "ReauthorizationRequired", () => begin)
})

/** What the server publishes, however often the program starts: metadata read once in an hour, keys in five minutes. */
const ClientLive = (options: OAuthClient.OAuthClient.Options, directory: string) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const discovery = yield* Discovery.Discovery
      const metadata = yield* discovery.server(options.issuer)
      return OAuthClient.layer({ ...options, metadata })
    })
  ).pipe(
    Layer.provide(Layer.merge(StoredMetadata.layer(), StoredJwks.layer)),
    Layer.provide(FileSecretStore.layer({ directory }))
  )

const firstRun = Effect.gen(function* () {
  const { accessToken } = yield* tokens
  yield* Console.log(`access     ${mask(accessToken)}`)
})

const secondRun = Effect.gen(function* () {
  const session = yield* TokenManager.TokenManager
  const { accessToken } = yield* tokens
  yield* Console.log(`access     ${mask(accessToken)}, without a login`)
  // What an API makes of a 401; OAuthHttpClient does it by itself.
  yield* session.renew(accessToken)
  yield* Console.log(`state      ${(yield* session.state)._tag}, with another access token`)

  const { alive, revoked } = yield* session.logout
  yield* Console.log(`logged out: revoked ${revoked.join(" and ")}; alive ${alive.length}`)
  yield* Console.log(`state      ${(yield* session.state)._tag}`)
})

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "keep-logged-in-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  const FlowsLive = OAuth.layerKeyless.pipe(
    Layer.provide(ClientLive({ issuer, ...cli }, join(directory, "found")))
  )
  const AppLive = Layer.provideMerge(
    SessionLive(issuer, cli.clientId, join(directory, "sessions")),
    FlowsLive
  )
  // Each with a manager of its own, as two runs of a program are.
  yield* Effect.provide(firstRun, AppLive)
  yield* Effect.provide(secondRun, AppLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
