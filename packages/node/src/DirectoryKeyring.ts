/**
 * Own keys that are kept in a directory, rotate, and are shared by processes.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Keyring from "effect-oauth/Keyring"
import * as KeyRotation from "effect-oauth/KeyRotation"
import type { KeyringError } from "effect-oauth/OAuthError"
import * as Lock from "./internal/fileLock.js"
import * as Directory from "./internal/privateDirectory.js"
import * as File from "./internal/rotationFile.js"
import { changesOf } from "./internal/watch.js"

/**
 * Where the keys are, and how they rotate.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<KeyRotation.Options, "initial" | "save"> {
  /** Made, with mode 0700, unless it is there. For these keys alone. */
  readonly directory: string
  /** What new keys are for, unless `generate` makes them. ES256. */
  readonly alg?: Keyring.GenerateOptions["alg"]
  /** When it is looked whether a rotation is due. Every minute. */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /** When it is looked whether another process changed the keys. As the directory changes, and every 5 seconds. */
  readonly changes?: Stream.Stream<unknown> | undefined
  /** How long a process may take for a change before others take its lock over. 30 seconds. */
  readonly lockExpiry?: Duration.DurationInput | undefined
}

/**
 * A rotating keyring that is kept in a directory. Whatever changes it is in the
 * directory before it is in force.
 *
 * @since 0.1.0
 * @category models
 */
export interface DirectoryKeyring extends KeyRotation.RotatingKeyring {
  /** Takes up what is in the directory, if it changed. What cannot be read is a failure, and the keys at hand go on. */
  readonly reload: Effect.Effect<void, KeyringError>
}

const file = "keys.json"
const backup = "keys.backup.json"
const lock = "keys.lock"

