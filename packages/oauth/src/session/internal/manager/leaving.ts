/** Taking a session out of the store, after the server was told. */
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { Entry, SessionRecord } from "../../TokenStore.js"
import { emptyRecord } from "../../TokenStore.js"
import { areSame } from "./held.js"
import * as Instant from "./instant.js"
import * as Lease from "./lease.js"
import * as Login from "./login.js"
import type { Seen } from "./look.js"
import type { Machine } from "./machine.js"
import { underLease } from "./prolonging.js"
import type { Tally } from "./revoking.js"
import { revoke } from "./revoking.js"

/** The latest tokens that are known of the login that is logged out. */
export interface Session {
  readonly tokens: TokenSet
  readonly login: Login.Login
}

/** How often others may be first. */
const mostRounds = 2000

/** The session that an entry has. */
export const sessionOf = (seen: Either.Either<Seen, TokenStoreError>): Session | undefined =>
  seen._tag === "Left" ? undefined : Option.getOrUndefined(Option.flatMap(seen.right.entry, inEntry))

const inEntry = ({ record: { login = Login.unnamed, tokens } }: Entry): Option.Option<Session> =>
  Option.map(tokens, (tokens) => ({ tokens, login }))

/**
 * Revokes under the lease of the session, so that nobody refreshes it meanwhile,
 * and then puts a mark in its place. What others refreshed in spite of that is
 * revoked as well. Where the store does not give the lease, it revokes what it
 * knows, and tries to put the mark all the same. Fails where the store does: nobody
 * knows whether the session is gone then.
 */
export const leave = (
  machine: Machine,
  session: Session | undefined,
  seen: Either.Either<Seen, TokenStoreError>,
  tally: Tally
): Effect.Effect<void, TokenStoreError> =>
  seen._tag === "Right"
    ? Effect.tapError(step(machine, session, seen.right.entry, tally, first), () =>
        tally.last === undefined ? revoke(machine, session?.tokens, tally) : Effect.void
      )
    : Effect.zipRight(
        revoke(machine, session?.tokens, tally),
        Effect.suspend(() => replaced(machine, session, seen.left))
      )

/** An entry that cannot be read here is replaced as it is; a login that came since does that itself. */
const replaced = (
  { memory: { held }, store }: Machine,
  session: Session | undefined,
  error: TokenStoreError
): Effect.Effect<void, TokenStoreError> => {
  if (error.reason !== "corrupt" && error.reason !== "forbidden") return Effect.fail(error)
  const isAnother = held !== undefined && (session === undefined || !Login.isSame(held.login, session.login))
  return isAnother ? Effect.void : Effect.asVoid(store.put(markOf(session, Option.none())))
}

interface Round {
  readonly number: number
  /** How often the store failed to write. */
  readonly failures: number
  readonly watch: Lease.Watch | undefined
}

const first: Round = { number: 0, failures: 0, watch: undefined }

const step = (
  machine: Machine,
  before: Session | undefined,
  entry: Option.Option<Entry>,
  tally: Tally,
  round: Round
): Effect.Effect<void, TokenStoreError> =>
  Effect.gen(function* () {
    const { anchor, leaseDuration, owner, store } = machine
    const session = latest(before, entry)
    const revoking = revoke(machine, session?.tokens, tally)
    if (isGone(session, entry)) return yield* revoking
    if (round.number > mostRounds) return yield* contended()
    const from = (next: Option.Option<Entry>, known?: Partial<Round>) =>
      step(machine, session, next, tally, { ...round, watch: undefined, ...known, number: round.number + 1 })
    const again = (known?: Partial<Round>) => Effect.flatMap(store.get, (next) => from(next, known))

    const now = yield* Instant.now
    const lease = Option.flatMap(entry, ({ record }) => record.lease)
    if (Option.isSome(lease) && lease.value.owner !== owner) {
      const watch = Lease.watch(round.watch, lease.value, now)
      if (!Lease.isOver(watch, now, anchor, leaseDuration)) {
        yield* Lease.pause(round.number)
        return yield* again({ watch })
      }
    }
    const taken = yield* Effect.either(
      store.compareAndSet(entry, leasedTo({ owner, until: now.wall + leaseDuration }, session, entry))
    )
    if (taken._tag === "Right" && Option.isNone(taken.right)) return yield* again()
    const failures = round.failures + 1
    if (taken._tag === "Left" && failures < 2) return yield* again({ failures })
    const leased =
      taken._tag === "Right" && Option.isSome(taken.right)
        ? Option.some((yield* underLease(machine, taken.right.value, revoking))[1])
        : yield* Effect.zipRight(revoking, store.get)
    // Without the lease others may have refreshed meanwhile, or logged in.
    if (isGone(session, leased) || isOther(session, latest(session, leased))) return yield* from(leased)
    const written = yield* Effect.either(store.compareAndSet(leased, markOf(session, leased)))
    if (written._tag === "Right") return Option.isSome(written.right) ? undefined : yield* again()
    // What was reported as failed may have happened.
    const left = yield* Effect.orElseFail(store.get, () => written.left)
    return isGone(session, left) || failures < 3 ? yield* from(left, { failures }) : yield* written.left
  })

/** Nothing is there, or a mark of this logout, or another session. */
const isGone = (session: Session | undefined, entry: Option.Option<Entry>): boolean => {
  if (Option.isNone(entry)) return session === undefined
  const { ended, login = Login.unnamed, tokens } = entry.value.record
  const isIt = session !== undefined && Login.isSame(login, session.login)
  return Option.isSome(tokens)
    ? session === undefined || (!isIt && login.at >= session.login.at)
    : (isIt || session === undefined) && Option.contains(ended, "revoked")
}

/** Of one login, the tokens after more refreshes. */
const latest = (session: Session | undefined, entry: Option.Option<Entry>): Session | undefined => {
  const stored = Option.getOrUndefined(Option.flatMap(entry, inEntry))
  return session !== undefined &&
    stored !== undefined &&
    Login.isSame(stored.login, session.login) &&
    stored.login.refreshes >= session.login.refreshes
    ? stored
    : session
}

const isOther = (one: Session | undefined, other: Session | undefined): boolean =>
  one !== undefined && other !== undefined && !areSame(one.tokens, other.tokens)

const leasedTo = (
  lease: Lease.Lease,
  session: Session | undefined,
  entry: Option.Option<Entry>
): SessionRecord => ({
  ...Option.match(entry, { onNone: () => emptyRecord, onSome: ({ record }) => record }),
  ...(session === undefined
    ? {}
    : { tokens: Option.some(session.tokens), login: session.login, ended: Option.none() }),
  lease: Option.some(lease)
})

const markOf = (session: Session | undefined, entry: Option.Option<Entry>): SessionRecord => ({
  ...emptyRecord,
  ended: Option.some("revoked"),
  login: session?.login ?? Option.getOrUndefined(entry)?.record.login
})

const contended = (): TokenStoreError =>
  new TokenStoreError({
    operation: "TokenManager.logout",
    reason: "conflict",
    message: "TokenManager.logout: others wrote the session each time that it was to be deleted."
  })
