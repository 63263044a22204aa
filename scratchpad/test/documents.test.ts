import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { root } from "./support/program.js"

const read = (path: string): string => readFileSync(join(root, path), "utf8")
const filesIn = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`)

const documents = [
  "README.md",
  "SECURITY.md",
  "packages/oauth/README.md",
  ...filesIn("docs").filter((file) => file.endsWith(".md"))
]

/** The TypeScript of a document, and the file that a comment above it names. */
const quotes = (document: string) =>
  [...read(document).matchAll(/(?:<!-- (\S+) -->\n\n)?```ts\n([^]*?)```\n/g)].map(
    ([, file = "", code = ""]) => ({
      file,
      code
    })
  )

/** Text without what a quotation may leave away: how far it was indented. */
const flush = (text: string): string => text.replace(/^ +/gm, "")

const withoutComments = (source: string): string => source.replace(/\/\*\*?[^]*?\*\/|\/\/.*$/gm, "")

/** The code of each public module by its name, with what it re-exports from `internal/`. */
const modules = new Map<string, string>()
for (const name of readdirSync(join(root, "packages"))) {
  const files = filesIn(`packages/${name}/src`).filter((file) => file.endsWith(".ts"))
  for (const file of files.filter((path) => !path.includes("/internal/") && !path.endsWith("/index.ts"))) {
    const source = read(file)
    const passedOn = [...source.matchAll(/from "(\.\/internal\/\w+)\.js"/g)].map(([, path = ""]) =>
      read(`${dirname(file)}/${path}.ts`)
    )
    modules.set(file.replace(/^.*\/|\.ts$/g, ""), withoutComments([source, ...passedOn].join("\n")))
  }
}

describe("the documents say what is true", () => {
  it.each(documents)("%s quotes files that are type-checked, word for word", (document) => {
    for (const { code, file } of quotes(document)) {
      assert.isNotEmpty(file, `no file is named above:\n${code}`)
      assert.include(flush(read(file)), flush(code), file)
    }
  })

  it("README.md quotes its four examples whole", () => {
    const quoted = new Map(quotes("README.md").map(({ code, file }) => [file, code]))
    for (const file of [
      "scratchpad/examples/readme/service.ts",
      "scratchpad/examples/readme/login.ts",
      "scratchpad/examples/readme/cli.ts",
      "scratchpad/test/service.test.ts"
    ]) {
      assert.strictEqual(quoted.get(file), read(file))
    }
  })

  it.each(documents)("%s names members that exist", (document) => {
    const code = [...read(document).matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text).join("\n")
    for (const [whole, module = "", member = ""] of code.matchAll(/(?<![\w./"-])([A-Z]\w+)\.([a-z]\w*)/g)) {
      const source = modules.get(module)
      if (source !== undefined) assert.match(source, new RegExp(`\\b${member}\\b`), whole)
    }
  })

  it.each(documents)("%s links to files that exist", (document) => {
    for (const [, target = ""] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      assert.isTrue(existsSync(join(root, dirname(document), target)), target)
    }
  })

  it.each(readdirSync(join(root, "packages")))("packages/%s/README.md names every module", (name) => {
    const text = read(`packages/${name}/README.md`)
    const manifest: unknown = JSON.parse(read(`packages/${name}/package.json`))
    const entries = Object.keys(Object(Object(manifest).exports)).map((entry) => entry.replace("./", ""))
    for (const entry of entries) {
      if (entry !== "." && entry !== "package.json") assert.include(text, `\`${entry}\``)
    }
  })

  it("README.md names every program, and scripts that exist", () => {
    const text = read("README.md")
    for (const file of readdirSync(join(root, "scratchpad/examples"))) {
      if (file.endsWith(".ts")) assert.include(text, `scratchpad/examples/${file}`)
    }
    const scripts = read("package.json")
    for (const [, script = ""] of text.matchAll(/npm run ([\w:]+)/g)) {
      assert.include(scripts, `"${script}":`)
    }
  })
})
