/** The calls of the file system that private files are made of; their failures are Node's codes and no more. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import * as fs from "node:fs/promises"

/** Fails with the code of Node's error, which is all that is ever told of it. */
export const ask = <A>(run: () => Promise<A>): Effect.Effect<A, string> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown"
  })

export const orAbsent = <A>(asked: Effect.Effect<A, string>): Effect.Effect<Option.Option<A>, string> =>
  Effect.catchAll(Effect.asSome(asked), (code) =>
    code === "ENOENT" ? Effect.succeed(Option.none()) : Effect.fail(code)
  )

/** No link is followed, and no pipe waited for; Windows knows neither. */
export const readOnly: number =
  process.platform === "win32"
    ? constants.O_RDONLY
    : constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A name beside another that nobody else has. */
export const temporary = (name: string): string => `${name}.${randomBytes(12).toString("hex")}.tmp`

export const opened = <A, E>(
  path: string,
  flags: string | number,
  use: (handle: fs.FileHandle) => Effect.Effect<A, E>
): Effect.Effect<A, E | string> =>
  Effect.acquireUseRelease(
    ask(() => fs.open(path, flags, 0o600)),
    use,
    (handle) => Effect.ignore(ask(() => handle.close()))
  )

/** A new file, readable by its owner alone from the first moment; gone again when it cannot be filled. */
const written = (path: string, fill: (handle: fs.FileHandle) => Promise<void>): Effect.Effect<void, string> =>
  opened(path, "wx", (handle) =>
    Effect.onExit(
      ask(() => fill(handle)),
      (exit) => (exit._tag === "Success" ? Effect.void : Effect.ignore(ask(() => fs.rm(path))))
    )
  )

export const create = (path: string, text: string): Effect.Effect<void, string> =>
  written(path, (handle) => handle.writeFile(text))

/** A new file, all the way to the disk. */
export const flushed = (path: string, text: string): Effect.Effect<void, string> =>
  written(path, async (handle) => {
    await handle.writeFile(text)
    await handle.sync()
  })

/** The names in the directory, to the disk; Windows cannot do that. */
export const flush = (directory: string): Effect.Effect<void, string> =>
  process.platform === "win32" ? Effect.void : opened(directory, "r", (handle) => ask(() => handle.sync()))
