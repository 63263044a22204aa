import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"

/**
 * Runs work in a fiber of its own for so long at most; what it sets for its fiber stays there. That fiber cannot be
 * interrupted but where the work says so.
 *
 * The deadline ends the work of an uninterruptible caller too, and nobody waits for work that will not end. The
 * interruption of a caller that is uninterruptible does not reach the work, as it would reach the children that
 * `Effect.timeout` makes: a grant once sent would be abandoned.
 */
export const within = <A, E, R>(
  work: Effect.Effect<A, E, R>,
  duration: Duration.Duration,
  late: () => E
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDaemon(work), (worker) =>
      Effect.flatMap(Effect.forkDaemon(Effect.interruptible(Effect.sleep(duration))), (timer) => {
        const ended = Effect.async<A, E>((resume) => {
          worker.addObserver((exit) => {
            stop(timer)
            resume(exit)
          })
          timer.addObserver((exit) => {
            if (Exit.isFailure(exit)) return
            stop(worker)
            resume(Effect.failSync(late))
          })
        })
        return Effect.tapErrorCause(restore(ended), () => Effect.sync(() => [worker, timer].forEach(stop)))
      })
    )
  )

/** Tells a fiber to end, without waiting; one that has ended does not mind. */
const stop = (fiber: Fiber.RuntimeFiber<unknown, unknown>): void => fiber.unsafeInterruptAsFork(FiberId.none)
