/** One refresh, from the lease to the record of what came of it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Telemetry from "../../../http/Telemetry.js"
import * as Entropy from "../../../protocol/Entropy.js"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import { SessionEvent } from "../../SessionEvent.js"
import type { SourceError } from "../../TokenSource.js"
import type { Entry, SessionRecord } from "../../TokenStore.js"
import { emptyRecord } from "../../TokenStore.js"
import * as Failure from "./failure.js"
import type { Held } from "./held.js"
import * as HeldTokens from "./held.js"
import * as Instant from "./instant.js"
import * as Login from "./login.js"
import { end, look } from "./look.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"
import { underLease } from "./prolonging.js"
import { discard } from "./revoking.js"
import { saveOrKeepTrying } from "./saving.js"

/** What came of a try: none when the store is to be looked at again. */
export type Outcome = Effect.Effect<Option.Option<TokenSet>, SourceError>

/**
 * Takes the lease, with what is held as the tokens of the entry, and says before
 * anything is sent that it will be. None when somebody was first.
 */
export const take = (
  machine: Machine,
  entry: Option.Option<Entry>,
  unresolved: SessionRecord["intent"]
): Effect.Effect<Option.Option<Entry>, TokenStoreError> =>
  Effect.gen(function* () {
    const { leaseDuration, memory, owner, source, store } = machine
    const { held } = memory
    const { wall } = yield* Instant.now
    const taken = yield* store.compareAndSet(entry, {
      ...M.recordOf(machine, held),
      lease: Option.some({ owner, until: wall + leaseDuration }),
      intent: source.spends
        ? Option.orElse(unresolved, () => Option.some({ owner, startedAt: wall }))
        : Option.none()
    })
    if (Option.isSome(taken) && held !== undefined) M.saved(machine, held)
    return taken
  })

/**
 * Refreshes under a lease, and records the outcome. `unresolved` is the intent of
 * an earlier refresh of which nobody knows the outcome.
 */
export const refresh = (machine: Machine, taken: Entry, unresolved: SessionRecord["intent"]): Outcome =>
  shown(machine, underLeaseOf(machine, taken, unresolved))

const underLeaseOf = (machine: Machine, taken: Entry, unresolved: SessionRecord["intent"]): Outcome =>
  Effect.gen(function* () {
    const { memory, source } = machine
    const before = memory.held
    const [exit, entry] = yield* underLease(machine, taken, request(machine, before))
    if (Exit.isSuccess(exit)) {
      if (exit.value.issuer === machine.key.issuer)
        return yield* granted(machine, before, exit.value, Option.some(entry))
      yield* release(machine, entry, before, unresolved)
      return yield* foreign()
    }
    const failure = Cause.failureOption(exit.cause)
    if (Option.isSome(failure) && source.spends && Failure.isRefusal(failure.value))
      return yield* refused(machine, before, unresolved)
    const known = Option.exists(failure, Failure.isWithoutEffect)
    yield* release(machine, entry, before, known ? unresolved : entry.record.intent)
    if (Option.isNone(failure)) return yield* Effect.failCause(exit.cause)
    yield* note(machine, failure.value)
    return Option.some(yield* meanwhile(machine, failure.value))
  })

/** Refreshes where the store cannot be had, and nobody else can have what is spent. */
export const refreshAlone = (machine: Machine): Outcome => shown(machine, withoutLease(machine))

const withoutLease = (machine: Machine): Outcome =>
  Effect.gen(function* () {
    const before = machine.memory.held
    const exit = yield* request(machine, before)
    if (Exit.isSuccess(exit)) {
      return exit.value.issuer === machine.key.issuer
        ? yield* granted(machine, before, exit.value, undefined)
        : yield* foreign()
    }
    const failure = Cause.failureOption(exit.cause)
    if (Option.isNone(failure)) return yield* Effect.failCause(exit.cause)
    yield* note(machine, failure.value)
    return Option.some(yield* meanwhile(machine, failure.value))
  })

/** The tokens at hand, for as long as they are good at all. */
export const meanwhile = <E>({ memory }: Machine, error: E): Effect.Effect<TokenSet, E> =>
  Effect.flatMap(Instant.now, (now) =>
    memory.held !== undefined && HeldTokens.isValid(memory.held, now) ? memory.held.given : Effect.fail(error)
  )

