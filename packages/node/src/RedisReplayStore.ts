/**
 * What was used once, in Redis, for several machines.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Entropy from "effect-oauth/Entropy"
import { TokenStoreError } from "effect-oauth/OAuthError"
import * as ReplayStore from "effect-oauth/ReplayStore"
import * as Connection from "./internal/redisConnection.js"
import { addOnce } from "./internal/redisScripts.js"
import type { Client, ConnectionOptions as SecretConnectionOptions } from "./RedisSecretStore.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Before each key. `effect-oauth:used:`. */
  readonly prefix?: string | undefined
  /** How long an operation may take, waiting for a connection included. 1 second. */
  readonly deadline?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConnectionOptions extends Options, Pick<SecretConnectionOptions, "url" | "allowInsecure"> {}

/**
 * Makes a store over a client of the program, such as `Redis` of `ioredis`: a key
 * is added by `SET NX PX` in one step for all who share the server, and Redis
 * forgets it. A script that the client sends again, since the connection broke
 * before the answer came, finds what it wrote itself, and is the first still.
 *
 * A server that does not answer in time is `unavailable`, and so is one whose
 * memory is full. Let it evict nothing (`maxmemory-policy noeviction`): what it
 * forgets can be used again, as can what a replica lacks that takes over.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (client: Client, options: Options = {}): ReplayStore.ReplayStore.Service =>
  over((script, key, args) => Effect.tryPromise(() => client.eval(script, 1, key, ...args)), options)

const over = (send: Connection.Send, options: Options): ReplayStore.ReplayStore.Service => {
  const { deadline = "1 second", prefix = "effect-oauth:used:" } = options
  return {
    add: (key, timeToLive) =>
      Effect.flatMap(Entropy.randomText(16), (own) =>
        send(addOnce, `${prefix}${key}`, [own, millis(timeToLive)])
      ).pipe(
        // Errors of the client have the arguments in them.
        Effect.mapError(unavailable),
        Effect.timeoutFail({ duration: deadline, onTimeout: unavailable }),
        Effect.flatMap((reply) =>
          reply === "first" || reply === "used"
            ? Effect.succeed(reply === "first")
            : Effect.fail(unavailable())
        )
      )
  }
}

/** At least one, and at most what Redis can count. */
const millis = (timeToLive: Duration.DurationInput): string =>
  String(Math.min(Math.max(1, Math.ceil(Duration.toMillis(timeToLive))), 1e15))

const unavailable = (): TokenStoreError =>
  new TokenStoreError({
    operation: "RedisReplayStore.add",
    reason: "unavailable",
    message:
      "RedisReplayStore.add: Redis did not answer as it should. Check that it is there, that it may be used, and that it has memory."
  })

/**
 * Connects by `ioredis`, which the program installs beside, for as long as the
 * scope lives, and again whenever the connection breaks. Fails as
 * `RedisSecretStore.connect` does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect = (
  options: ConnectionOptions
): Effect.Effect<ReplayStore.ReplayStore.Service, TokenStoreError, Scope.Scope> =>
  Effect.map(Connection.make(options.url, options.allowInsecure ?? false), (send) => over(send, options))

/**
 * Provides what was used once in Redis, as `connect` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ConnectionOptions): Layer.Layer<ReplayStore.ReplayStore, TokenStoreError> =>
  Layer.scoped(ReplayStore.ReplayStore, connect(options))
