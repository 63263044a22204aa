import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Scope from "../../src/protocol/Scope.js"

const tokens = FastCheck.string({
  unit: FastCheck.integer({ min: 0x21, max: 0x7e })
    .map((code) => String.fromCharCode(code))
    .filter((character) => character !== '"' && character !== "\\"),
  minLength: 1,
  maxLength: 12
})
const scopes = FastCheck.array(tokens, { maxLength: 8 }).map(Scope.make)

describe("Scope", () => {
  it("RFC 6749 section 3.3: space-separated, in any order, without duplicates", () => {
    assert.deepStrictEqual(Scope.parse("write read  write "), ["read", "write"])
    assert.deepStrictEqual(Scope.parse(""), [])
    assert.deepStrictEqual(Scope.parse("   "), [])
    assert.strictEqual(Scope.format(["write", "read", "read"]), "read write")
    assert.strictEqual(Scope.format([]), "")
  })

  it("a provider's separator is named, never guessed", () => {
    assert.deepStrictEqual(Scope.parse("repo,user", ","), ["repo", "user"])
    assert.deepStrictEqual(Scope.parse("repo,user"), ["repo,user"])
  })

  it("RFC 6749 section 3.3: what is not a scope token is no permission", () => {
    for (const bad of ["", " ", "a b", 'a"b', "a\\b", "a\nb", "a\tb", "é", "\u0000", "a\u202eb", "ａ"]) {
      assert.isFalse(Scope.isToken(bad), JSON.stringify(bad))
      assert.deepStrictEqual(Scope.make([bad]), [])
    }
    assert.deepStrictEqual(Scope.parse("read\nadmin write"), ["write"])
    assert.isTrue(Scope.isToken("https://www.googleapis.com/auth/drive.readonly"))
  })

  it("what a program asks for is not mended in silence", () => {
    assert.deepStrictEqual(Scope.problem(["openid", "profile"]), Option.none())
    for (const bad of ["openid profile", "", 'a"']) {
      assert.isTrue(Option.isSome(Scope.problem(["openid", bad])), bad)
    }
  })

  it("peers 4c 49: tokens are compared whole and by case", () => {
    assert.isFalse(Scope.includes(["readonly"], ["read"]))
    assert.isFalse(Scope.includes(["read"], ["readonly"]))
    assert.isFalse(Scope.includes(["READ"], ["read"]))
    assert.isFalse(Scope.includes(["read:all"], ["read"]))
    assert.deepStrictEqual(Scope.missing(["read", "write"], ["readonly", "write"]), ["read"])
    assert.isTrue(Scope.includes(["read", "write"], ["read"]))
    assert.isTrue(Scope.includes([], []))
  })

  it("peers 4c 17: names of Object.prototype are words like any other", () => {
    const scope = Scope.parse("__proto__ constructor toString")
    assert.deepStrictEqual(scope, ["__proto__", "constructor", "toString"])
    assert.isFalse(Scope.includes([], ["constructor"]))
    assert.deepStrictEqual(Scope.missing(scope, ["__proto__"]), ["constructor", "toString"])
  })

  it.prop("parse(format(x)) = x", [scopes], ([scope]) => {
    assert.deepStrictEqual(Scope.parse(Scope.format(scope)), scope)
  })

  it.prop("any text parses to sorted, unique tokens", [FastCheck.string({ unit: "binary" })], ([text]) => {
    const scope = Scope.parse(text)
    assert.isTrue(scope.every(Scope.isToken))
    assert.deepStrictEqual(Scope.make([...scope].reverse()), scope)
    assert.deepStrictEqual(Scope.parse(Scope.format(scope)), scope)
  })

  it.prop("union, missing and includes agree as on sets", [scopes, scopes], ([a, b]) => {
    const both = Scope.union(a, b)
    assert.isTrue(Scope.includes(both, a) && Scope.includes(both, b))
    assert.isTrue(Scope.equals(both, Scope.union(b, a)))
    assert.isTrue(Scope.equals(a, Scope.union(a, a)))
    assert.strictEqual(Scope.missing(a, b).length === 0, Scope.includes(b, a))
    assert.isTrue(Scope.equals(both, Scope.union(b, Scope.missing(a, b))))
  })
})
