/** What is printed and written. */
import * as os from "node:os"
import type { Goal, Measured, Result } from "./harness.js"
import type { Memory } from "./memory.js"

export interface Report {
  readonly date: string
  readonly machine: {
    readonly cores: number
    readonly cpu: string
    readonly node: string
    readonly openssl: string
    readonly load: number
  }
  readonly rounds: number
  readonly results: ReadonlyArray<Result>
  readonly memory: ReadonlyArray<Memory>
}

export const machine = (): Report["machine"] => ({
  cores: os.availableParallelism(),
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  node: process.versions.node,
  openssl: process.versions.openssl,
  load: os.loadavg()[0] ?? 0
})

const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const units: Readonly<Record<Goal["of"], string>> = {
  ratio: "",
  micros: " us",
  added: " us added",
  mainThread: " us of the main thread"
}

const reached = ({ goals, ...measured }: Measured): string =>
  goals
    .map(({ most, of }) => {
      const value = measured[of]
      return `${value <= most ? "yes" : "NO"}: ${number(value)} of ${number(most)}${units[of]}`
    })
    .join("; ")

/** A table in Markdown, aligned so that it reads in a terminal too: words at both ends, numbers between. */
const aligned = (columns: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const isText = (i: number) => i === 0 || i === columns.length - 1
  const widths = columns.map((column, i) =>
    Math.max(column.length, 3, ...rows.map((row) => (row[i] ?? "").length))
  )
  const line = (cells: ReadonlyArray<string>) =>
    `| ${widths.map((width, i) => (isText(i) ? (cells[i] ?? "").padEnd(width) : (cells[i] ?? "").padStart(width))).join(" | ")} |`
  const rule = widths.map((width, i) => (isText(i) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))
  return [line(columns), line(rule), ...rows.map(line)].join("\n")
}

export const table = (results: ReadonlyArray<Result>): string => {
  const ofServer = results.some(({ tasks }) => tasks.some(({ wallRatio }) => wallRatio !== undefined))
  return aligned(
    ["", "ratio", "quartiles", "us", "main thread us", ...(ofServer ? ["wall ratio"] : []), "goal"],
    results.flatMap(({ name, tasks }) => [
      [`**${name}**`],
      ...tasks.map((task) => [
        task.name,
        number(task.ratio),
        `${number(task.quartiles[0])}-${number(task.quartiles[1])}`,
        number(task.micros),
        number(task.mainThread),
        ...(ofServer ? [task.wallRatio === undefined ? "" : number(task.wallRatio)] : []),
        reached(task)
      ])
    ])
  )
}

export const memoryTable = (kept: ReadonlyArray<Memory>): string =>
  aligned(
    ["", "MB of heap", "MB external", "MB of the process", "goal"],
    kept.map(({ external, heap, issuers, most, name, process }) => [
      `${name}, ${issuers} issuers of two keys`,
      number(heap),
      number(external),
      number(process),
      most === undefined ? "" : `${heap <= most ? "yes" : "NO"}: ${number(heap)} of ${number(most)} MB`
    ])
  )
