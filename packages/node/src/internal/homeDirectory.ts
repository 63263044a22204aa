/** The directory of the machine that this runs on. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { homedir } from "node:os"
import { stateDirectory } from "./stateDirectory.js"

/** The one that was named, or that of the person; none where there is no home. */
export const directoryOr = (named: string | undefined): Effect.Effect<Option.Option<string>> =>
  named === undefined
    ? Effect.map(
        Effect.option(
          Effect.try(() => ({ platform: process.platform, environment: process.env, home: homedir() }))
        ),
        Option.flatMap(stateDirectory)
      )
    : Effect.succeedSome(named)
