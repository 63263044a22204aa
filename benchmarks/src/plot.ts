/** The ratios as bars, in SVG. */
import type { Report } from "./report.js"

const left = 190
const width = 820
const barHeight = 13
const colours = ["#5b6770", "#1f6feb", "#d29922", "#a371f7", "#2da44e"]

const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)

interface Bar {
  readonly label: string
  readonly value: number
  readonly colour: string
}

/** Twice as far is twice as much, from the bare operation at 1 on: a logarithmic axis. */
const axis = (most: number) => (value: number) =>
  left + ((width - left - 60) * Math.log2(Math.max(value, 0.5) / 0.5)) / Math.log2(most / 0.5)

const groups = (
  report: Report
): ReadonlyArray<{ readonly title: string; readonly bars: ReadonlyArray<Bar> }> =>
  report.results
    .filter(({ name }) => /one at a time|in flight/.test(name) && !/default/.test(name))
    .map(({ name, tasks }) => ({
      title: name,
      bars: tasks.map((task, i) => ({ label: task.name, value: task.ratio, colour: colours[i] ?? "#000" }))
    }))

export const plot = (report: Report): string => {
  const shown = groups(report)
  const most = Math.max(2, ...shown.flatMap(({ bars }) => bars.map(({ value }) => value)))
  const x = axis(most)
  const out: Array<string> = []
  let y = 46
  const text = (at: number, line: number, content: string, more = "") =>
    out.push(`<text x="${at.toFixed(1)}" y="${line}" ${more}>${escape(content)}</text>`)

  for (const { bars, title } of shown) {
    y += 22
    text(8, y, title, 'font-weight="600"')
    y += 6
    for (const { colour, label, value } of bars) {
      text(left - 8, y + 10, label, 'text-anchor="end"')
      out.push(
        `<rect x="${left}" y="${y}" width="${(x(value) - left).toFixed(1)}" height="${barHeight - 2}" fill="${colour}"/>`
      )
      text(x(value) + 4, y + 10, value.toFixed(2))
      y += barHeight + 2
    }
  }
  const ticks = Array.from({ length: Math.floor(Math.log2(most)) + 2 }, (_, i) => 2 ** (i - 1))
  const grid = ticks.map(
    (tick) =>
      `<line x1="${x(tick).toFixed(1)}" y1="44" x2="${x(tick).toFixed(1)}" y2="${y}" stroke="${tick === 1 ? "#888" : "#ddd"}"/>` +
      `<text x="${x(tick).toFixed(1)}" y="40" text-anchor="middle">${tick}</text>`
  )
  const { cores, node } = report.machine
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 14}" viewBox="0 0 ${width} ${y + 14}" font-family="system-ui, sans-serif" font-size="11" fill="#24292f">`,
    `<rect width="${width}" height="${y + 14}" fill="#fff"/>`,
    `<text x="8" y="18" font-size="13" font-weight="600">Verifying an access token, as a ratio to bare node:crypto (less is better; logarithmic)</text>`,
    `<text x="8" y="40" fill="#57606a">${report.date}, Node ${node}, ${cores} cores</text>`,
    ...grid,
    ...out,
    "</svg>",
    ""
  ].join("\n")
}
