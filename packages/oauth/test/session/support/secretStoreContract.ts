/** What holds of every storage of secrets, and of sessions kept in it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { TokenStoreError } from "effect-oauth/OAuthError"
import type { Stored } from "effect-oauth/SecretStore"
import { SecretStore } from "effect-oauth/SecretStore"
import * as Inspected from "../../http/support/inspected.js"
import { capturing } from "../../http/support/telemetry.js"
import { tokenStoreContract } from "./tokenStoreContract.js"

/** A storage made for one test, empty. */
export interface Subject {
  readonly layer: Layer.Layer<SecretStore, unknown>
  /** Every name that somebody who may list the storage sees, and every text that must not show a secret. */
  readonly shown?: Effect.Effect<ReadonlyArray<string>>
  /** Makes what is kept under the name unreadable. */
  readonly spoil?: (name: string) => Effect.Effect<void>
}

export interface Options {
  /** Runs in a scope, once for each test. */
  readonly make: Effect.Effect<Subject, never, Scope.Scope>
  readonly rounds?: number
}

const canary = "canary-stored-secret-3fd91c"

const names = [
  "plain",
  "Plain",
  "plain ",
  "../../escape",
  "a/b\\c:d*e?f",
  "ünïcode-名前-🔑",
  "con",
  ".",
  "__proto__",
  "x".repeat(4000)
]

const texts = [
  "",
  "{}",
  'quote " and \\ and \u0000 and \r\n',
  "ünïcode 名前 🔑 \u2028",
  "half a pair: \ud83d",
  "large ".repeat(20_000)
]

