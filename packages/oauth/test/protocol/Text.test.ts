import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Text from "../../src/protocol/Text.js"

describe("Text.sanitize", () => {
  it("peers 4c 57: control, format and bidirectional characters are removed, white space becomes one space", () => {
    assert.strictEqual(Text.sanitize("a\r\nb\t\u2028 c"), "a b c")
    assert.strictEqual(Text.sanitize("\u001b[31mred\u001b[0m"), "[31mred[0m")
    assert.strictEqual(Text.sanitize("ab\u202ecd\u2066e\u200f\u200b\ufeff\u0000\u009b"), "abcde")
    assert.strictEqual(Text.sanitize("a\ud800b"), "ab")
    assert.strictEqual(
      Text.sanitize("  Zugriff verweigert: Größe 日本 😀  "),
      "Zugriff verweigert: Größe 日本 😀"
    )
    assert.strictEqual(Text.sanitize("a \u200b b"), "a b")
  })

  it("is bounded, and does not cut a character in two", () => {
    assert.strictEqual(Text.sanitize("x".repeat(500)).length, 500)
    assert.strictEqual(Text.sanitize("x".repeat(501)), `${"x".repeat(499)}…`)
    assert.strictEqual(Text.sanitize(`${"x".repeat(498)}😀xx`), `${"x".repeat(498)}…`)
  })

  it("every secret is redacted, whole, also where it was encoded or interrupted by hidden characters", () => {
    const secret = "s3cr/t+va=ue&"
    assert.strictEqual(Text.sanitize(`got ${secret}!`, [secret]), "got <redacted>!")
    assert.strictEqual(Text.sanitize("got s3cr%2Ft%2Bva%3Due%26!", [secret]), "got <redacted>!")
    assert.strictEqual(Text.sanitize("got s3cr%2ft%2bva%3due%26!", [secret]), "got <redacted>!")
    assert.strictEqual(Text.sanitize("got s3\u200bcr/t+\u0007va=ue&!", [secret]), "got <redacted>!")
    assert.strictEqual(Text.sanitize("a+b a%20b a b", ["a b"]), "<redacted> <redacted> <redacted>")
  })

  it("a secret that begins another does not bare the rest of it; an empty one redacts nothing", () => {
    assert.strictEqual(Text.sanitize("abcdef abc", ["abc", "abcdef"]), "<redacted> <redacted>")
    assert.strictEqual(Text.sanitize("abc", ["", " "]), "abc")
    assert.strictEqual(Text.sanitize("see red", ["e", "red"]), "s<redacted><redacted> <redacted>")
  })

  it("a secret that lies across the cut is not bared", () => {
    const secret = "c4n4ry".repeat(20)
    for (let before = 350; before < 520; before += 7) {
      assert.notInclude(Text.sanitize("x".repeat(before) + secret, [secret]), "c4n")
    }
    for (let hidden = 32_768 - 500; hidden < 32_770; hidden += 3) {
      assert.notInclude(Text.sanitize(`${"\u200b".repeat(hidden)}${secret}${secret}`, [secret]), "c4n")
    }
    assert.strictEqual(Text.sanitize(`ok${"\u200b".repeat(1_000_000)}`), "ok…")
  })

  it.prop(
    "no output has a secret, a line break or more than 500 characters",
    [
      FastCheck.string({ unit: "binary", maxLength: 800 }),
      FastCheck.string({ minLength: 12, maxLength: 40 })
    ],
    ([text, secret]) => {
      const shown = Text.sanitize(`${text}${secret}${text}${secret}`, [secret])
      assert.isAtMost(shown.length, 500)
      assert.notMatch(shown, /[\p{Cc}\p{Cf}\u2028\u2029]/u)
      const flat = secret.replace(/\s+/g, " ").trim()
      if (!"<redacted>".includes(flat)) assert.notInclude(shown, flat)
    }
  )

  it.prop("sanitizing twice is sanitizing once", [FastCheck.string({ unit: "binary" })], ([text]) => {
    assert.strictEqual(Text.sanitize(Text.sanitize(text)), Text.sanitize(text))
  })
})

describe("Text.sanitizeCode", () => {
  it("RFC 6749 section 5.2: a code that programs compare stays whole, whatever short secret occurs in it", () => {
    for (const [code, secret] of [
      ["invalid_client", "client"],
      ["invalid_grant", "grant"],
      ["slow_down", "d"],
      ["access_denied", "_"]
    ] as const) {
      assert.strictEqual(Text.sanitizeCode(code, [secret]), code)
    }
  })

  it("peers 4c 96: a code that is a secret, or brings a long one or one of other characters, does not", () => {
    assert.strictEqual(Text.sanitizeCode("hunter", ["hunter"]), "<redacted>")
    assert.strictEqual(
      Text.sanitizeCode("invalid_abcdefghijklmnop", ["abcdefghijklmnop"]),
      "invalid_<redacted>"
    )
    assert.strictEqual(Text.sanitizeCode("invalid_s3cret", ["s3cret"]), "invalid_<redacted>")
    assert.strictEqual(Text.sanitizeCode("Bad client!", ["client"]), "Bad <redacted>!")
  })
})

describe("Text.equalsConstantTime", () => {
  it.prop("agrees with ===", [FastCheck.string(), FastCheck.string()], ([a, b]) => {
    assert.strictEqual(Text.equalsConstantTime(a, b), a === b)
    assert.isTrue(Text.equalsConstantTime(a, a))
    assert.isFalse(Text.equalsConstantTime(a, `${a}\u0000`))
    assert.isFalse(Text.equalsConstantTime(`${a}\u0000`, a))
  })
})