/** Tells of a failure, and remembers how long the server wants to be left alone. */
export const note = (machine: Machine, error: SourceError): Effect.Effect<void> =>
  Effect.gen(function* () {
    const rest = Failure.restOf(error)
    const { elapsed } = yield* Instant.now
    if (rest > 0) machine.memory.rest = { until: elapsed + rest, error }
    yield* Telemetry.countRefresh(machine.source.kind, error._tag)
    yield* M.say(machine, SessionEvent.Failed({ tag: error._tag, reason: error.reason }))
    yield* M.show(machine)
  })

const request = (
  machine: Machine,
  before: Held | undefined
): Effect.Effect<Exit.Exit<TokenSet, SourceError>> =>
  Effect.gen(function* () {
    const { memory, source } = machine
    memory.refreshing = true
    yield* M.show(machine)
    return yield* Effect.exit(Effect.suspend(() => source.renew(M.tokensOf(before))))
  })

/** It shows as a refresh until its outcome is recorded. */
const shown = (machine: Machine, outcome: Outcome): Outcome =>
  Effect.ensuring(
    outcome,
    Effect.suspend(() => {
      machine.memory.refreshing = false
      return M.show(machine)
    })
  )

const granted = (
  machine: Machine,
  before: Held | undefined,
  tokens: TokenSet,
  entry: Option.Option<Entry> | undefined
): Outcome =>
  Effect.gen(function* () {
    const { memory } = machine
    yield* Telemetry.countRefresh(machine.source.kind, "success")
    const since = yield* Instant.now
    const id = yield* Entropy.randomText(16)
    // A login came in the meantime, and its tokens count; or a logout, which could not revoke these.
    if (memory.held !== before) {
      if (memory.held === undefined && memory.ended === "revoked") yield* discard(machine, tokens)
      return Option.none()
    }
    memory.refused = undefined
    memory.rest = undefined
    const login =
      before === undefined ? Login.begun(id, since.wall, memory.latest) : Login.refreshed(before.login)
    M.hold(machine, tokens, { since, granted: true, saved: false, login, placed: true })
    yield* M.say(machine, before === undefined ? SessionEvent.Acquired() : SessionEvent.Refreshed())
    yield* saveOrKeepTrying(machine, entry)
    return M.tokensOf(memory.held)
  })

/** Gives the lease back. Where that fails, it ends by itself. */
const release = (
  machine: Machine,
  entry: Entry,
  before: Held | undefined,
  intent: SessionRecord["intent"]
): Effect.Effect<void> =>
  Effect.ignore(machine.store.compareAndSet(Option.some(entry), { ...M.recordOf(machine, before), intent }))

/**
 * The server has refused the refresh token. That is the end of the session,
 * unless others have put new tokens into the store, or are about to.
 */
const refused = (machine: Machine, before: Held | undefined, unresolved: SessionRecord["intent"]): Outcome =>
  Effect.gen(function* () {
    const { memory, owner, source, store } = machine
    const seen = yield* Effect.either(look(machine, true))
    if (seen._tag === "Left") {
      yield* note(machine, seen.left)
      return Option.some(yield* meanwhile(machine, seen.left))
    }
    const { entry, standing } = seen.right
    if (standing._tag === "Stored") {
      yield* Telemetry.countRefresh(source.kind, "adopted")
      yield* M.say(machine, SessionEvent.ReuseDetected({ by: "winner" }))
      return Option.none()
    }
    if (standing._tag === "Ended") return yield* Failure.reauthorize(standing.reason, false)
    const lease = Option.flatMap(entry, ({ record }) => record.lease)
    if (memory.held !== before || Option.exists(lease, (other) => other.owner !== owner)) return Option.none()
    const reason = Option.isSome(unresolved) ? "interrupted_refresh" : "refused"
    const written = yield* Effect.either(
      store.compareAndSet(entry, { ...emptyRecord, ended: Option.some(reason), login: before?.login })
    )
    if (written._tag === "Right" && Option.isNone(written.right)) return Option.none()
    yield* Telemetry.countRefresh(source.kind, "ReauthorizationRequired")
    if (reason === "interrupted_refresh")
      yield* M.say(machine, SessionEvent.ReuseDetected({ by: "interrupted" }))
    yield* end(machine, reason)
    return yield* Failure.reauthorize(reason, false)
  })

const foreign = (): TokenStoreError =>
  new TokenStoreError({
    operation: "TokenManager.get",
    reason: "conflict",
    message:
      "TokenManager.get: the source gave tokens of another issuer than that of the session's key. Both must be of one OAuthClient."
  })
