/** The statuses in a list, against the vectors of the draft and an encoder that is not ours. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib"
import * as Base64Url from "../../src/keys/internal/base64url.js"
import * as StatusList from "../../src/keys/internal/statusList.js"

const { source, vectors } = Schema.decodeUnknownSync(
  Schema.Struct({
    source: Schema.String,
    vectors: Schema.Array(
      Schema.Struct({
        name: Schema.String,
        bits: Schema.Literal(1, 2, 4, 8),
        size: Schema.Number,
        lst: Schema.String,
        statuses: Schema.Array(Schema.Tuple(Schema.Number, Schema.Number))
      })
    )
  })
)(JSON.parse(readFileSync(new URL("../vectors/statusList.json", import.meta.url), "utf8")))

const MiB = 1024 * 1024

const bytesOf = (lst: string) => Base64Url.decodeBytes(lst) ?? new Uint8Array()

const copy = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)

describe("status lists", () => {
  for (const { bits, lst, name, size, statuses } of vectors) {
    it.effect(`${source}, ${name}: each status, and nothing beyond the end`, () =>
      Effect.gen(function* () {
        const bytes = yield* StatusList.inflate(bytesOf(lst), MiB)
        assert.strictEqual(bytes.length, size)
        const list = { bits, bytes }
        for (const [index, status] of statuses) assert.strictEqual(StatusList.at(list, index), status)
        const told = new Set(statuses.map(([index]) => index))
        const count = (size * 8) / bits
        for (let index = 0; index < count; index += 61) {
          if (!told.has(index)) assert.strictEqual(StatusList.at(list, index), 0, String(index))
        }
        for (const index of [count, count + 1, 2 ** 40, Number.MAX_SAFE_INTEGER])
          assert.isUndefined(StatusList.at(list, index))
      })
    )
  }

  it.effect.prop(
    "section 4.1: whatever is written is read again, in each width",
    [
      FastCheck.constantFrom<StatusList.Bits>(1, 2, 4, 8),
      FastCheck.array(FastCheck.nat(255), { maxLength: 64 })
    ],
    ([bits, values]) =>
      Effect.gen(function* () {
        const statuses = values.map((value) => value % 2 ** bits)
        // As the draft's Python writes it: one status after the other, from the least significant bit on.
        const bytes = Buffer.alloc(Math.ceil((statuses.length * bits) / 8))
        statuses.forEach((status, index) => {
          const at = index * bits
          bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (status << (at & 7))
        })
        const read = yield* StatusList.inflate(copy(deflateSync(bytes, { level: 9 })), 1024)
        statuses.forEach((status, index) =>
          assert.strictEqual(StatusList.at({ bits, bytes: read }, index), status)
        )
      })
  )

  it.effect("peers 4c 33, 73: a bomb is not read further than the list may grow", () =>
    Effect.gen(function* () {
      const bomb = deflateSync(Buffer.alloc(200 * MiB))
      assert.isBelow(bomb.length, MiB)
      const before = process.memoryUsage().arrayBuffers
      assert.strictEqual(yield* Effect.flip(StatusList.inflate(copy(bomb), MiB)), "too_large")
      assert.isBelow(process.memoryUsage().arrayBuffers - before, 50 * MiB)
      const exact = copy(deflateSync(Buffer.alloc(MiB)))
      assert.strictEqual((yield* StatusList.inflate(exact, MiB)).length, MiB)
      assert.strictEqual(yield* Effect.flip(StatusList.inflate(exact, MiB - 1)), "too_large")
    })
  )

  it.effect("what is not of the format of ZLIB, is cut off or was changed is damaged", () =>
    Effect.gen(function* () {
      const plain = Buffer.from(
        "a list of statuses, long enough to be compressed: aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      )
      const good = deflateSync(plain)
      const changed = Buffer.from(good)
      changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1
      const others: ReadonlyArray<readonly [string, Uint8Array]> = [
        ["nothing", new Uint8Array()],
        ["the header alone", good.subarray(0, 2)],
        ["cut off", good.subarray(0, -5)],
        ["without its checksum", good.subarray(0, -4)],
        ["with another checksum", changed],
        ["DEFLATE without ZLIB", deflateRawSync(plain)],
        ["gzip", gzipSync(plain)],
        ["not compressed", plain]
      ]
      for (const [what, bytes] of others)
        assert.strictEqual(yield* Effect.flip(StatusList.inflate(copy(bytes), MiB)), "damaged", what)
    })
  )
})
