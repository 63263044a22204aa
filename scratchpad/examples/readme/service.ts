import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"

/** A token for GitHub's API, on behalf of the person whose token came with a request. */
export const tokenForGitHub = (subjectToken: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const tokenExchange = yield* TokenExchange.TokenExchange
    const tokens = yield* tokenExchange.exchange({ subjectToken, resource: "https://api.github.com" })
    return tokens.accessToken // Redacted<string>
  })

/** Needs an HttpClient and a KeyringService: without either, the program does not compile. */
export const AgentLive = TokenExchange.layer.pipe(
  Layer.provide(
    OAuthClient.layer({
      issuer: "https://issuer.example",
      clientId: "agent",
      authentication: ClientAuthentication.privateKeyJwt()
    })
  )
)

export const MainLive = AgentLive.pipe(
  Layer.provide(
    Keyring.layerPemConfig(
      Config.all({ pem: Config.redacted("AGENT_KEY_PEM"), kid: Config.string("AGENT_KEY_ID") })
    )
  ),
  Layer.provide(FetchHttpClient.layer)
)
