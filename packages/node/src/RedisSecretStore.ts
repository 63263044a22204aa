/**
 * Secrets in Redis, for several machines.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { TokenStoreError } from "effect-oauth/OAuthError"
import * as SecretStore from "effect-oauth/SecretStore"
import * as Connection from "./internal/redisConnection.js"
import * as Scripts from "./internal/redisScripts.js"

/**
 * What is used of a client of Redis: `Redis` and `Cluster` of `ioredis` are such.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  readonly eval: (script: string, keys: number, ...args: Array<string>) => Promise<unknown>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Before each name. `effect-oauth:`. */
  readonly prefix?: string | undefined
  /** How long an operation may take, waiting for a connection included. 5 seconds. */
  readonly deadline?: Duration.DurationInput | undefined
  /** How long after its last write an entry is forgotten. Never. */
  readonly timeToLive?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConnectionOptions extends Options {
  /** `redis://` or `rediss://`, with the credentials if there are any. */
  readonly url: Redacted.Redacted<string>
  /** `redis://`, that is without TLS, also to other machines. false. */
  readonly allowInsecure?: boolean | undefined
}

/**
 * Makes a storage over a client of the program. A compare-and-set is one script,
 * so it holds for all who share the server; a script that the client sends
 * again, since the connection broke before the answer came, has the same result.
 * What is lost when a server forgets (no persistence, a replica that lags
 * behind and takes over) is lost here. Texts are kept as they are: see
 * `EncryptedSecretStore`.
 *
 * Let the client neither queue commands while it is not connected nor send any
 * again by itself (`enableOfflineQueue` and `autoResendUnfulfilledCommands`
 * `false`, as `layer` does): what ended as `unavailable` could still be done later.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (client: Client, options: Options = {}): SecretStore.SecretStore.Service =>
  over((script, key, args) => Effect.tryPromise(() => client.eval(script, 1, key, ...args)), options)

const Reply = Schema.Union(Schema.Tuple(), Schema.Tuple(Schema.String, Schema.String))

const over = (send: Connection.Send, options: Options): SecretStore.SecretStore.Service => {
  const { deadline = "5 seconds", prefix = "effect-oauth:" } = options
  const lifetime = String(
    options.timeToLive === undefined ? 0 : Math.ceil(Duration.toMillis(options.timeToLive))
  )
  const run = (operation: string, script: string, name: string, ...args: Array<string>) =>
    send(script, `${prefix}${wellFormed(name)}`, args).pipe(
      // Errors of the client have the arguments in them.
      Effect.mapError(() => unavailable(operation)),
      Effect.timeoutFail({ duration: deadline, onTimeout: () => unavailable(operation) })
    )
  return {
    get: (name) =>
      Effect.flatMap(run("get", Scripts.get, name), (reply) => {
        if (!Schema.is(Reply)(reply)) return Effect.fail(unavailable("get"))
        if (reply.length === 0) return Effect.succeed(Option.none<SecretStore.Stored>())
        const [generation, encoded] = reply
        const entry = Option.filter(SecretStore.decode(name, encoded), (one) => one.generation === generation)
        return Option.isSome(entry) ? Effect.succeed(entry) : Effect.fail(corrupt("get"))
      }),
    put: (name, text) =>
      Effect.tap(SecretStore.stored(text), (next) =>
        Effect.filterOrFail(
          run("put", Scripts.put, name, next.generation, SecretStore.encode(name, next), lifetime),
          (reply) => reply === "written",
          () => unavailable("put")
        )
      ),
    compareAndSet: (name, expected, text) =>
      Effect.flatMap(SecretStore.stored(text), (next) =>
        Effect.flatMap(
          run(
            "compareAndSet",
            Scripts.compareAndSet,
            name,
            next.generation,
            SecretStore.encode(name, next),
            lifetime,
            Option.isSome(expected) ? "present" : "absent",
            Option.getOrElse(expected, () => "")
          ),
          (reply) =>
            reply === "written"
              ? Effect.succeedSome(next)
              : reply === "other"
                ? Effect.succeedNone
                : Effect.fail(reply === "corrupt" ? corrupt("compareAndSet") : unavailable("compareAndSet"))
        )
      ),
    delete: (name) => Effect.asVoid(run("delete", Scripts.remove, name))
  }
}

/** As UTF-8 can say it; a half of a pair is otherwise as any other. */
const wellFormed = (name: string): string => JSON.stringify(name).slice(1, -1)

const unavailable = (operation: string): TokenStoreError =>
  new TokenStoreError({
    operation: `RedisSecretStore.${operation}`,
    reason: "unavailable",
    message: `RedisSecretStore.${operation}: Redis did not answer as it should. Check that it is there, that it may be used, and that it has memory; whether the operation was done is not known.`
  })

const corrupt = (operation: string): TokenStoreError =>
  new TokenStoreError({
    operation: `RedisSecretStore.${operation}`,
    reason: "corrupt",
    message: `RedisSecretStore.${operation}: what Redis has under this name cannot be read, or is another entry. Delete it with SecretStore.delete.`
  })

/**
 * Connects by `ioredis`, which the program installs beside, for as long as the
 * scope lives, and again whenever the connection breaks; operations meanwhile
 * wait for it until their deadline, then they are `unavailable`. Fails with
 * `unavailable` when `ioredis` is not installed, and with `forbidden` for a URL
 * that is none of Redis, or is without TLS and not of this machine.
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect = (
  options: ConnectionOptions
): Effect.Effect<SecretStore.SecretStore.Service, TokenStoreError, Scope.Scope> =>
  Effect.map(Connection.make(options.url, options.allowInsecure ?? false), (send) => over(send, options))

/**
 * Provides secrets in Redis, as `connect` makes it.
 *
 * @example
 * import * as RedisSecretStore from "effect-oauth-node/RedisSecretStore"
 * import * as TokenStore from "effect-oauth/TokenStore"
 * import * as Layer from "effect/Layer"
 * import * as Redacted from "effect/Redacted"
 *
 * const SessionsLive = TokenStore.layer.pipe(
 *   Layer.provide(RedisSecretStore.layer({ url: Redacted.make("rediss://sessions.internal:6379") }))
 * )
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ConnectionOptions): Layer.Layer<SecretStore.SecretStore, TokenStoreError> =>
  Layer.scoped(SecretStore.SecretStore, connect(options))
