/** Tasks are run in turn, a short stretch each, over and over: what disturbs one disturbs all. */
import * as Clock from "./clock.js"

export interface Task {
  readonly name: string
  /** Does it so many times, one after the other or however the task is meant. */
  readonly run: (count: number) => Promise<void>
}

export interface Group {
  readonly name: string
  /** What the ratios are to: the first task. */
  readonly tasks: readonly [Task, ...ReadonlyArray<Task>]
  /**
   * `wall` for what uses more threads than this one; `undisturbed` leaves out the time in which the system
   * kept this thread waiting, as it does when other programs want the cores. `server` is for a server in a process
   * of its own that is kept busy: what all its threads take, which is the inverse of its throughput on a core.
   */
  readonly clock: "wall" | "undisturbed" | "server"
  /** What the server has taken so far. */
  readonly spent?: () => Promise<Spent>
  /** The most that the ratio, the microseconds, or those added to the first task, should be. */
  readonly goals?: Readonly<Record<string, ReadonlyArray<Goal>>>
}

/** Microseconds on a core. */
export interface Spent {
  readonly mainThread: number
  /** Of all threads. */
  readonly process: number
}

export interface Goal {
  readonly of: "ratio" | "micros" | "added" | "mainThread"
  readonly most: number
}

export interface Measured {
  readonly name: string
  /** Medians: of the ratio to the first task within a round, and of the microseconds of one operation. */
  readonly ratio: number
  readonly micros: number
  /** The median of what one operation takes more than that of the first task within a round. */
  readonly added: number
  readonly mainThread: number
  /** Where a server in another process is measured: the ratio by the clock on the wall. */
  readonly wallRatio?: number
  /** The first and third quartile of the ratio. */
  readonly quartiles: readonly [number, number]
  readonly goals: ReadonlyArray<Goal>
}

export interface Result {
  readonly name: string
  readonly rounds: number
  readonly tasks: ReadonlyArray<Measured>
}

export interface Settings {
  readonly rounds: number
  readonly sampleMillis: number
  readonly warmUpMillis: number
}

const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN]
  return low + (high - low) * (at - Math.floor(at))
}

const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

interface Sample {
  readonly micros: number
  readonly mainThread: number
  readonly wall: number
}

const sample = async (task: Task, count: number, { clock, spent }: Group): Promise<Sample> => {
  const before = await spent?.()
  const start = Clock.now()
  await task.run(count)
  const elapsed = Clock.since(start)
  const after = await spent?.()
  const wall = elapsed.wall / count
  return before === undefined || after === undefined
    ? {
        micros: elapsed[clock === "server" ? "wall" : clock] / count,
        mainThread: elapsed.mainThread / count,
        wall
      }
    : {
        micros: (after.process - before.process) / count,
        mainThread: (after.mainThread - before.mainThread) / count,
        wall
      }
}

/** Many at once begin and end one by one; a longer stretch is less of that. */
const millis = ({ clock }: Group, { sampleMillis }: Settings): number =>
  clock === "server" ? 5 * sampleMillis : clock === "wall" ? 3 * sampleMillis : sampleMillis

/** Warms a task up and finds how often it must be done for a sample to last. */
const calibrate = async (task: Task, group: Group, settings: Settings): Promise<number> => {
  const end = performance.now() + (group.clock === "server" ? 4 : 1) * settings.warmUpMillis
  const wanted = millis(group, settings) * 1000
  let count = 64
  let { micros } = await sample(task, count, group)
  while (performance.now() < end) {
    count = Math.max(64, Math.min(count * 4, Math.round(wanted / micros)))
    micros = (await sample(task, count, group)).micros
  }
  return Math.max(64, Math.round(wanted / micros))
}

/** A different order in every round, each task being first as often as the others. */
const rotated = <A>(values: ReadonlyArray<A>, by: number): ReadonlyArray<A> => {
  const at = by % values.length
  const turned = [...values.slice(at), ...values.slice(0, at)]
  return Math.floor(by / values.length) % 2 === 0 ? turned : turned.reverse()
}

export const measure = async (group: Group, settings: Settings): Promise<Result> => {
  const measured: Array<{ readonly task: Task; readonly count: number; readonly samples: Array<Sample> }> = []
  for (const task of group.tasks) {
    measured.push({ task, count: await calibrate(task, group, settings), samples: [] })
  }
  for (let round = 0; round < settings.rounds; round++) {
    for (const { count, samples, task } of rotated(measured, round)) {
      samples.push(await sample(task, count, group))
    }
  }
  const base = measured[0]?.samples ?? []
  return {
    name: group.name,
    rounds: settings.rounds,
    tasks: measured.map(({ samples, task }) => {
      const ratios = samples.map(({ micros }, i) => micros / (base[i]?.micros ?? NaN))
      return {
        name: task.name,
        ratio: median(ratios),
        micros: median(samples.map(({ micros }) => micros)),
        added: median(samples.map(({ micros }, i) => micros - (base[i]?.micros ?? NaN))),
        mainThread: median(samples.map(({ mainThread }) => mainThread)),
        ...(group.clock === "server"
          ? { wallRatio: median(samples.map(({ wall }, i) => wall / (base[i]?.wall ?? NaN))) }
          : {}),
        quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
        goals: group.goals?.[task.name] ?? []
      }
    })
  }
}
