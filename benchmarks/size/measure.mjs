/**
 * `npm run size`: the browser bundle of a login (discovery, PKCE authorization, code exchange) next to the
 * bundle of a bare request with Effect's HttpClient, both minified and gzipped. What verifies an ID token is a
 * chunk of its own, loaded when the first one arrives, and counted beside.
 */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

/** In KiB, as the floor of 79 is counted. */
const limit = 15

const measure = async (entry) => {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    minify: true,
    splitting: true,
    write: false,
    metafile: true,
    outdir: "out",
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["effect-oauth-source"]
  })
  const { outputs } = result.metafile
  const first = new Set()
  const load = (path) => {
    if (first.has(path)) return
    first.add(path)
    for (const { kind, path: next } of outputs[path].imports) if (kind === "import-statement") load(next)
  }
  load(Object.keys(outputs).find((path) => outputs[path].entryPoint !== undefined && !path.includes("chunk")))
  const bytes = (isFirst) =>
    result.outputFiles
      .filter(({ path }) => isFirst === [...first].some((own) => path.endsWith(own)))
      .reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0)
  return { first: bytes(true), later: bytes(false) }
}

const KiB = (bytes) => `${(bytes / 1024).toFixed(2).padStart(6)} KiB`
const floor = await measure("floor.ts")
const login = await measure("login.ts")
const own = login.first - floor.first
console.log(`${KiB(login.first)}  discovery, PKCE authorization, code exchange
${KiB(floor.first)}  FetchHttpClient alone
${KiB(own)}  effect-oauth, of at most ${limit} KiB
${KiB(login.later)}  more with the first ID token: keys and verification`)

if (own > limit * 1024) {
  console.error("The login bundle has outgrown its limit.")
  process.exitCode = 1
}
