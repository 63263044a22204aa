/** An API that accepts the tokens of an issuer: what each endpoint needs is said beside it. */
import { createServer } from "node:http"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import { Requires } from "effect-oauth-resource-server/Requirements"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { startProvider } from "../support/provider.js"

const resource = "https://notes.example/api"

class Notes extends HttpApiGroup.make("notes")
  .add(HttpApiEndpoint.get("whoami", "/me").addSuccess(Schema.String))
  .add(
    HttpApiEndpoint.post("add", "/notes")
      .addSuccess(Schema.String)
      .annotate(Requires, { scope: ["notes:write"] })
  )
  .middleware(BearerAuth.BearerAuth) {}

class Api extends HttpApi.make("api").add(Notes) {}

const NotesLive = HttpApiBuilder.group(Api, "notes", (handlers) =>
  handlers
    .handle("whoami", () =>
      Effect.map(AccessToken, ({ subject }) => Option.getOrElse(subject, () => "nobody"))
    )
    .handle("add", () => Effect.succeed("added"))
)

/** The issuer's keys are found through its metadata when the first token comes. */
const apiLive = (issuer: string) =>
  HttpApiBuilder.api(Api).pipe(
    Layer.provide(NotesLive),
    Layer.provide(BearerAuth.layer(Api, { resource, issuer }))
  )

const ask = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(
      HttpClientRequest.prependUrl(request, HttpServer.formatAddress(address))
    )
    yield* Console.log(`${request.method} ${request.url}`.padEnd(12), response.status, yield* response.text)
    const challenge = response.headers["www-authenticate"]
    if (challenge !== undefined) yield* Console.log(`  ${challenge}`)
  })

const program = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  const { accessToken } = yield* clientCredentials.request({ resource, scope: ["notes:read"] })
  const withToken = HttpClientRequest.bearerToken(Redacted.value(accessToken))

  yield* ask(HttpClientRequest.get("/me"))
  yield* ask(HttpClientRequest.get("/me").pipe(withToken))
  yield* ask(HttpClientRequest.post("/notes").pipe(withToken))
})

const main = Effect.gen(function* () {
  const { issuer, service } = yield* startProvider()
  const ClientLive = ClientCredentials.layer.pipe(
    Layer.provide(
      OAuthClient.layer({
        issuer,
        clientId: service.clientId,
        authentication: ClientAuthentication.privateKeyJwt()
      })
    ),
    Layer.provide(Keyring.layerPem({ pem: service.pem, kid: service.kid }))
  )
  const ServerLive = HttpApiBuilder.serve().pipe(
    Layer.provide(apiLive(issuer)),
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
  )
  yield* Effect.provide(program, Layer.merge(ClientLive, ServerLive))
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
