/** A process that takes the key of a directory, or makes it, and says which it is. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as StoredKeyring from "effect-oauth/StoredKeyring"
import * as FileSecretStore from "effect-oauth-node/FileSecretStore"

const [directory = ""] = process.argv.slice(2)

StoredKeyring.make({ name: "dpop" }).pipe(
  Effect.flatMap((ring) => ring.signingKey()),
  Effect.flatMap(({ kid }) => Console.log(kid)),
  Effect.provide(FileSecretStore.layer({ directory })),
  NodeRuntime.runMain
)
