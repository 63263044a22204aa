import { assert, describe, it } from "@effect/vitest"
import * as Headers from "@effect/platform/Headers"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as BearerCredential from "../../src/protocol/BearerCredential.js"

const tokenOf = (credential: BearerCredential.BearerCredential) =>
  credential._tag === "Token" ? Redacted.value(credential.token) : credential._tag

const reasonOf = (credential: BearerCredential.BearerCredential) =>
  credential._tag === "Malformed" ? credential.reason : credential._tag

const b64tokens = FastCheck.tuple(
  FastCheck.string({ unit: FastCheck.constantFrom(..."ABYZabyz0189-._~+/"), minLength: 1, maxLength: 60 }),
  FastCheck.constantFrom("", "=", "==")
).map(([body, padding]) => body + padding)

describe("BearerCredential", () => {
  it("RFC 6750 section 2.1: Bearer and a b64token", () => {
    assert.strictEqual(tokenOf(BearerCredential.fromHeader("Bearer mF_9.B5f-4.1JqM")), "mF_9.B5f-4.1JqM")
    assert.strictEqual(tokenOf(BearerCredential.fromHeader("Bearer   a+/~-._9==")), "a+/~-._9==")
    assert.strictEqual(tokenOf(BearerCredential.fromHeader(" Bearer abc \t")), "abc")
  })

  it("RFC 9110 section 11.1: the scheme is compared without regard to case", () => {
    for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
      const credential = BearerCredential.fromHeader(`${scheme} abc`)
      assert.strictEqual(tokenOf(credential), "abc")
      assert.strictEqual(credential._tag === "Token" && credential.scheme, "Bearer")
    }
  })

  it("no header is no credential", () => {
    assert.strictEqual(BearerCredential.fromHeader(undefined)._tag, "None")
    assert.strictEqual(BearerCredential.fromHeaders({})._tag, "None")
    assert.strictEqual(BearerCredential.fromHeaders({ authorization: undefined })._tag, "None")
    assert.strictEqual(BearerCredential.fromHeaders({ authorization: [] })._tag, "None")
    assert.strictEqual(BearerCredential.fromHeaders({ "x-authorization": "Bearer abc" })._tag, "None")
  })

  it("RFC 9449 section 7.1, peers 4c 88: a DPoP credential is taken only where it is accepted, and says so", () => {
    assert.strictEqual(BearerCredential.fromHeader("DPoP abc")._tag, "OtherScheme")
    const credential = BearerCredential.fromHeader("dpop abc", { schemes: ["Bearer", "DPoP"] })
    assert.strictEqual(tokenOf(credential), "abc")
    assert.strictEqual(credential._tag === "Token" && credential.scheme, "DPoP")
    assert.strictEqual(BearerCredential.fromHeader("Bearer abc", { schemes: ["DPoP"] })._tag, "OtherScheme")
  })

  it("another scheme is not a Bearer credential", () => {
    for (const value of [
      "Basic Y2xpZW50OnNlY3JldA==",
      "Bearers abc",
      "Bear abc",
      "Negotiate",
      "x Bearer abc",
      "BearerX",
      "BearerBearer"
    ]) {
      assert.strictEqual(BearerCredential.fromHeader(value)._tag, "OtherScheme", value)
    }
  })

  it("RFC 6750 section 2: exactly one credential", () => {
    assert.strictEqual(
      reasonOf(BearerCredential.fromHeaders({ authorization: ["Bearer a", "Bearer b"] })),
      "several"
    )
    assert.strictEqual(
      reasonOf(BearerCredential.fromHeaders({ authorization: ["Bearer a", "Bearer a"] })),
      "several"
    )
    assert.strictEqual(
      reasonOf(BearerCredential.fromHeaders({ authorization: "Bearer a", Authorization: "Bearer b" })),
      "several"
    )
    assert.strictEqual(reasonOf(BearerCredential.fromHeader("Bearer a, Bearer b")), "characters")
    assert.strictEqual(reasonOf(BearerCredential.fromHeader("Bearer a b")), "characters")
    assert.strictEqual(tokenOf(BearerCredential.fromHeaders({ AUTHORIZATION: ["Bearer a"] })), "a")
  })

  it("reads the headers of @effect/platform", () => {
    assert.strictEqual(
      tokenOf(BearerCredential.fromHeaders(Headers.fromInput({ Authorization: "Bearer abc" }))),
      "abc"
    )
  })

  it("a malformed header is told from none", () => {
    for (const [value, reason] of [
      ["Bearer", "no_token"],
      ["Bearer ", "no_token"],
      ["Bearer \t ", "no_token"],
      ["", "characters"],
      ["   ", "characters"],
      ["Bearer\tabc", "characters"],
      ["Bearer=abc", "characters"],
      ['Bearer "abc"', "characters"],
      ["Bearer abc\n", "characters"],
      ["Bearer abc\r\nX: y", "characters"],
      ["Bearer ab\u0000c", "characters"],
      ["Bearer a=b", "characters"],
      ["Bearer =", "characters"],
      ["Bearer é", "characters"],
      ["Bearer abc\u00a0", "characters"]
    ] as const) {
      assert.strictEqual(reasonOf(BearerCredential.fromHeader(value)), reason, JSON.stringify(value))
    }
  })

  it("peers 4c 25: a header of more than 16384 characters is refused", () => {
    assert.strictEqual(tokenOf(BearerCredential.fromHeader(`Bearer ${"a".repeat(16_377)}`)).length, 16_377)
    assert.strictEqual(reasonOf(BearerCredential.fromHeader(`Bearer ${"a".repeat(16_378)}`)), "too_large")
    assert.strictEqual(reasonOf(BearerCredential.fromHeader("a".repeat(100_000_000))), "too_large")
  })

  it("a token that is known whole is not looked at again; any other is, and so are scheme and header", () => {
    const options = { isKnown: (token: string) => token === "known" }
    assert.strictEqual(tokenOf(BearerCredential.fromHeader("Bearer known", options)), "known")
    assert.strictEqual(tokenOf(BearerCredential.fromHeader("Bearer other", options)), "other")
    assert.strictEqual(reasonOf(BearerCredential.fromHeader("Bearer known,known", options)), "characters")
    assert.strictEqual(BearerCredential.fromHeader("DPoP known", options)._tag, "OtherScheme")
    assert.strictEqual(BearerCredential.fromHeader("Bearerknown", options)._tag, "OtherScheme")
    const several = { authorization: ["Bearer known", "Bearer known"] }
    assert.strictEqual(reasonOf(BearerCredential.fromHeaders(several, options)), "several")
  })

  it("no result shows the token or the header", () => {
    for (const value of [
      "Bearer canary",
      "Bearer canary canary",
      "canary",
      "Bearer canary\u0000",
      `Bearer ${"canary".repeat(9999)}`
    ]) {
      const credential = BearerCredential.fromHeader(value, { schemes: ["Bearer", "DPoP"] })
      assert.notInclude(JSON.stringify(credential), "canary")
    }
  })

  it.prop("every b64token is read as it is", [b64tokens], ([token]) => {
    assert.strictEqual(tokenOf(BearerCredential.fromHeader(`Bearer ${token}`)), token)
  })

  it.prop(
    "any text gives an answer, and a token has the characters of b64token",
    [FastCheck.string({ unit: "binary" })],
    ([text]) => {
      for (const value of [text, `Bearer ${text}`]) {
        const credential = BearerCredential.fromHeader(value)
        if (credential._tag === "Token")
          assert.match(Redacted.value(credential.token), /^[A-Za-z0-9\-._~+/]+=*$/)
      }
    }
  )
})
