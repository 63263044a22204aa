/**
 * Registrations of clients, kept with the other secrets.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RegistrationStore from "../client/RegistrationStore.js"
import { SecretStore } from "./SecretStore.js"

/**
 * A store of registrations over a storage of secrets: files, a keychain, Redis,
 * encrypted or not. Entries are as `RegistrationStore.make` writes them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (secrets: SecretStore.Service): RegistrationStore.RegistrationStore.Service =>
  RegistrationStore.make({
    get: (name) =>
      Effect.map(
        secrets.get(name),
        Option.map(({ text }) => text)
      ),
    set: secrets.put,
    remove: secrets.delete
  })

/**
 * Registrations in the `SecretStore` of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<RegistrationStore.RegistrationStore, never, SecretStore> = Layer.effect(
  RegistrationStore.RegistrationStore,
  Effect.map(SecretStore, make)
)
