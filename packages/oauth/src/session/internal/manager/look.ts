/** Looking at what the store has, and making it one's own where it counts. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SessionEvent } from "../../SessionEvent.js"
import type { Entry } from "../../TokenStore.js"
import * as Instant from "./instant.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"
import * as Standing from "./standing.js"

/**
 * Afterwards memory holds what counts. `granted`: what is new in the store was
 * put there just now.
 */
export const look = (
  machine: Machine,
  entry: Option.Option<Entry>,
  granted: boolean
): Effect.Effect<Standing.Standing> =>
  Effect.gen(function* () {
    const { memory } = machine
    const since = yield* Instant.now
    const standing = Standing.of(memory.held, memory.forgotten, entry)
    memory.looked = true
    switch (standing._tag) {
      case "Held":
        if (!standing.missing) standing.held.saved = true
        break
      case "Stored":
        M.hold(machine, standing.tokens, { since, granted, saved: true, replaces: [] })
        yield* M.say(machine, SessionEvent.Adopted())
        break
      case "Ended":
        yield* end(machine, standing.reason)
        break
      case "Nothing":
        break
    }
    yield* M.show(machine)
    return standing
  })

/** The session is over. What begins anew by itself is only without tokens. */
export const end = (machine: Machine, reason: Standing.Ending): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { memory, source } = machine
    const known = memory.ended === reason
    memory.forgotten = memory.held?.tokens ?? memory.forgotten
    memory.held = undefined
    if (source.canRenew(Option.none())) return M.show(machine)
    memory.ended = reason
    return Effect.zipRight(
      known ? Effect.void : M.say(machine, SessionEvent.Ended({ reason })),
      M.show(machine)
    )
  })
