/**
 * Keys that replace each other without a gap: each is published before it
 * signs, and stays published after, for as long as what it signed lives.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SynchronizedRef from "effect/SynchronizedRef"
import { KeyringError } from "../protocol/OAuthError.js"
import type { Keyring } from "./Keyring.js"
import { generate, KeyringService, make as ringOf } from "./Keyring.js"
import type { SigningKey } from "./SigningKey.js"
import * as VerificationKey from "./VerificationKey.js"

/**
 * A key and when it came to be where it is, in milliseconds since the epoch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stage {
  readonly key: SigningKey
  readonly since: number
}

/**
 * The keys of a rotation: `next` is published and does not sign yet, `current`
 * signs, `retiring` ones only verify what they signed, and are given to whoever
 * asks for them by their kid, to open what was encrypted with them. It can be
 * stored, with the keys' `privateJwk`, and be taken up again as `Options.initial`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rotation {
  readonly next: Option.Option<Stage>
  readonly current: Stage
  readonly retiring: ReadonlyArray<Stage>
}

/**
 * How keys are made, how long each has its place, and where the rotation is stored.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Makes a key; each under another kid. A new P-256 key. */
  readonly generate?: Effect.Effect<SigningKey, KeyringError> | undefined
  /** Whose tokens these keys verify. Without it they only sign and are published. */
  readonly issuer?: string | undefined
  /** How long a key signs. 30 days. */
  readonly period?: Duration.DurationInput | undefined
  /** How long before that it is published: longer than others keep key sets. 1 day. */
  readonly publishAhead?: Duration.DurationInput | undefined
  /** How long after that it stays published: longer than what it signed, or encrypted, lives. 1 day. */
  readonly retainFor?: Duration.DurationInput | undefined
  /** Where a rotation left off. One new key that signs at once. */
  readonly initial?: Rotation | undefined
  /** Stores each change before it takes effect; when it fails, nothing changes. */
  readonly save?: ((rotation: Rotation) => Effect.Effect<void, KeyringError>) | undefined
}

/**
 * A keyring whose keys rotate. Nothing happens by itself: `advance` does what
 * is due, and `layer` calls it on a schedule.
 *
 * @since 0.1.0
 * @category models
 */
export interface RotatingKeyring extends Keyring {
  readonly rotation: Effect.Effect<Rotation>
  /** Makes the next key, lets it sign, and drops the retired, as far as each is due. */
  readonly advance: Effect.Effect<void, KeyringError>
  /** Lets the next key sign now, a new one if there is none, and retires the current. */
  readonly rotate: Effect.Effect<void, KeyringError>
  /**
   * Drops a key at once, as after a compromise: it neither signs nor verifies,
   * nor is it published. Of the current key the next takes the place, or a new
   * one. Fails with `not_found` when there is no such key.
   */
  readonly revoke: (kid: string) => Effect.Effect<void, KeyringError>
}

/**
 * Makes a rotating keyring. Fails when the first key cannot be made or stored.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<RotatingKeyring, KeyringError> =>
  Effect.gen(function* () {
    const period = Duration.toMillis(options.period ?? Duration.days(30))
    const publishAhead = Math.min(period, Duration.toMillis(options.publishAhead ?? Duration.days(1)))
    const retainFor = Duration.toMillis(options.retainFor ?? Duration.days(1))
    const newKey = options.generate ?? Effect.flatMap(generate(), (ring) => ring.signingKey())
    const verifierOf = verifiers(options.issuer)
    const save = options.save ?? (() => Effect.void)

    const stage = (now: number): Effect.Effect<Stage, KeyringError> =>
      Effect.map(newKey, (key) => ({ key, since: now }))

    const begin = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.flatMap(stage(now), (current) => {
        const rotation: Rotation = { next: Option.none(), current, retiring: [] }
        return Effect.as(save(rotation), rotation)
      })
    )
    const first = options.initial ?? (yield* begin)
    const state = yield* SynchronizedRef.make(snapshot(first, verifierOf))

    /** One change at a time; stored, and then in force, whatever becomes of the caller. */
    const change = (step: (rotation: Rotation, now: number) => Effect.Effect<Rotation, KeyringError>) =>
      Effect.uninterruptible(
        SynchronizedRef.updateEffect(state, (before) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            Effect.flatMap(step(before.rotation, now), (after) =>
              after === before.rotation
                ? Effect.succeed(before)
                : Effect.as(save(after), snapshot(after, verifierOf))
            )
          )
        )
      )

    const prepare = (rotation: Rotation, now: number): Effect.Effect<Rotation, KeyringError> =>
      Option.isNone(rotation.next) && now >= rotation.current.since + period - publishAhead
        ? Effect.map(stage(now), (next) => ({ ...rotation, next: Option.some(next) }))
        : Effect.succeed(rotation)

    /** A key that was published late signs late: others must have had the time to see it. */
    const promoteDue = (rotation: Rotation, now: number): Rotation =>
      now >= rotation.current.since + period
        ? Option.match(rotation.next, {
            onNone: () => rotation,
            onSome: (next) => (now >= next.since + publishAhead ? promote(rotation, next, now) : rotation)
          })
        : rotation

    const dropDue = (rotation: Rotation, now: number): Rotation =>
      rotation.retiring.some((old) => now >= old.since + retainFor)
        ? { ...rotation, retiring: rotation.retiring.filter((old) => now < old.since + retainFor) }
        : rotation

    const nextOf = (rotation: Rotation, now: number): Effect.Effect<Stage, KeyringError> =>
      Option.match(rotation.next, { onNone: () => stage(now), onSome: Effect.succeed })

    const ring = Effect.map(SynchronizedRef.get(state), ({ keyring }) => keyring)
    return {
      signingKey: (query) => Effect.flatMap(ring, (keyring) => keyring.signingKey(query)),
      verificationKey: (issuer, header) =>
        Effect.flatMap(ring, (keyring) => keyring.verificationKey(issuer, header)),
      jwks: Effect.flatMap(ring, (keyring) => keyring.jwks),
      rotation: Effect.map(SynchronizedRef.get(state), ({ rotation }) => rotation),
      advance: change((rotation, now) =>
        Effect.flatMap(prepare(rotation, now), (prepared) =>
          prepare(promoteDue(dropDue(prepared, now), now), now)
        )
      ),
      rotate: change((rotation, now) =>
        Effect.map(nextOf(rotation, now), (next) => promote(rotation, next, now))
      ),
      revoke: (kid) =>
        change((rotation, now) => {
          const isIt = ({ key }: Stage) => key.kid === kid
          const kept: Rotation = {
            next: Option.filter(rotation.next, (stage) => !isIt(stage)),
            current: rotation.current,
            retiring: rotation.retiring.filter((stage) => !isIt(stage))
          }
          if (isIt(rotation.current)) {
            return Effect.map(nextOf(kept, now), ({ key }) => ({
              ...kept,
              next: Option.none(),
              current: { key, since: now }
            }))
          }
          return Option.isSome(kept.next) === Option.isSome(rotation.next) &&
            kept.retiring.length === rotation.retiring.length
            ? Effect.fail(noSuchKey(kid))
            : Effect.succeed(kept)
        })
    }
  })

