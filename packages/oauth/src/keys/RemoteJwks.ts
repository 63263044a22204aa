/**
 * The keys that one issuer publishes (RFC 7517 section 5), kept near.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Wire } from "../http/Wire.js"
import type {
  DiscoveryError,
  KeyringError,
  ProtocolViolation,
  TransportError
} from "../protocol/OAuthError.js"
import { JwksCache } from "./internal/jwksCache.js"
import type { Policy } from "./internal/jwksPolicy.js"
import { inMillis } from "./internal/jwksPolicy.js"
import type { Keyring } from "./internal/keyring.js"
import { JwksStore } from "./JwksStore.js"

export { defaultPolicy, type Policy } from "./internal/jwksPolicy.js"

/**
 * How an issuer's keys are doing. Instants are in milliseconds since the epoch.
 *
 * - `fresh`: they may be used until `until` without asking again
 * - `stale`: they are past that, and serve until `until` if they cannot be
 *   fetched; `error` is why the last fetch failed, if one did
 * - `unavailable`: there are none to use; `error` as before
 *
 * @since 0.1.0
 * @category models
 */
export type Health =
  | { readonly _tag: "fresh"; readonly since: number; readonly until: number }
  | {
      readonly _tag: "stale"
      readonly since: number
      readonly until: number
      readonly error?: KeyringError | undefined
    }
  | { readonly _tag: "unavailable"; readonly error?: KeyringError | undefined }

/**
 * The keyring of one issuer's published keys. It signs nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemoteJwks extends Keyring {
  readonly health: Effect.Effect<Health>
  /** Fetches now, or waits for the fetch under way, as an operator may want after a compromise. */
  readonly refresh: Effect.Effect<void, KeyringError>
}

/**
 * What a remote key set needs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Partial<Policy> {
  /** The issuer whose keys these are; those of others are `not_found`. */
  readonly issuer: string
  /** Where its metadata says that they are. */
  readonly jwksUri: Effect.Effect<string, DiscoveryError | TransportError | ProtocolViolation>
  readonly wire: Wire
}

/**
 * Keeps the keys of an issuer, for as long as the scope lives.
 *
 * Nothing is fetched before a key is asked for, and then once for all who ask;
 * a caller that is interrupted takes no fetch with it. When four fifths of their
 * time are over, keys are fetched anew behind those they still serve. When a
 * fetch fails they serve on, up to `staleFor`, and fetches are spaced out with
 * jitter, or as `Retry-After` says. A `kid` that is not in a fresh set causes a
 * fetch, since the issuer may just have rotated, within the budget of
 * `unknownKidFetches`. A key that is gone from a fetched set is gone.
 *
 * Where the program has a `JwksStore`, the first fetch takes what was kept there
 * for the issuer and the address, as old as it is by the same policy: keys that
 * another process fetched four minutes ago are fetched anew behind those who use
 * them. `refresh` always fetches.
 *
 * Private keys, secrets, weak keys and what is no key at all in a set are left
 * out. Fails with `not_found` or `ambiguous` only on the word of a set that
 * could be fetched; otherwise with `unavailable`, or with `forbidden`,
 * `malformed` or `unsupported` when the issuer publishes what cannot be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({
  issuer,
  jwksUri,
  wire,
  ...policy
}: Options): Effect.Effect<RemoteJwks, never, Scope.Scope> =>
  Effect.map(Effect.zip(Effect.scope, JwksStore), ([scope, store]) => {
    const shared = { scope, store, wire, policy: inMillis(policy), jwksUri: () => jwksUri }
    const cache = new JwksCache(issuer, shared)
    return {
      verificationKey: (asked, header) => cache.verificationKey(asked, header),
      signingKey: () => cache.signingKey(),
      jwks: cache.jwks,
      health: cache.health,
      refresh: cache.refresh
    }
  })
