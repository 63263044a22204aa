/** Keys are prepared once for each engine and algorithm, however many ask at once. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JwtAlgorithm } from "../JwtAlgorithm.js"
import type { SignatureEngine } from "../SignatureEngine.js"

interface For {
  readonly engine: SignatureEngine.Service
  readonly algorithm: JwtAlgorithm
}

interface Made<A> extends For {
  readonly value: A
}

interface Making<A> extends For {
  readonly made: Deferred.Deferred<A, KeyringError>
}

const none: ReadonlyArray<never> = []

const isFor =
  (engine: SignatureEngine.Service, algorithm: JwtAlgorithm) =>
  (one: For): boolean =>
    one.engine === engine && one.algorithm === algorithm

/**
 * What a key has been made into. Remembers successes; a failure is told to those
 * who waited for it and forgotten. The first is held without anything around
 * it, as there is rarely another.
 */
export class Prepared<A extends object> {
  #engine: SignatureEngine.Service | undefined
  #algorithm: JwtAlgorithm | undefined
  #value: A | undefined
  #others: ReadonlyArray<Made<A>> = none
  #making: ReadonlyArray<Making<A>> = none

  get(
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm,
    prepare: () => Effect.Effect<A, KeyringError>
  ): Effect.Effect<A, KeyringError> {
    const value = this.#find(engine, algorithm)
    // Importing a key ends by itself and soon: whoever began it finishes it for the others.
    return value !== undefined
      ? Effect.succeed(value)
      : Effect.uninterruptible(Effect.suspend(() => this.#make(engine, algorithm, prepare)))
  }

  #find(engine: SignatureEngine.Service, algorithm: JwtAlgorithm): A | undefined {
    return this.#engine === engine && this.#algorithm === algorithm
      ? this.#value
      : this.#others.find(isFor(engine, algorithm))?.value
  }

  #make(
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm,
    prepare: () => Effect.Effect<A, KeyringError>
  ): Effect.Effect<A, KeyringError> {
    const known = this.#find(engine, algorithm)
    if (known !== undefined) return Effect.succeed(known)
    const under = this.#making.find(isFor(engine, algorithm))
    if (under !== undefined) return Deferred.await(under.made)
    const own: Making<A> = { engine, algorithm, made: Deferred.unsafeMake(FiberId.none) }
    this.#making = [...this.#making, own]
    return Effect.onExit(prepare(), (exit) => {
      const others = this.#making.filter((one) => one !== own)
      this.#making = others.length === 0 ? none : others
      if (Exit.isSuccess(exit)) this.#keep(engine, algorithm, exit.value)
      return Deferred.done(own.made, exit)
    })
  }

  #keep(engine: SignatureEngine.Service, algorithm: JwtAlgorithm, value: A): void {
    if (this.#value === undefined) {
      this.#engine = engine
      this.#algorithm = algorithm
      this.#value = value
    } else {
      this.#others = [...this.#others, { engine, algorithm, value }]
    }
  }
}
