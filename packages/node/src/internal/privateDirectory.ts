/** A directory that nobody else can look into, and files in it that change as a whole or not at all. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { KeyringError } from "effect-oauth/OAuthError"
import { randomBytes } from "node:crypto"
import type { Stats } from "node:fs"
import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"

export const operation = "DirectoryKeyring"

const maxBytes = 1024 * 1024

export const problem = (reason: KeyringError["reason"], what: string): KeyringError =>
  new KeyringError({
    operation,
    reason,
    retriable: reason === "unavailable",
    message: `${operation}: ${what}.`
  })

/** Fails with the code of Node's error, which is all that is ever told of it. */
const ask = <A>(run: () => Promise<A>): Effect.Effect<A, string> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown"
  })

const told =
  (what: string) =>
  (code: string): KeyringError =>
    problem("unavailable", `${what} (${code})`)

const orAbsent = <A>(asked: Effect.Effect<A, string>): Effect.Effect<Option.Option<A>, string> =>
  Effect.catchAll(Effect.asSome(asked), (code) =>
    code === "ENOENT" ? Effect.succeed(Option.none()) : Effect.fail(code)
  )

/** Refuses what is not ours alone, where the platform has owners and modes. */
const refuseExposed = (path: string, { mode, uid }: Stats): Effect.Effect<void, KeyringError> => {
  const self = process.platform === "win32" ? undefined : process.getuid?.()
  if (self === undefined) return Effect.void
  if (uid !== self) return Effect.fail(problem("forbidden", `${path} belongs to another user (${uid})`))
  if ((mode & 0o077) === 0) return Effect.void
  const shown = (mode & 0o777).toString(8).padStart(3, "0")
  return Effect.fail(
    problem("forbidden", `${path} is open to group or others (mode ${shown}); take their permissions away`)
  )
}

/** Makes the directory, 0700, unless it is there, and refuses one that is not ours alone. */
export const claim = (directory: string): Effect.Effect<void, KeyringError> =>
  ask(() => fs.mkdir(directory, { recursive: true, mode: 0o700 })).pipe(
    Effect.zipRight(ask(() => fs.stat(directory))),
    Effect.mapError(told(`${directory} cannot be used`)),
    Effect.flatMap((stats) => refuseExposed(directory, stats))
  )

const opened = <A, E>(
  path: string,
  flags: string | number,
  use: (handle: fs.FileHandle) => Effect.Effect<A, E>
): Effect.Effect<A, E | string> =>
  Effect.acquireUseRelease(
    ask(() => fs.open(path, flags, 0o600)),
    use,
    (handle) => Effect.ignore(ask(() => handle.close()))
  )

/** No link is followed, and no pipe waited for; Windows knows neither. */
const readOnly =
  process.platform === "win32"
    ? constants.O_RDONLY
    : constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A file of ours: no link, nobody else's, not open to others, not larger than 1 MiB. */
export const read = (directory: string, name: string): Effect.Effect<Option.Option<string>, KeyringError> => {
  const path = join(directory, name)
  const asError = told(`${path} cannot be read`)
  return opened(path, readOnly, (handle) =>
    Effect.gen(function* () {
      const stats = yield* ask(() => handle.stat())
      if (!stats.isFile()) return yield* problem("forbidden", `${path} is not a file`)
      yield* refuseExposed(path, stats)
      if (stats.size > maxBytes) return yield* problem("malformed", `${path} is larger than 1 MiB`)
      return Option.some(yield* ask(() => handle.readFile("utf8")))
    })
  ).pipe(
    Effect.catchIf(
      (error) => error === "ENOENT",
      () => Effect.succeedNone
    ),
    Effect.mapError((error) =>
      typeof error !== "string"
        ? error
        : error === "ELOOP"
          ? problem("forbidden", `${path} is a symbolic link`)
          : asError(error)
    )
  )
}

