/** Keys are prepared once for each engine and algorithm, however many ask at once. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JwtAlgorithm } from "../JwtAlgorithm.js"
import type { SignatureEngine } from "../SignatureEngine.js"

interface Slot<A> {
  readonly engine: SignatureEngine.Service
  readonly algorithm: JwtAlgorithm
  ready: boolean
  value: Effect.Effect<A, KeyringError>
}

/** What a key has been made into. Remembers successes; a failure is told to those who waited for it and forgotten. */
export class Prepared<A> {
  #first: Slot<A> | undefined
  #others: ReadonlyArray<Slot<A>> = none

  #find(engine: SignatureEngine.Service, algorithm: JwtAlgorithm): Slot<A> | undefined {
    const first = this.#first
    if (first !== undefined && first.engine === engine && first.algorithm === algorithm) return first
    for (const slot of this.#others) if (slot.engine === engine && slot.algorithm === algorithm) return slot
    return undefined
  }

  #add(slot: Slot<A>): void {
    if (this.#first === undefined) this.#first = slot
    else this.#others = [...this.#others, slot]
  }

  #remove(slot: Slot<A>): void {
    if (this.#first === slot) this.#first = undefined
    else this.#others = this.#others.filter((other) => other !== slot)
  }

  get(
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm,
    prepare: () => Effect.Effect<A, KeyringError>
  ): Effect.Effect<A, KeyringError> {
    const slot = this.#find(engine, algorithm)
    // Importing a key ends by itself and soon: whoever began it finishes it for the others.
    return slot !== undefined && slot.ready
      ? slot.value
      : Effect.uninterruptible(Effect.suspend(() => this.#start(engine, algorithm, prepare)))
  }

  #start(
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm,
    prepare: () => Effect.Effect<A, KeyringError>
  ): Effect.Effect<A, KeyringError> {
    const running = this.#find(engine, algorithm)
    if (running !== undefined) return running.value
    const deferred = Deferred.unsafeMake<A, KeyringError>(FiberId.none)
    const slot: Slot<A> = { engine, algorithm, ready: false, value: Deferred.await(deferred) }
    this.#add(slot)
    return Effect.onExit(prepare(), (exit) => {
      if (Exit.isSuccess(exit)) {
        slot.ready = true
        slot.value = Effect.succeed(exit.value)
      } else {
        this.#remove(slot)
      }
      return Deferred.done(deferred, exit)
    })
  }
}

const none: ReadonlyArray<never> = []
