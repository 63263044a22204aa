/** A readable transcript: numbered steps with their time, secrets masked. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Redacted from "effect/Redacted"

export interface Transcript {
  /** Runs one step, and prints what it did and how long that took. */
  readonly step: <A, E, R>(
    title: string,
    effect: Effect.Effect<A, E, R>,
    tell: (value: A) => ReadonlyArray<string>
  ) => Effect.Effect<A, E, R>
}

export const makeTranscript: Effect.Effect<Transcript> = Effect.map(Ref.make(0), (count) => ({
  step: (title, effect, tell) =>
    Effect.gen(function* () {
      const number = yield* Ref.updateAndGet(count, (before) => before + 1)
      const started = yield* Clock.currentTimeMillis
      const value = yield* effect
      const took = (yield* Clock.currentTimeMillis) - started
      yield* Console.log(`${String(number).padStart(2)}  ${title.padEnd(82)} ${String(took).padStart(5)} ms`)
      for (const line of tell(value)) yield* Console.log(`      ${line}`)
      return value
    })
}))

/** How long a secret is, and nothing else of it. */
export const mask = (secret: Redacted.Redacted<string>): string =>
  `•••••• (${Redacted.value(secret).length} characters)`

/** An instant in milliseconds since the epoch, as people read it. */
export const iso = (millis: number): string => new Date(millis).toISOString()
