/** A lease that lasts for as long as what is done under it. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Entry } from "../../TokenStore.js"
import * as Instant from "./instant.js"
import type { Machine } from "./machine.js"

/** Who has not come to an end after that many times has lost its turn. */
const most = 12

/**
 * Runs an effect under a lease, and prolongs that a third of its time before it
 * would be two thirds over: the request may take several exchanges, and a process
 * that dies is not waited for longer than one lease. Gives the entry as it is
 * afterwards. Neither can be interrupted.
 */
export const underLease = <A>(
  machine: Machine,
  entry: Entry,
  effect: Effect.Effect<A>
): Effect.Effect<readonly [A, Entry]> =>
  Effect.suspend(() => {
    let latest = entry
    // It may have been prolonged by what was reported as failed.
    const mine = Effect.map(
      Effect.orElseSucceed(machine.store.get, () => Option.none<Entry>()),
      Option.filter(({ record }) => Option.exists(record.lease, ({ owner }) => owner === machine.owner))
    )
    const prolong: Effect.Effect<boolean> = Effect.gen(function* () {
      const { wall } = yield* Instant.now
      const lease = Option.some({ owner: machine.owner, until: wall + machine.leaseDuration })
      const written = yield* Effect.option(
        machine.store.compareAndSet(Option.some(latest), { ...latest.record, lease })
      )
      // Where the store fails, the next time may be in time still.
      const now = Option.isSome(written) && Option.isSome(written.value) ? written.value : yield* mine
      if (Option.isSome(now)) latest = now.value
      return Option.isNone(written) || Option.isSome(now)
    })
    const beat = (left: number): Effect.Effect<void> =>
      Effect.interruptible(Effect.sleep(machine.leaseDuration / 3)).pipe(
        Effect.zipRight(prolong),
        Effect.flatMap((goOn) => (goOn && left > 1 ? beat(left - 1) : Effect.void))
      )
    // A daemon: the interruption of a fiber reaches its children, even where the fiber itself waits.
    return Effect.uninterruptible(
      Effect.flatMap(Effect.forkDaemon(beat(most)), (fiber) =>
        Effect.flatMap(effect, (a) => Effect.map(Fiber.interrupt(fiber), () => [a, latest] as const))
      )
    )
  })
