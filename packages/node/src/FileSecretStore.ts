/**
 * Secrets in files that nobody else can read.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { TokenStoreError } from "effect-oauth/OAuthError"
import * as SecretStore from "effect-oauth/SecretStore"
import { entryName } from "./internal/entryName.js"
import * as Lock from "./internal/fileLock.js"
import { directoryOr } from "./internal/homeDirectory.js"
import * as Directory from "./internal/privateDirectory.js"

/**
 * Where the files are, and how long a process may take for a change.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Made, with mode 0700, unless it is there. For these files alone.
   * `effect-oauth` in `$XDG_STATE_HOME` or `~/.local/state`, on macOS in
   * `~/Library/Application Support`, on Windows in `%LOCALAPPDATA%`.
   */
  readonly directory?: string | undefined
  /** How long a process may take for a change before others take its lock over. 10 seconds. */
  readonly lockExpiry?: Duration.DurationInput | undefined
}

type Problem = TokenStoreError

const problem = (reason: Directory.Reason, what: string): Problem =>
  new TokenStoreError({
    operation: "FileSecretStore",
    reason: reason === "malformed" ? "corrupt" : reason,
    message: `FileSecretStore: ${what}.`
  })

/** Of the encoded entry; a larger file would not be read. */
const maxBytes = 1024 * 1024

/**
 * Opens a directory of secrets, one file for each, for any number of processes
 * and, where the file system is shared and keeps its promises (atomic renames
 * and links), of machines.
 *
 * The directory is 0700 and the files are 0600 from their first moment. They
 * are refused (`forbidden`) when they are open to group or others, belong to
 * another user, or are links; Windows has no such modes, and there the folder of
 * the person protects them. The name of a file is a SHA-256 of the entry's. An
 * entry is written beside, flushed to the disk, and then put in place at once:
 * a crash or a full disk (`unavailable`) leaves the old one whole.
 *
 * Changes of one entry take turns under a lock. That of a process that died is
 * taken over at once, any other one when it is older than its expiry, so nobody
 * waits longer; who lost its lock changes nothing (`unavailable`), however long
 * it stood still.
 *
 * A file that cannot be read is set aside as `.corrupt-<millis>` beside its
 * place and reported (`corrupt`), once: then the entry is absent. `delete` removes
 * such files too.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<SecretStore.SecretStore.Service, TokenStoreError> =>
  Effect.gen(function* () {
    const directory = Directory.make(yield* pathOf(options), problem)
    const expiry = Duration.toMillis(options.lockExpiry ?? "10 seconds")
    const turnOf = yield* SecretStore.makeTurns

    /** What the file holds: an entry, nothing, or what is not an entry of this name. */
    const look = (name: string) =>
      directory.read(fileOf(name)).pipe(
        Effect.map(Option.map((text) => SecretStore.decode(name, text))),
        Effect.catchIf(
          (error) => error.reason === "corrupt",
          () => Effect.succeedSome(Option.none<SecretStore.Stored>())
        )
      )

    const setAside = (name: string, held: Lock.Held<Problem>) =>
      Effect.gen(function* () {
        const file = fileOf(name)
        const aside = `${file}.corrupt-${yield* Clock.currentTimeMillis}`
        yield* held.confirm
        yield* directory.setAside(file, aside)
        return yield* problem("malformed", `what was kept cannot be read; it was set aside as ${aside}`)
      })

    const read = (name: string, held: Lock.Held<Problem>) =>
      Effect.flatMap(
        look(name),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: Option.match({ onNone: () => setAside(name, held), onSome: Effect.succeedSome })
        })
      )

    const write = (name: string, text: string, held: Lock.Held<Problem>) =>
      Effect.gen(function* () {
        const next = yield* SecretStore.stored(text)
        const encoded = SecretStore.encode(name, next)
        if (Buffer.byteLength(encoded) > maxBytes) {
          return yield* problem("forbidden", "a text is longer than 1 MiB; nothing was changed")
        }
        yield* held.replace(fileOf(name), encoded)
        return next
      })

    const locked = <A>(
      name: string,
      use: (held: Lock.Held<Problem>) => Effect.Effect<A, TokenStoreError>
    ): Effect.Effect<A, TokenStoreError> =>
      directory.claim.pipe(
        Effect.zipRight(
          Lock.hold(directory, `${entryName(name)}.lock`, { expiry, patience: 2 * expiry }, use)
        ),
        turnOf(name)
      )

    /** Without the lock, since files change as a whole; with it where something has to be set aside. */
    const get = (name: string) =>
      Effect.flatMap(
        Effect.zipRight(directory.claim, look(name)),
        Option.match({
          onNone: () => Effect.succeedNone,
          onSome: Option.match({
            onNone: () => locked(name, (held) => read(name, held)),
            onSome: Effect.succeedSome
          })
        })
      )

    yield* directory.claim
    yield* directory.sweepOlderThan(expiry)
    return {
      get,
      put: (name, text) => locked(name, (held) => write(name, text, held)),
      compareAndSet: (name, expected, text) =>
        // Without the lock first: who is late need not wait for it.
        SecretStore.whenExpected(
          expected,
          get(name),
          locked(name, (held) =>
            SecretStore.whenExpected(expected, read(name, held), Effect.asSome(write(name, text, held)))
          )
        ),
      delete: (name) =>
        locked(name, (held) =>
          Effect.zipRight(
            held.confirm,
            directory.erase((file) => file === fileOf(name) || file.startsWith(`${fileOf(name)}.`))
          )
        )
    }
  })

const fileOf = (name: string): string => `${entryName(name)}.json`

const pathOf = ({ directory }: Options): Effect.Effect<string, TokenStoreError> =>
  Effect.flatMap(
    directoryOr(directory),
    Option.match({
      onNone: () => Effect.fail(problem("unavailable", "there is no home directory; name a directory")),
      onSome: Effect.succeed
    })
  )

/**
 * Provides secrets in files, as `make` opens them.
 *
 * @example
 * import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
 * import * as TokenStore from "effect-oauth/TokenStore"
 * import * as Layer from "effect/Layer"
 *
 * const SessionsLive = TokenStore.layer.pipe(Layer.provide(FileSecretStore.layer()))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<SecretStore.SecretStore, TokenStoreError> =>
  Layer.effect(SecretStore.SecretStore, make(options))
