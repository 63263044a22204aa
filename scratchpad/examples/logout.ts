/**
 * A person logs out at the server, and the application that they used is told: OpenID Connect RP-Initiated Logout 1.0
 * and Back-Channel Logout 1.0; or told through the browser: Front-Channel Logout 1.0.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as BackChannelLogout from "effect-oauth/BackChannelLogout"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as FrontChannelLogout from "effect-oauth/FrontChannelLogout"
import * as Keyring from "effect-oauth/Keyring"
import * as Logout from "effect-oauth/Logout"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { createServer } from "node:http"
import { type Cookies, walk } from "../support/userAgent.js"
import { startWebProvider } from "../support/webProvider.js"

/** Where the server posts its logout tokens. */
const application = HttpRouter.empty.pipe(
  HttpRouter.post(
    "/logout",
    Effect.gen(function* () {
      const backChannel = yield* BackChannelLogout.BackChannelLogout
      const request = yield* HttpServerRequest.HttpServerRequest
      // Here the application ends the session, or every session of the subject where none is named. Where that fails,
      // the server may send the same again.
      yield* backChannel.verify(yield* request.text, ({ sessionId, subject }) =>
        Console.log(
          `told       ${Option.getOrElse(subject, () => "somebody")} has left${Option.isSome(sessionId) ? " one session" : ""}`
        )
      )
      return HttpServerResponse.empty({ status: 200 })
    }).pipe(
      Effect.catchTags({
        AuthorizationError: () => HttpServerResponse.empty({ status: 400 }),
        JwtError: () => HttpServerResponse.empty({ status: 400 })
      }),
      Effect.catchAll(() => HttpServerResponse.empty({ status: 503 })),
      Effect.map(HttpServerResponse.setHeader("cache-control", "no-store"))
    )
  )
)

const program = (postLogoutRedirectUri: string) =>
  Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const codeExchange = yield* CodeExchange.CodeExchange
    const logout = yield* Logout.Logout
    const browser: Cookies = new Map()

    const begun = yield* authorization.begin({ scope: ["openid"] })
    const answer = yield* walk(begun.url, "ada", browser)
    const { idToken, tokens } = yield* codeExchange.exchange(
      yield* authorization.complete(answer.callback, begun.transaction)
    )

    const { state, url } = yield* logout.begin({ tokens, postLogoutRedirectUri })
    const { callback } = yield* walk(url, "ada", browser)
    if (Option.isSome(state)) yield* logout.complete(callback, state.value)
    yield* Console.log(`back at    ${new URL(callback).pathname}`)

    // What a server without a back channel has the browser load: nothing in it is signed, so only the right
    // session identifier ends anything.
    const frontChannel = yield* FrontChannelLogout.FrontChannelLogout
    const sessionId = String(Option.getOrThrow(idToken).claims["sid"])
    const request = new URLSearchParams({ iss: tokens.issuer, sid: sessionId })
    yield* frontChannel.verify(request, { sessionId })
    const error = yield* Effect.flip(frontChannel.verify(request, { sessionId: "that of somebody else" }))
    yield* Console.log(`refused    ${error._tag} (${error.reason})`)
  })

const main = Effect.gen(function* () {
  const server = yield* NodeHttpServer.make(createServer, { port: 0, host: "127.0.0.1" })
  const port = server.address._tag === "TcpAddress" ? server.address.port : 0
  const { issuer, key, postLogoutRedirectUri, redirectUri } = yield* startWebProvider({
    backChannelLogoutUri: `http://127.0.0.1:${port}/logout`
  })
  const ClientLive = OAuthClient.layer({
    issuer,
    clientId: "signed",
    redirectUri,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(key)))
  yield* Effect.gen(function* () {
    yield* server.serve(Effect.catchAll(application, () => HttpServerResponse.empty({ status: 404 })))
    yield* program(postLogoutRedirectUri)
  }).pipe(Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(ClientLive))))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
