import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8")

describe("the README", () => {
  it.each(["example.test.ts", "api.test.ts"])("quotes %s as it runs", (file) => {
    assert.include(read("../README.md"), read(file).trimEnd())
  })
})
