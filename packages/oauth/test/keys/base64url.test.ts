import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Base64Url from "../../src/keys/internal/base64url.js"

const bytes = FastCheck.uint8Array({ maxLength: 80 })
const text = FastCheck.string({ unit: "binary", maxLength: 40 })
const scratch = FastCheck.integer({ min: 0, max: 100 }).map((length) => new Uint8Array(length))

const utf8 = (value: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value)
  } catch {
    return undefined
  }
}

describe("base64url (RFC 7515 section 2)", () => {
  it.prop(
    "reads any bytes as UTF-8 or not at all, whatever memory it is given",
    [bytes, scratch],
    ([value, room]) => {
      const segment = Buffer.from(value).toString("base64url")
      assert.strictEqual(Base64Url.decodeText(segment), utf8(value))
      assert.strictEqual(Base64Url.decodeText(segment, room), utf8(value))
    }
  )

  it.prop(
    "reads any text that was written, whatever memory it is given",
    [text, scratch],
    ([value, room]) => {
      const written = new TextEncoder().encode(value)
      const segment = Buffer.from(written).toString("base64url")
      assert.strictEqual(Base64Url.encodeText(value), segment)
      assert.strictEqual(Base64Url.decodeText(segment, room), utf8(written))
    }
  )

  it.prop("has one spelling for every value", [FastCheck.string({ maxLength: 12 })], ([segment]) => {
    const binary = Base64Url.decodeBinary(segment)
    assert.strictEqual(Base64Url.isBase64Url(segment), binary !== undefined && segment !== "")
    if (binary !== undefined) {
      assert.strictEqual(Buffer.from(binary, "latin1").toString("base64url"), segment)
    }
  })
})
