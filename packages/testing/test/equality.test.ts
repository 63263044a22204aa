import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/** What the tests of all packages compare by: `.ci/equality.mjs`. */
describe("assert.deepStrictEqual", () => {
  const different: ReadonlyArray<readonly [unknown, unknown]> = [
    [Option.none(), Option.some(1)],
    [Option.some(1), Option.none()],
    [Option.some(1), Option.some(2)],
    [Either.left(1), Either.right(1)],
    [{ a: [Option.none()] }, { a: [Option.some({ b: 1 })] }]
  ]

  it("tells None from Some and Left from Right, wherever they are", () => {
    for (const [one, other] of different) assert.notDeepEqual(one, other)
  })

  it("finds what is equal equal", () => {
    for (const [one] of different) assert.deepStrictEqual(one, again(one))
  })
})

/** The same value, made again. */
const again = (value: unknown): unknown =>
  Option.isOption(value)
    ? Option.map(value, again)
    : Either.isEither(value)
      ? Either.mapBoth(value, { onLeft: again, onRight: again })
      : Array.isArray(value)
        ? value.map(again)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, again(inner)]))
          : value
