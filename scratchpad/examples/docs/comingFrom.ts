/** What docs/coming-from.md quotes. Type-checked, not run: `issuer.example` is nobody's. */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as BearerCredential from "effect-oauth/BearerCredential"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Discovery from "effect-oauth/Discovery"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as PkceLogin from "effect-oauth-node/PkceLogin"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"

export const endpoints = Effect.gen(function* () {
  const discovery = yield* Discovery.Discovery
  const metadata = yield* discovery.server("https://your-zone.keycard.cloud")
  yield* Console.log(metadata.issuer, metadata.token_endpoint)
})

export const exchange = (subjectToken: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const tokenExchange = yield* TokenExchange.TokenExchange
    return yield* tokenExchange.exchange({ subjectToken, resource: "https://api.github.com" })
  })

export const ZoneLive = OAuthClient.layerConfig(
  Config.all({
    issuer: Config.string("ZONE_URL"),
    clientId: Config.string("CLIENT_ID"),
    authentication: Config.map(Config.redacted("CLIENT_SECRET"), ClientAuthentication.clientSecret)
  })
)

export const ExchangeLive = TokenExchange.layer.pipe(Layer.provide(ZoneLive))

export const login = PkceLogin.login({
  issuer: "https://your-zone.keycard.cloud",
  clientId: "cli",
  scope: ["read:data"]
})

export const loginForApi = PkceLogin.login({
  resource: "https://api.example/mcp", // asked without a token: its challenge names the server and the scope
  clientId: "cli"
})

export const verify = (authorization: string | undefined) =>
  Effect.gen(function* () {
    const verifier = yield* JwtVerifier.JwtVerifier
    const credential = BearerCredential.fromHeader(authorization)
    if (credential._tag !== "Token") return yield* Effect.fail("no token")
    const { claims } = yield* verifier.verify(
      credential.token,
      JwtProfile.accessToken({
        issuer: "https://your-zone.keycard.cloud",
        audience: "https://api.example/mcp"
      })
    )
    return claims.sub
  })

export const VerifierLive = JwtVerifier.layer.pipe(
  Layer.provide(Keyring.layerRemote({ issuers: "https://your-zone.keycard.cloud" }))
)

export const sign = Effect.gen(function* () {
  const signer = yield* JwtSigner.JwtSigner
  return yield* signer.sign({ iss: "https://agent.example", sub: "agent", aud: "https://api.example" })
})

export const SignerLive = JwtSigner.layer.pipe(
  Layer.provide(
    Keyring.layerPemConfig(Config.all({ pem: Config.redacted("KEY_PEM"), kid: Config.string("KEY_ID") }))
  )
)

export const tokenOfItsOwn = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  return yield* clientCredentials.request({ scope: ["mcp:read"], resource: "https://api.example/mcp" })
}).pipe(
  Effect.catchTags({
    OAuthResponseError: (error) => Effect.fail(`${error.error}: ${error.description ?? ""}`),
    TransportError: (error) => Effect.fail(error.retriable ? "try again later" : error.message)
  })
)

export const ByKeyLive = ClientCredentials.layer.pipe(
  Layer.provide(
    OAuthClient.layer({
      issuer: "https://issuer.example",
      clientId: "agent",
      authentication: ClientAuthentication.privateKeyJwt({ algorithm: "RS256", audience: "endpoint" })
    })
  )
)

/** Nothing here is left but what a program provides at its edge. */
export const checked: ReadonlyArray<Layer.Layer<never, unknown, HttpClient.HttpClient>> = [
  Layer.discard(ExchangeLive),
  Layer.discard(VerifierLive),
  Layer.discard(SignerLive),
  Layer.discard(ByKeyLive.pipe(Layer.provide(Keyring.layerGenerate())))
]
