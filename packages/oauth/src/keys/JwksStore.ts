/**
 * Where the published keys of issuers are kept from one process to the next.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { JsonWebKeySet } from "./Jwk.js"

/**
 * What `RemoteJwks`, and whoever stands on it, asks before it fetches keys for
 * the first time, and tells what it fetched: a `Context.Reference`, so nothing
 * asks for it. Nothing is kept unless a program provides one, such as
 * `StoredJwks.layer`.
 *
 * It is a cache: what it gives is judged as what the issuer answers, and is as
 * old as it says. But who can write it can have tokens accepted: it needs the
 * protection of a list of trusted keys.
 *
 * @since 0.1.0
 * @category services
 */
export class JwksStore extends Context.Reference<JwksStore>()("effect-oauth/JwksStore", {
  defaultValue: (): JwksStore.Service => ({ get: () => Effect.succeedNone, set: () => Effect.void })
}) {}

/**
 * @since 0.1.0
 */
export declare namespace JwksStore {
  /**
   * Neither fails: what cannot be read is not there, what cannot be written is
   * not kept.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The keys that were fetched for an issuer from this very address. */
    readonly get: (issuer: string, jwksUri: string) => Effect.Effect<Option.Option<Kept>>
    /** Fetched keys are used when this is done: a slow storage is better written behind it. */
    readonly set: (issuer: string, jwksUri: string, kept: Kept) => Effect.Effect<void>
  }

  /**
   * A key set as it was fetched: the keys of it that are fit to verify with.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Kept {
    readonly keys: JsonWebKeySet["keys"]
    /** When, in milliseconds since the epoch: the age of the keys counts from then. */
    readonly fetchedAt: number
    /** How long the issuer lets them be kept (`Cache-Control`), in milliseconds, where it says so. */
    readonly maxAge: Option.Option<number>
  }
}