/** What changes when a file is replaced; none when it is not there. */
export const version = (
  directory: string,
  name: string
): Effect.Effect<Option.Option<string>, KeyringError> =>
  orAbsent(ask(() => fs.stat(join(directory, name)))).pipe(
    Effect.mapError(told(`${join(directory, name)} cannot be looked at`)),
    Effect.map(Option.map(({ ctimeMs, ino, mtimeMs, size }) => [ino, size, mtimeMs, ctimeMs].join(" ")))
  )

/** A new file, all the way to the disk. */
const writeNew = (path: string, text: string): Effect.Effect<void, string> =>
  opened(path, "wx", (handle) =>
    ask(async () => {
      await handle.writeFile(text)
      await handle.sync()
    })
  )

/** The names in the directory, to the disk; Windows cannot do that. */
const flush = (directory: string): Effect.Effect<void, string> =>
  process.platform === "win32" ? Effect.void : opened(directory, "r", (handle) => ask(() => handle.sync()))

/** Writes the content beside the file, and gives the name it has there. */
export const stage = (directory: string, name: string, text: string): Effect.Effect<string, KeyringError> => {
  const staged = `${name}.${randomBytes(12).toString("hex")}.tmp`
  return writeNew(join(directory, staged), text).pipe(
    Effect.mapError(told(`${join(directory, staged)} cannot be written`)),
    Effect.tapError(() => remove(directory, staged)),
    Effect.as(staged)
  )
}

/** Puts a content that was staged in the place of the file. */
export const commit = (directory: string, staged: string, name: string): Effect.Effect<void, KeyringError> =>
  ask(() => fs.rename(join(directory, staged), join(directory, name))).pipe(
    Effect.zipRight(flush(directory)),
    Effect.mapError(told(`${join(directory, name)} cannot be replaced`)),
    Effect.tapError(() => remove(directory, staged))
  )

/** Gives a file another name. */
export const setAside = (directory: string, name: string, aside: string): Effect.Effect<void, KeyringError> =>
  Effect.mapError(
    ask(() => fs.rename(join(directory, name), join(directory, aside))),
    told(`${join(directory, name)} cannot be set aside`)
  )

export const remove = (directory: string, name: string): Effect.Effect<void> =>
  Effect.ignore(ask(() => fs.rm(join(directory, name), { force: true })))

/** Removes what a crash between `stage` and `commit` left behind; only for whoever holds the lock. */
export const sweep = (directory: string, name: string): Effect.Effect<void> =>
  ask(() => fs.readdir(directory)).pipe(
    Effect.map((entries) =>
      entries.filter((entry) => entry.startsWith(`${name}.`) && entry.endsWith(".tmp"))
    ),
    Effect.flatMap(Effect.forEach((entry) => remove(directory, entry))),
    Effect.ignore
  )

/** Makes a file that was not there: false when it was. */
export const create = (directory: string, name: string, text: string): Effect.Effect<boolean, KeyringError> =>
  Effect.as(writeNew(join(directory, name), text), true).pipe(
    Effect.catchIf(
      (code) => code === "EEXIST",
      () => Effect.succeed(false)
    ),
    Effect.mapError(told(`${join(directory, name)} cannot be made`))
  )

/**
 * Takes a file away if its content is still this; another is put back, unless
 * one more was made meanwhile.
 */
export const removeIf = (
  directory: string,
  name: string,
  text: string
): Effect.Effect<void, KeyringError> => {
  const path = join(directory, name)
  const aside = join(directory, `${name}.${randomBytes(12).toString("hex")}.tmp`)
  return orAbsent(ask(() => fs.rename(path, aside))).pipe(
    Effect.flatMap(
      Option.match({
        onNone: () => Effect.void,
        onSome: () =>
          ask(() => fs.readFile(aside, "utf8")).pipe(
            Effect.flatMap((held) =>
              held === text ? Effect.void : Effect.ignore(ask(() => fs.link(aside, path)))
            ),
            Effect.zipRight(ask(() => fs.rm(aside, { force: true })))
          )
      })
    ),
    Effect.mapError(told(`${path} cannot be removed`))
  )
}
