/** A storage whose operations stand still where a test wants to look at that moment. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TokenStoreError } from "effect-oauth/OAuthError"
import type { SecretStore } from "effect-oauth/SecretStore"

export interface Gate {
  /** Ends when an operation stands still. */
  readonly reached: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}

export interface Gated {
  readonly secrets: SecretStore.Service
  /** The next operation of this name stands still, before it is done or before its answer. */
  readonly close: (name: "get" | "compareAndSet", when: "before" | "after") => Effect.Effect<Gate>
  /** The next one is done, and says that it was not. */
  readonly lie: (name: "put" | "compareAndSet") => void
}

export const make = (inner: SecretStore.Service): Gated => {
  const gates = new Map<
    string,
    { readonly reached: Deferred.Deferred<void>; readonly open: Deferred.Deferred<void> }
  >()
  const lies = new Set<string>()
  const stand = (name: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const gate = gates.get(name)
      gates.delete(name)
      return gate === undefined
        ? Effect.void
        : Effect.zipRight(Deferred.succeed(gate.reached, undefined), Deferred.await(gate.open))
    })
  const through = <A>(name: string, operation: Effect.Effect<A, TokenStoreError>) =>
    Effect.zipLeft(Effect.zipRight(stand(`before ${name}`), operation), stand(`after ${name}`)).pipe(
      Effect.flatMap((a) => (lies.delete(name) ? Effect.fail(unavailable()) : Effect.succeed(a)))
    )
  return {
    secrets: {
      get: (name) => through("get", inner.get(name)),
      put: (name, text) => through("put", inner.put(name, text)),
      compareAndSet: (name, expected, text) =>
        through("compareAndSet", inner.compareAndSet(name, expected, text)),
      delete: inner.delete
    },
    close: (name, when) =>
      Effect.map(Effect.all([Deferred.make<void>(), Deferred.make<void>()]), ([reached, open]) => {
        gates.set(`${when} ${name}`, { reached, open })
        return { reached: Deferred.await(reached), open: Effect.asVoid(Deferred.succeed(open, undefined)) }
      }),
    lie: (name) => {
      lies.add(name)
    }
  }
}

const unavailable = (): TokenStoreError =>
  new TokenStoreError({ operation: "SecretStore", reason: "unavailable", message: "SecretStore: no answer." })
