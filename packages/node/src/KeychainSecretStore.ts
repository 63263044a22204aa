/**
 * Secrets in the keychain of the operating system.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { TokenStoreError } from "effect-oauth/OAuthError"
import * as SecretStore from "effect-oauth/SecretStore"
import { join } from "node:path"
import { entryName } from "./internal/entryName.js"
import * as Lock from "./internal/fileLock.js"
import { directoryOr } from "./internal/homeDirectory.js"
import * as Native from "./internal/nativeKeychain.js"
import * as Directory from "./internal/privateDirectory.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** What the entries of the program are filed under. `effect-oauth`. */
  readonly service?: string | undefined
  /** For the locks that processes take turns with; nothing secret is in it. `keychain` in the directory of `FileSecretStore`. */
  readonly directory?: string | undefined
  /** How long the keychain may take, a question to the person included. 30 seconds. */
  readonly deadline?: Duration.DurationInput | undefined
}

/**
 * What is used of a keychain, for one that is not the system's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keychain {
  readonly get: (account: string) => Promise<string | undefined>
  readonly set: (account: string, text: string) => Promise<void>
  readonly remove: (account: string) => Promise<void>
  /** How many bytes an entry may have; none where there is no limit to know of. */
  readonly maxBytes: Option.Option<number>
}

const problem = (reason: Directory.Reason, what: string): TokenStoreError =>
  new TokenStoreError({
    operation: "KeychainSecretStore",
    reason: reason === "malformed" ? "corrupt" : reason,
    message: `KeychainSecretStore: ${what}.`
  })

/**
 * Makes a storage over a keychain. A keychain has no compare-and-set: processes
 * of this machine take turns under locks, as those of `FileSecretStore` do.
 * What writes to the keychain by other ways is not held up. Accounts are SHA-256
 * of the names.
 *
 * A text that is longer than the keychain allows (2560 bytes with its frame on
 * Windows) is `forbidden`; for such, encrypt files with a key that the keychain
 * has: `StoredKeyring` over this storage, and `EncryptedSecretStore` with it over
 * `FileSecretStore`. A keychain that does not answer, or that the person does not
 * open, is `unavailable`. What was asked of it can still happen after that, when
 * the person answers: until then, or until the process ends, nobody else changes
 * that entry (`unavailable`).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  keychain: Keychain,
  options: Options = {}
): Effect.Effect<SecretStore.SecretStore.Service, TokenStoreError> =>
  Effect.gen(function* () {
    const directory = Directory.make(yield* pathOf(options), problem)
    const deadline = Duration.decode(options.deadline ?? "30 seconds")
    const timing = {
      // In its turn a process reads and writes.
      expiry: 3 * Duration.toMillis(deadline),
      patience: 6 * Duration.toMillis(deadline)
    }
    const turnOf = yield* SecretStore.makeTurns

    // What the keychain says of a failure may have the text in it.
    const said = <A>(answer: () => Promise<A>) =>
      Effect.tryPromise({
        try: answer,
        catch: () => problem("unavailable", "the keychain cannot be used (is there one, and is it open?)")
      })

    const inTime = <A>(
      answer: Effect.Effect<A, TokenStoreError>,
      late: Effect.Effect<void> = Effect.void
    ): Effect.Effect<A, TokenStoreError> =>
      Effect.flatMap(
        Effect.timeoutOption(Effect.interruptible(answer), deadline),
        Option.match({
          onNone: () =>
            Effect.zipRight(late, Effect.fail(problem("unavailable", "the keychain did not answer"))),
          onSome: Effect.succeed
        })
      )

    /**
     * Under the lock only the deadline ends the waiting, and the lock is held until the keychain has
     * answered: a person may do so later, and what is written without it could undo what another has written.
     */
    const change = (held: Lock.Held<TokenStoreError>, run: () => Promise<void>) =>
      Effect.gen(function* () {
        yield* held.confirm
        const fiber = yield* Effect.forkDaemon(said(run))
        yield* inTime(Fiber.join(fiber), held.keepUntil(Fiber.await(fiber)))
      })

    const read = (name: string) =>
      Effect.flatMap(inTime(said(() => keychain.get(entryName(name)))), (text) => {
        if (text === undefined) return Effect.succeed(Option.none<SecretStore.Stored>())
        const entry = SecretStore.decode(name, text)
        return Option.isSome(entry)
          ? Effect.succeed(entry)
          : Effect.fail(
              problem("malformed", "what the keychain has cannot be read; delete it with SecretStore.delete")
            )
      })

    const write = (name: string, text: string, held: Lock.Held<TokenStoreError>) =>
      Effect.gen(function* () {
        const next = yield* SecretStore.stored(text)
        const encoded = SecretStore.encode(name, next)
        if (Option.exists(keychain.maxBytes, (most) => Buffer.byteLength(encoded) > most)) {
          return yield* problem(
            "forbidden",
            "the text is longer than the keychain allows; nothing was changed"
          )
        }
        yield* change(held, () => keychain.set(entryName(name), encoded))
        return next
      })

    const locked = <A>(
      name: string,
      use: (held: Lock.Held<TokenStoreError>) => Effect.Effect<A, TokenStoreError>
    ) =>
      directory.claim.pipe(
        Effect.zipRight(Lock.hold(directory, `${entryName(name)}.lock`, timing, use)),
        turnOf(name)
      )

    yield* directory.claim
    yield* directory.sweepOlderThan(timing.expiry)
    return {
      get: read,
      put: (name, text) => locked(name, (held) => write(name, text, held)),
      compareAndSet: (name, expected, text) =>
        // Without the lock first: who is late need not wait for it.
        SecretStore.whenExpected(
          expected,
          read(name),
          locked(name, (held) =>
            SecretStore.whenExpected(expected, read(name), Effect.asSome(write(name, text, held)))
          )
        ),
      delete: (name) => locked(name, (held) => change(held, () => keychain.remove(entryName(name))))
    }
  })

