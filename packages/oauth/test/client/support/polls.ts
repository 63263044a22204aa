/** A token endpoint that answers from a script, and a person's clock to move. */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import type { OAuthError } from "effect-oauth/OAuthError"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import { ConnectionBroken } from "effect-oauth-testing/TestIssuerError"

/** What the token endpoint does with one request. */
export interface Answer {
  readonly status?: number
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** Break the connection, or never answer. */
  readonly fault?: "broken" | "hangs"
}

export const pending: Answer = { status: 400, body: { error: "authorization_pending" } }
export const slowDown = (more: Readonly<Record<string, unknown>> = {}): Answer => ({
  status: 400,
  body: { error: "slow_down", ...more }
})
export const refuses = (error: string, description?: string): Answer => ({
  status: 400,
  body: { error, error_description: description }
})
export const granted: Answer = {
  status: 200,
  body: { access_token: "the-access-token", token_type: "Bearer", expires_in: 60 }
}

/** Answers in order, the last one for ever; gives the seconds at which requests came. */
export const script = (
  answers: ReadonlyArray<Answer>
): Effect.Effect<Effect.Effect<ReadonlyArray<number>>, never, TestIssuer.TestIssuer> =>
  Effect.gen(function* () {
    const server = yield* TestIssuer.TestIssuer
    const times = yield* Ref.make<ReadonlyArray<number>>([])
    yield* server.misbehave(
      "token",
      Misbehaviour.custom(() =>
        Effect.gen(function* () {
          const now = (yield* Clock.currentTimeMillis) / 1000
          const before = yield* Ref.getAndUpdate(times, (all) => [...all, now])
          const answer = answers[Math.min(before.length, answers.length - 1)] ?? pending
          if (answer.fault === "broken") return yield* new ConnectionBroken({ message: "broken" })
          if (answer.fault === "hangs") return yield* Effect.never
          return new Response(JSON.stringify(answer.body ?? {}), {
            status: answer.status ?? 200,
            headers: { "content-type": "application/json", ...answer.headers }
          })
        })
      )
    )
    return Ref.get(times)
  })

/** What a stream tells, one after the other: the clock goes on only when the stream waits for it. */
export const follow = <
  A extends { readonly _tag: string; readonly next?: Duration.Duration },
  E extends OAuthError
>(
  stream: Stream.Stream<A, E>,
  firstWait: number,
  /** What sleeps are counted by, whatever time the stream is made to see. */
  clock?: Clock.Clock
) =>
  Effect.gen(function* () {
    const told = yield* Queue.unbounded<A | E>()
    const counts = clock ?? (yield* Effect.clock)
    const now = Effect.sync(() => counts.unsafeCurrentTimeMillis())
    let due = (yield* now) + firstWait * 1000
    const tell = (event: A) =>
      Effect.flatMap(now, (millis) => {
        if (event.next !== undefined) due = millis + Duration.toMillis(event.next)
        return Queue.offer(told, event)
      })
    yield* stream.pipe(
      Stream.runForEach(tell),
      Effect.catchAll((error) => Queue.offer(told, error)),
      Effect.forkScoped
    )
    /** Until the stream sleeps up to the next request, or has told something: only then may the clock go on. */
    const settled: Effect.Effect<void> = Effect.gen(function* () {
      const sleeps = yield* TestClock.sleeps()
      if (Chunk.some(sleeps, (one) => Math.abs(one - due) < 1) || (yield* Queue.size(told)) > 0) return
      yield* TestServices.provideLive(Effect.sleep("1 millis"))
      yield* settled
    })
    yield* settled
    const next = Queue.take(told)
    return {
      /** Lets time pass that is long enough, and gives what is told then. */
      after: (seconds: number) =>
        settled.pipe(
          Effect.zipRight(TestClock.adjust(Duration.millis(Math.round(seconds * 1000)))),
          Effect.zipRight(next)
        ),
      /** Lets time pass; what is told then, where it is time. */
      move: (seconds: number) =>
        Effect.gen(function* () {
          yield* settled
          const millis = Math.round(seconds * 1000)
          const isTime = (yield* now) + millis >= due
          yield* TestClock.adjust(Duration.millis(millis))
          return isTime ? Option.some(yield* next) : Option.none()
        }),
      /** What is told without any time passing. */
      next
    }
  })
