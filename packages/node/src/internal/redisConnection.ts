/** A connection to Redis that is there again when it broke, and that does nothing later than asked. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { TokenStoreError } from "effect-oauth/OAuthError"

/** Runs a script over one key. */
export type Send = (
  script: string,
  key: string,
  args: ReadonlyArray<string>
) => Effect.Effect<unknown, unknown>

const operation = "RedisSecretStore.connect"

const problem = (reason: TokenStoreError["reason"], what: string): TokenStoreError =>
  new TokenStoreError({ operation, reason, message: `${operation}: ${what}.` })

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host)

const checked = (url: string, allowInsecure: boolean): Effect.Effect<string, TokenStoreError> => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== "rediss:" && parsed?.protocol !== "redis:") {
    return Effect.fail(problem("forbidden", "the URL is not one of Redis (redis:// or rediss://)"))
  }
  return parsed.protocol === "rediss:" || allowInsecure || isLoopback(parsed.hostname)
    ? Effect.succeed(url)
    : Effect.fail(
        problem(
          "forbidden",
          "redis:// to another machine is readable on the way; use rediss://, or allowInsecure"
        )
      )
}

export const make = (
  url: Redacted.Redacted<string>,
  allowInsecure: boolean
): Effect.Effect<Send, TokenStoreError, Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* checked(Redacted.value(url), allowInsecure)
    const { Redis } = yield* Effect.tryPromise({
      try: () => import("ioredis"),
      catch: () => problem("unavailable", "install ioredis beside effect-oauth-node")
    })
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new Redis(address, {
          lazyConnect: true,
          // What failed is not done later behind the back of who was told so.
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          maxRetriesPerRequest: 0,
          retryStrategy: (times) => Math.min(times * 50, 1000)
        })
        // Each operation tells of its own failure; unheard, the client would print it.
        client.on("error", () => undefined)
        // As many as there are operations wait for it.
        client.setMaxListeners(0)
        client.connect().catch(() => undefined)
        return client
      }),
      (client) => Effect.sync(() => client.disconnect())
    )
    const ready = Effect.async<void>((resume) => {
      if (redis.status === "ready") return resume(Effect.void)
      const told = () => resume(Effect.void)
      redis.once("ready", told)
      return Effect.sync(() => redis.off("ready", told))
    })
    return (script, key, args) =>
      Effect.zipRight(
        ready,
        Effect.tryPromise(() => redis.eval(script, 1, key, ...args))
      )
  })
