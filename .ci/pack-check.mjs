/** Packs every package as `npm publish` would and asks publint and arethetypeswrong about the tarballs. */
import { execFileSync, spawnSync } from "node:child_process"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))
const out = fs.mkdtempSync(path.join(os.tmpdir(), "effect-oauth-pack-"))
const packages = fs.readdirSync("packages").filter((name) => fs.existsSync(`packages/${name}/package.json`))
const run = (bin, args) =>
  spawnSync(path.join("node_modules/.bin", bin), args, { stdio: "inherit" }).status === 0

try {
  const args = ["pack", "--json", "--pack-destination", out, ...packages.map((name) => `./packages/${name}`)]
  const packed = JSON.parse(execFileSync("npm", args, { stdio: ["ignore", "pipe", "inherit"] }).toString())
  const ok = Object.values(packed).map(({ filename, name }) => {
    console.log(`\n${name}`)
    const tarball = path.join(out, filename)
    const published = run("publint", ["run", tarball, "--strict"])
    return (
      run("attw", [tarball, "--profile", "esm-only", "--no-definitely-typed", "--format", "ascii"]) &&
      published
    )
  })
  process.exitCode = ok.every(Boolean) ? 0 : 1
} finally {
  fs.rmSync(out, { recursive: true })
}
