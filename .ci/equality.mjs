/**
 * What chai can iterate it compares by what comes out, and every Option and Either yields the same: to
 * `assert.deepStrictEqual` a None was equal to any Some. Values with another `_tag` are different values.
 */
import { chai } from "vitest"

const tagOf = (value) =>
  typeof value === "object" && value !== null && "_tag" in value ? value._tag : undefined

const comparator = (a, b) => {
  const tags = [tagOf(a), tagOf(b)]
  return tags.every((tag) => typeof tag === "string") && tags[0] !== tags[1] ? false : null
}

chai.config.deepEqual = (actual, expected) => chai.util.eql(actual, expected, { comparator })
