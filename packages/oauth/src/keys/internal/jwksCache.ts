/** The state of one issuer's keys, and what each request makes of it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Step from "../../http/Step.js"
import * as Telemetry from "../../http/Telemetry.js"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JsonWebKeySet } from "../Jwk.js"
import type { JwtHeader } from "../Jwt.js"
import type { SigningKey } from "../SigningKey.js"
import type { VerificationKey } from "../VerificationKey.js"
import { FetchBudget } from "./fetchBudget.js"
import { refused } from "./fetchKeys.js"
import type { KeySet, Shared } from "./jwksSource.js"
import { JwksSource } from "./jwksSource.js"
import * as Index from "./keyIndex.js"

/** From here on keys are fetched anew behind the scenes. */
const aging = ({ fresh, since }: KeySet): number => since + (fresh - since) * 0.8

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

/** How keys are doing; `RemoteJwks.Health` says what it means. */
export type Health =
  | { readonly _tag: "fresh"; readonly since: number; readonly until: number }
  | { readonly _tag: "stale"; readonly since: number; readonly until: number; readonly error?: KeyringError }
  | { readonly _tag: "unavailable"; readonly error?: KeyringError }

/**
 * The state is plain and changes only between two steps of a fiber, so no lock
 * is needed; fetches belong to the scope, and callers only wait for them. A
 * class, since programs may hold ten thousand.
 */
export class JwksCache {
  readonly #shared: Shared
  #current: KeySet | undefined
  #flight: Flight | undefined
  #failure: Failure | undefined
  readonly #source: JwksSource
  readonly #budget = new FetchBudget()

  constructor(
    readonly issuer: string,
    shared: Shared
  ) {
    this.#shared = shared
    this.#source = new JwksSource(issuer, shared)
  }

