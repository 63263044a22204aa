/** A process that counts an entry up by compare-and-set, and says each number that it set. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"
import { writeSync } from "node:fs"

const [directory = "", times = "0"] = process.argv.slice(2)

Effect.gen(function* () {
  const store = yield* FileSecretStore.make({ directory, lockExpiry: "5 seconds" })
  for (let done = 0; done < Number(times);) {
    const current = yield* store.get("count")
    const next = Number(Option.getOrUndefined(current)?.text ?? "0") + 1
    const won = yield* store.compareAndSet(
      "count",
      Option.map(current, ({ generation }) => generation),
      String(next)
    )
    if (Option.isNone(won)) continue
    done += 1
    // at once, so that a killed process has said all that it did but the last
    writeSync(1, `${next}\n`)
  }
}).pipe(NodeRuntime.runMain)
