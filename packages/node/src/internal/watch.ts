/** When something in a directory may have changed. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { watch } from "node:fs"

/** As the system says, where it does; not every file system and container tells. */
const told = (directory: string): Stream.Stream<void> =>
  Stream.asyncPush<void>(
    (emit) =>
      Effect.acquireRelease(
        Effect.option(
          Effect.try(() => {
            const watcher = watch(directory, { persistent: false }, () => emit.single(undefined))
            return watcher.on("error", () => watcher.close())
          })
        ),
        (watcher) => Effect.sync(() => (watcher._tag === "Some" ? watcher.value.close() : undefined))
      ),
    { bufferSize: 1, strategy: "sliding" }
  )

/** As the system says, and every 5 seconds. */
export const changesOf = (directory: string): Stream.Stream<void> =>
  Stream.merge(told(directory), Stream.tick("5 seconds"))
