/** What a program must provide: the R of each layer is exact, and a layer that is missing is named by the compiler. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAssertion from "effect-oauth/ClientAssertion"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Keyring from "effect-oauth/Keyring"
import type * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import type { DiscoveryError, KeyringError } from "effect-oauth/OAuthError"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenEndpoint from "effect-oauth/TokenEndpoint"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { describe, expect, test } from "tstyche"

const secret = Redacted.make("secret")
const identity = { issuer: "https://issuer.example", clientId: "app" }

describe("the layer of a flow needs the client, and cannot fail", () => {
  test("each flow", () => {
    expect(Authorization.layer).type.toBe<
      Layer.Layer<Authorization.Authorization, never, OAuthClient.OAuthClient>
    >()
    expect(CodeExchange.layer).type.toBe<
      Layer.Layer<CodeExchange.CodeExchange, never, OAuthClient.OAuthClient>
    >()
    expect(Refresh.layer).type.toBe<Layer.Layer<Refresh.Refresh, never, OAuthClient.OAuthClient>>()
    expect(TokenExchange.layer).type.toBe<
      Layer.Layer<TokenExchange.TokenExchange, never, OAuthClient.OAuthClient>
    >()
    expect(ClientCredentials.layer).type.toBe<
      Layer.Layer<ClientCredentials.ClientCredentials, never, OAuthClient.OAuthClient>
    >()
    expect(TokenEndpoint.layer).type.toBe<
      Layer.Layer<TokenEndpoint.TokenEndpoint, never, OAuthClient.OAuthClient>
    >()
  })

  test("but for those that need no client, or keys beside it", () => {
    expect(Discovery.layer).type.toBe<Layer.Layer<Discovery.Discovery, never, HttpClient.HttpClient>>()
    expect(ClientAssertion.layer).type.toBe<
      Layer.Layer<ClientAssertion.ClientAssertion, never, Keyring.KeyringService>
    >()
    expect<Layer.Layer.Context<typeof OAuth.layerKeyless>>().type.toBe<OAuthClient.OAuthClient>()
    expect<Layer.Layer.Context<typeof OAuth.layer>>().type.toBe<
      OAuthClient.OAuthClient | Keyring.KeyringService
    >()
    expect<Layer.Layer.Error<typeof OAuth.layer>>().type.toBe<never>()
    expect<TokenExchange.TokenExchange>().type.toBeAssignableTo<
      Layer.Layer.Success<typeof OAuth.layerKeyless>
    >()
    expect<ClientAssertion.ClientAssertion>().type.toBeAssignableTo<Layer.Layer.Success<typeof OAuth.layer>>()
    expect<ClientAssertion.ClientAssertion>().type.not.toBeAssignableTo<
      Layer.Layer.Success<typeof OAuth.layerKeyless>
    >()
  })

  test("limits are asked for by nothing", () => {
    expect(HttpLimits.layer({ retries: 1 })).type.toBe<Layer.Layer<never>>()
  })
})

describe("the layer of a client needs what its authentication needs", () => {
  test("a public client and one with a secret need an HttpClient alone", () => {
    type Keyless = Layer.Layer<OAuthClient.OAuthClient, DiscoveryError, HttpClient.HttpClient>
    expect(OAuthClient.layer(identity)).type.toBe<Keyless>()
    for (const authentication of [
      ClientAuthentication.none,
      ClientAuthentication.clientSecret(secret),
      ClientAuthentication.clientSecretBasic(secret),
      ClientAuthentication.clientSecretPost(secret)
    ]) {
      expect(authentication).type.toBe<ClientAuthentication.ClientAuthentication>()
      expect(OAuthClient.layer({ ...identity, authentication })).type.toBe<Keyless>()
    }
  })

  test("privateKeyJwt needs the keys", () => {
    const authentication = ClientAuthentication.privateKeyJwt()
    expect(authentication).type.toBe<ClientAuthentication.ClientAuthentication<Keyring.KeyringService>>()
    expect(OAuthClient.layer({ ...identity, authentication })).type.toBe<
      Layer.Layer<OAuthClient.OAuthClient, DiscoveryError, HttpClient.HttpClient | Keyring.KeyringService>
    >()
  })

  test("configuration may be missing", () => {
    const layer = OAuthClient.layerConfig(
      Config.all({
        issuer: Config.string("ISSUER"),
        clientId: Config.string("CLIENT_ID"),
        authentication: Config.map(Config.redacted("CLIENT_SECRET"), ClientAuthentication.clientSecret)
      })
    )
    expect(layer).type.toBe<
      Layer.Layer<OAuthClient.OAuthClient, DiscoveryError | ConfigError.ConfigError, HttpClient.HttpClient>
    >()
  })

  test("a secret must be redacted, and an authentication that needs keys does not pass for one that does not", () => {
    expect(ClientAuthentication.clientSecret).type.not.toBeCallableWith("secret")
    expect<
      ClientAuthentication.ClientAuthentication<Keyring.KeyringService>
    >().type.not.toBeAssignableTo<ClientAuthentication.ClientAuthentication>()
  })
})

describe("DESIGN section 1: forgetting a layer is a type error that names the missing service", () => {
  const program = Effect.flatMap(TokenExchange.TokenExchange, ({ exchange }) =>
    exchange({ subjectToken: secret })
  )
  const client = OAuthClient.layer({ ...identity, authentication: ClientAuthentication.privateKeyJwt() })
  const keys = Keyring.layerGenerate()

  test("what is left to provide", () => {
    expect<Effect.Effect.Context<typeof program>>().type.toBe<TokenExchange.TokenExchange>()
    const withFlow = Effect.provide(program, TokenExchange.layer)
    expect<Effect.Effect.Context<typeof withFlow>>().type.toBe<OAuthClient.OAuthClient>()
    const withClient = Effect.provide(withFlow, client)
    expect<Effect.Effect.Context<typeof withClient>>().type.toBe<
      HttpClient.HttpClient | Keyring.KeyringService
    >()
    const withKeys = Effect.provide(withClient, keys)
    expect<Effect.Effect.Context<typeof withKeys>>().type.toBe<HttpClient.HttpClient>()
    expect<Effect.Effect.Error<typeof withKeys>>().type.toBe<
      TokenEndpoint.TokenEndpoint.RequestError | DiscoveryError | KeyringError
    >()
    expect(Effect.runPromise).type.toBeCallableWith(Effect.provide(withKeys, FetchHttpClient.layer))
  })

  test("the compiler's words", () => {
    // @ts-expect-error Type 'TokenExchange' is not assignable to type 'never'
    Effect.runPromise(program)
    // @ts-expect-error Type 'OAuthClient' is not assignable to type 'never'
    Effect.runPromise(Effect.provide(program, TokenExchange.layer))
    const withClient = program.pipe(Effect.provide(TokenExchange.layer), Effect.provide(client))
    // @ts-expect-error Type 'KeyringService' is not assignable to type 'never'
    Effect.runPromise(Effect.provide(withClient, FetchHttpClient.layer))
    // @ts-expect-error Type 'HttpClient' is not assignable to type 'never'
    Effect.runPromise(Effect.provide(withClient, keys))
  })
})
