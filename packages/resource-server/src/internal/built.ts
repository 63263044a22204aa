/** Layers that are built on demand, one for each key, kept while there is room, and closed when nobody uses them. */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

export interface Built<in K, in out Services, out E> {
  readonly use: <A, E2, R>(
    key: K,
    effect: Effect.Effect<A, E2, R>
  ) => Effect.Effect<A, E | E2, Exclude<R, Services>>
  readonly size: Effect.Effect<number>
}

interface Entry<Services, E> {
  readonly services: Deferred.Deferred<Context.Context<Services>, E>
  readonly scope: Scope.CloseableScope
  users: number
  /** No longer in the map: closed by the last who uses it. */
  gone: boolean
}

export const make = <K, Services, E, R>(options: {
  readonly keyOf: (key: K) => string
  readonly layer: (key: K) => Layer.Layer<Services, E, R>
  readonly maximum: number
}): Effect.Effect<Built<K, Services, E>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { keyOf, layer, maximum } = options
    const parent = yield* Effect.scope
    const context = yield* Effect.context<R>()
    const fiberRefs = yield* Effect.getFiberRefs
    /**
     * Apart from the request at hand: it does not wait, and nothing that is set for it
     * (context, log annotations, clock, configuration) is there.
     */
    const apart = <A, E2>(effect: Effect.Effect<A, E2, R>): Effect.Effect<void> =>
      Effect.updateFiberRefs(() => fiberRefs).pipe(
        Effect.zipRight(Effect.mapInputContext(effect, (_: Context.Context<never>) => context)),
        // Whoever waits is told of a failure: nothing about it is unhandled.
        Effect.exit,
        Effect.forkIn(parent)
      )
    // Plain state, which changes between two steps of a fiber; the one used last is last.
    const entries = new Map<string, Entry<Services, E>>()

    const close = (entry: Entry<Services, E>) =>
      entry.gone && entry.users === 0
        ? apart(Effect.uninterruptible(Scope.close(entry.scope, Exit.void)))
        : Effect.void

    const remove = (key: string, entry: Entry<Services, E>) => {
      if (entries.get(key) === entry) entries.delete(key)
      entry.gone = true
      return close(entry)
    }

    const makeRoom = Effect.suspend(() => {
      const oldest = [...entries].slice(0, Math.max(0, entries.size - maximum))
      return Effect.forEach(oldest, ([key, entry]) => remove(key, entry), { discard: true })
    })

    const build = (key: K, name: string) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
        const services = Deferred.unsafeMake<Context.Context<Services>, E>(FiberId.none)
        const entry: Entry<Services, E> = { services, scope, users: 1, gone: false }
        entries.set(name, entry)
        yield* makeRoom
        // What the request that is first has is not for those that follow.
        yield* Layer.buildWithScope(layer(key), scope).pipe(
          Effect.interruptible,
          Effect.onExit((exit) =>
            Effect.zipRight(
              Exit.isFailure(exit) ? remove(name, entry) : Effect.void,
              Deferred.done(services, exit)
            )
          ),
          apart
        )
        return entry
      })

    const acquire = (key: K) =>
      Effect.suspend(() => {
        const name = keyOf(key)
        const entry = entries.get(name)
        if (entry === undefined) return build(key, name)
        entries.delete(name)
        entries.set(name, entry)
        entry.users++
        return Effect.succeed(entry)
      })

    const release = (entry: Entry<Services, E>) =>
      Effect.suspend(() => {
        entry.users--
        return close(entry)
      })

    return {
      use: (key, effect) =>
        Effect.acquireUseRelease(
          acquire(key),
          ({ services }) => Effect.flatMap(Deferred.await(services), (own) => Effect.provide(effect, own)),
          release
        ),
      size: Effect.sync(() => entries.size)
    }
  })
