import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8")

describe("the README", () => {
  it("quotes the example as it runs", () => {
    assert.include(read("../README.md"), read("example.test.ts").trimEnd())
  })
})
