/** A directory that nobody else can look into, and files in it that change as a whole or not at all. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Stats } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import { ask, create, flush, flushed, opened, orAbsent, readOnly, temporary } from "./fileSystem.js"

const maxBytes = 1024 * 1024

/** What a rename says when there is a directory already, with something in it; Windows has no one word for it. */
const isTaken: ReadonlySet<string> = new Set(
  process.platform === "win32" ? ["EEXIST", "ENOTEMPTY", "EPERM", "EACCES", "EBUSY"] : ["EEXIST", "ENOTEMPTY"]
)

/** What kind of problem: as the errors of the toolkit call them. */
export type Reason = "unavailable" | "forbidden" | "malformed"

/** The directory, and how its users tell of a problem; a problem shows paths and codes, never content. */
export interface PrivateDirectory<E extends object> {
  readonly path: string
  readonly problem: (reason: Reason, what: string) => E
  /** Makes the directory, 0700, unless it is there, and refuses one that is a link or not ours alone. */
  readonly claim: Effect.Effect<void, E>
  /** A file of ours: no link, nobody else's, not open to others, not larger than 1 MiB. */
  readonly read: (name: string) => Effect.Effect<Option.Option<string>, E>
  /** What changes when a file is replaced; none when it is not there. */
  readonly version: (name: string) => Effect.Effect<Option.Option<string>, E>
  /** How long ago a file was written, in milliseconds, by the clock of the file system. */
  readonly age: (name: string) => Effect.Effect<Option.Option<number>, E>
  /** Writes the content beside the file, and gives the name it has there. */
  readonly stage: (name: string, text: string) => Effect.Effect<string, E>
  /** Puts a content that was staged in the place of the file. */
  readonly commit: (staged: string, name: string) => Effect.Effect<void, E>
  /** Gives a file another name. */
  readonly setAside: (name: string, aside: string) => Effect.Effect<void, E>
  /** Takes a file away, if it can be. */
  readonly remove: (name: string) => Effect.Effect<void>
  /** Takes files away, all the way to the disk. */
  readonly erase: (isOne: (name: string) => boolean) => Effect.Effect<void, E>
  /** Removes what crashes left behind, of any file, and that is this old, in milliseconds. */
  readonly sweepOlderThan: (age: number) => Effect.Effect<void>
  /** Makes a directory with one file in it, in one step: false when there is one with something in it. */
  readonly enter: (name: string, file: string, text: string) => Effect.Effect<boolean, E>
  /** What is in a directory; nothing when it is not there. */
  readonly list: (name: string) => Effect.Effect<ReadonlyArray<string>, E>
  /** Takes a file away; one that is gone already is none to take. */
  readonly take: (name: string) => Effect.Effect<void, E>
  /** Writes a file anew and gives it another name; fails when it is not there any more. */
  readonly renew: (name: string, next: string, text: string) => Effect.Effect<void, E>
  /** Takes a directory away, if it is empty. */
  readonly vacate: (name: string) => Effect.Effect<void>
}