const pathOf = ({ directory }: Options): Effect.Effect<string, TokenStoreError> =>
  Effect.flatMap(
    directoryOr(directory),
    Option.match({
      onNone: () => Effect.fail(problem("unavailable", "there is no home directory; name a directory")),
      onSome: (path) => Effect.succeed(directory === undefined ? join(path, "keychain") : path)
    })
  )

/**
 * Opens the keychain of the system: that of macOS, the credentials of Windows,
 * the Secret Service on Linux (never the keyring of the kernel, which forgets).
 * The program installs `@napi-rs/keyring` beside. Fails with `unavailable` when
 * that is not there, or when the keychain does not answer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  options: Options = {}
): Effect.Effect<SecretStore.SecretStore.Service, TokenStoreError> =>
  Effect.gen(function* () {
    const keychain = yield* Effect.mapError(Native.open(options.service ?? "effect-oauth"), (what) =>
      problem("unavailable", what)
    )
    const store = yield* make(keychain, options)
    yield* store.get("effect-oauth.probe")
    return store
  })

/**
 * Provides secrets in the keychain of the system, as `open` opens it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<SecretStore.SecretStore, TokenStoreError> =>
  Layer.effect(SecretStore.SecretStore, open(options))

/**
 * Which storage `layerOrElse` has chosen, and why not the keychain: to tell the
 * person.
 *
 * @since 0.1.0
 * @category services
 */
export class StorageInUse extends Context.Tag("effect-oauth-node/StorageInUse")<
  StorageInUse,
  | { readonly storage: "keychain" }
  | { readonly storage: "fallback"; readonly name: string; readonly problem: TokenStoreError }
>() {}

/**
 * Provides secrets in the keychain of the system or, where there is none
 * (`unavailable`, when the layer is built), in the storage that the program names
 * for this case. Says which in `StorageInUse`, and in a warning when it is not
 * the keychain.
 *
 * @example
 * import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
 * import * as KeychainSecretStore from "effect-oauth-node/KeychainSecretStore"
 *
 * const SecretsLive = KeychainSecretStore.layerOrElse({ name: "files", layer: FileSecretStore.layer() })
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOrElse = <E, R>(
  fallback: { readonly name: string; readonly layer: Layer.Layer<SecretStore.SecretStore, E, R> },
  options?: Options
): Layer.Layer<SecretStore.SecretStore | StorageInUse, E | TokenStoreError, R> =>
  orElse(open(options), fallback)

/**
 * As `layerOrElse`, with a storage of the program's first.
 *
 * @since 0.1.0
 * @category layers
 */
export const orElse = <E, R>(
  first: Effect.Effect<SecretStore.SecretStore.Service, TokenStoreError>,
  fallback: { readonly name: string; readonly layer: Layer.Layer<SecretStore.SecretStore, E, R> }
): Layer.Layer<SecretStore.SecretStore | StorageInUse, E | TokenStoreError, R> => {
  const { layer: other, name } = fallback
  const chosen = first.pipe(
    Effect.map((store) =>
      Layer.merge(
        Layer.succeed(SecretStore.SecretStore, store),
        Layer.succeed(StorageInUse, { storage: "keychain" })
      )
    ),
    Effect.catchIf(
      (error) => error.reason === "unavailable",
      (error) =>
        Effect.as(
          Effect.logWarning(`${error.message} Secrets are kept in the fallback: ${name}.`),
          Layer.merge(other, Layer.succeed(StorageInUse, { storage: "fallback", name, problem: error }))
        )
    )
  )
  return Layer.unwrapEffect(chosen)
}
