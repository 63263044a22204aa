import * as Effect from "effect/Effect"
import { KeyringError } from "../../protocol/internal/exchangeErrors.js"

/** A part of the toolkit that a bundler makes a chunk of its own of, so that a login starts small. */
export const loaded = <A>(operation: string, load: () => Promise<A>): Effect.Effect<A, KeyringError> =>
  Effect.tryPromise({
    try: load,
    catch: () =>
      new KeyringError({
        operation,
        reason: "unavailable",
        retriable: true,
        message: `${operation}: a part of this program could not be loaded; try again.`
      })
  })
