import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as Incoming from "effect-oauth-resource-server/Incoming"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as AtOnce from "effect-oauth/AtOnce"
import * as Step from "effect-oauth/Step"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import { issuer, request, resource } from "./support/api.js"
import { mint } from "./support/asking.js"
import { watch } from "./support/watched.js"

describe("a token that came before, while its key is at hand", () => {
  it.scoped("is let in at once: nothing is awaited, no span is made, nothing is logged", () =>
    Effect.gen(function* () {
      const layer = Layer.provide(Authenticator.layer, ResourceServer.layer({ resource, issuer }))
      const authenticator = yield* Effect.provide(Authenticator.Authenticator, yield* Layer.build(layer))
      const token = yield* mint({ scope: ["notes:read"], claims: { acr: "gold", auth_time: 0 } })
      const incoming = Incoming.fromWeb(request("/", { authorization: `Bearer ${token}` }), resource)
      const authenticate = authenticator.authenticate(incoming, {
        scope: ["notes:read"],
        acr: ["gold"],
        maxAge: "1 hour"
      })
      yield* authenticate
      const [exit, { lines, spans }] = yield* watch(
        Effect.map(Effect.runtime<never>(), (runtime) => Runtime.runSyncExit(runtime)(authenticate))
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual([lines, spans], [[], []])
      const isThere = Effect.withFiberRuntime<boolean>((fiber) =>
        Effect.succeed(AtOnce.isValue(Step.now(authenticate, fiber)))
      )
      assert.isTrue(yield* isThere, "in the one step that asks")
    }).pipe(Effect.provide(TestIssuer.layer()))
  )
})
