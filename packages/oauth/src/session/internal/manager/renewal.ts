/** From no usable token to one: look, wait for one's turn, refresh. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { SourceError } from "../../TokenSource.js"
import type { Entry } from "../../TokenStore.js"
import * as Failure from "./failure.js"
import type { Held } from "./held.js"
import * as HeldTokens from "./held.js"
import * as Instant from "./instant.js"
import * as Lease from "./lease.js"
import type { Seen } from "./look.js"
import { end, look } from "./look.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"
import * as Renewing from "./refreshOnce.js"
import { save, saveOrKeepTrying } from "./saving.js"

/** What is remembered from one look at the store to the next. */
interface Round {
  readonly number: number
  readonly watch: Lease.Watch | undefined
}

/** A store that never lets anybody be first is no store. */
const mostRounds = 2000

/**
 * Fresh tokens, whoever refreshed them. To be run uninterruptibly: it can be
 * interrupted while it looks at the store and while it waits for its turn, and from
 * the lease on runs to its end, whoever has left: else a token that is spent could
 * be lost.
 */
export const renewal = (machine: Machine): Effect.Effect<TokenSet, SourceError> =>
  attempt(machine, { number: 0, watch: undefined })

const attempt = (machine: Machine, round: Round): Effect.Effect<TokenSet, SourceError> =>
  round.number > mostRounds
    ? contended()
    : // What is new in the store since the last look was granted in the meantime.
      Effect.flatMap(
        Effect.either(look(machine, round.number > 0, Effect.interruptible(machine.store.get))),
        (seen) =>
          seen._tag === "Left" ? unreadable(machine, round, seen.left) : withEntry(machine, round, seen.right)
      )

const again = (machine: Machine, round: Round, watch?: Lease.Watch): Effect.Effect<TokenSet, SourceError> =>
  attempt(machine, { number: round.number + 1, watch })

const withEntry = (
  machine: Machine,
  round: Round,
  { entry, standing }: Seen
): Effect.Effect<TokenSet, SourceError> =>
  Effect.gen(function* () {
    const { anchor, leaseDuration, memory, owner, source } = machine
    const missing = standing._tag === "Held" && standing.missing
    const now = yield* Instant.now
    const { held, rest } = memory
    if (held !== undefined && HeldTokens.isFresh(held, now, machine.refreshAhead)) {
      if (missing) yield* saveOrKeepTrying(machine, entry)
      return held.tokens
    }
    if (memory.ended !== undefined) return yield* Failure.reauthorize(memory.ended, memory.bare)
    if (!source.canRenew(M.tokensOf(held))) return yield* exhausted(machine, held, now)
    if (rest !== undefined && now.elapsed < rest.until) return yield* Renewing.meanwhile(machine, rest.error)

    const lease = Option.flatMap(entry, ({ record }) => record.lease)
    // Whoever has the lease without the tokens that are held here has only spent ones.
    if (Option.isSome(lease) && lease.value.owner !== owner && !missing) {
      const watch = Lease.watch(round.watch, lease.value, now)
      if (!Lease.isOver(watch, now, anchor, leaseDuration)) {
        yield* Lease.pause(round.number)
        return yield* again(machine, round, watch)
      }
    }
    const intent = Option.flatMap(entry, ({ record }) => record.intent)
    const outcome = yield* inTurn(machine, entry, missing ? Option.none() : intent)
    return Option.isSome(outcome) ? outcome.value : yield* again(machine, round)
  })

const inTurn = (
  machine: Machine,
  entry: Option.Option<Entry>,
  unresolved: Entry["record"]["intent"]
): Renewing.Outcome =>
  Effect.suspend(() => {
    const { memory } = machine
    const { held } = memory
    return Effect.flatMap(Effect.either(Renewing.take(machine, entry, unresolved)), (taken) => {
      if (taken._tag === "Left") return withoutStore(machine, taken.left)
      // The lease is for what was held: a login that came since is no part of it.
      return Option.isNone(taken.right) || memory.held !== held
        ? Effect.succeedNone
        : Renewing.refresh(machine, taken.right.value, unresolved)
    })
  })

/** An entry that nobody can read is replaced by whoever still holds the session. */
const unreadable = (
  machine: Machine,
  round: Round,
  error: TokenStoreError
): Effect.Effect<TokenSet, SourceError> =>
  error.reason === "corrupt" && machine.memory.held !== undefined && round.number === 0
    ? Effect.zipRight(Effect.ignore(save(machine)), again(machine, round))
    : Effect.flatMap(
        withoutStore(machine, error),
        Option.match({ onNone: () => again(machine, round), onSome: Effect.succeed })
      )

/**
 * Without the store nobody has the lease. A refresh is made all the same where it
 * spends nothing, or spends what nobody else can have: tokens that could not be
 * saved.
 */
const withoutStore = (machine: Machine, error: TokenStoreError): Renewing.Outcome =>
  Effect.gen(function* () {
    const { memory, source } = machine
    const now = yield* Instant.now
    const { held, rest } = memory
    if (held !== undefined && HeldTokens.isFresh(held, now, machine.refreshAhead))
      return Option.some(held.tokens)
    const alone = !source.spends || held?.saved === false
    if (!alone || !source.canRenew(M.tokensOf(held))) {
      yield* Renewing.note(machine, error)
      return Option.some(yield* Renewing.meanwhile(machine, error))
    }
    if (rest !== undefined && now.elapsed < rest.until)
      return Option.some(yield* Renewing.meanwhile(machine, rest.error))
    return yield* Renewing.refreshAlone(machine)
  })

/** There is nothing to get new tokens with. */
const exhausted = (
  machine: Machine,
  held: Held | undefined,
  now: Instant.Instant
): Effect.Effect<TokenSet, SourceError> => {
  if (held === undefined) return Effect.fail(Failure.reauthorize("no_session", false))
  if (HeldTokens.isValid(held, now)) return held.given
  const reason = held.refused ? "refused" : "expired"
  return Effect.zipRight(
    end(machine, reason),
    Effect.suspend(() => {
      machine.memory.bare = true
      return Effect.fail(Failure.reauthorize(reason, true))
    })
  )
}

const contended = (): Effect.Effect<never, TokenStoreError> =>
  Effect.fail(
    new TokenStoreError({
      operation: "TokenManager.get",
      reason: "conflict",
      message: "TokenManager.get: others wrote the session each time that it was to be refreshed."
    })
  )
