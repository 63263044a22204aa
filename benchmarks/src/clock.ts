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

/** What the thread is told about itself is read within the time on the wall, so that it is a part of it. */
export const now = (): Instant => {
  const loop = performance.eventLoopUtilization()
  const wall = performance.now() * 1000
  return { loop, wall, thread: schedule() }
}

export const since = (start: Instant): Elapsed => {
  const end = schedule()
  const wall = performance.now() * 1000 - start.wall
  const { thread } = start
  return end === undefined || thread === undefined
    ? { wall, undisturbed: wall, mainThread: performance.eventLoopUtilization(start.loop).active * 1000 }
    : { wall, undisturbed: wall - (end.kept - thread.kept), mainThread: end.onCore - thread.onCore }
}
