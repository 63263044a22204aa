/** What each store needs: a storage that was forgotten is a type error that names it. */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as EncryptedSecretStore from "effect-oauth/EncryptedSecretStore"
import * as Keyring from "effect-oauth/Keyring"
import type { KeyringError, TokenStoreError } from "effect-oauth/OAuthError"
import type { RegistrationStore } from "effect-oauth/RegistrationStore"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StoredKeyring from "effect-oauth/StoredKeyring"
import * as StoredRegistrations from "effect-oauth/StoredRegistrations"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Layer from "effect/Layer"
import { describe, expect, test } from "tstyche"

describe("a store asks for what it stands on, and for nothing else", () => {
  test("sessions, registrations and keys: a SecretStore", () => {
    expect(TokenStore.layer).type.toBe<Layer.Layer<TokenStore.TokenStore, never, SecretStore.SecretStore>>()
    expect(StoredRegistrations.layer).type.toBe<
      Layer.Layer<RegistrationStore, never, SecretStore.SecretStore>
    >()
    expect(StoredKeyring.layer({ name: "dpop" })).type.toBe<
      Layer.Layer<Keyring.KeyringService, KeyringError | TokenStoreError, SecretStore.SecretStore>
    >()
  })

  test("an encrypted storage: another one, and what its keyring needs", () => {
    expect(EncryptedSecretStore.layer(Keyring.generate())).type.toBe<
      Layer.Layer<SecretStore.SecretStore, KeyringError, SecretStore.SecretStore>
    >()
    expect(EncryptedSecretStore.layer(Keyring.KeyringService)).type.toBe<
      Layer.Layer<SecretStore.SecretStore, never, SecretStore.SecretStore | Keyring.KeyringService>
    >()
  })

  test("a KeyValueStore, where there is one", () => {
    const whole = TokenStore.layer.pipe(
      Layer.provide(SecretStore.layerKeyValueStore),
      Layer.provide(KeyValueStore.layerMemory)
    )
    expect(whole).type.toBe<Layer.Layer<TokenStore.TokenStore>>()
  })
})
