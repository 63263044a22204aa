/** How a session begins and ends, when a person wants it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Revocation } from "../../../client/Revocation.js"
import type { TokenEndpoint } from "../../../client/TokenEndpoint.js"
import { TokenStoreError } from "../../../protocol/OAuthError.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import { SessionEvent } from "../../SessionEvent.js"
import type { Entry } from "../../TokenStore.js"
import { emptyRecord } from "../../TokenStore.js"
import * as HeldTokens from "./held.js"
import type { Held } from "./held.js"
import * as Instant from "./instant.js"
import * as Lease from "./lease.js"
import { look } from "./look.js"
import type { Machine } from "./machine.js"
import * as M from "./machine.js"
import { saveOrKeepTrying } from "./saving.js"

type Kind = "refresh_token" | "access_token"
type Problem = TokenEndpoint.RequestError | TokenStoreError

/** What became of the tokens at the server. */
interface Revoked {
  readonly revoked: ReadonlyArray<Kind>
  readonly alive: ReadonlyArray<Kind>
  readonly failures: ReadonlyArray<Problem>
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
    memory.refused = undefined
    memory.rest = undefined
    memory.forgotten = undefined
    M.hold(machine, tokens, { since, granted: true, saved: false, replaces: "anything" })
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
 * Waits for a refresh of others, so that it is the last tokens that are revoked;
 * revokes; deletes, whatever came of revoking.
 */
export const signOut = (
  machine: Machine,
  revocation: Option.Option<Revocation.Service>
): Effect.Effect<Revoked & { readonly deleted: boolean }> =>
  Effect.gen(function* () {
    const { memory, source } = machine
    const found = yield* Effect.exit(lastTokens(machine, undefined, 0))
    const { held } = memory
    const server = held === undefined ? nothing : yield* revokeAll(revocation, held)
    // A login that came in the meantime is another session.
    const replaced = memory.held !== held
    const deleted = replaced ? Exit.void : yield* Effect.exit(remove(machine, held?.tokens))
    if (!replaced) {
      memory.forgotten = held?.tokens ?? memory.forgotten
      memory.held = undefined
      memory.ended = source.canRenew(Option.none()) ? undefined : "revoked"
      memory.refused = undefined
      memory.rest = undefined
      yield* M.say(machine, SessionEvent.LoggedOut())
      yield* M.show(machine)
    }
    const failures = [...server.failures, ...problems(deleted)]
    return {
      ...server,
      failures: Exit.isFailure(deleted) ? failures : [...failures, ...problems(found)],
      deleted: Exit.isSuccess(deleted)
    }
  })

const nothing: Revoked = { revoked: [], alive: [], failures: [] }

const problems = (exit: Exit.Exit<void, TokenStoreError>): ReadonlyArray<TokenStoreError> =>
  Exit.isFailure(exit) && exit.cause._tag === "Fail" ? [exit.cause.error] : []

/** Holds what the store has, once nobody else is about to replace it. */
const lastTokens = (
  machine: Machine,
  before: Lease.Watch | undefined,
  round: number
): Effect.Effect<void, TokenStoreError> =>
  Effect.gen(function* () {
    const { anchor, leaseDuration, owner, store } = machine
    const entry = yield* store.get
    yield* look(machine, entry, false)
    const lease = Option.flatMap(entry, ({ record }) => record.lease)
    if (Option.isNone(lease) || lease.value.owner === owner) return
    const now = yield* Instant.now
    const watch = Lease.watch(before, lease.value, now)
    if (Lease.isOver(watch, now, anchor, leaseDuration)) return
    yield* Lease.pause(round)
    yield* lastTokens(machine, watch, round + 1)
  })

/**
 * The refresh token first, with which most servers revoke what it gave (RFC 7009
 * section 2.1); then the access token, where it is good still.
 */
const revokeAll = (revocation: Option.Option<Revocation.Service>, held: Held): Effect.Effect<Revoked> =>
  Effect.gen(function* () {
    const { accessToken, refreshToken } = held.tokens
    const tokens: ReadonlyArray<readonly [Kind, TokenSet["accessToken"]]> = [
      ...Option.toArray(Option.map(refreshToken, (token) => ["refresh_token", token] as const)),
      ...(HeldTokens.isValid({ ...held, refused: false }, yield* Instant.now)
        ? [["access_token", accessToken] as const]
        : [])
    ]
    if (Option.isNone(revocation)) return { ...nothing, alive: tokens.map(([kind]) => kind) }
    const revoked: Array<Kind> = []
    const alive: Array<Kind> = []
    const failures: Array<Problem> = []
    for (const [kind, token] of tokens) {
      const exit = yield* Effect.either(revocation.value.revoke(token, { tokenTypeHint: kind }))
      if (exit._tag === "Right") {
        revoked.push(kind)
        continue
      }
      alive.push(kind)
      // A server that revokes access tokens with their refresh token alone does nothing wrong.
      if (!(revoked.length > 0 && isUnsupported(exit.left))) failures.push(exit.left)
    }
    return { revoked, alive, failures }
  })

const isUnsupported = (error: Problem): boolean =>
  error._tag === "OAuthResponseError" && error.error === "unsupported_token_type"

const mostTries = 10

/** A mark takes the place of the tokens, unless others have put their own there. */
const remove = (
  machine: Machine,
  tokens: TokenSet | undefined,
  left = mostTries
): Effect.Effect<void, TokenStoreError> =>
  Effect.gen(function* () {
    const { store } = machine
    const mark = { ...emptyRecord, ended: Option.some("revoked" as const) }
    if (left === 0) return yield* Effect.asVoid(store.put(mark))
    const entry = yield* Effect.catchIf(
      store.get,
      ({ reason }) => reason === "corrupt",
      () => Effect.as(store.put(mark), undefined)
    )
    if (entry === undefined || isGone(entry, tokens)) return
    const written = yield* store.compareAndSet(entry, mark)
    if (Option.isNone(written)) yield* remove(machine, tokens, left - 1)
  })

/** Nothing is there, or what others put there while this session was logged out. */
const isGone = (entry: Option.Option<Entry>, tokens: TokenSet | undefined): boolean =>
  Option.isNone(entry) ||
  Option.contains(
    Option.map(entry.value.record.ended, (reason) => reason === "revoked"),
    true
  ) ||
  (tokens !== undefined &&
    Option.exists(entry.value.record.tokens, (other) => !HeldTokens.areSame(other, tokens)))
