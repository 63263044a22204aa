/**
 * What has been used once and may not be used again.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TokenStoreError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"

/**
 * Remembers what was used once: the `jti` of DPoP proofs (RFC 9449 section
 * 11.1) and of client assertions, for as long as they would be accepted again.
 *
 * One machine has it in memory (`layerMemory`). Several machines that serve one
 * resource need a shared one: anything that can add a key with a time to live
 * in one step, as Redis does with `SET key 1 NX PX`.
 *
 * @since 0.1.0
 * @category services
 */
export class ReplayStore extends Context.Tag("effect-oauth/ReplayStore")<
  ReplayStore,
  ReplayStore.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace ReplayStore {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Adds a key for that long, in one step for all who ask at once: true for the
     * first, false for every other until it has expired. Fails with reason
     * `unavailable` when it cannot tell; whoever asks must then refuse.
     */
    readonly add: (key: string, timeToLive: Duration.DurationInput) => Effect.Effect<boolean, TokenStoreError>
  }
}

/**
 * The key of something of which the parts are known: a SHA-256 over them and
 * their lengths, in base64url. It has the same length whatever a client sends,
 * and a store does not learn what it keeps.
 *
 * @since 0.1.0
 * @category keys
 */
export const keyOf = (...parts: ReadonlyArray<string>): Effect.Effect<string> =>
  Text.sha256(JSON.stringify(parts))

/**
 * @since 0.1.0
 * @category models
 */
export interface MemoryOptions {
  /**
   * How many keys are kept at most: 262 144, about 100 bytes each. With proofs
   * that are accepted for 5 minutes that is some 800 requests a second.
   */
  readonly maximum?: number | undefined
}

/**
 * Keeps keys in the memory of this process.
 *
 * What has expired is forgotten. When it is full of keys that have not, `add`
 * fails (`unavailable`): to forget one of them would let it be used again, and
 * whoever can send many could choose which.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options: MemoryOptions = {}): Effect.Effect<ReplayStore.Service> =>
  Effect.sync(() => {
    const { maximum = 262_144 } = options
    const expiries = new Map<string, number>()
    // Which keys expire in which second, so that each is looked at once.
    const seconds = new Map<number, Array<string>>()
    let swept = Number.NEGATIVE_INFINITY

    const sweep = (second: number): void => {
      if (second === swept) return
      swept = second
      for (const [at, keys] of seconds) {
        if (at >= second) continue
        seconds.delete(at)
        for (const key of keys) if (secondOf(expiries.get(key) ?? Infinity) === at) expiries.delete(key)
      }
    }
    const add: ReplayStore.Service["add"] = (key, timeToLive) =>
      Effect.clockWith((clock) => {
        const now = clock.unsafeCurrentTimeMillis()
        sweep(secondOf(now))
        const known = expiries.get(key)
        if (known !== undefined && known > now) return Effect.succeed(false)
        if (known === undefined && expiries.size >= maximum) return Effect.fail(full(maximum))
        const expiry = now + Math.max(1, Duration.toMillis(timeToLive))
        expiries.set(key, expiry)
        const second = secondOf(expiry)
        const others = seconds.get(second)
        if (others === undefined) seconds.set(second, [key])
        else others.push(key)
        return Effect.succeed(true)
      })
    return { add }
  })

/**
 * A store in the memory of this process, as `makeMemory` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<ReplayStore> = Layer.effect(ReplayStore, makeMemory())

/**
 * A store in the memory of this process, of another size.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemoryWith = (options: MemoryOptions): Layer.Layer<ReplayStore> =>
  Layer.effect(ReplayStore, makeMemory(options))

const secondOf = (instant: number): number => Math.floor(instant / 1000)

const full = (maximum: number): TokenStoreError =>
  new TokenStoreError({
    operation: "ReplayStore.add",
    reason: "unavailable",
    message: `ReplayStore.add: all ${maximum} places are taken by keys that have not expired. Raise maximum, or shorten how long proofs are accepted.`
  })
