/** Time that passes when nothing else is left to do, and sources of chance that can be repeated. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"

interface Timer {
  readonly at: number
  readonly ring: () => void
}

/** Until all that can run without time has run. */
const idle = Effect.async<void>((resume) => {
  setImmediate(() => {
    resume(Effect.void)
  })
})

/** What becomes of an effect in a time of its own, which begins at 1970 and takes none. */
export const run = <A, E, R>(seed: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    let now = 0
    const timers = new Set<Timer>()
    const clock: Clock.Clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => now,
      unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n,
      currentTimeMillis: Effect.sync(() => now),
      currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
      sleep: (duration) =>
        Effect.async((resume) => {
          const timer = {
            at: now + Math.ceil(Duration.toMillis(duration)),
            ring: () => {
              resume(Effect.void)
            }
          }
          timers.add(timer)
          return Effect.sync(() => timers.delete(timer))
        })
    }
    const fiber = yield* Effect.fork(
      effect.pipe(Effect.withClock(clock), Effect.withRandom(Random.make(seed)))
    )
    yield* idle
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      let next: Timer | undefined
      for (const timer of timers) if (next === undefined || timer.at < next.at) next = timer
      if (next !== undefined) {
        timers.delete(next)
        now = Math.max(now, next.at)
        next.ring()
      }
      yield* idle
    }
    return yield* Fiber.join(fiber)
  })
