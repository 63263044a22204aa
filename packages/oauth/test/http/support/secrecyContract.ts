import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpLimits from "effect-oauth/HttpLimits"
import type { TransportError } from "effect-oauth/OAuthError"
import * as Wire from "effect-oauth/Wire"
import * as Duration from "effect/Duration"
import * as Inspected from "./inspected.js"
import * as Origin from "./Origin.js"
import { capturing } from "./telemetry.js"
import { fails, grant, setup } from "./wire.js"
import type { Subject } from "./wire.js"

const forbidden = [
  "http://as.example/token",
  "http://192.168.0.1/token",
  "http://169.254.169.254/latest",
  "http://[::ffff:127.0.0.1]/token",
  "http://2130706433/token",
  "https://user:canary-password@as.example/token",
  "https://as.example/token#canary-fragment",
  "file:///etc/passwd",
  "ftp://as.example/token",
  "javascript:alert(1)",
  "data:application/json,{}",
  "/token",
  "//as.example/token",
  "",
  "https://",
  "https://as.example\\@evil.example/",
  "https://as.example/\r\nx: y"
]

/** DESIGN rules 1 and 13: where nothing is sent, and what is never told. */
export const secrecyContract = (name: string, layer: Subject): ReturnType<typeof describe> =>
  describe(`${name}: secrecy`, () => {
    it.live("DESIGN rule 1: a forbidden URL is refused before anything is sent", () =>
      Effect.gen(function* () {
        const { get, origin, send } = yield* setup()
        for (const url of forbidden) {
          for (const exchange of [send("Test.send", grant(url)), get("Test.get", url)]) {
            const exit = yield* Effect.exit(exchange)
            assert.notInclude(Inspected.ofExit(exit), "canary", url)
            yield* fails(Effect.flatten(Effect.succeed(exit)), "forbidden_url")
          }
        }
        assert.deepStrictEqual(yield* origin.received, [])
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN rule 1: plain http to other hosts only where it is allowed", () =>
      Effect.gen(function* () {
        const { send } = yield* setup({ allowInsecure: true, deadline: Duration.millis(100) })
        const sent = yield* Effect.either(send("Test.send", grant("http://nobody.invalid/token")))
        if (sent._tag === "Left") assert.notStrictEqual(sent.left.reason, "forbidden_url")
        yield* fails(send("Test.send", grant("http://user@nobody.invalid/token")), "forbidden_url")
      }).pipe(Effect.provide(layer))
    )

    it.live(
      "DESIGN rule 13: no trace header is sent and no client span made, though a tracer is active",
      () =>
        Effect.gen(function* () {
          const { get, origin, send } = yield* setup()
          yield* origin.script("/token", Origin.json({}))
          const { layer: observed, spans } = yield* capturing
          yield* Effect.all([
            send("Test.send", grant(`${origin.url}/token`)),
            get("Test.get", `${origin.url}/token`)
          ]).pipe(Effect.withSpan("outer"), Effect.provide(observed))
          const received = yield* origin.received
          assert.strictEqual(received.length, 2)
          for (const request of received) {
            const traced = Object.keys(request.headers).filter((header) =>
              /^(traceparent|tracestate|b3|x-b3-.*|baggage)$/.test(header)
            )
            assert.deepStrictEqual(traced, [])
          }
          assert.deepStrictEqual(
            (yield* spans).map((span) => span.name),
            ["outer"]
          )
        }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN section 4: no failure, log line or span shows what was sent, or what came", () =>
      Effect.gen(function* () {
        const { get, origin, send } = yield* setup({
          deadline: Duration.millis(150),
          maxBodyBytes: 1000,
          retries: 0
        })
        const behaviours = [
          Origin.hang,
          Origin.reset,
          Origin.redirect("https://as.example/?code=canary-location"),
          Origin.answer(200, Origin.broken("canary-body   ")),
          Origin.answer(200, Origin.endless),
          Origin.answer(502, "canary-body", { "set-cookie": "s=canary-cookie", "x-token": "canary-header" }),
          Origin.answer(204, "", { "x-token": "canary-header" })
        ]
        const tries = yield* Effect.forEach([...behaviours.entries()], ([index, behaviour]) => {
          const url = `${origin.url}/${index}?t=canary-query`
          return Effect.as(origin.script(`/${index}`, behaviour), [
            send("Test.send", grant(url)),
            get("Test.get", url)
          ])
        })
        const leaksNothing = (exchange: Effect.Effect<Wire.WireResponse, TransportError>) =>
          Effect.gen(function* () {
            const { layer: observed, logs, text } = yield* capturing
            const exit = yield* exchange.pipe(
              Effect.flatMap((response) => Wire.json("Test.send", response)),
              Effect.withSpan("outer"),
              Effect.exit,
              Effect.provide(observed)
            )
            assert.strictEqual(exit._tag, "Failure")
            const shown = Inspected.ofExit(exit) + (yield* text)
            assert.include(shown, "TransportError")
            assert.notInclude(shown, "canary")
            assert.notInclude(shown, "HttpClientRequest")
            assert.deepStrictEqual(yield* logs, [], "what is told to the caller is not logged")
          })
        yield* Effect.forEach(tries.flat(), leaksNothing, { concurrency: "unbounded", discard: true })
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN section 4: nor does one of a server that is not there", () =>
      Effect.gen(function* () {
        const { send } = yield* setup()
        const exit = yield* Effect.exit(
          send("Test.send", grant("https://nobody.invalid/token?t=canary-query"))
        )
        if (exit._tag === "Failure") assert.notInclude(Inspected.ofExit(exit), "canary")
      }).pipe(Effect.provide(layer))
    )

    it.live("HttpLimits.layer: what it is provided to has its limits, and the others the defaults", () =>
      Effect.gen(function* () {
        const own = yield* Effect.provide(Wire.make, HttpLimits.layer({ maxBodyBytes: 7 }))
        assert.deepStrictEqual(own.limits, { ...HttpLimits.defaults, maxBodyBytes: 7 })
        assert.deepStrictEqual((yield* Wire.make).limits, HttpLimits.defaults)
      }).pipe(Effect.provide(layer))
    )
  })