const promote = (rotation: Rotation, next: Stage, now: number): Rotation => ({
  next: Option.none(),
  current: { key: next.key, since: now },
  retiring: [{ key: rotation.current.key, since: now }, ...rotation.retiring]
})

const noSuchKey = (kid: string): KeyringError =>
  new KeyringError({
    operation: "KeyRotation.revoke",
    reason: "not_found",
    kid,
    retriable: false,
    message: "KeyRotation.revoke: the rotation has no key of that name."
  })

interface Snapshot {
  readonly rotation: Rotation
  readonly keyring: Keyring
}

const snapshot = (rotation: Rotation, verifierOf: VerifierOf): Snapshot => {
  const stages = [rotation.current, ...Option.toArray(rotation.next), ...rotation.retiring]
  const keys = stages.map(({ key }) => key)
  const trusted = keys.flatMap((key) => Option.toArray(verifierOf(key)))
  const signing = ringOf({ signing: [rotation.current.key] })
  // What is encrypted names its key, and is opened with it for as long as that is there.
  const named = ringOf({ signing: [rotation.current, ...rotation.retiring].map(({ key }) => key) })
  return {
    rotation,
    keyring: {
      signingKey: (query) => (query?.kid === undefined ? signing : named).signingKey(query),
      verificationKey: ringOf({ verification: trusted }).verificationKey,
      jwks: ringOf({ signing: keys }).jwks
    }
  }
}

interface VerifierOf {
  (key: SigningKey): Option.Option<VerificationKey.VerificationKey>
}

/** The public half, or of a secret the secret; the same value each time, so that it is prepared once. */
const verifiers = (issuer: string | undefined): VerifierOf => {
  const known = new WeakMap<SigningKey, Option.Option<VerificationKey.VerificationKey>>()
  return (key) => {
    if (issuer === undefined) return Option.none()
    const before = known.get(key)
    if (before !== undefined) return before
    const jwk = key.jwk.kty === "oct" ? Option.map(key.privateJwk, Redacted.value) : Option.some(key.jwk)
    const made = Option.flatMap(jwk, (jwk) => VerificationKey.fromJwk(issuer, jwk))
    known.set(key, made)
    return made
  }
}

/**
 * Makes a rotating keyring and lets it advance on a schedule, for as long as
 * the scope lives. An advance that fails, or ends with a defect, is logged as a
 * warning and tried again at the next turn; the keys that are there go on.
 *
 * @since 0.1.0
 * @category constructors
 */
export const scheduled = (
  options: Options & {
    /** When it is looked whether something is due. Every minute. */
    readonly schedule?: Schedule.Schedule<unknown> | undefined
  } = {}
): Effect.Effect<RotatingKeyring, KeyringError, Scope.Scope> =>
  Effect.tap(make(options), (ring) =>
    ring.advance.pipe(
      // A defect too: it would end the schedule, and the keys would never rotate again. What it says may be a key.
      Effect.catchAllCause((cause) =>
        Effect.logWarning(
          Option.match(Cause.failureOption(cause), {
            onNone: () => "KeyRotation: an advance ended with a defect; it is tried again at the next turn.",
            onSome: ({ message }) => message
          })
        )
      ),
      Effect.schedule(options.schedule ?? Schedule.spaced(Duration.minutes(1))),
      Effect.forkScoped
    )
  )

/**
 * Provides a keyring that rotates on a schedule.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Parameters<typeof scheduled>[0]): Layer.Layer<KeyringService, KeyringError> =>
  Layer.scoped(KeyringService, scheduled(options))