export const make = <E extends object>(
  directory: string,
  problem: PrivateDirectory<E>["problem"]
): PrivateDirectory<E> => {
  const told = (what: string) => (code: string) => problem("unavailable", `${what} (${code})`)
  const at = (name: string) => join(directory, name)

  /** Refuses what is not ours alone, where the platform has owners and modes. */
  const refuseExposed = (path: string, { mode, uid }: Stats): Effect.Effect<void, E> => {
    const self = process.platform === "win32" ? undefined : process.getuid?.()
    if (self === undefined) return Effect.void
    if (uid !== self) return Effect.fail(problem("forbidden", `${path} belongs to another user (${uid})`))
    if ((mode & 0o077) === 0) return Effect.void
    const shown = (mode & 0o777).toString(8).padStart(3, "0")
    return Effect.fail(
      problem("forbidden", `${path} is open to group or others (mode ${shown}); take their permissions away`)
    )
  }

  const remove = (name: string) => Effect.ignore(ask(() => fs.rm(at(name), { force: true, recursive: true })))
  const vacate = (name: string) => Effect.ignore(ask(() => fs.rmdir(at(name))))
  const names = ask(() => fs.readdir(directory))
  /** What has a temporary name: beside the files, and in the locks of those who were writing. */
  const leftBehind = Effect.flatMap(names, (all) =>
    Effect.map(
      Effect.forEach(
        all.filter((entry) => entry.endsWith(".lock")),
        (lock) =>
          Effect.map(
            Effect.orElseSucceed(
              ask(() => fs.readdir(at(lock))),
              () => []
            ),
            (inside) => inside.map((entry) => join(lock, entry))
          )
      ),
      (inside) => [...all, ...inside.flat()].filter((entry) => entry.endsWith(".tmp"))
    )
  )

  /** How long before now, as the file system tells the time, a file was written. */
  const ageAt = (probed: Stats, name: string) =>
    Effect.map(
      orAbsent(ask(() => fs.lstat(at(name)))),
      Option.map(({ mtimeMs }) => probed.mtimeMs - mtimeMs)
    )

  /**
   * The names, to the disk. Not every file system can do that for a directory, nor every mode of it: what
   * was done is done, and to say that it failed would be wrong.
   */
  const settled = Effect.ignore(flush(directory))

  const probed = Effect.suspend(() => {
    const probe = temporary("probe")
    return create(at(probe), "").pipe(
      Effect.zipRight(ask(() => fs.lstat(at(probe)))),
      Effect.ensuring(remove(probe))
    )
  })

  return {
    path: directory,
    problem,
    claim: ask(() => fs.mkdir(directory, { recursive: true, mode: 0o700 })).pipe(
      Effect.zipRight(ask(() => fs.lstat(directory))),
      Effect.mapError(told(`${directory} cannot be used`)),
      Effect.flatMap((stats) =>
        stats.isSymbolicLink()
          ? Effect.fail(problem("forbidden", `${directory} is a symbolic link`))
          : refuseExposed(directory, stats)
      )
    ),
    read: (name) => {
      const path = at(name)
      return opened(path, readOnly, (handle) =>
        Effect.gen(function* () {
          const stats = yield* ask(() => handle.stat())
          if (!stats.isFile()) return yield* Effect.fail(problem("forbidden", `${path} is not a file`))
          yield* refuseExposed(path, stats)
          if (stats.size > maxBytes)
            return yield* Effect.fail(problem("malformed", `${path} is larger than 1 MiB`))
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
              : told(`${path} cannot be read`)(error)
        )
      )
    },
    version: (name) =>
      orAbsent(ask(() => fs.stat(at(name)))).pipe(
        Effect.mapError(told(`${at(name)} cannot be looked at`)),
        Effect.map(Option.map(({ ctimeMs, ino, mtimeMs, size }) => [ino, size, mtimeMs, ctimeMs].join(" ")))
      ),
    age: (name) =>
      Effect.mapError(
        Effect.flatMap(probed, (now) => ageAt(now, name)),
        told(`${at(name)} cannot be looked at`)
      ),
    stage: (name, text) => {
      const staged = temporary(name)
      return flushed(at(staged), text).pipe(
        Effect.mapError(told(`${at(staged)} cannot be written`)),
        Effect.as(staged)
      )
    },
    commit: (staged, name) =>
      ask(() => fs.rename(at(staged), at(name))).pipe(
        Effect.mapError(told(`${at(name)} cannot be replaced`)),
        Effect.tapError(() => remove(staged)),
        Effect.zipRight(settled)
      ),
    setAside: (name, aside) =>
      Effect.mapError(
        ask(() => fs.rename(at(name), at(aside))),
        told(`${at(name)} cannot be set aside`)
      ),
    remove,
    erase: (isOne) =>
      names.pipe(
        Effect.flatMap((all) =>
          Effect.forEach(all.filter(isOne), (name) => ask(() => fs.rm(at(name), { force: true })), {
            discard: true
          })
        ),
        Effect.mapError(told(`${directory}: a file cannot be removed`)),
        Effect.zipRight(settled)
      ),
    sweepOlderThan: (limit) =>
      Effect.ignore(
        Effect.flatMap(Effect.zip(probed, leftBehind), ([now, all]) =>
          Effect.forEach(
            all,
            (entry) =>
              Effect.flatMap(ageAt(now, entry), (age) =>
                Option.isSome(age) && age.value >= limit ? remove(entry) : Effect.void
              ),
            { discard: true }
          )
        )
      ),
    enter: (name, file, text) => {
      const staged = temporary(name)
      return ask(() => fs.mkdir(at(staged), { mode: 0o700 })).pipe(
        Effect.zipRight(create(at(join(staged, file)), text)),
        Effect.zipRight(
          Effect.catchIf(
            Effect.as(
              ask(() => fs.rename(at(staged), at(name))),
              true
            ),
            (code) => isTaken.has(code),
            // Empty, where no directory can be put over one: what is in none is nobody's.
            () => Effect.as(vacate(name), false)
          )
        ),
        Effect.tap((entered) => (entered ? Effect.void : remove(staged))),
        Effect.tapError(() => remove(staged)),
        Effect.mapError(told(`${at(name)} cannot be made`))
      )
    },
    list: (name) =>
      orAbsent(ask(() => fs.readdir(at(name)))).pipe(
        Effect.map(Option.getOrElse((): ReadonlyArray<string> => [])),
        Effect.mapError(told(`${at(name)} cannot be looked at`))
      ),
    take: (name) =>
      Effect.mapError(
        ask(() => fs.rm(at(name), { force: true })),
        told(`${at(name)} cannot be removed`)
      ),
    renew: (name, next, text) =>
      ask(() => fs.writeFile(at(name), text, { flag: "r+" })).pipe(
        Effect.zipRight(ask(() => fs.rename(at(name), at(next)))),
        Effect.mapError(told(`${at(name)} cannot be renewed`))
      ),
    vacate
  }
}
