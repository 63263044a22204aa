/**
 * `npm run bench`: bundles the benchmarks with the sources of this workspace, so that no loader is measured,
 * and runs them in one process. `npm run bench -- --help` says what can be asked for.
 */
import { build } from "esbuild"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const outdir = fileURLToPath(new URL("../node_modules/.cache/effect-oauth-bench", import.meta.url))

await build({
  entryPoints: ["main", "tokenServer", "apiServer"].map((name) =>
    fileURLToPath(new URL(`src/${name}.ts`, import.meta.url))
  ),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  conditions: ["effect-oauth-source"],
  // The workspace goes into the bundle; Effect and the peers are loaded as any program loads them.
  plugins: [
    {
      name: "workspace",
      setup({ onResolve }) {
        onResolve({ filter: /^[^.]/ }, ({ kind, path }) =>
          kind === "entry-point" || path.startsWith("effect-oauth") ? undefined : { path, external: true }
        )
      }
    }
  ]
})

const { status } = spawnSync(
  process.execPath,
  ["--expose-gc", `${outdir}/main.mjs`, ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit"
  }
)
process.exitCode = status ?? 1
