/** What the parts of a manager share. */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Revocation } from "../../../client/Revocation.js"
import type { TokenSet } from "../../../protocol/TokenSet.js"
import type { SessionEvent } from "../../SessionEvent.js"
import type { SessionKey } from "../../SessionKey.js"
import * as SessionState from "../../SessionState.js"
import type { SourceError, TokenSource } from "../../TokenSource.js"
import type { SessionRecord } from "../../TokenStore.js"
import { emptyRecord } from "../../TokenStore.js"
import type { SessionStore } from "./boundedStore.js"
import type { Held } from "./held.js"
import * as HeldTokens from "./held.js"
import type * as Instant from "./instant.js"
import type { Ending, Forgotten } from "./standing.js"

/** Plain state: each change happens between two steps of a fiber. */
export interface Memory {
  held: Held | undefined
  /** Why the session is over, as far as this manager knows. */
  ended: Ending | undefined
  /** Whether it is over because there was no refresh token. */
  bare: boolean
  forgotten: Forgotten | undefined
  /** Counts what is held, saved and dropped: what was read from the store before a change is out of date. */
  changes: number
  /** Counts the logins that this manager was given. */
  logins: number
  /** When the latest login began that is known of. */
  latest: number
  /** The access token that a resource refused last. */
  refused: Redacted.Redacted<string> | undefined
  /** The server has asked to be left alone until then, by the clock that only goes forward. */
  rest: { readonly until: number; readonly error: SourceError } | undefined
  refreshing: boolean
  /** Whether the store was looked at. */
  looked: boolean
  /** Whether saving goes on being tried. */
  saving: boolean
}

export const emptyMemory = (): Memory => ({
  held: undefined,
  ended: undefined,
  bare: false,
  forgotten: undefined,
  changes: 0,
  logins: 0,
  latest: 0,
  refused: undefined,
  rest: undefined,
  refreshing: false,
  looked: false,
  saving: false
})

export interface Machine {
  readonly key: SessionKey
  readonly store: SessionStore
  readonly source: TokenSource
  readonly revocation: Option.Option<Revocation.Service>
  /** Tells this manager from all others in a lease; not secret. */
  readonly owner: string
  /** In milliseconds. */
  readonly leeway: number
  readonly leaseDuration: number
  readonly refreshAhead: boolean
  /** When the manager began. */
  readonly anchor: Instant.Instant
  readonly memory: Memory
  readonly scope: Scope.Scope
  readonly shown: SubscriptionRef.SubscriptionRef<SessionState.SessionState>
  readonly said: PubSub.PubSub<SessionEvent>
}

export const say = (machine: Machine, event: SessionEvent): Effect.Effect<void> =>
  PubSub.publish(machine.said, event)

/** Shows how the memory is, where that has changed. */
export const show = ({ memory, shown }: Machine): Effect.Effect<void> =>
  Effect.suspend(() => {
    const next = stateOf(memory)
    return Effect.flatMap(SubscriptionRef.get(shown), (last) =>
      Equal.equals(last, next) ? Effect.void : SubscriptionRef.set(shown, next)
    )
  })

const stateOf = ({ ended, held, refreshing }: Memory): SessionState.SessionState => {
  if (refreshing) return SessionState.refreshing
  if (held !== undefined) return SessionState.active({ expiresAt: held.tokens.expiresAt, saved: held.saved })
  return ended === undefined || ended === "revoked" || ended === "no_session"
    ? SessionState.signedOut
    : SessionState.ended(ended)
}

/** Holds tokens from now on, in the place of any others. */
export const hold = (
  { leeway, memory }: Machine,
  tokens: TokenSet,
  how: Pick<Held, "since" | "saved" | "login" | "placed"> & { readonly granted: boolean }
): Held => {
  const held = HeldTokens.make({ tokens, leeway, refused: memory.refused, ...how })
  memory.changes += 1
  memory.held = held
  memory.ended = undefined
  return held
}

/** Holds none any more. */
export const drop = ({ memory }: Machine): void => {
  if (memory.held !== undefined) memory.changes += 1
  memory.held = undefined
}

/** The store has these. */
export const saved = ({ memory }: Machine, held: Held): void => {
  if (!held.saved) memory.changes += 1
  held.saved = true
}

/** What is written of them; from then on others may have read it. */
export const recordOf = ({ memory }: Machine, held: Held | undefined): SessionRecord => {
  if (held === undefined) return emptyRecord
  held.placed = true
  memory.latest = Math.max(memory.latest, held.login.at)
  return { ...emptyRecord, tokens: Option.some(held.tokens), login: held.login }
}

export const tokensOf = (held: Held | undefined): Option.Option<TokenSet> =>
  held === undefined ? Option.none() : Option.some(held.tokens)
