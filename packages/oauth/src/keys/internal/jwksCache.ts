/** The state of one issuer's keys, and what each request makes of it. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JwtHeader } from "../Jwt.js"
import type { Health, Options, RemoteJwks } from "../RemoteJwks.js"
import { withDefaults } from "./jwksPolicy.js"
import type { VerificationKey } from "../VerificationKey.js"
import * as FetchBudget from "./fetchBudget.js"
import { fetchKeys, refused, unavailable } from "./fetchKeys.js"
import { keysOf } from "./jwksDocument.js"
import type { KeyIndex } from "./keyIndex.js"
import * as Index from "./keyIndex.js"

/** Keys as they were fetched; instants in milliseconds. */
interface KeySet {
  readonly keys: ReadonlyArray<VerificationKey>
  readonly index: KeyIndex
  readonly since: number
  /** From here on they are fetched anew behind the scenes. */
  readonly aging: number
  readonly fresh: number
  readonly usable: number
}

interface Flight {
  readonly began: number
  readonly landed: Deferred.Deferred<KeySet, KeyringError>
}

interface Failure {
  readonly error: KeyringError
  readonly times: number
  /** No fetch begins before. */
  readonly until: number
}

type Lookup = Effect.Effect<VerificationKey, KeyringError>

/**
 * The state is plain and changes only between two steps of a fiber, so no lock
 * is needed; fetches belong to the scope, and callers only wait for them.
 */
