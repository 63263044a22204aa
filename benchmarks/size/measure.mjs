/**
 * `npm run size`: the browser bundle of a login (discovery, PKCE authorization, code exchange) next to the
 * bundle of a bare request with Effect's HttpClient, both minified and gzipped.
 */
import { build } from "esbuild"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

const limit = 15_000

const size = async (entry) => {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["effect-oauth-source"]
  })
  return gzipSync(result.outputFiles[0].contents, { level: 9 }).length
}

const kB = (bytes) => `${(bytes / 1000).toFixed(1).padStart(6)} kB`
const floor = await size("floor.ts")
const login = await size("login.ts")
console.log(`${kB(login)}  discovery, PKCE authorization, code exchange
${kB(floor)}  FetchHttpClient alone
${kB(login - floor)}  effect-oauth, of at most ${limit / 1000} kB`)

if (login - floor > limit) {
  console.error("The login bundle has outgrown its limit.")
  process.exitCode = 1
}
