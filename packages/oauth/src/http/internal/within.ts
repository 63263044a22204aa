import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
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
      Effect.flatMap(sleeper(duration), (timer) => {
        const ended = Effect.async<A, E>((resume) => {
          timer.addObserver((exit) => {
            if (Exit.isFailure(exit)) return
            stop(worker)
            resume(Effect.failSync(late))
          })
          // Last, since it may have ended: whoever comes then is called at once.
          worker.addObserver((exit) => {
            stop(timer)
            resume(exit)
          })
        })
        return Effect.tapErrorCause(restore(ended), () => Effect.sync(() => [worker, timer].forEach(stop)))
      })
    )
  )

/** What is used here of a fiber. */
type Task = Pick<Fiber.RuntimeFiber<unknown, unknown>, "addObserver" | "unsafeInterruptAsFork">

/** Sleeps by the clock of the program. */
const sleeper = (duration: Duration.Duration): Effect.Effect<Task> =>
  Effect.clockWith((clock) =>
    clock === systemClock
      ? Effect.succeed(timer(Math.min(Duration.toMillis(duration), longestTimer)))
      : Effect.forkDaemon(Effect.interruptible(clock.sleep(duration)))
  )

/** A fiber that sleeps by the system's clock, which is `setTimeout`, takes as long as all the rest that is done here. */
const timer = (millis: number): Task => {
  let handle: ReturnType<typeof setTimeout> | undefined
  return {
    addObserver: (observe) => {
      handle = setTimeout(observe, millis, Exit.void)
    },
    unsafeInterruptAsFork: () => clearTimeout(handle)
  }
}

const systemClock = Context.get(DefaultServices.liveServices, Clock.Clock)

/** Platforms take what is longer for 0. */
const longestTimer = 2 ** 31 - 1

/** Tells it to end, without waiting; one that has ended does not mind. */
const stop = (task: Task): void => task.unsafeInterruptAsFork(FiberId.none)