export const secretStoreContract = (title: string, { make, rounds = 5 }: Options): void => {
  describe(title, () => {
    const rule = (
      says: string,
      test: (store: SecretStore.Service, subject: Subject) => Effect.Effect<void, TokenStoreError>
    ) =>
      it.scopedLive(says, () =>
        Effect.flatMap(make, (subject) =>
          Effect.provide(
            Effect.flatMap(SecretStore, (store) => test(store, subject)),
            subject.layer
          )
        )
      )

    rule("what is absent is none, and deleting it is no failure", (store) =>
      Effect.gen(function* () {
        assert.isTrue(Option.isNone(yield* store.get("absent")))
        yield* store.delete("absent")
        assert.isTrue(Option.isNone(yield* store.compareAndSet("absent", Option.some("made up"), "text")))
        assert.isTrue(Option.isNone(yield* store.get("absent")))
      })
    )

    rule("gives back what was put, of a new generation each time", (store) =>
      Effect.gen(function* () {
        const first = yield* store.put("name", "text")
        assert.deepStrictEqual(yield* store.get("name"), Option.some(first))
        const second = yield* store.put("name", "text")
        assert.notStrictEqual(second.generation, first.generation)
        assert.deepStrictEqual(yield* store.get("name"), Option.some(second))
        yield* store.delete("name")
        assert.isTrue(Option.isNone(yield* store.get("name")))
      })
    )

    rule("a compare-and-set writes over what it expects alone", (store) =>
      Effect.gen(function* () {
        const first = Option.getOrThrow(yield* store.compareAndSet("name", Option.none(), "one"))
        assert.isTrue(Option.isNone(yield* store.compareAndSet("name", Option.none(), "no")))
        const second = Option.getOrThrow(
          yield* store.compareAndSet("name", Option.some(first.generation), "two")
        )
        assert.isTrue(Option.isNone(yield* store.compareAndSet("name", Option.some(first.generation), "no")))
        assert.deepStrictEqual(yield* store.get("name"), Option.some(second))
        assert.strictEqual(second.text, "two")
      })
    )

    rule("what was deleted and made anew is another generation: no ABA", (store) =>
      Effect.gen(function* () {
        const old = yield* store.put("name", "same")
        yield* store.delete("name")
        assert.isTrue(Option.isNone(yield* store.compareAndSet("name", Option.some(old.generation), "no")))
        const anew = Option.getOrThrow(yield* store.compareAndSet("name", Option.none(), "same"))
        assert.notStrictEqual(anew.generation, old.generation)
        assert.isTrue(Option.isNone(yield* store.compareAndSet("name", Option.some(old.generation), "no")))
        assert.deepStrictEqual(yield* store.get("name"), Option.some(anew))
      })
    )

    rule("of 100 that compare and set at once one is first, in every round", (store) =>
      Effect.gen(function* () {
        let current: Option.Option<Stored> = Option.none()
        for (let round = 0; round < rounds; round++) {
          const expected = Option.map(current, ({ generation }) => generation)
          const all = yield* Effect.forEach(
            Array.from({ length: 100 }, (_, index) => `${round}/${index}`),
            (text) => store.compareAndSet("name", expected, text),
            { concurrency: "unbounded" }
          )
          const winners = all.flatMap((one) => Option.toArray(one))
          assert.strictEqual(winners.length, 1)
          current = yield* store.get("name")
          assert.deepStrictEqual(current, Option.fromNullable(winners[0]))
        }
      })
    )

    rule("names are opaque: none is another, whatever it looks like", (store) =>
      Effect.gen(function* () {
        for (const name of names) yield* store.put(name, `of ${name}`)
        for (const name of names) {
          assert.strictEqual(Option.getOrThrow(yield* store.get(name)).text, `of ${name}`)
        }
        yield* store.delete("plain")
        assert.isTrue(Option.isSome(yield* store.get("Plain")))
      })
    )

    rule("texts come back as they were, be they long, empty or of any character", (store) =>
      Effect.gen(function* () {
        for (const text of texts) {
          yield* store.put("name", text)
          assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, text)
        }
      })
    )

    rule("an interruption at any moment leaves the old or the new, and nothing locked", (store) =>
      Effect.gen(function* () {
        yield* store.put("name", "before")
        for (let millis = 0; millis < 8; millis++) {
          const fiber = yield* Effect.fork(store.put("name", `after ${millis}`))
          yield* Effect.sleep(millis)
          yield* Fiber.interrupt(fiber)
          assert.match(Option.getOrThrow(yield* store.get("name")).text, /^(before|after \d)$/)
        }
        yield* Effect.timeout(store.put("name", "last"), "5 seconds").pipe(Effect.orDie)
        assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "last")
      })
    )

    rule("no secret in an error, a name, a log or a span", (store, { shown, spoil }) =>
      Effect.gen(function* () {
        const captured = yield* capturing
        const exits = yield* Effect.gen(function* () {
          const first = yield* store.put("name", canary)
          const wins = yield* Effect.exit(
            store.compareAndSet("name", Option.some(first.generation), `${canary}!`)
          )
          const seen = yield* shown ?? Effect.succeed([])
          assert.notInclude(seen.join("\n"), canary)
          yield* spoil?.("name") ?? Effect.void
          const after = [
            yield* Effect.exit(store.get("name")),
            yield* Effect.exit(store.compareAndSet("name", Option.none(), canary))
          ]
          return [wins, ...after].filter((exit) => exit._tag === "Failure")
        }).pipe(Effect.withSpan("program"), Effect.provide(captured.layer))
        const text = [yield* captured.text, ...exits.map(Inspected.ofExit)].join("\n")
        assert.include(text, "program")
        assert.notInclude(text, canary)
      })
    )

    rule("what cannot be read is corrupt, can be deleted, and can be put anew", (store, { spoil }) =>
      Effect.gen(function* () {
        if (spoil === undefined) return
        yield* store.put("name", "text")
        yield* spoil("name")
        assert.strictEqual((yield* Effect.flip(store.get("name")).pipe(Effect.orDie)).reason, "corrupt")
        yield* store.delete("name")
        assert.isTrue(Option.isNone(yield* store.get("name")))
        yield* store.put("name", "text")
        yield* spoil("name")
        yield* store.put("name", "anew")
        assert.strictEqual(Option.getOrThrow(yield* store.get("name")).text, "anew")
      })
    )

    tokenStoreContract(Effect.map(make, ({ layer }) => layer))
  })
}
