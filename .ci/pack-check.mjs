/** Packs every package as `npm publish` would and asks publint and arethetypeswrong about the tarballs. */
import { execFileSync, spawnSync } from "node:child_process"
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"

process.chdir(fileURLToPath(new URL("..", import.meta.url)))
const packages = fs.readdirSync("packages").filter((name) => fs.existsSync(`packages/${name}/package.json`))
const out = fs.mkdtempSync(path.join(os.tmpdir(), "effect-oauth-pack-"))

const passes = (bin, ...args) => {
  const { status, stdout, stderr } = spawnSync(path.join("node_modules/.bin", bin), args, {
    encoding: "utf8"
  })
  if (status !== 0) console.error(stdout + stderr)
  return status === 0
}

try {
  for (const name of packages) {
    const args = ["pack", "--json", "--pack-destination", out, `./packages/${name}`]
    // some versions of npm answer with a list, others with an object
    const [packed] = Object.values(
      JSON.parse(execFileSync("npm", args, { stdio: ["ignore", "pipe", "inherit"] }))
    )
    const tarball = path.join(out, packed.filename)
    const published = passes("publint", "run", tarball, "--strict")
    const typed = passes(
      "attw",
      tarball,
      "--profile",
      "esm-only",
      "--no-definitely-typed",
      "--format",
      "ascii"
    )
    console.log(
      `${published && typed ? "ok" : "FAILED"}  ${packed.filename}  ${Math.round(packed.size / 1000)} kB`
    )
    if (!published || !typed) process.exitCode = 1
  }
} finally {
  fs.rmSync(out, { recursive: true })
}
