/** A storage that tells what it was asked, and processes that share it one after the other. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as SecretStore from "effect-oauth/SecretStore"
import * as Faulty from "./faulty.js"

export interface Watched extends Faulty.Faulty {
  /** The names and texts that are there. */
  readonly entries: Map<string, string>
  /** The names that were asked for. */
  readonly asked: Array<string>
  readonly gets: () => number
  readonly puts: () => number
  /** Puts something in the place of what is there: a text, or the text there changed. */
  readonly plant: (text: string | ((entry: Record<string, unknown>) => unknown)) => Effect.Effect<void>
}

export const watched: Effect.Effect<Watched> = Effect.map(SecretStore.makeMemory, (memory) => {
  const entries = new Map<string, string>()
  const faulty = Faulty.make({
    ...memory,
    put: (name, text) => Effect.tap(memory.put(name, text), () => entries.set(name, text))
  })
  const asked: Array<string> = []
  let puts = 0
  return {
    ...faulty,
    secrets: {
      ...faulty.secrets,
      get: (name) =>
        Effect.zipRight(
          Effect.sync(() => asked.push(name)),
          faulty.secrets.get(name)
        ),
      put: (name, text) =>
        Effect.zipRight(
          Effect.sync(() => puts++),
          faulty.secrets.put(name, text)
        )
    },
    entries,
    asked,
    gets: () => asked.length,
    puts: () => puts,
    plant: (planted) =>
      Effect.forEach(
        [...entries],
        ([name, text]) =>
          Effect.orDie(
            memory.put(
              name,
              typeof planted === "string" ? planted : JSON.stringify(planted(JSON.parse(text)))
            )
          ),
        { discard: true }
      )
  }
})

/** What a process does that begins and ends; nothing is tried twice over the wire. */
export const process = <A, E, R>(
  { secrets }: Pick<Watched, "secrets">,
  program: Effect.Effect<A, E, R>,
  limits: Parameters<typeof HttpLimits.layer>[0] = {}
): Effect.Effect<A, E, Exclude<Exclude<R, SecretStore.SecretStore>, Scope.Scope>> =>
  program.pipe(
    Effect.provideService(SecretStore.SecretStore, secrets),
    Effect.scoped,
    Effect.provide(HttpLimits.layer({ retries: 0, ...limits }))
  )
