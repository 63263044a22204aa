/**
 * Every flow of the toolkit against an OpenID-certified server on this machine.
 *
 *   npm run demo               a built-in user agent logs in
 *   npm run demo -- --browser  you log in, in your own browser
 *   npm run demo -- --stay     keeps the server running afterwards, to log in at with npm run login
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Discovery from "effect-oauth/Discovery"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Browser from "effect-oauth-node/Browser"
import * as LoopbackCallback from "effect-oauth-node/LoopbackCallback"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { call } from "./support/callApi.js"
import { startNotesApi } from "./support/notesApi.js"
import { startProvider } from "./support/provider.js"
import { expectRefusal, tampered } from "./support/refusals.js"
import { iso, makeTranscript, mask } from "./support/transcript.js"
import { browse } from "./support/userAgent.js"

const withBrowser = process.argv.includes("--browser")
const stays = process.argv.includes("--stay")

const demo = Effect.gen(function* () {
  const { step } = yield* makeTranscript

  yield* Console.log("\nThe stage\n")
  const server = yield* step("an authorization server: oidc-provider", startProvider(), ({ issuer }) => [
    issuer
  ])
  const notes = yield* step(
    "a protected API",
    startNotesApi({ issuer: server.issuer, scope: "notes:read" }),
    ({ resource }) => [resource]
  )
  const archive = yield* step(
    "a second one, which the first calls",
    startNotesApi({ issuer: server.issuer, scope: "notes:read" }),
    ({ resource }) => [resource]
  )

  yield* Console.log("\nA person logs in\n")
  const discovery = yield* Discovery.Discovery
  const resource = yield* step(
    "Discovery.fromResource       the challenge of the API (RFC 9728)",
    discovery.fromResource(notes.resource),
    (found) => [
      `resource   ${found.resource}`,
      `servers    ${found.authorizationServers.join(", ")}`,
      `scope      ${found.challengedScope.join(" ")}`
    ]
  )
  const [issuer] = resource.authorizationServers
  yield* step(
    "Discovery.server             its metadata (RFC 8414)",
    discovery.server(issuer),
    (metadata) => [
      `authorize  ${metadata.authorization_endpoint}`,
      `token      ${metadata.token_endpoint}`,
      `PKCE       ${metadata.code_challenge_methods_supported?.join(", ")}`
    ]
  )

  const CliLive = OAuthClient.layer({
    issuer,
    clientId: server.cli.clientId,
    redirectUri: server.cli.redirectUri
  })
  const FlowsLive = Layer.mergeAll(Authorization.layer, CodeExchange.layer, Refresh.layer).pipe(
    Layer.provide(CliLive)
  )
  const flows = yield* Layer.build(FlowsLive)

  const { code, login } = yield* Effect.gen(function* () {
    const authorization = yield* Authorization.Authorization
    const browser = yield* Browser.Browser
    const listener = yield* LoopbackCallback.listen()
    const begun = yield* step(
      "Authorization.begin          a URL with PKCE, state and nonce (RFC 7636)",
      authorization.begin({
        redirectUri: listener.redirectUri,
        scope: ["openid", "offline_access", ...resource.challengedScope],
        resource: resource.resource,
        prompt: "consent"
      }),
      ({ url, transaction }) => [
        `to         ${new URL(url).origin}${new URL(url).pathname}`,
        `back to    ${transaction.redirectUri}`,
        `state      ${mask(transaction.state)}`,
        `verifier   ${mask(transaction.verifier)}`
      ]
    )
    const answer = yield* step(
      "LoopbackCallback             the browser comes back (RFC 8252)",
      Effect.gen(function* () {
        if (withBrowser) {
          yield* Console.log(`\n    Log in as anyone, with any password:\n    ${begun.url}\n`)
          yield* Effect.catchAll(browser.open(begun.url), (error) => Console.log(`    ${error.message}\n`))
        } else {
          // It waits for the final page, as a browser does; that comes after the code exchange.
          yield* Effect.forkScoped(browse(begun.url, "ada"))
        }
        return yield* listener.await(LoopbackCallback.hasState(begun.transaction.state))
      }),
      ({ parameters }) => [
        `with       ${Redacted.value(parameters)
          .map(([name]) => name)
          .join(", ")}`
      ]
    )
    const code = yield* step(
      "Authorization.complete       state, issuer and code are checked (RFC 9207)",
      authorization.complete(Redacted.value(answer.parameters), begun.transaction),
      (received) => [`code       ${mask(received.code)}`]
    )
    const codeExchange = yield* CodeExchange.CodeExchange
    const login = yield* step(
      "CodeExchange.exchange        tokens, and a verified ID token (OIDC Core 3.1.3)",
      codeExchange.exchange(code),
      ({ tokens, idToken }) => [
        `access     ${mask(tokens.accessToken)}`,
        `expires    ${Option.match(tokens.expiresAt, { onNone: () => "unknown", onSome: iso })}`,
        `scope      ${tokens.scope.join(" ")}`,
        `person     ${Option.match(idToken, { onNone: () => "unknown", onSome: ({ claims }) => claims.sub })}`
      ]
    )
    yield* answer.respond({ _tag: "Success" })
    return { code, login }
  }).pipe(Effect.scoped, Effect.provide(flows))

  yield* Console.log("\nThe program calls the API\n")
  const verifier = yield* JwtVerifier.JwtVerifier.pipe(
    Effect.provide(
      yield* Layer.build(JwtVerifier.layer.pipe(Layer.provide(Keyring.layerRemote({ issuers: [issuer] }))))
    )
  )
  const notesProfile = JwtProfile.accessToken({ issuer, audience: notes.resource })
  yield* step(
    "JwtVerifier.verify           the access token, with the server's keys (RFC 9068)",
    verifier.verify(login.tokens.accessToken, notesProfile),
    ({ claims, header }) => [
      `signed     ${header.alg} by key ${header.kid}`,
      `for        ${claims.aud}`,
      `client     ${claims.client_id}`
    ]
  )
  yield* step(
    "GET /notes                   with the token",
    call(notes.resource, login.tokens.accessToken),
    (body) => [body]
  )
  const refresh = yield* Effect.provide(Refresh.Refresh, flows)
  const refreshed = yield* step(
    "Refresh.refresh              a new access token, and a rotated refresh token",
    refresh.refresh(login.tokens, { resource: notes.resource }),
    ({ tokens }) => [
      `access     ${mask(tokens.accessToken)}`,
      `refresh    ${tokens.refreshToken.pipe(
        Option.map(mask),
        Option.getOrElse(() => "none")
      )}`
    ]
  )

  yield* Console.log("\nThe API acts, with keys of its own\n")
  const ServiceLive = OAuthClient.layer({
    issuer,
    clientId: server.service.clientId,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem({ pem: server.service.pem, kid: server.service.kid })))
  const service = yield* Layer.build(
    Layer.mergeAll(TokenExchange.layer, ClientCredentials.layer).pipe(Layer.provide(ServiceLive))
  )
  const tokenExchange = yield* Effect.provide(TokenExchange.TokenExchange, service)
  const exchanged = yield* step(
    "TokenExchange.exchange       the person's token for one for the second API (RFC 8693)",
    tokenExchange.exchange({ subjectToken: refreshed.tokens.accessToken, resource: archive.resource }),
    (tokens) => [
      `access     ${mask(tokens.accessToken)}`,
      `type       ${Option.getOrElse(tokens.issuedTokenType, () => "unknown")}`
    ]
  )
  yield* step(
    "GET /notes of the second     on behalf of the person",
    call(archive.resource, exchanged.accessToken),
    (body) => [body]
  )
  const clientCredentials = yield* Effect.provide(ClientCredentials.ClientCredentials, service)
  const own = yield* step(
    "ClientCredentials.request    a token of its own, by a signed assertion (RFC 7523)",
    clientCredentials.request({ resource: archive.resource, scope: ["notes:read"] }),
    (tokens) => [`access     ${mask(tokens.accessToken)}`]
  )
  yield* step("GET /notes of the second     as itself", call(archive.resource, own.accessToken), (body) => [
    body
  ])

  yield* Console.log("\nThree refusals\n")
  yield* step(
    "a tampered token",
    expectRefusal(verifier.verify(tampered(login.tokens.accessToken), notesProfile)),
    (lines) => lines
  )
  yield* step(
    "a token for another API",
    expectRefusal(verifier.verify(exchanged.accessToken, notesProfile)),
    (lines) => lines
  )
  const codeExchange = yield* Effect.provide(
    CodeExchange.CodeExchange,
    yield* Layer.build(Layer.fresh(FlowsLive))
  )
  yield* step("a code that comes again", expectRefusal(codeExchange.exchange(code)), (lines) => lines)

  yield* Console.log("\nDone: every flow worked, every refusal was typed.")
  if (stays) {
    yield* Console.log("\nThe server stays until Ctrl-C. Log in at it, as anyone, with any password:\n")
    yield* Console.log(
      `  npm run login -- --issuer ${server.issuer} --client-id ${server.cli.clientId} --scope "openid offline_access"\n`
    )
    return yield* Effect.never
  }
  yield* Console.log("Nothing is left running.\n")
})

const MainLive = Discovery.layer.pipe(
  Layer.provideMerge(Layer.merge(NodeHttpClient.layerUndici, Browser.layer))
)

demo.pipe(Effect.scoped, Effect.provide(MainLive), NodeRuntime.runMain)
