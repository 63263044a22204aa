/** A process that opens a directory of keys, rotates it as often as it is told, and says what it ended with. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as DirectoryKeyring from "effect-oauth-node/DirectoryKeyring"

const [directory = "", times = "0"] = process.argv.slice(2)

Effect.gen(function* () {
  const ring = yield* DirectoryKeyring.make({ directory })
  const first = (yield* ring.rotation).current.key.kid
  yield* Effect.replicateEffect(ring.rotate, Number(times))
  yield* Console.log(JSON.stringify({ first, last: (yield* ring.rotation).current.key.kid }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
