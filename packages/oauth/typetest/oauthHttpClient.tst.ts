/** What a client that carries tokens needs, and how its requests can fail. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import type * as Discovery from "effect-oauth/Discovery"
import type {
  DiscoveryError,
  JwtError,
  KeyringError,
  ProtocolViolation,
  ReauthorizationRequired,
  StepUpRequired,
  TransportError
} from "effect-oauth/OAuthError"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import type * as StepUp from "effect-oauth/StepUp"
import type * as TokenManager from "effect-oauth/TokenManager"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { describe, expect, test } from "tstyche"

declare const tokens: OAuthHttpClient.Tokens<ReauthorizationRequired>
declare const manager: TokenManager.TokenManager.Service
const resources = ["https://api.example"] as const

type Common = HttpClientError | ProtocolViolation | TransportError | KeyringError | JwtError
type Made<E> = Effect.Effect<HttpClient.HttpClient.With<E>, DiscoveryError, HttpClient.HttpClient>

describe("the failures of a request are exact", () => {
  test("those of the tokens, of the client, of a proof, and StepUpRequired", () => {
    expect(OAuthHttpClient.make({ tokens, resources })).type.toBe<
      Made<Common | ReauthorizationRequired | StepUpRequired>
    >()
  })

  test("without StepUpRequired where its responses are left", () => {
    expect(OAuthHttpClient.make({ tokens, resources, stepUp: "response" })).type.toBe<
      Made<Common | ReauthorizationRequired>
    >()
  })

  test("those of a TokenManager", () => {
    expect(OAuthHttpClient.make({ tokens: manager, resources })).type.toBe<
      Made<Common | TokenManager.TokenManager.GetError | StepUpRequired>
    >()
    expect<OAuthHttpClient.OAuthHttpClient.Service>().type.toBeAssignableTo<
      HttpClient.HttpClient.With<Common | TokenManager.TokenManager.GetError | StepUpRequired>
    >()
  })
})

describe("what is missing does not compile", () => {
  test("the layer asks for the client below and the manager", () => {
    expect(OAuthHttpClient.layer({ resources })).type.toBe<
      Layer.Layer<
        OAuthHttpClient.OAuthHttpClient,
        DiscoveryError,
        HttpClient.HttpClient | TokenManager.TokenManager
      >
    >()
  })

  test("the compiler's words", () => {
    const program = Effect.flatMap(OAuthHttpClient.OAuthHttpClient, (client) =>
      client.get("https://api.example")
    )
    // @ts-expect-error Type 'OAuthHttpClient' is not assignable to type 'never'
    Effect.runPromise(program)
    // @ts-expect-error is not assignable to type 'never'
    Effect.runPromise(Effect.provide(program, OAuthHttpClient.layer({ resources })))
  })

  test("a client for no place", () => {
    expect(OAuthHttpClient.make).type.not.toBeCallableWith({ tokens })
    expect(OAuthHttpClient.make).type.not.toBeCallableWith({ tokens, resources: [] })
  })

  test("discovery needs Discovery alone", () => {
    expect(OAuthHttpClient.discover("https://api.example")).type.toBe<
      Effect.Effect<OAuthHttpClient.Needs, Discovery.Discovery.Error, Discovery.Discovery>
    >()
  })
})

describe("it fits", () => {
  test("StepUp.begin takes the error as it is", () => {
    expect<StepUpRequired>().type.toBeAssignableTo<StepUp.StepUp.Request>()
  })

  test("transformClient of HttpApiClient.make, with toHttpClient", () => {
    const made = OAuthHttpClient.make({ tokens: manager, resources })
    expect(Effect.map(made, (client) => OAuthHttpClient.toHttpClient(client))).type.toBe<
      Effect.Effect<HttpClient.HttpClient, DiscoveryError, HttpClient.HttpClient>
    >()
  })
})
