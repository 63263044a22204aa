/** Managers over stores that tests control, while the time of the test passes. */
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { OAuthError } from "effect-oauth/OAuthError"
import * as SecretStore from "effect-oauth/SecretStore"
import type { SessionEvent } from "effect-oauth/SessionEvent"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenStore from "effect-oauth/TokenStore"
import * as Server from "./server.js"

export type Manager = TokenManager.TokenManager.Service

/** A manager over a store; with the source of a server unless told otherwise. */
export const manage = (
  secrets: SecretStore.SecretStore.Service,
  options: Omit<TokenManager.TokenManager.Options, "key">
): Effect.Effect<Manager, never, Scope.Scope> =>
  Effect.provideService(
    TokenManager.make({ key: Server.key, ...options }),
    TokenStore.TokenStore,
    TokenStore.make(secrets)
  )

/** A store in memory, a server, and a manager whose session has begun. */
export const loggedIn = (
  options: Partial<TokenManager.TokenManager.Options> = {},
  lifetime?: number,
  around: (secrets: SecretStore.SecretStore.Service) => SecretStore.SecretStore.Service = (secrets) => secrets
) =>
  Effect.gen(function* () {
    const server = Server.make(lifetime)
    const memory = yield* SecretStore.makeMemory
    const secrets = around(memory)
    const store = TokenStore.make(memory)
    const manager = yield* manage(secrets, { source: server.source, ...options })
    const tokens = yield* server.login
    yield* Effect.exit(manager.adopt(tokens))
    return { server, secrets, store, manager, tokens }
  })

/** What another manager over the same store does; it has the same source unless told otherwise. */
export const another = (
  { secrets, server }: { readonly secrets: SecretStore.SecretStore.Service; readonly server: Server.Server },
  options: Partial<TokenManager.TokenManager.Options> = {}
) => manage(secrets, { source: server.source, ...options })

/** One hash and one turn of the event loop: by then those that were asked for before are done. */
const probe = Effect.zipRight(
  Effect.promise(() => crypto.subtle.digest("SHA-256", new Uint8Array(64))),
  Effect.async<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  })
)

/** Lets what does not wait for time go on: a first name of an entry is a hash, and takes turns of the event loop. */
export const settle = Effect.repeatN(probe, 39)

/** The same between two of many steps, where the next one waits as well. */
const brief = Effect.repeatN(probe, 6)

/** What becomes of an effect while time passes, and how long it took by the clock of the test. */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  step: Duration.DurationInput = "1 second"
): Effect.Effect<readonly [A, number], E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* settle
    let passed = 0
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      yield* TestClock.adjust(step)
      passed += Duration.toMillis(step)
      yield* brief
    }
    return [yield* Fiber.join(fiber), passed] as const
  })

export const asTimePasses = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  step?: Duration.DurationInput
): Effect.Effect<A, E, R> => Effect.map(timed(effect, step), ([a]) => a)

/** Lets time pass in steps, so that what waits for it can do what it waited for. */
export const pass = (total: Duration.DurationInput, step: Duration.DurationInput = "1 second") =>
  Effect.gen(function* () {
    yield* settle
    for (let left = Duration.toMillis(total); left > 0; left -= Duration.toMillis(step)) {
      yield* TestClock.adjust(Math.min(left, Duration.toMillis(step)))
      yield* brief
    }
    yield* settle
  })

/** What a manager says from now on. */
export const listening = (manager: Manager) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<SessionEvent>()
    yield* Effect.forkScoped(Stream.runForEach(manager.events, (event) => Queue.offer(queue, event)))
    yield* settle
    return Effect.zipRight(
      settle,
      Effect.map(Queue.takeAll(queue), (events) => Chunk.toReadonlyArray(events).map(({ _tag }) => _tag))
    )
  })

/** A clock that can be set, as those of machines are: its timers and what has elapsed do not follow. */
export const settable: Effect.Effect<{
  readonly clock: Clock.Clock
  readonly set: (by: Duration.DurationInput, sign: 1 | -1) => void
}> = Effect.clockWith((clock) =>
  Effect.sync(() => {
    let offset = 0
    // What only the clock of a test can do is done by that.
    const set: Clock.Clock = Object.setPrototypeOf(
      {
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + offset,
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
        currentTimeNanos: clock.currentTimeNanos,
        currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + offset)
      },
      clock
    )
    return {
      clock: set,
      set: (by, sign) => {
        offset += sign * Duration.toMillis(by)
      }
    }
  })
)

/** The failure of an effect, which is of this tag and for this reason. */
export const fails = <A, R>(effect: Effect.Effect<A, OAuthError, R>, tag: string, reason: string) =>
  Effect.matchEffect(effect, {
    onSuccess: () => Effect.sync(() => assert.fail(`succeeded, where ${tag} ${reason} was expected`)),
    onFailure: (error) =>
      Effect.sync(() => {
        assert.strictEqual(`${error._tag} ${error.reason}`, `${tag} ${reason}`, error.message)
        return error
      })
  })