export const make = (given: Options, scope: Scope.Scope): RemoteJwks => {
  const { issuer, wire } = given
  const options = withDefaults(given)
  const millis = {
    timeToLive: Duration.toMillis(options.timeToLive),
    minTimeToLive: Duration.toMillis(options.minTimeToLive),
    jwksUri: Duration.toMillis(options.jwksUriTimeToLive),
    staleFor: Duration.toMillis(options.staleFor),
    patience: Duration.toMillis(options.patience),
    backOff: Duration.toMillis(options.backOff),
    maxBackOff: Duration.toMillis(options.maxBackOff)
  }
  const budget = FetchBudget.make(options.unknownKidFetches, Duration.toMillis(options.unknownKidWindow))

  let current: KeySet | undefined
  let flight: Flight | undefined
  let failure: Failure | undefined
  let address: { readonly uri: string; readonly until: number } | undefined

  const locate: Effect.Effect<string, KeyringError> = Effect.clockWith((clock) => {
    const now = clock.unsafeCurrentTimeMillis()
    const known = address
    if (known !== undefined && now < known.until) return Effect.succeed(known.uri)
    return given.jwksUri.pipe(
      Effect.tap((uri) =>
        Effect.sync(() => {
          address = { uri, until: clock.unsafeCurrentTimeMillis() + millis.jwksUri }
        })
      ),
      // Metadata that cannot be read for now does not make the address wrong.
      Effect.catchAll((error) =>
        error._tag === "TransportError" && known !== undefined && now < known.until + millis.staleFor
          ? Effect.succeed(known.uri)
          : Effect.fail(unavailable(issuer, error))
      )
    )
  })

  const fetched: Effect.Effect<KeySet, KeyringError> = Effect.flatMap(locate, (uri) =>
    fetchKeys(wire, issuer, uri, options.sameOrigin).pipe(
      Effect.mapError((error) => {
        if (error._tag === "KeyringError") return error
        // It may have moved: ask where it is before the next try.
        if (address !== undefined && !error.retriable && error.status !== undefined) {
          address = { ...address, until: Math.min(address.until, flight?.began ?? 0) }
        }
        return unavailable(issuer, error)
      }),
      Effect.flatMap(({ document, maxAge }) =>
        Effect.clockWith((clock) => {
          const keys = keysOf(issuer, document, current?.keys ?? [])
          if (keys === undefined) {
            return Effect.fail(
              refused(issuer, "malformed", `what ${issuer} publishes is not a JSON Web Key set`)
            )
          }
          const since = clock.unsafeCurrentTimeMillis()
          const life = Math.min(
            Math.max(maxAge ?? millis.timeToLive, millis.minTimeToLive),
            millis.timeToLive
          )
          return Effect.succeed({
            keys,
            index: Index.make(keys),
            since,
            aging: since + life * 0.8,
            fresh: since + life,
            usable: since + life + millis.staleFor
          })
        })
      )
    )
  )

  const land = (own: Flight, exit: Exit.Exit<KeySet, KeyringError>): Effect.Effect<void> =>
    Effect.flatMap(Random.nextRange(0.5, 1), (jitter) =>
      Effect.clockWith((clock) => {
        if (flight === own) flight = undefined
        if (Exit.isSuccess(exit)) {
          current = exit.value
          failure = undefined
          return Deferred.succeed(own.landed, exit.value)
        }
        const error = Option.getOrElse(errorOf(exit), () => closed(issuer))
        const times = (failure?.times ?? 0) + 1
        const asked = (error.retryAfter ?? 0) * 1000
        const delay = Math.min(Math.max(millis.backOff * 2 ** (times - 1) * jitter, asked), millis.maxBackOff)
        failure = { error, times, until: clock.unsafeCurrentTimeMillis() + delay }
        return Deferred.fail(own.landed, error)
      })
    )

  /** The fetch under way, or a new one. */
  const fly: Effect.Effect<Flight> = Effect.uninterruptible(
    Effect.clockWith((clock) => {
      if (flight !== undefined) return Effect.succeed(flight)
      const began = clock.unsafeCurrentTimeMillis()
      const own: Flight = { began, landed: Deferred.unsafeMake(FiberId.none) }
      flight = own
      budget.spend(began)
      return fetched.pipe(
        Effect.interruptible,
        Effect.onExit((exit) => land(own, exit)),
        Effect.forkIn(scope),
        Effect.as(own)
      )
    })
  )

  const arrival: Effect.Effect<KeySet, KeyringError> = Effect.flatMap(fly, (own) =>
    Deferred.await(own.landed)
  )

  const isBackingOff = (now: number): boolean =>
    flight === undefined && failure !== undefined && now < failure.until

  const lookUp = (set: KeySet, header: JwtHeader, otherwise: (set: KeySet) => Lookup): Lookup => {
    const found = set.index.find(header)
    if (found === "not_found") return otherwise(set)
    return found === "ambiguous" ? Effect.fail(Index.noKey(found, issuer)) : Effect.succeed(found)
  }

  const absent: Lookup = Effect.suspend(() => Effect.fail(Index.noKey("not_found", issuer)))

  /** What stale keys do not have may be new: nobody can know. */
  const unknowable: Lookup = Effect.suspend(() => Effect.fail(failure?.error ?? waiting(issuer)))

  const unknown = (header: JwtHeader, now: number): Lookup => {
    const name = `${header.alg} ${header.kid ?? ""}`
    if (budget.isMissed(name, now)) return absent
    if (isBackingOff(now)) return unknowable
    if (flight === undefined && !budget.allows(now)) return absent
    return Effect.flatMap(fly, (own) =>
      Effect.flatMap(Deferred.await(own.landed), (set) =>
        lookUp(set, header, () => {
          // A fetch that began before the token came may have been too early for its key.
          if (own.began >= now) budget.miss(name, set.since)
          return absent
        })
      )
    )
  }

  const serveStale = (set: KeySet, header: JwtHeader): Lookup => lookUp(set, header, () => unknowable)

  /**
   * Keys past their time. The first fetch is waited for, with patience; once one
   * has failed, those at hand serve while the next is under way.
   */
  const old = (set: KeySet, header: JwtHeader, now: number): Lookup => {
    if (isBackingOff(now)) return serveStale(set, header)
    return Effect.flatMap(fly, (own) => {
      const serves = failure !== undefined && set.index.find(header) !== "not_found"
      const left = serves ? 0 : own.began + millis.patience - now
      if (left <= 0) return serveStale(set, header)
      return Effect.flatMap(Effect.timeoutOption(Effect.exit(Deferred.await(own.landed)), left), (waited) =>
        Option.isSome(waited) && Exit.isSuccess(waited.value)
          ? lookUp(waited.value.value, header, () => absent)
          : serveStale(set, header)
      )
    })
  }

  const verificationKey: RemoteJwks["verificationKey"] = (asked, header) => {
    if (asked !== issuer) return Effect.fail(Index.noKey("not_found", asked))
    return Effect.clockWith((clock) => {
      const now = clock.unsafeCurrentTimeMillis()
      const set = current
      if (set !== undefined && now < set.fresh) {
        const found = lookUp(set, header, () => unknown(header, now))
        return now < set.aging || flight !== undefined || isBackingOff(now)
          ? found
          : Effect.zipRight(fly, found)
      }
      if (set !== undefined && now < set.usable) return old(set, header, now)
      if (isBackingOff(now) && failure !== undefined) return Effect.fail(failure.error)
      return Effect.flatMap(arrival, (fresh) => lookUp(fresh, header, () => absent))
    })
  }

  return {
    verificationKey,
    signingKey: () => Effect.fail(Index.signsNothing()),
    jwks: Effect.succeed({ keys: [] }),
    refresh: Effect.asVoid(arrival),
    health: Effect.clockWith((clock) =>
      Effect.sync(() => healthOf(current, failure, clock.unsafeCurrentTimeMillis()))
    )
  }
}

const healthOf = (set: KeySet | undefined, failure: Failure | undefined, now: number): Health => {
  const error = failure === undefined ? {} : { error: failure.error }
  if (set === undefined || now >= set.usable) return { _tag: "unavailable", ...error }
  return now < set.fresh
    ? { _tag: "fresh", since: set.since, until: set.fresh }
    : { _tag: "stale", since: set.fresh, until: set.usable, ...error }
}

const errorOf = (exit: Exit.Exit<unknown, KeyringError>): Option.Option<KeyringError> =>
  Exit.isFailure(exit) && exit.cause._tag === "Fail" ? Option.some(exit.cause.error) : Option.none()

const closed = (issuer: string): KeyringError =>
  refused(issuer, "unavailable", `the fetch of the keys of ${issuer} was ended`)

const waiting = (issuer: string): KeyringError =>
  refused(
    issuer,
    "unavailable",
    `the keys of ${issuer} are being fetched, and those at hand do not have the one asked for`
  )
