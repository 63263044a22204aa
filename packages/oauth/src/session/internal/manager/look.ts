/** Looking at what the store has, and making it one's own where it counts. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { TokenStoreError } from "../../../protocol/OAuthError.js"
import { SessionEvent } from "../../SessionEvent.js"
import type { Entry } from "../../TokenStore.js"
import * as Instant from "./instant.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"
import { discard } from "./revoking.js"
import * as Standing from "./standing.js"

/** What the store has, and what of it and of what is held counts. */
export interface Seen {
  readonly entry: Option.Option<Entry>
  readonly standing: Standing.Standing
}

/**
 * Afterwards memory holds what counts. What the store had before memory changed
 * is not looked at: it may be what was replaced since. `granted`: what is new in
 * the store was put there just now.
 */
export const look = (
  machine: Machine,
  granted: boolean,
  get: Machine["store"]["get"] = machine.store.get
): Effect.Effect<Seen, TokenStoreError> =>
  Effect.suspend(() => {
    const { changes } = machine.memory
    return Effect.flatMap(Effect.zip(get, Instant.now), ([entry, since]) =>
      Effect.suspend(() =>
        machine.memory.changes === changes
          ? Effect.map(see(machine, entry, granted, since), (standing) => ({ entry, standing }))
          : look(machine, granted, get)
      )
    )
  })

/** What it changes in memory it changes at once. */
const see = (
  machine: Machine,
  entry: Option.Option<Entry>,
  granted: boolean,
  since: Instant.Instant
): Effect.Effect<Standing.Standing> => {
  const { memory } = machine
  const { held } = memory
  const login = Option.getOrUndefined(entry)?.record.login
  memory.looked = true
  memory.latest = Math.max(memory.latest, login?.at ?? 0)
  if (held?.placed === false) held.login = { ...held.login, at: Math.max(held.login.at, memory.latest + 1) }
  const standing = Standing.of(held, memory.forgotten, entry)
  switch (standing._tag) {
    case "Held":
      if (!standing.missing) {
        standing.held.login = login ?? standing.held.login
        M.saved(machine, standing.held)
      }
      return Effect.as(M.show(machine), standing)
    case "Stored":
      M.hold(machine, standing.tokens, { since, granted, saved: true, login: standing.login, placed: true })
      return Effect.as(Effect.zipRight(M.say(machine, SessionEvent.Adopted()), M.show(machine)), standing)
    case "Ended":
      return Effect.as(
        Effect.zipRight(
          // Refreshed while others logged out: they could not revoke these.
          held?.saved === false && standing.reason === "revoked"
            ? discard(machine, held.tokens)
            : Effect.void,
          over(machine, standing.reason)
        ),
        standing
      )
    case "Nothing":
      return Effect.as(M.show(machine), standing)
  }
}

/** The session is over, as this manager knows; the tokens may be in the store still. */
export const end = (machine: Machine, reason: Standing.Ending): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { memory } = machine
    if (memory.held !== undefined) memory.forgotten = { tokens: memory.held.tokens, login: undefined }
    return over(machine, reason)
  })

/** What begins anew by itself is only without tokens. */
const over = (machine: Machine, reason: Standing.Ending): Effect.Effect<void> => {
  const { memory, source } = machine
  const known = memory.ended === reason
  M.drop(machine)
  memory.bare = false
  if (source.canRenew(Option.none())) return M.show(machine)
  memory.ended = reason
  return Effect.zipRight(
    known ? Effect.void : M.say(machine, SessionEvent.Ended({ reason })),
    M.show(machine)
  )
}