/**
 * Opens the keys of a directory, or makes the first one, and keeps them for as
 * long as the scope lives: rotated on a schedule, by whichever of several
 * processes comes first, and taken up when another has changed them.
 *
 * The directory is 0700 and the files in it are 0600. They are refused
 * (`forbidden`) when they are open to group or others, belong to another user,
 * or are links; Windows has no such modes, so protect the directory there. The
 * names of files are fixed, whatever keys are called. A change is written
 * beside, flushed to the disk, and then put in place at once.
 *
 * A file that cannot be read is set aside as `keys.json.corrupt-<millis>`. The
 * backup, which is written with each change, or the keys at hand take its
 * place; without either it is `malformed`. They also take the place of a file
 * that is not there: to begin with new keys, remove the backup too. A lock that another process holds
 * too long, and a disk that fails, are `unavailable`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<DirectoryKeyring, KeyringError, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = Directory.make(options.directory, File.problem)
    const expiry = Duration.toMillis(options.lockExpiry ?? "30 seconds")
    const inProcess = yield* Effect.makeSemaphore(1)
    const policy: KeyRotation.Options = {
      ...options,
      generate:
        options.generate ??
        Effect.flatMap(Keyring.generate({ alg: options.alg }), (ring) => ring.signingKey())
    }

    /** The backup comes first, so that it never holds a key that was revoked. */
    const saveWith = (held: Lock.Held<KeyringError>) => (rotation: KeyRotation.Rotation) =>
      Effect.flatMap(File.write(rotation), (text) =>
        Effect.zipRight(held.replace(backup, text), held.replace(file, text))
      )

    const stored = (name: string) =>
      Effect.flatMap(
        directory.read(name),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: (text) => Effect.asSome(File.read(name, text))
        })
      )

    /** What a file holds, and what is wrong where that cannot be read. */
    const look = (name: string) =>
      Effect.catchIf(
        Effect.map(stored(name), (rotation) => ({ rotation, problem: Option.none<KeyringError>() })),
        isMalformed,
        (error) =>
          Effect.succeed({ rotation: Option.none<KeyRotation.Rotation>(), problem: Option.some(error) })
      )

    /** What the directory holds; put right if it has to be. Keys that vanished are not gone: others have their tokens. */
    const recovered = (held: Lock.Held<KeyringError>, atHand: Option.Option<KeyRotation.Rotation>) =>
      Effect.gen(function* () {
        const found = yield* look(file)
        if (Option.isSome(found.rotation)) return found.rotation
        const kept = yield* look(backup)
        const good = Option.orElse(kept.rotation, () => atHand)
        const problem = Option.orElse(found.problem, () => kept.problem)
        const text = yield* Effect.transposeOption(Option.map(good, File.write))
        // Before the file is set aside: whoever goes on after a crash finds them here.
        if (Option.isSome(text)) yield* held.replace(backup, text.value)
        if (Option.isSome(found.problem)) {
          yield* held.confirm
          yield* directory.setAside(file, `${file}.corrupt-${yield* Clock.currentTimeMillis}`)
        }
        if (Option.isSome(text)) {
          const why = Option.match(found.problem, {
            onNone: () => `DirectoryKeyring: ${file} was not there.`,
            onSome: ({ message }) => `${message} It was set aside.`
          })
          yield* Effect.logWarning(`${why} The keys were restored.`)
          yield* held.replace(file, text.value)
        } else if (Option.isSome(problem)) return yield* problem.value
        return good
      })

    /** Each under the lock: what is in the directory, changed, written, and then taken up. */
    const locked = (
      atHand: Effect.Effect<Option.Option<KeyRotation.Rotation>>,
      step: (ring: KeyRotation.RotatingKeyring) => Effect.Effect<void, KeyringError>
    ): Effect.Effect<Loaded, KeyringError> =>
      Effect.zipRight(
        directory.claim,
        Lock.hold(directory, lock, { expiry, patience: 2 * expiry }, (held) =>
          Effect.gen(function* () {
            const found = yield* recovered(held, yield* atHand)
            const save = saveWith(held)
            const initial = Option.getOrUndefined(found)
            const ring = yield* KeyRotation.make({ ...policy, initial, save })
            yield* step(ring)
            return { ring, version: yield* directory.version(file) }
          })
        )
      )

    yield* Effect.zipRight(directory.claim, directory.sweepOlderThan(expiry))
    const current = yield* Ref.make(yield* locked(Effect.succeedNone, (keys) => keys.advance))
    const ring = Effect.map(Ref.get(current), (loaded) => loaded.ring)
    const atHand = Effect.asSome(Effect.flatMap(ring, ({ rotation }) => rotation))

    const change = (step: (ring: KeyRotation.RotatingKeyring) => Effect.Effect<void, KeyringError>) =>
      inProcess.withPermits(1)(
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(restore(locked(atHand, step)), (loaded) =>
            // Where nothing changed, the keys at hand stay: they are prepared already.
            Ref.update(current, (known) => (isSame(known, loaded) ? known : loaded))
          )
        )
      )

    const reload = Effect.flatMap(
      Effect.zip(directory.version(file), Ref.get(current)),
      ([version, known]) => (isSame({ version }, known) ? Effect.void : change(() => Effect.void))
    )

    /** Whatever goes wrong, the next turn comes; of a defect only that there was one. */
    const quietly = (effect: Effect.Effect<void, KeyringError>) =>
      Effect.catchAllCause(effect, (cause) =>
        Effect.logWarning(
          Option.match(Cause.failureOption(cause), {
            onNone: () => "DirectoryKeyring: a change of the keys ended with a defect; it is tried again.",
            onSome: ({ message }) => message
          })
        )
      )

    const keyring: DirectoryKeyring = {
      signingKey: (query) => Effect.flatMap(ring, (keys) => keys.signingKey(query)),
      verificationKey: (issuer, header) =>
        Effect.flatMap(ring, (keys) => keys.verificationKey(issuer, header)),
      jwks: Effect.flatMap(ring, (keys) => keys.jwks),
      rotation: Effect.flatMap(ring, (keys) => keys.rotation),
      advance: change((keys) => keys.advance),
      rotate: change((keys) => keys.rotate),
      revoke: (kid) => change((keys) => keys.revoke(kid)),
      reload
    }
    yield* Effect.forkScoped(
      Stream.runForEach(options.changes ?? changesOf(directory.path), () => quietly(reload))
    )
    yield* Effect.forkScoped(
      Effect.schedule(quietly(keyring.advance), options.schedule ?? Schedule.spaced(Duration.minutes(1)))
    )
    return keyring
  })

interface Loaded {
  readonly ring: KeyRotation.RotatingKeyring
  /** Of the file that it was read from. */
  readonly version: Option.Option<string>
}

const isSame = (one: Pick<Loaded, "version">, other: Pick<Loaded, "version">): boolean =>
  Option.isSome(one.version) && Option.contains(other.version, one.version.value)

const isMalformed = (error: KeyringError): boolean => error.reason === "malformed"

/**
 * Provides the keys of a directory, as `make` opens them.
 *
 * @example
 * import * as DirectoryKeyring from "effect-oauth-node/DirectoryKeyring"
 *
 * const KeysLive = DirectoryKeyring.layer({ directory: "/var/lib/agent/keys", period: "30 days" })
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Keyring.KeyringService, KeyringError> =>
  Keyring.layer(make(options))
