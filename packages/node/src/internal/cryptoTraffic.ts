/** Where an expensive operation runs: here and now when it is alone, in the thread pool when it is not. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"

export interface Operation<A> {
  /** Does it on this thread. */
  readonly here: () => A
  /** Does it in the thread pool: throws before it has begun, or calls back exactly once. */
  readonly inPool: (done: (result: A) => void) => void
}

export interface Traffic {
  /** Whether what the running fiber is about to do can be done here; to be asked once for each operation. */
  readonly isAlone: () => boolean
  /** Does what is not alone, or seems not to be. */
  readonly join: <A>(operation: Operation<A>) => Effect.Effect<A>
}

type RunningFiber = Fiber.RuntimeFiber<unknown, unknown>

interface Job {
  (alone: boolean): void
}

/**
 * An operation done at once hides that others are about to follow, so what is
 * in flight is known by two signs. One is the thread pool being at work. The
 * other is another fiber having asked within this turn of the event loop: then
 * the operation waits for one microtask, in which the other fibers that are
 * ready to run ask too, and goes to the pool with them; or it is alone after
 * all, and is done here.
 *
 * What has begun in the pool cannot be stopped: when its fiber is interrupted
 * it counts as in flight until it ends, and its result goes nowhere.
 */
export const make = (): Traffic => {
  let inPool = 0
  let lastToAsk: RunningFiber | undefined
  let waiting: Array<Job> = []

  const forgetTurn = () => {
    lastToAsk = undefined
  }

  const isAlone = (): boolean => {
    if (inPool > 0) return false
    const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
    if (lastToAsk === fiber && fiber !== undefined) return true
    const isFirst = lastToAsk === undefined
    if (isFirst) setImmediate(forgetTurn)
    lastToAsk = fiber
    return isFirst
  }

  const send = <A>(operation: Operation<A>, done: (result: A) => void): void => {
    inPool++
    try {
      operation.inPool((result) => {
        inPool--
        done(result)
      })
    } catch {
      inPool--
      done(operation.here())
    }
  }

  const dispatch = () => {
    const jobs = waiting
    waiting = []
    for (const job of jobs) job(jobs.length === 1 && inPool === 0)
  }

  const queue = <A>(operation: Operation<A>, done: (result: A) => void): void => {
    if (inPool > 0) return send(operation, done)
    waiting.push((alone) => (alone ? done(operation.here()) : send(operation, done)))
    if (waiting.length === 1) queueMicrotask(dispatch)
  }

  return {
    isAlone,
    join: (operation) =>
      Effect.async((resume) => queue(operation, (result) => resume(Effect.succeed(result))))
  }
}
