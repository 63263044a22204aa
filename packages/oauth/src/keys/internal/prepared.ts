/** Keys are prepared once for each engine and algorithm, however many ask at once. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JwtAlgorithm } from "../JwtAlgorithm.js"
import type { SignatureEngine } from "../SignatureEngine.js"

export interface Prepare<A> {
  (engine: SignatureEngine.Service, algorithm: JwtAlgorithm): Effect.Effect<A, KeyringError>
}

interface Slot<A> {
  readonly engine: SignatureEngine.Service
  readonly algorithm: JwtAlgorithm
  ready: boolean
  value: Effect.Effect<A, KeyringError>
}

/** Remembers successes; a failure is told to those who waited for it and forgotten. */
export const once = <A>(prepare: Prepare<A>): Prepare<A> => {
  let slots: ReadonlyArray<Slot<A>> = []
  const find = (engine: SignatureEngine.Service, algorithm: JwtAlgorithm): Slot<A> | undefined => {
    for (const slot of slots) if (slot.engine === engine && slot.algorithm === algorithm) return slot
    return undefined
  }
  const start: Prepare<A> = (engine, algorithm) =>
    Effect.suspend(() => {
      const running = find(engine, algorithm)
      if (running !== undefined) return running.value
      const deferred = Deferred.unsafeMake<A, KeyringError>(FiberId.none)
      const slot: Slot<A> = { engine, algorithm, ready: false, value: Deferred.await(deferred) }
      slots = [...slots, slot]
      return Effect.onExit(prepare(engine, algorithm), (exit) => {
        if (Exit.isSuccess(exit)) {
          slot.ready = true
          slot.value = Effect.succeed(exit.value)
        } else {
          slots = slots.filter((other) => other !== slot)
        }
        return Deferred.done(deferred, exit)
      })
    })
  return (engine, algorithm) => {
    const slot = find(engine, algorithm)
    // Importing a key ends by itself and soon: whoever began it finishes it for the others.
    return slot !== undefined && slot.ready ? slot.value : Effect.uninterruptible(start(engine, algorithm))
  }
}
