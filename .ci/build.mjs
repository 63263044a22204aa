/** Empties every `dist/` and compiles the packages into them: ESM, declarations, source maps. */
import { spawnSync } from "node:child_process"
import fs from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))
const packages = fs.readdirSync("packages").filter((name) => fs.existsSync(`packages/${name}/tsconfig.json`))

for (const name of packages) fs.rmSync(`packages/${name}/dist`, { recursive: true, force: true })

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc")
const args = [tsc, "-b", ...packages.map((name) => `packages/${name}`)]
process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1
