/** How often servers let codes be asked about, after `slow_down`: for good (RFC 8628 section 3.5). */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"

/** Remembers it by code while the code is good, for who stops asking and begins again. */
export interface Pace {
  /** The seconds that the server wants between two requests, where it wanted other than it said first. */
  readonly of: (code: Redacted.Redacted<string>) => Effect.Effect<number | undefined>
  readonly learn: (code: Redacted.Redacted<string>, seconds: number, expiresAt: number) => Effect.Effect<void>
}

interface Kept {
  readonly seconds: number
  readonly expiresAt: number
}

/** Codes that are remembered; the one that was slowed down longest ago goes. */
const capacity = 10_000

export const make: Effect.Effect<Pace> = Effect.map(
  Ref.make<ReadonlyMap<string, Kept>>(new Map()),
  (paces) => ({
    of: (code) => Effect.map(Ref.get(paces), (all) => all.get(Redacted.value(code))?.seconds),
    learn: (redacted, seconds, expiresAt) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Ref.update(paces, (before) => {
          const code = Redacted.value(redacted)
          const live = [...before].filter(([other, kept]) => other !== code && kept.expiresAt > now)
          return new Map([...live.slice(-(capacity - 1)), [code, { seconds, expiresAt }]])
        })
      )
  })
)
