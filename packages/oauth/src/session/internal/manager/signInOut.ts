/** How a session begins and ends, when a person wants it. */
import * as Effect from "effect/Effect"
import * as Entropy from "../../../protocol/Entropy.js"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import { SessionEvent } from "../../SessionEvent.js"
import type { Held } from "./held.js"
import * as Instant from "./instant.js"
import * as Leaving from "./leaving.js"
import * as Login from "./login.js"
import { look } from "./look.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"
import * as Revoking from "./revoking.js"
import { saveOrKeepTrying } from "./saving.js"

/** What came of a logout. */
interface SignedOut {
  readonly deleted: boolean
  readonly revoked: ReadonlyArray<Revoking.Kind>
  readonly alive: ReadonlyArray<Revoking.Kind>
  readonly failures: ReadonlyArray<Revoking.Problem>
}

/**
 * Begins the session with the tokens of a login, at once; a refresh that is under
 * way for the one before finds that out.
 */
export const begin = (machine: Machine, tokens: TokenSet): Effect.Effect<void, TokenStoreError> =>
  Effect.gen(function* () {
    const { key, memory } = machine
    if (tokens.issuer !== key.issuer) return yield* foreign()
    const since = yield* Instant.now
    const login = Login.begun(yield* Entropy.randomText(16), since.wall, memory.latest)
    memory.refused = undefined
    memory.rest = undefined
    memory.forgotten = undefined
    memory.logins += 1
    M.hold(machine, tokens, { since, granted: true, saved: false, login, placed: false })
    yield* M.say(machine, SessionEvent.Acquired())
    yield* Effect.flatten(saveOrKeepTrying(machine))
  })

const foreign = (): TokenStoreError =>
  new TokenStoreError({
    operation: "TokenManager.adopt",
    reason: "conflict",
    message:
      "TokenManager.adopt: the tokens are of another issuer than that of the session's key. Both must be of one OAuthClient."
  })

/**
 * Ends the session that counts when it is asked for, and all that was refreshed
 * from it, in `turn`: revokes, then deletes, whatever came of revoking. A login that
 * comes in the meantime is another session, and stays; so whoever asks after that
 * is not told what came of this one.
 */
export const signOut = (
  machine: Machine,
  turn: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>
): Effect.Effect<Parted> =>
  Effect.suspend(() => {
    const { held, logins } = machine.memory
    return Effect.map(turn(part(machine, held, logins)), (report) => ({ report, logins }))
  })

/** What came of a logout, and of how many logins it knew. */
export interface Parted {
  readonly report: SignedOut
  readonly logins: number
}

const part = (machine: Machine, before: Held | undefined, logins: number): Effect.Effect<SignedOut> =>
  Effect.gen(function* () {
    const { memory, source } = machine
    const tally = Revoking.nothing()
    const seen = yield* Effect.either(Effect.retry(look(machine, false), { times: 1 }))
    const isNew = memory.logins !== logins
    const current = memory.held
    const found = Leaving.sessionOf(seen)
    const isOld = found !== undefined && current !== undefined && !Login.isSame(found.login, current.login)
    const session = isNew ? (before ?? (isOld ? found : undefined)) : (current ?? found)
    const left = yield* Effect.either(Leaving.leave(machine, session, seen, tally))
    yield* Revoking.warn(machine, tally)
    const { held } = memory
    if (held === undefined || (session !== undefined && Login.isSame(held.login, session.login))) {
      // Where it could not be deleted, nothing that comes of it is used here.
      if (session !== undefined) memory.forgotten = session
      M.drop(machine)
      memory.ended = source.canRenew(M.tokensOf(undefined)) ? undefined : "revoked"
      memory.bare = false
      memory.refused = undefined
      memory.rest = undefined
      yield* M.say(machine, SessionEvent.LoggedOut())
      yield* M.show(machine)
    }
    return {
      deleted: left._tag === "Right",
      revoked: [...tally.revoked].filter((kind) => !tally.alive.has(kind)),
      alive: [...tally.alive],
      failures: left._tag === "Right" ? tally.failures : [...tally.failures, left.left]
    }
  })
