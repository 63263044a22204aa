/** A storage as a cache: what it cannot do costs time at most, and nobody an answer. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { TokenStoreError } from "../../protocol/OAuthError.js"
import { SecretStore } from "../SecretStore.js"

export interface Cached {
  /** None also where the storage fails, or does not answer in time. */
  readonly get: (name: string) => Effect.Effect<Option.Option<string>>
  /** Behind whoever asks for it; of several texts for one name the last is written. */
  readonly put: (name: string, text: string) => Effect.Effect<void>
  /** Says once that what is kept cannot be used. */
  readonly distrust: Effect.Effect<void>
}

/** How long a storage may take, in milliseconds; one that takes longer is as good as none. */
const patience = 2000

/** How long a storage that failed is left alone, in milliseconds. */
const rest = 30_000

/**
 * The storage of the program for what can be had anew. Writes are finished when the scope closes. What goes
 * wrong is logged once: `who` keeps it there, and `instead` says what happens now.
 */
export const make = (
  who: string,
  instead: string,
  maximum: number
): Effect.Effect<Cached, never, SecretStore | Scope.Scope> =>
  Effect.gen(function* () {
    const secrets = yield* SecretStore
    const scope = yield* Effect.scope
    // Plain state: it changes only between two steps of a fiber, so no lock is needed.
    const told = new Set<string>()
    let failedAt: number | undefined
    const waiting = new Map<string, string>()
    const writing = new Set<string>()

    const tell = (what: string) =>
      Effect.suspend(() => {
        if (told.has(what)) return Effect.void
        told.add(what)
        return Effect.logWarning(`${who}: ${what}. ${instead}`)
      })
    const failed = (reason: TokenStoreError["reason"]) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        // An entry that cannot be read says nothing of the storage.
        if (reason === "unavailable") failedAt = now
        return tell(`the storage cannot be used (${reason})`)
      })
    /** A clock that was set back lengthens nothing. */
    const rests = (now: number) => failedAt !== undefined && now >= failedAt && now < failedAt + rest

    /** In a fiber of its own: the deadline holds for a caller, too, that nothing may interrupt. */
    const attempt = <A>(operation: Effect.Effect<A, TokenStoreError>): Effect.Effect<Option.Option<A>> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          if (rests(yield* Clock.currentTimeMillis)) return Option.none()
          const outcome = yield* Deferred.make<Option.Option<A>>()
          yield* Effect.disconnect(operation).pipe(
            Effect.timeoutFail({ duration: patience, onTimeout: unavailable }),
            Effect.catchAllDefect(() => Effect.fail(unavailable())),
            Effect.asSome,
            Effect.catchAll(({ reason }) => Effect.as(failed(reason), Option.none())),
            Effect.interruptible,
            Effect.onExit((exit) =>
              Deferred.succeed(outcome, exit._tag === "Success" ? exit.value : Option.none())
            ),
            // What goes wrong is told once, in words of its own.
            Effect.withUnhandledErrorLogLevel(Option.none()),
            Effect.forkDaemon
          )
          return yield* restore(Deferred.await(outcome))
        })
      )

    const write = (name: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        const text = waiting.get(name)
        waiting.delete(name)
        if (text === undefined) {
          writing.delete(name)
          return Effect.void
        }
        return Effect.zipRight(attempt(Effect.suspend(() => secrets.put(name, text))), write(name))
      })

    return {
      get: (name) =>
        Effect.map(attempt(Effect.suspend(() => secrets.get(name))), (found) =>
          Option.flatten(found).pipe(
            Option.map(({ text }) => text),
            Option.filter((text) => text.length <= maximum)
          )
        ),
      put: (name, text) =>
        Effect.suspend(() => {
          if (text.length > maximum) return Effect.void
          waiting.set(name, text)
          if (writing.has(name)) return Effect.void
          writing.add(name)
          return Effect.asVoid(Effect.uninterruptible(Effect.forkIn(write(name), scope)))
        }),
      distrust: tell("what is kept cannot be used")
    }
  })

const unavailable = (): TokenStoreError =>
  new TokenStoreError({
    operation: "SecretStore",
    reason: "unavailable",
    message: "SecretStore: the storage failed, or did not answer in time."
  })
