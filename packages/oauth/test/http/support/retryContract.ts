import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Origin from "./Origin.js"
import { fails, grant, setup } from "./wire.js"
import type { Subject } from "./wire.js"

const passing: ReadonlyArray<readonly [what: string, behaviour: Origin.Behaviour]> = [
  ["429", Origin.answer(429, "", { "retry-after": "0" })],
  [
    "429 with a date that has passed",
    Origin.answer(429, "", { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" })
  ],
  ["500", Origin.answer(500)],
  ["503", Origin.answer(503)],
  ["a connection that is reset", Origin.reset],
  ["a connection that breaks in the body", Origin.answer(200, Origin.broken("{}      "))]
]

/** DESIGN rule 10: only reads are retried. */
export const retryContract = (name: string, layer: Subject): ReturnType<typeof describe> =>
  describe(`${name}: retries`, () => {
    for (const [what, behaviour] of passing) {
      it.live(`DESIGN rule 10: ${what}: a read is tried again, a grant is sent once`, () =>
        Effect.gen(function* () {
          const { get, origin, send } = yield* setup()
          yield* origin.script("/document", behaviour, behaviour, Origin.json({}))
          assert.strictEqual((yield* get("Test.get", `${origin.url}/document`)).status, 200)
          assert.strictEqual(yield* Origin.countOf("/document"), 3)
          yield* origin.script("/token", behaviour, Origin.json({}))
          yield* Effect.either(send("Test.send", grant(`${origin.url}/token`)))
          assert.strictEqual(yield* Origin.countOf("/token"), 1)
        }).pipe(Effect.provide(layer))
      )
    }

    it.live("a read is given up after the tries that the limits allow, with what came last", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup({ retries: 1 })
        yield* origin.script(
          "/document",
          Origin.answer(429),
          Origin.answer(502, "<html>", { "retry-after": "7" })
        )
        const error = yield* fails(get("Test.get", `${origin.url}/document`), "status")
        assert.strictEqual(error.status, 502)
        assert.strictEqual(error.retryAfter, 7)
        assert.isTrue(error.retriable)
        assert.strictEqual(yield* Origin.countOf("/document"), 2)
      }).pipe(Effect.provide(layer))
    )

    it.live("other statuses, redirects and what is too large are not tried again", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup({ maxMetadataBytes: 100 })
        const finals = [
          Origin.answer(404),
          Origin.answer(401),
          Origin.redirect("/x"),
          Origin.answer(200, "x".repeat(101))
        ]
        for (const [index, behaviour] of finals.entries()) {
          yield* origin.script(`/${index}`, behaviour)
          yield* Effect.either(get("Test.get", `${origin.url}/${index}`))
          assert.strictEqual(yield* Origin.countOf(`/${index}`), 1)
        }
      }).pipe(Effect.provide(layer))
    )

    it.live("a read asks for JSON and says nothing of who asks", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup()
        yield* origin.script("/document", Origin.json({}))
        yield* get("Test.get", `${origin.url}/document`)
        const [request] = yield* origin.received
        assert.strictEqual(request?.method, "GET")
        assert.strictEqual(request?.headers["accept"], "application/json")
        assert.isUndefined(request?.headers["authorization"])
        assert.isUndefined(request?.headers["cookie"])
      }).pipe(Effect.provide(layer))
    )
  })
