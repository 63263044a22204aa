import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpLimits from "effect-oauth/HttpLimits"

const limits = (options: HttpLimits.Options) =>
  Effect.provide(HttpLimits.HttpLimits, HttpLimits.layer(options))

describe("HttpLimits.layer", () => {
  it.effect("takes durations as programs write them", () =>
    Effect.gen(function* () {
      for (const deadline of ["30 seconds", 30_000, Duration.seconds(30)] as const) {
        assert.strictEqual(Duration.toMillis((yield* limits({ deadline })).deadline), 30_000)
      }
      assert.strictEqual(
        Duration.toMillis((yield* limits({ maxRetryDelay: "1 second" })).maxRetryDelay),
        1000
      )
    })
  )

  it.effect("leaves alone what is not named", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* limits({}), HttpLimits.defaults)
      assert.deepStrictEqual(yield* limits({ deadline: undefined, retries: 0 }), {
        ...HttpLimits.defaults,
        retries: 0
      })
    })
  )

  it.effect("DESIGN rule 3: a limit that is undefined is the default, and no limit less", () =>
    Effect.gen(function* () {
      const nothing = {
        deadline: undefined,
        maxBodyBytes: undefined,
        maxMetadataBytes: undefined,
        retries: undefined,
        maxRetryDelay: undefined,
        metadataRedirects: undefined,
        allowInsecure: undefined
      }
      assert.hasAllKeys(nothing, { ...HttpLimits.defaults })
      assert.deepStrictEqual(yield* limits(nothing), HttpLimits.defaults)
    })
  )
})
