/** A storage that does not do what it is told. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { TokenStoreError } from "effect-oauth/OAuthError"
import type { SecretStore } from "effect-oauth/SecretStore"

/**
 * - `fails`: nothing is done, and it says so
 * - `lies`: it is done, and it says that it is not
 * - `dies`: nothing is done, and no answer comes
 * - `dies after`: it is done, and no answer comes
 * - `lost`: there is nothing, as after a restart without its disk
 * - `corrupt`: there is something, and nobody can read it
 */
export type Fault = "fails" | "lies" | "dies" | "dies after" | "lost" | "corrupt"

export interface Faulty {
  readonly secrets: SecretStore.Service
  /** What becomes of the operations that follow; they are counted from 0. */
  readonly when: (
    fault: (operation: number, name: "get" | "put" | "compareAndSet") => Fault | undefined
  ) => void
  readonly operations: () => number
}

export const make = (inner: SecretStore.Service): Faulty => {
  let at = 0
  let faultOf: Parameters<Faulty["when"]>[0] = () => undefined
  const bend = <A>(
    name: "get" | "put" | "compareAndSet",
    honest: Effect.Effect<A, TokenStoreError>,
    none: Effect.Effect<A, TokenStoreError>
  ): Effect.Effect<A, TokenStoreError> =>
    Effect.suspend(() => {
      switch (faultOf(at++, name)) {
        case "fails":
          return Effect.fail(error("unavailable"))
        case "lies":
          return Effect.zipRight(honest, Effect.fail(error("unavailable")))
        case "dies":
          return Effect.never
        case "dies after":
          return Effect.zipRight(honest, Effect.never)
        case "lost":
          return none
        case "corrupt":
          return Effect.fail(error("corrupt"))
        case undefined:
          return honest
      }
    })
  return {
    secrets: {
      get: (name) => bend("get", inner.get(name), Effect.succeedNone),
      put: (name, text) => bend("put", inner.put(name, text), inner.put(name, text)),
      compareAndSet: (name, expected, text) =>
        bend(
          "compareAndSet",
          inner.compareAndSet(name, expected, text),
          Effect.zipRight(inner.delete(name), inner.compareAndSet(name, expected, text))
        ),
      delete: inner.delete
    },
    when: (fault) => {
      at = 0
      faultOf = fault
    },
    operations: () => at
  }
}

const error = (reason: "unavailable" | "corrupt"): TokenStoreError =>
  new TokenStoreError({ operation: "SecretStore", reason, message: `SecretStore: it is ${reason}.` })

/** What is there, as text. */
export const all = (inner: SecretStore.Service, name: string): Effect.Effect<string> =>
  Effect.map(Effect.orDie(inner.get(name)), (found) => Option.getOrElse(found, () => ({ text: "" })).text)
