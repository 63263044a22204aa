import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Wire from "effect-oauth/Wire"
import { gzipSync } from "node:zlib"
import * as Origin from "./Origin.js"
import { fails, grant, setup } from "./wire.js"
import type { Subject } from "./wire.js"

const utf16 = (text: string): Uint8Array => new Uint8Array(Buffer.from(`\ufeff${text}`, "utf16le"))

/** DESIGN rule 3: the body is cut off at its cap while it arrives; and how what arrived is read. */
export const bodyContract = (name: string, layer: Subject): ReturnType<typeof describe> =>
  describe(`${name}: body`, () => {
    it.live("DESIGN rule 3: a body of exactly the cap is read, one byte more is not", () =>
      Effect.gen(function* () {
        const { get, origin, send } = yield* setup({ maxBodyBytes: 1000, maxMetadataBytes: 500 })
        yield* origin.script("/fits", Origin.answer(200, "x".repeat(1000)))
        yield* origin.script("/more", Origin.answer(200, "x".repeat(1001)))
        yield* origin.script("/document", Origin.answer(200, "x".repeat(501)))
        const response = yield* send("Test.send", grant(`${origin.url}/fits`))
        assert.strictEqual(response.body.length, 1000)
        const error = yield* fails(send("Test.send", grant(`${origin.url}/more`)), "too_large")
        assert.isFalse(error.retriable)
        assert.include(error.message, "1000 bytes")
        yield* fails(get("Test.get", `${origin.url}/document`), "too_large")
        yield* fails(send("Test.send", grant(`${origin.url}/fits`), { maxBodyBytes: 999 }), "too_large")
        yield* fails(send("Test.send", grant(`${origin.url}/fits`), { maxBodyBytes: 0 }), "too_large")
        yield* Origin.allClosed
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN rule 3, peers 4c 73: an endless body is cut off, and the connection is closed", () =>
      Effect.gen(function* () {
        const { get, origin, send } = yield* setup()
        yield* origin.script("/endless", Origin.answer(200, Origin.endless))
        yield* fails(send("Test.send", grant(`${origin.url}/endless`)), "too_large")
        yield* fails(get("Test.get", `${origin.url}/endless`), "too_large")
        yield* Origin.allClosed
      }).pipe(Effect.provide(layer))
    )

    it.live(
      "RFC 9728 section 5.1: where only the head is wanted, no body is waited for, and the connection is closed",
      () =>
        Effect.gen(function* () {
          const { get, origin } = yield* setup()
          yield* origin.script(
            "/endless",
            Origin.answer(401, Origin.endless, { "www-authenticate": "Bearer" })
          )
          yield* origin.script("/stream", Origin.answer(200, Origin.stalled(": hello\n\n")))
          const refused = yield* get("Test.get", `${origin.url}/endless`, { headOnly: true })
          assert.deepStrictEqual([refused.status, refused.headers["www-authenticate"]], [401, "Bearer"])
          assert.strictEqual(refused.body.length, 0)
          assert.strictEqual((yield* get("Test.get", `${origin.url}/stream`, { headOnly: true })).status, 200)
          yield* Origin.allClosed
        }).pipe(Effect.provide(layer))
    )

    it.live("a body longer than its Content-Length is never read past the cap", () =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup({ maxBodyBytes: 1000 })
        yield* origin.script("/lying", Origin.answer(200, Origin.lying("x".repeat(100_000))))
        const size = yield* send("Test.send", grant(`${origin.url}/lying`)).pipe(
          Effect.map((response) => response.body.length),
          Effect.catchAll((error) => Effect.succeed(error.reason === "too_large" ? 0 : 10))
        )
        assert.isAtMost(size, 10)
        yield* Origin.allClosed
      }).pipe(Effect.provide(layer))
    )

    it.live("a body shorter than its Content-Length is not an answer", () =>
      Effect.gen(function* () {
        const { get, origin, send } = yield* setup()
        yield* origin.script("/broken", Origin.answer(200, Origin.broken('{"a":1}                ')))
        const error = yield* fails(send("Test.send", grant(`${origin.url}/broken`)), "unreachable")
        assert.isTrue(error.retriable)
        yield* origin.script("/cut", Origin.answer(200, Origin.broken("{}          ")), Origin.json({}))
        assert.strictEqual((yield* get("Test.get", `${origin.url}/cut`)).status, 200)
      }).pipe(Effect.provide(layer))
    )

    it.live("peers 4c 73: a gzip bomb is cut off, or stays compressed", () =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup()
        const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024, "x"))
        yield* origin.script("/bomb", Origin.answer(200, bomb, { "content-encoding": "gzip" }))
        const exchange = send("Test.send", grant(`${origin.url}/bomb`))
        const error = yield* Effect.flip(
          Effect.flatMap(exchange, (response) => Wire.json("Test.send", response))
        )
        assert.include(["too_large", "content"], error.reason)
        assert.include(error.message, error.reason === "content" ? "did not decompress" : "cut off")
        yield* Origin.allClosed
      }).pipe(Effect.provide(layer))
    )

    const read = (body: string | Uint8Array) =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup()
        yield* origin.script("/text", Origin.answer(200, body, { "content-type": "application/json" }))
        return yield* send("Test.send", grant(`${origin.url}/text`))
      })

    it.live("RFC 8259 section 8.1, peers 4c 76: UTF-8 is read, a byte order mark ignored", () =>
      Effect.gen(function* () {
        const text = JSON.stringify({ name: "Zoë 日本 🎉" })
        assert.deepStrictEqual(yield* Wire.json("Test.read", yield* read(text)), { name: "Zoë 日本 🎉" })
        assert.deepStrictEqual(yield* Wire.json("Test.read", yield* read(`\ufeff${text}`)), {
          name: "Zoë 日本 🎉"
        })
      }).pipe(Effect.provide(layer))
    )

    it.live("peers 4c 76: UTF-16, invalid UTF-8 and no body at all are not JSON", () =>
      Effect.gen(function* () {
        for (const body of [utf16('{"a":1}'), new Uint8Array([0x22, 0xff, 0xfe, 0x22]), "", "null "]) {
          const response = yield* read(body)
          if (body === "null ") {
            assert.isNull(yield* Wire.json("Test.read", response))
          } else {
            const error = yield* fails(Wire.json("Test.read", response), "content")
            assert.include(error.message, "status 200, application/json")
            assert.isFalse(error.retriable)
          }
        }
        assert.strictEqual(yield* Wire.text("Test.read", yield* read("")), "")
        assert.strictEqual((yield* read("")).body.length, 0)
      }).pipe(Effect.provide(layer))
    )

    it.live("any status but a redirect is an answer, with its headers and body", () =>
      Effect.gen(function* () {
        const { origin, send } = yield* setup()
        for (const status of [200, 201, 400, 401, 404, 429, 500, 502, 503]) {
          yield* origin.script("/status", Origin.answer(status, "body", { "www-authenticate": "Bearer" }))
          const response = yield* send("Test.send", grant(`${origin.url}/status?secret=1`))
          assert.strictEqual(response.status, status)
          assert.strictEqual(response.headers["www-authenticate"], "Bearer")
          assert.strictEqual(yield* Wire.text("Test.send", response), "body")
          assert.strictEqual(response.url, `${origin.url}/status`)
        }
      }).pipe(Effect.provide(layer))
    )
  })
