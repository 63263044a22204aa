/** What becoming a client needs, and how it can fail. */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import * as ClientSelection from "effect-oauth/ClientSelection"
import type * as Discovery from "effect-oauth/Discovery"
import type { KeyringService } from "effect-oauth/Keyring"
import type * as OAuthClient from "effect-oauth/OAuthClient"
import type {
  DiscoveryError,
  OAuthResponseError,
  ProtocolViolation,
  TokenStoreError,
  TransportError
} from "effect-oauth/OAuthError"
import * as Registration from "effect-oauth/Registration"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { describe, expect, test } from "tstyche"

const issuer = "https://issuer.example"

describe("becoming a client", () => {
  test("registration needs an HttpClient and no OAuthClient, which there is none of yet", () => {
    expect(Registration.layer).type.toBe<
      Layer.Layer<Registration.Registration, never, HttpClient.HttpClient>
    >()
    expect<Registration.Registration.Error>().type.toBe<
      DiscoveryError | TransportError | ProtocolViolation | OAuthResponseError
    >()
  })

  test("a store needs what it keeps things in", () => {
    expect(RegistrationStore.layerMemory).type.toBe<Layer.Layer<RegistrationStore.RegistrationStore>>()
    expect(RegistrationStore.layerKeyValueStore).type.toBe<
      Layer.Layer<RegistrationStore.RegistrationStore, never, KeyValueStore.KeyValueStore>
    >()
  })

  test("a selection needs all three, and gives an OAuthClient that needs what its authentication needs", () => {
    expect(ClientSelection.layer).type.toBe<
      Layer.Layer<
        ClientSelection.ClientSelection,
        never,
        Discovery.Discovery | Registration.Registration | RegistrationStore.RegistrationStore
      >
    >()
    expect(ClientSelection.layerClient({ issuer })).type.toBe<
      Layer.Layer<
        OAuthClient.OAuthClient,
        Registration.Registration.Error | TokenStoreError,
        ClientSelection.ClientSelection | HttpClient.HttpClient
      >
    >()
    expect(
      ClientSelection.layerClient({
        issuer,
        metadataDocument: {
          url: "https://client.example/client.json",
          authentication: ClientAuthentication.privateKeyJwt()
        }
      })
    ).type.toBe<
      Layer.Layer<
        OAuthClient.OAuthClient,
        Registration.Registration.Error | TokenStoreError,
        ClientSelection.ClientSelection | HttpClient.HttpClient | KeyringService
      >
    >()
  })

  test("reading a document needs an HttpClient", () => {
    expect(ClientIdMetadata.fetch("https://client.example/client.json")).type.toBe<
      Effect.Effect<
        ClientIdMetadata.ClientIdMetadata,
        DiscoveryError | ProtocolViolation | TransportError,
        HttpClient.HttpClient
      >
    >()
  })
})
