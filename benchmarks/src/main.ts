/** `npm run bench`. */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { attaching } from "./attaching.js"
import type { Group, Result, Settings } from "./harness.js"
import { measure } from "./harness.js"
import { memory } from "./memory.js"
import { plot } from "./plot.js"
import * as Protection from "./protection.js"
import type { Report } from "./report.js"
import { machine, memoryTable, table } from "./report.js"
import * as Requests from "./requests.js"
import * as Session from "./session.js"
import { signing } from "./signing.js"
import type { Algorithm } from "./tokens.js"
import { algorithms, makeKeys, makeTokens } from "./tokens.js"
import * as Verification from "./verification.js"

const help = `npm run bench -- [options]

  --json [FILE]     write the figures as JSON (docs/benchmarks.json)
  --svg [FILE]      write the plot (docs/benchmarks.svg)
  --only WORDS      only groups whose name contains one of these, separated by commas without a space
  --rounds N        rounds of each group (31; at least 11)
  --sample MS       how long a task runs in a round (40; three times that for many at once)
  --tokens N        distinct tokens of each algorithm (10000)
`

/** Options whose value may be left out. */
const withDefaults = (args: ReadonlyArray<string>): Array<string> =>
  args.flatMap((arg, i) => {
    const defaults: Readonly<Record<string, string>> = {
      "--json": "docs/benchmarks.json",
      "--svg": "docs/benchmarks.svg"
    }
    const value = defaults[arg]
    return value !== undefined && (args[i + 1] ?? "--").startsWith("--") ? [arg, value] : [arg]
  })

const { values } = parseArgs({
  args: withDefaults(process.argv.slice(2)),
  options: {
    help: { type: "boolean", default: false },
    json: { type: "string" },
    svg: { type: "string" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "31" },
    sample: { type: "string", default: "40" },
    tokens: { type: "string", default: "10000" }
  }
})

const settings: Settings = {
  rounds: Math.max(11, Number(values.rounds)),
  sampleMillis: Number(values.sample),
  warmUpMillis: 500
}

const wanted = (name: string): boolean =>
  values.only.split(/,(?! )/).some((word) => name.toLowerCase().includes(word.toLowerCase()))

const run = async (group: Group): Promise<ReadonlyArray<Result>> => {
  if (!wanted(group.name)) return []
  const result = await measure(group, settings)
  console.log(`${table([result])}\n`)
  return [result]
}

const ofAlgorithm = async (algorithm: Algorithm): Promise<ReadonlyArray<Result>> => {
  const keys = makeKeys(algorithm)
  const tokens = makeTokens(keys, Number(values.tokens))
  const groups = [
    await Verification.oneByOne(keys, tokens),
    ...(algorithm === "HS256" ? [] : [await Verification.manyAtOnce(keys, tokens)]),
    await Verification.repeated(keys, tokens),
    ...(algorithm === "RS256" || algorithm === "ES256" ? await Verification.defaultEngine(keys, tokens) : []),
    ...(algorithm === "ES256" ? [await Verification.largeKeySet(keys, tokens)] : []),
    await signing(keys, tokens)
  ]
  const results: Array<Result> = []
  for (const group of groups) results.push(...(await run(group)))
  return results
}

const ofRequests = async (): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  const { end, groups } = await Requests.make()
  for (const group of groups) results.push(...(await run(group)))
  await end()
  return results
}

const ofProtection = async (): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  const { end, groups } = await Protection.make(Number(values.tokens))
  for (const group of groups) results.push(...(await run(group)))
  await end()
  return results
}

const ofSessions = async (): Promise<ReadonlyArray<Result>> => {
  const results: Array<Result> = []
  const { end, groups } = Session.make()
  for (const group of groups) results.push(...(await run(group)))
  await end()
  results.push(...(await run(await attaching())))
  return results
}

if (values.help) {
  console.log(help)
} else {
  const results: Array<Result> = []
  for (const algorithm of algorithms) results.push(...(await ofAlgorithm(algorithm)))
  results.push(...(await ofRequests()))
  results.push(...(await ofSessions()))
  results.push(...(await ofProtection()))
  const kept = wanted("memory") ? await memory(10_000) : []
  if (kept.length > 0) console.log(memoryTable(kept))
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    rounds: settings.rounds,
    results,
    memory: kept
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`)
  if (values.svg !== undefined) writeFileSync(values.svg, plot(report))
}
