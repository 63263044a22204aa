/** Status lists, kept for as long as their issuers and the program will have it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as FlightCache from "../../http/FlightCache.js"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { Fetched } from "./fetchStatusList.js"

/** Times are in milliseconds. */
export interface Settings {
  readonly fetch: (issuer: string, uri: string) => Effect.Effect<Fetched, KeyringError>
  /** The bounds of a `ttl`. */
  readonly shortest: number
  readonly longest: number
  /** How long after that a list serves while it cannot be fetched. */
  readonly staleFor: number
  readonly maximum: number
}

interface Kept extends Fetched {
  /** Until when no newer one is looked for. */
  readonly fresh: number
  /** From when on it must not be relied upon. */
  readonly end: number
}

/** Lists by issuer and address: a list is nobody else's, whoever names its address. */
export const make = ({
  fetch,
  longest,
  maximum,
  shortest,
  staleFor
}: Settings): Effect.Effect<
  (issuer: string, uri: string) => Effect.Effect<Fetched, KeyringError>,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const lists = yield* FlightCache.make<Kept, KeyringError>({
      maximum,
      // One that serves though it is old is kept for a moment: then the next is looked for again.
      keepUntil: ({ end, fresh }, now) => Math.min(fresh > now ? fresh : now + shortest, end)
    })
    // What was fetched last, the oldest first: it changes only between two steps of a fiber.
    const last = new Map<string, Kept>()

    const remember = (key: string, list: Kept): void => {
      if (staleFor === 0) return
      last.delete(key)
      last.set(key, list)
      for (const oldest of last.keys()) {
        if (last.size <= maximum) break
        last.delete(oldest)
      }
    }

    const newest = (key: string, issuer: string, uri: string): Effect.Effect<Kept, KeyringError> =>
      Effect.flatMap(fetch(issuer, uri), (list) =>
        Effect.clockWith((clock) => {
          const { exp = Infinity, ttl = Infinity } = list
          const life = Math.min(Math.max(ttl * 1000, shortest), longest)
          const kept = { ...list, fresh: clock.unsafeCurrentTimeMillis() + life, end: exp * 1000 }
          remember(key, kept)
          return Effect.succeed(kept)
        })
      )

    /** What was there before, in an outage: what is there and wrong is none. */
    const orLast = (key: string, error: KeyringError): Effect.Effect<Kept, KeyringError> =>
      Effect.clockWith((clock) => {
        const list = last.get(key)
        return list !== undefined &&
          error.reason === "unavailable" &&
          clock.unsafeCurrentTimeMillis() < Math.min(list.fresh + staleFor, list.end)
          ? Effect.succeed(list)
          : Effect.fail(error)
      })

    return (issuer, uri) => {
      const key = JSON.stringify([issuer, uri])
      return lists.get(
        key,
        Effect.catchAll(newest(key, issuer, uri), (error) => orLast(key, error))
      )
    }
  })
