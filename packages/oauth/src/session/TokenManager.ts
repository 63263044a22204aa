/**
 * A session that is kept alive.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Random from "effect/Random"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Tracer from "effect/Tracer"
import { Revocation } from "../client/Revocation.js"
import * as SingleFlight from "../http/SingleFlight.js"
import * as Telemetry from "../http/Telemetry.js"
import * as Entropy from "../protocol/Entropy.js"
import type { TokenStoreError } from "../protocol/OAuthError.js"
import type { TokenSet } from "../protocol/TokenSet.js"
import { keepAhead } from "./internal/manager/ahead.js"
import * as BoundedStore from "./internal/manager/boundedStore.js"
import * as HeldTokens from "./internal/manager/held.js"
import * as Instant from "./internal/manager/instant.js"
import { look } from "./internal/manager/look.js"
import type { Machine } from "./internal/manager/machine.js"
import { emptyMemory } from "./internal/manager/machine.js"
import { renewal } from "./internal/manager/renewal.js"
import { saveAtLast } from "./internal/manager/saving.js"
import { begin, signOut } from "./internal/manager/signInOut.js"
import type { SessionEvent } from "./SessionEvent.js"
import type { SessionKey } from "./SessionKey.js"
import * as SessionState from "./SessionState.js"
import type { SourceError, TokenSource } from "./TokenSource.js"
import { TokenStore } from "./TokenStore.js"

/**
 * Gives the access token of one session, and new ones before it expires: one
 * refresh at a time, whoever asks, in however many processes and machines share
 * the store.
 *
 * @since 0.1.0
 * @category services
 */
export class TokenManager extends Context.Tag("effect-oauth/TokenManager")<
  TokenManager,
  TokenManager.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace TokenManager {
  /**
   * Why there is no token. `ReauthorizationRequired` alone says that the session
   * is over; after any other the next `get` may succeed.
   *
   * @since 0.1.0
   * @category errors
   */
  export type GetError = SourceError

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options<out R = never> {
    /**
     * Which session it is, in the store and among processes. It asks for nothing: scope and resources of the tokens
     * are those of the login, or of `source`.
     */
    readonly key: SessionKey
    readonly source: TokenSource<R>
    /**
     * For how long an access token that `get` gives is good at least. A minute;
     * each manager takes up to a tenth more, so that many do not refresh at once.
     */
    readonly leeway?: Duration.DurationInput | undefined
    /**
     * Refresh in the background, a while before `get` would have to wait for it. No,
     * unless given. A failure there changes nothing and begins no login.
     */
    readonly refreshAhead?: boolean | undefined
    /**
     * For how long a process that died in the middle of a refresh keeps the others
     * waiting at most; 30 seconds. A refresh that takes longer prolongs it. The clocks
     * of machines that share a store must agree better than to half of it.
     */
    readonly leaseDuration?: Duration.DurationInput | undefined
  }

  /**
   * What came of a logout.
   *
   * @since 0.1.0
   * @category models
   */
  export interface LogoutReport {
    /** Whether the tokens are gone from the store. Where they are not, log out again. */
    readonly deleted: boolean
    /** What the server has revoked. */
    readonly revoked: ReadonlyArray<"refresh_token" | "access_token">
    /** What must be taken to be good still, at the server, until it expires. */
    readonly alive: ReadonlyArray<"refresh_token" | "access_token">
    /** Why, of the server and of the store. */
    readonly failures: ReadonlyArray<SourceError>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    readonly key: SessionKey
    /** That of its `TokenSource`. */
    readonly kind: string
    /**
     * Tokens whose access token is good for the leeway at least; where it lives for
     * less than twice the leeway, for half of its life. When it cannot be renewed
     * now, the one at hand is given while it is good at all. Never begins a login.
     */
    readonly get: Effect.Effect<TokenSet, GetError>
    /**
     * Tokens with another access token than the one that a resource refused. Of all
     * who were refused with the same one, the first makes a refresh; the others get
     * what came of it.
     */
    readonly renew: (refused: Redacted.Redacted<string>) => Effect.Effect<TokenSet, GetError>
    /**
     * Begins the session with the tokens of a login, in the place of what was there.
     * When the store cannot be written it has begun all the same, in memory; saving
     * goes on being tried. Tokens of another issuer than the key's are refused
     * (`conflict`).
     */
    readonly adopt: (tokens: TokenSet) => Effect.Effect<void, TokenStoreError>
    /** How the session is. Looks into the store when nothing has been asked for yet, and never refreshes. */
    readonly state: Effect.Effect<SessionState.SessionState>
    /** How it is, and how it is from then on. */
    readonly changes: Stream.Stream<SessionState.SessionState>
    /** What happens from now on; who reads too slowly misses the oldest. */
    readonly events: Stream.Stream<SessionEvent>
    /**
     * Revokes the refresh token and the access token, where the program has
     * `Revocation` (else it says in a warning that it could not), and then deletes the session, also when revoking failed; under
     * the lease, so that nobody refreshes it meanwhile, and what was refreshed from
     * it all the same goes with it. In the store stays a mark without tokens, from
     * which other processes learn of it. A login that comes while it is under way is
     * another session, and stays.
     */
    readonly logout: Effect.Effect<LogoutReport>
  }
}

