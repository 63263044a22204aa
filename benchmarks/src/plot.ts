/** The ratios as bars, in SVG. */
import type { Measured } from "./harness.js"
import type { Report } from "./report.js"

const left = 190
const right = 60
const width = 820
const top = 62
const bar = { height: 11, pitch: 15 }

const colours: Readonly<Record<string, string>> = {
  "effect-oauth": "#1f6feb",
  "fast-jwt": "#d29922",
  jose: "#a371f7"
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`

/** Twice as far is twice as much, from the bare operation at 1 on: a logarithmic axis. */
const axis = (most: number) => (ratio: number) =>
  left + ((width - left - right) * Math.log2(Math.max(ratio, 1))) / Math.log2(most)

const drawBar = (task: Measured, y: number, x: (ratio: number) => number): ReadonlyArray<string> => {
  const end = x(task.ratio)
  const most = task.goals.find(({ of }) => of === "ratio")?.most
  const goal = most === undefined ? undefined : x(most)
  return [
    text(left - 8, y + 10, task.name, 'text-anchor="end"'),
    `<rect x="${left}" y="${y}" width="${Math.max(1, end - left).toFixed(1)}" height="${bar.height}" fill="${colours[task.name] ?? "#8c959f"}"/>`,
    ...(goal === undefined
      ? []
      : [
          `<line x1="${goal.toFixed(1)}" y1="${y - 2}" x2="${goal.toFixed(1)}" y2="${y + bar.height + 2}" stroke="#24292f" stroke-width="2"/>`
        ]),
    text(Math.max(end, goal ?? 0) + 6, y + 10, task.ratio.toFixed(2))
  ]
}

/** One bar for each but the bare operation, which is the line at 1. */
export const plot = (report: Report): string => {
  const groups = report.results
    .filter(({ name }) => /one at a time|in flight/.test(name) && !name.includes("default"))
    .map(({ name, tasks }) => ({ name, tasks: tasks.slice(1) }))
  const most = 1.1 * Math.max(2, ...groups.flatMap(({ tasks }) => tasks.map(({ ratio }) => ratio)))
  const x = axis(most)
  const drawn: Array<string> = []
  let y = top
  for (const { name, tasks } of groups) {
    y += 24
    drawn.push(text(8, y, name, 'font-weight="600"'))
    y += 6
    for (const task of tasks) {
      drawn.push(...drawBar(task, y, x))
      y += bar.pitch
    }
  }
  const ticks = [1, 1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
    .filter((tick) => tick < most)
    .flatMap((tick) => [
      `<line x1="${x(tick).toFixed(1)}" y1="${top}" x2="${x(tick).toFixed(1)}" y2="${y}" stroke="${tick === 1 ? "#57606a" : "#e1e4e8"}"/>`,
      text(x(tick), top - 6, `${tick}`, 'text-anchor="middle"')
    ])
  const { cores, node } = report.machine
  const height = y + 14
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" fill="#24292f">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(
      8,
      18,
      "What verifying an access token costs, as a ratio to bare node:crypto",
      'font-size="13" font-weight="600"'
    ),
    text(
      8,
      36,
      `Less is better; logarithmic; a black mark is the goal. ${report.date}, Node ${node}, ${cores} cores.`,
      'fill="#57606a"'
    ),
    ...ticks,
    ...drawn,
    "</svg>",
    ""
  ].join("\n")
}
