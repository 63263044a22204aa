/** What a stretch of work took of this thread. */
import { readFileSync } from "node:fs"
import { performance } from "node:perf_hooks"

export interface Instant {
  readonly wall: number
  /** Time on a core, and time ready to run while the system ran something else; absent where it is not told. */
  readonly thread: { readonly onCore: number; readonly kept: number } | undefined
  readonly loop: ReturnType<typeof performance.eventLoopUtilization>
}

export interface Elapsed {
  /** Microseconds by the clock on the wall. */
  readonly wall: number
  /** The same without the time in which this thread was ready and the system ran something else. */
  readonly undisturbed: number
  /** Microseconds in which the main thread was at work. */
  readonly mainThread: number
}

/** Linux tells nanoseconds on a core and nanoseconds waited for one. */
const schedule = (): Instant["thread"] => {
  try {
    const [onCore, kept] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ")
    return { onCore: Number(onCore) / 1000, kept: Number(kept) / 1000 }
  } catch {
    return undefined
  }
}

export const now = (): Instant => ({
  thread: schedule(),
  loop: performance.eventLoopUtilization(),
  wall: performance.now() * 1000
})

export const since = (start: Instant): Elapsed => {
  const wall = performance.now() * 1000 - start.wall
  const end = schedule()
  const kept = end === undefined || start.thread === undefined ? 0 : end.kept - start.thread.kept
  return {
    wall,
    undisturbed: wall - kept,
    mainThread:
      end === undefined || start.thread === undefined
        ? performance.eventLoopUtilization(start.loop).active * 1000
        : end.onCore - start.thread.onCore
  }
}
