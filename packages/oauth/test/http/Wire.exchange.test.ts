import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Wire from "effect-oauth/Wire"

describe("an exchange of the wire", () => {
  it.live("is of its own where one request is sent twice: who is interrupted aborts that one", () =>
    Effect.gen(function* () {
      const signals: Array<AbortSignal> = []
      const client = HttpClient.transform(
        HttpClient.make((request, _url, signal) => {
          signals.push(signal)
          return signals.length < 3
            ? Effect.never
            : Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}")))
        }),
        // As a limit of the rate would do.
        (effect) => Effect.delay(effect, "20 millis")
      )
      const wire = yield* Effect.provideService(Wire.make, HttpClient.HttpClient, client)
      const request = HttpClientRequest.get("https://as.example/one")
      const first = yield* Effect.fork(wire.send("Test.send", request))
      const second = yield* Effect.fork(wire.send("Test.send", request))
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => signals.length === 2 })
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(
        signals.map(({ aborted }) => aborted),
        [true, false]
      )
      yield* Fiber.interrupt(second)
      assert.strictEqual((yield* client.execute(request)).status, 200)
      assert.isFalse(signals[2]?.aborted)
    })
  )

  it.effect("DESIGN rule 13: hides what is secret in its headers from whatever prints them", () =>
    Effect.gen(function* () {
      const hidden: Array<string> = []
      const client = HttpClient.make((request, _url, _signal, fiber) => {
        const shown = Headers.redact(request.headers, fiber.getFiberRef(Headers.currentRedactedNames))
        for (const [name, value] of Object.entries(shown)) if (Redacted.isRedacted(value)) hidden.push(name)
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("{}")))
      })
      const wire = yield* Effect.provideService(Wire.make, HttpClient.HttpClient, client)
      const secret = [
        "authorization",
        "cookie",
        "dpop",
        "oauth-client-attestation",
        "oauth-client-attestation-pop",
        "set-cookie"
      ]
      const headers = Object.fromEntries(
        [...secret, "accept", "x-dpop", "dpop-nonce"].map((name) => [name, "x"])
      )
      yield* wire
        .send("Test.send", HttpClientRequest.post("https://as.example/token", { headers }))
        .pipe(Effect.locally(Headers.currentRedactedNames, []))
      assert.deepStrictEqual(hidden.sort(), secret)
    })
  )
})
