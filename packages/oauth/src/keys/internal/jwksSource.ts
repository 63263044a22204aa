/** Where the keys of one issuer come from: its address, the store, the wire. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Wire } from "../../http/Wire.js"
import type {
  DiscoveryError,
  KeyringError,
  ProtocolViolation,
  TransportError
} from "../../protocol/OAuthError.js"
import type { JwksStore } from "../JwksStore.js"
import type { VerificationKey } from "../VerificationKey.js"
import { fetchKeys, mayFetch, refused, unavailable } from "./fetchKeys.js"
import { keysOf } from "./jwksDocument.js"
import type { Millis } from "./jwksPolicy.js"
import type { KeyIndex } from "./keyIndex.js"
import * as Index from "./keyIndex.js"

/** What the caches of many issuers share. */
export interface Shared {
  readonly wire: Wire
  readonly scope: Scope.Scope
  readonly policy: Millis
  readonly store: JwksStore.Service
  /** Where the metadata of an issuer says that its keys are. */
  readonly jwksUri: (
    issuer: string
  ) => Effect.Effect<string, DiscoveryError | TransportError | ProtocolViolation>
}

/** Keys as they were fetched; instants in milliseconds. */
export interface KeySet extends KeyIndex {
  readonly since: number
  readonly fresh: number
  /** Not fetched now, but by a process before. */
  readonly kept: boolean
}

interface Address {
  readonly uri: string
  readonly until: number
}

/** A class, since programs may hold ten thousand. */
export class JwksSource {
  readonly #issuer: string
  readonly #shared: Shared
  #address: Address | undefined
  /** The store is asked once: from then on what is in memory is newer. */
  #asked = false

  constructor(issuer: string, shared: Shared) {
    this.#issuer = issuer
    this.#shared = shared
  }

  /** From now on keys come over the wire alone. */
  forgetStore(): void {
    this.#asked = true
  }

  /** Keys, from the store the first time, and of those `before` the same values. */
  get(began: number, before: ReadonlyArray<VerificationKey>): Effect.Effect<KeySet, KeyringError> {
    return Effect.flatMap(this.#locate(began), (uri) =>
      Effect.flatMap(this.#recall(uri), (kept) =>
        kept === undefined ? this.#fetch(uri, began, before) : Effect.succeed(kept)
      )
    )
  }

  /** What was kept, as if it had been fetched when it was; nothing when it is of no use any more, or of the future. */
  #recall(uri: string): Effect.Effect<KeySet | undefined> {
    const { policy, store, wire } = this.#shared
    if (this.#asked || !mayFetch(wire, this.#issuer, uri, policy.sameOrigin)) return Effect.succeed(undefined)
    this.#asked = true
    return Effect.flatMap(store.get(this.#issuer, uri), (found) =>
      Effect.clockWith((clock) => {
        if (Option.isNone(found)) return Effect.succeed(undefined)
        const { fetchedAt, maxAge } = found.value
        const keys = keysOf(this.#issuer, { keys: found.value.keys }, [])
        const set = this.#setOf(keys ?? [], fetchedAt, Option.getOrUndefined(maxAge), true)
        const now = clock.unsafeCurrentTimeMillis()
        return Effect.succeed(fetchedAt <= now && now < set.fresh + policy.staleFor ? set : undefined)
      })
    )
  }

  #setOf(
    keys: ReadonlyArray<VerificationKey>,
    since: number,
    maxAge: number | undefined,
    kept: boolean
  ): KeySet {
    const { minTimeToLive, timeToLive } = this.#shared.policy
    const life = Math.min(Math.max(maxAge ?? timeToLive, minTimeToLive), timeToLive)
    return { keys, byName: Index.byName(keys), since, fresh: since + life, kept }
  }

  #fetch(
    uri: string,
    began: number,
    before: ReadonlyArray<VerificationKey>
  ): Effect.Effect<KeySet, KeyringError> {
    const { policy, store, wire } = this.#shared
    return fetchKeys(wire, this.#issuer, uri, policy.sameOrigin).pipe(
      Effect.mapError((error) => {
        if (error._tag === "KeyringError") return error
        // It may have moved: ask where it is before the next try.
        if (!error.retriable && error.status !== undefined) this.#address = { uri, until: began }
        return unavailable(this.#issuer, error)
      }),
      Effect.flatMap(({ document, maxAge }) =>
        Effect.clockWith((clock) => {
          const keys = keysOf(this.#issuer, document, before)
          if (keys === undefined) {
            const problem = `what ${this.#issuer} publishes is not a JSON Web Key set`
            return Effect.fail(refused(this.#issuer, "malformed", problem))
          }
          const set = this.#setOf(keys, clock.unsafeCurrentTimeMillis(), maxAge, false)
          return Effect.as(
            store.set(this.#issuer, uri, {
              // The public halves of what is used: what else a server lets slip is not spread.
              keys: keys.map(({ jwk, onlyFor }) =>
                onlyFor === undefined ? jwk : { ...jwk, issuer: onlyFor }
              ),
              fetchedAt: set.since,
              maxAge: Option.fromNullable(maxAge)
            }),
            set
          )
        })
      )
    )
  }

  #locate(began: number): Effect.Effect<string, KeyringError> {
    const known = this.#address
    if (known !== undefined && began < known.until) return Effect.succeed(known.uri)
    const { jwksUri, policy } = this.#shared
    return Effect.clockWith((clock) =>
      jwksUri(this.#issuer).pipe(
        Effect.tap((uri) =>
          Effect.sync(() => {
            this.#address = { uri, until: clock.unsafeCurrentTimeMillis() + policy.jwksUriTimeToLive }
          })
        ),
        // Metadata that cannot be read for now does not make the address wrong.
        Effect.catchAll((error) =>
          error._tag === "TransportError" && known !== undefined && began < known.until + policy.staleFor
            ? Effect.succeed(known.uri)
            : Effect.fail(unavailable(this.#issuer, error))
        )
      )
    )
  }
}
