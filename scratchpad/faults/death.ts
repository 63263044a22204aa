/** Ends this process without a word, as a power cut would, at one step of a refresh. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as SecretStore from "effect-oauth/SecretStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

/** In the order in which a refresh takes them. */
export const steps = [
  "before the lease",
  "after the lease",
  "after the server rotated",
  "before saving",
  "after saving"
] as const
export type Step = (typeof steps)[number]

const die = Effect.sync(() => process.kill(process.pid, "SIGKILL"))

/** A store in which the process dies: whoever writes a session with a lease takes it, and without one saves. */
export const inStore = (
  step: Step | undefined,
  store: SecretStore.SecretStore.Service
): SecretStore.SecretStore.Service => ({
  ...store,
  compareAndSet: (name, expected, text) => {
    const which = text.includes('"lease":') ? "the lease" : "saving"
    return Effect.if(step === `before ${which}`, { onTrue: () => die, onFalse: () => Effect.void }).pipe(
      Effect.zipRight(store.compareAndSet(name, expected, text)),
      Effect.tap((written) => (step === `after ${which}` && Option.isSome(written) ? die : Effect.void))
    )
  }
})

/** A client in which the process dies when the token endpoint has answered, before a byte of it is read. */
export const inClient = (step: Step | undefined) => (client: HttpClient.HttpClient) =>
  step === "after the server rotated"
    ? HttpClient.tap(client, ({ request }) => (request.method === "POST" ? die : Effect.void))
    : client

export const storeLayer = <E, R>(
  step: Step | undefined,
  layer: Layer.Layer<SecretStore.SecretStore, E, R>
): Layer.Layer<SecretStore.SecretStore, E, R> =>
  Layer.provide(
    Layer.effect(
      SecretStore.SecretStore,
      Effect.map(SecretStore.SecretStore, (store) => inStore(step, store))
    ),
    layer
  )
