/** Runs the MCP client of the scratchpad in @modelcontextprotocol/conformance. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { bundle } from "../../support/bundle.js"
import { root } from "./program.js"

const Checks = Schema.parseJson(
  Schema.Array(
    Schema.Struct({
      id: Schema.String,
      status: Schema.Literal("SUCCESS", "FAILURE", "WARNING", "SKIPPED", "INFO"),
      description: Schema.String,
      errorMessage: Schema.optional(Schema.String)
    })
  )
)

/** What came of a scenario: what the suite checked, and what the client printed. */
export interface Result {
  readonly checks: Schema.Schema.Type<typeof Checks>
  readonly output: string
  readonly errors: string
}

/** The results by the names of the scenarios. */
export class Conformance extends Context.Tag("Conformance")<Conformance, ReadonlyMap<string, Result>>() {}

const runSuite = (suite: string, directory: string) =>
  Effect.async<string>((resume) => {
    const preload = fileURLToPath(new URL("./conformance/preload.mjs", import.meta.url))
    const cli = join(root, "node_modules/@modelcontextprotocol/conformance/dist/index.js")
    const what = ["client", "--command", "node client.mjs", "--suite", suite, "--output-dir", "results"]
    const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`
    const child = execFile(
      process.execPath,
      ["--import", pathToFileURL(preload).href, cli, ...what, "--timeout", "50000"],
      { cwd: directory, env: { ...process.env, PATH: path, NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" } },
      (_error, stdout, stderr) => resume(Effect.succeed(stdout + stderr))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Folders are named `auth/<scenario>-<time>`. */
const nameOf = (folder: string): string => folder.replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "")

const make = (suites: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const directory = yield* files.makeTempDirectoryScoped()
    // Most of what a scenario takes is the start of a process.
    yield* bundle("mcp/client.ts", join(directory, "client.mjs"))
    const said = yield* Effect.forEach(suites, (suite) => runSuite(suite, directory))
    const results = new Map<string, Result>()
    const folder = join(directory, "results/auth")
    for (const name of yield* Effect.orElseSucceed(files.readDirectory(folder), () => [])) {
      const read = (file: string) => files.readFileString(join(folder, name, file))
      results.set(nameOf(name), {
        checks: yield* Schema.decode(Checks)(yield* read("checks.json")),
        output: yield* read("stdout.txt"),
        errors: yield* read("stderr.txt")
      })
    }
    return results.size > 0 ? results : yield* Effect.dieMessage(`no scenario was run: ${said.join("\n")}`)
  })

/** Runs these suites before the tests. */
export const layer = (suites: ReadonlyArray<string>) =>
  Layer.scoped(Conformance, make(suites)).pipe(Layer.provide(NodeContext.layer), Layer.orDie)