/**
 * Makes the manager of one session over the `TokenStore` of the program. What it
 * starts belongs to the scope: when that closes, a refresh that was sent is waited
 * for (the deadline of the wire bounds it), and its tokens are saved.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <R = never>(
  options: TokenManager.Options<R>
): Effect.Effect<TokenManager.Service, never, TokenStore | R | Scope.Scope> =>
  Effect.gen(function* () {
    const machine = yield* assemble(options)
    const { key, memory, said, shown, source } = machine
    const turn = (yield* Effect.makeSemaphore(1)).withPermits(1)
    // The first finalizer is the last to run: by then nothing else writes.
    yield* Effect.addFinalizer(() => saveAtLast(machine))
    const attributes = { issuer: key.issuer, client_id: key.clientId, source: source.kind }
    const flight = yield* SingleFlight.make(
      turn(renewal(machine)).pipe(Telemetry.flow("TokenManager.get", attributes)),
      0,
      { uninterruptible: true }
    )
    const leaving = yield* SingleFlight.make(
      signOut(machine, turn).pipe(Telemetry.flow("TokenManager.logout", attributes)),
      0,
      { uninterruptible: true }
    )
    const logout: TokenManager.Service["logout"] = Effect.suspend(() => {
      const { logins } = memory
      // One that began before a login says nothing of that.
      return Effect.flatMap(leaving.get, (parted) =>
        parted.logins < logins ? logout : Effect.succeed(parted.report)
      )
    })
    const looked = Effect.suspend(() =>
      memory.looked ? Effect.void : Effect.uninterruptible(Effect.ignore(look(machine, false)))
    )
    if (machine.refreshAhead) yield* Effect.forkScoped(keepAhead(machine, flight.get))

    const get: TokenManager.Service["get"] = Effect.clockWith((clock) => {
      const { held } = memory
      return held !== undefined && HeldTokens.isUsable(held, clock) ? held.given : flight.get
    })
    return {
      key,
      kind: source.kind,
      get,
      renew: (refused) => {
        const another: TokenManager.Service["get"] = Effect.suspend(() => {
          const { held } = memory
          if (held === undefined || HeldTokens.isSame(held.tokens.accessToken, refused)) {
            memory.refused = refused
            if (held !== undefined) held.refused = true
          }
          return get
        })
        // A run that was under way may have found the refused token good before this.
        return Effect.flatMap(another, (tokens) =>
          HeldTokens.isSame(tokens.accessToken, refused) ? another : Effect.succeed(tokens)
        )
      },
      adopt: (tokens) => Effect.uninterruptible(begin(machine, tokens)),
      state: Effect.zipRight(looked, SubscriptionRef.get(shown)),
      changes: Stream.unwrap(Effect.as(looked, shown.changes)),
      events: Stream.fromPubSub(said),
      logout
    }
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options: TokenManager.Options<R>
): Layer.Layer<TokenManager, never, TokenStore | Exclude<R, Scope.Scope>> =>
  Layer.scoped(TokenManager, make(options))

/** How many events wait for a reader. */
const waiting = 256

const assemble = <R>(
  options: TokenManager.Options<R>
): Effect.Effect<Machine, never, TokenStore | R | Scope.Scope> =>
  Effect.gen(function* () {
    const { key, source } = options
    const context = yield* Effect.context<R>()
    // The spans of a request belong to the refresh, not to whoever made the manager.
    const within = (input: Context.Context<never>): Context.Context<R> =>
      Option.match(Context.getOption(input, Tracer.ParentSpan), {
        onNone: () => context,
        onSome: (span) => Context.add(context, Tracer.ParentSpan, span)
      })
    const leeway = Duration.toMillis(options.leeway ?? Duration.minutes(1))
    return {
      key,
      store: BoundedStore.make(yield* TokenStore, key),
      revocation: yield* Effect.serviceOption(Revocation),
      source: { ...source, renew: (current) => Effect.mapInputContext(source.renew(current), within) },
      owner: yield* Entropy.randomText(16),
      leeway: leeway * (1 + (yield* Random.next) / 10),
      leaseDuration: Duration.toMillis(options.leaseDuration ?? Duration.seconds(30)),
      refreshAhead: options.refreshAhead ?? false,
      anchor: yield* Instant.now,
      memory: emptyMemory(),
      scope: yield* Effect.scope,
      shown: yield* SubscriptionRef.make<SessionState.SessionState>(SessionState.signedOut),
      said: yield* PubSub.sliding<SessionEvent>(waiting)
    }
  })