  get health(): Effect.Effect<Health> {
    return Effect.clockWith((clock) => Effect.sync(() => this.#healthAt(clock.unsafeCurrentTimeMillis())))
  }

  #healthAt(now: number): Health {
    const set = this.#current
    const error = this.#failure === undefined ? {} : { error: this.#failure.error }
    if (set === undefined || now >= this.#usable(set)) return { _tag: "unavailable", ...error }
    return now < set.fresh
      ? { _tag: "fresh", since: set.since, until: set.fresh }
      : { _tag: "stale", since: set.fresh, until: this.#usable(set), ...error }
  }

  get refresh(): Effect.Effect<void, KeyringError> {
    return Effect.suspend(() => {
      this.#source.forgetStore()
      // What was kept may be arriving.
      return Effect.flatMap(this.#arrival(), ({ kept }) =>
        kept ? Effect.asVoid(this.#arrival()) : Effect.void
      )
    })
  }

  get jwks(): Effect.Effect<JsonWebKeySet> {
    return Effect.succeed({ keys: [] })
  }

  signingKey(): Effect.Effect<SigningKey, KeyringError> {
    return Effect.suspend(() => Effect.fail(Index.signsNothing()))
  }

  verificationKey(issuer: string, header: JwtHeader): Lookup {
    return issuer === this.issuer
      ? Step.withFiber(({ currentDefaultServices }) =>
          this.#lookUpAt(header, Context.get(currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis())
        )
      : Effect.fail(Index.noKey("not_found", issuer))
  }

  #usable(set: KeySet): number {
    return set.fresh + this.#shared.policy.staleFor
  }

  #lookUpAt(header: JwtHeader, now: number): Lookup {
    const set = this.#current
    if (set !== undefined && now < set.fresh) {
      const found = this.#lookUp(set, header, () => this.#unknown(header, now))
      return now < aging(set) || this.#flight !== undefined || this.#isBackingOff(now)
        ? found
        : Effect.zipRight(this.#fly(), found)
    }
    if (set !== undefined && now < this.#usable(set)) return this.#old(set, header, now)
    if (this.#failure !== undefined && this.#isBackingOff(now)) return Effect.fail(this.#failure.error)
    return Effect.flatMap(this.#arrival(), (set) =>
      // What was kept may be old, and says nothing of names that are new.
      set.kept ? this.verificationKey(this.issuer, header) : this.#lookUp(set, header, () => this.#absent())
    )
  }

  #lookUp(set: KeySet, header: JwtHeader, otherwise: () => Lookup): Lookup {
    const found = Index.find(set, header)
    if (found === "not_found") return otherwise()
    return found === "ambiguous" ? Effect.fail(Index.noKey(found, this.issuer)) : Effect.succeed(found)
  }

  /** A name that fresh keys do not have: the issuer may just have rotated. */
  #unknown(header: JwtHeader, now: number): Lookup {
    const { unknownKidFetches, unknownKidWindow } = this.#shared.policy
    const name = `${header.alg} ${header.kid ?? ""}`
    if (this.#budget.isMissed(name, now)) return this.#absent()
    if (this.#isBackingOff(now)) return this.#unknowable()
    if (this.#flight === undefined && !this.#budget.allows(now, unknownKidFetches, unknownKidWindow)) {
      return this.#absent()
    }
    return Effect.flatMap(this.#fly(), (own) =>
      Effect.flatMap(Deferred.await(own.landed), (set) =>
        this.#lookUp(set, header, () => {
          // A fetch that began before the token came may have been too early for its key.
          if (own.began >= now) this.#budget.miss(name, set.since, set.since + unknownKidWindow)
          return this.#absent()
        })
      )
    )
  }

  /**
   * Keys past their time. The first fetch is waited for, with patience; once one
   * has failed, those at hand serve while the next is under way.
   */
  #old(set: KeySet, header: JwtHeader, now: number): Lookup {
    const serve = () => this.#lookUp(set, header, () => this.#unknowable())
    if (this.#isBackingOff(now)) return serve()
    return Effect.flatMap(this.#fly(), (own) => {
      const serves = this.#failure !== undefined && Index.find(set, header) !== "not_found"
      const left = serves ? 0 : own.began + this.#shared.policy.patience - now
      if (left <= 0) return serve()
      return Effect.flatMap(Effect.timeoutOption(Effect.exit(Deferred.await(own.landed)), left), (waited) =>
        Option.isSome(waited) && Exit.isSuccess(waited.value)
          ? this.#lookUp(waited.value.value, header, () => this.#absent())
          : serve()
      )
    })
  }

  #absent(): Lookup {
    return Effect.suspend(() => Effect.fail(Index.noKey("not_found", this.issuer)))
  }

  /** What stale keys do not have may be new: nobody can know. */
  #unknowable(): Lookup {
    return Effect.suspend(() => Effect.fail(this.#failure?.error ?? waiting(this.issuer)))
  }

  #isBackingOff(now: number): boolean {
    return this.#flight === undefined && this.#failure !== undefined && now < this.#failure.until
  }

  #arrival(): Effect.Effect<KeySet, KeyringError> {
    return Effect.flatMap(this.#fly(), (own) => Deferred.await(own.landed))
  }

  /** The fetch under way, or a new one. */
  #fly(): Effect.Effect<Flight> {
    return Effect.uninterruptible(
      Effect.clockWith((clock) => {
        if (this.#flight !== undefined) return Effect.succeed(this.#flight)
        const began = clock.unsafeCurrentTimeMillis()
        const own: Flight = { began, landed: Deferred.unsafeMake(FiberId.none) }
        this.#flight = own
        this.#budget.spend(began, this.#shared.policy.unknownKidFetches)
        return this.#source.get(began, this.#current?.keys ?? []).pipe(
          Effect.interruptible,
          Effect.onExit((exit) => this.#land(own, exit)),
          Effect.forkIn(this.#shared.scope),
          Effect.as(own)
        )
      })
    )
  }

  #land(own: Flight, exit: Exit.Exit<KeySet, KeyringError>): Effect.Effect<void> {
    return Effect.flatMap(Random.nextRange(0.5, 1), (jitter) =>
      Effect.clockWith((clock) => {
        if (this.#flight === own) this.#flight = undefined
        if (Exit.isSuccess(exit)) {
          this.#current = exit.value
          this.#failure = undefined
          const landed = Deferred.succeed(own.landed, exit.value)
          return exit.value.kept ? landed : Effect.zipRight(told("fresh"), landed)
        }
        const { backOff, maxBackOff } = this.#shared.policy
        const error = Option.getOrElse(errorOf(exit), () => closed(this.issuer))
        const times = (this.#failure?.times ?? 0) + 1
        const asked = (error.retryAfter ?? 0) * 1000
        const delay = Math.min(Math.max(backOff * 2 ** (times - 1) * jitter, asked), maxBackOff)
        const now = clock.unsafeCurrentTimeMillis()
        this.#failure = { error, times, until: now + delay }
        return Effect.zipRight(told(this.#healthAt(now)._tag), Deferred.fail(own.landed, error))
      })
    )
  }
}

const told = (state: Health["_tag"]): Effect.Effect<void> =>
  Metric.increment(Metric.tagged(Telemetry.jwksHealth, "state", state))

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
