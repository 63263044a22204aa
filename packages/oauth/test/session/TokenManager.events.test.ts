import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenStore from "effect-oauth/TokenStore"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

describe("what a manager tells", () => {
  it.scoped("issue 5: states from the store on, each once, with nothing secret", () =>
    Effect.gen(function* () {
      const shared = yield* R.loggedIn()
      const manager = yield* R.another(shared)
      const seen: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(manager.changes, (state) =>
          Effect.sync(() => {
            seen.push(state._tag === "Active" ? `Active ${String(state.saved)}` : state._tag)
          })
        )
      )
      yield* R.settle
      assert.strictEqual(shared.server.requests(), 0)
      yield* TestClock.adjust("1 hour")
      yield* manager.get
      yield* manager.get
      yield* R.settle
      yield* TestClock.adjust("1 hour")
      shared.server.script({ ignored: true, error: Server.invalidGrant() })
      yield* Effect.exit(manager.get)
      yield* R.settle
      yield* manager.adopt(yield* shared.server.login)
      yield* R.settle
      yield* manager.logout
      yield* R.settle
      assert.strictEqual(seen[0], "Active true")
      const steps = ["Refreshing", "Active true", "Refreshing", "Ended", "Active true", "SignedOut"]
      // A state that was soon another may have been passed over.
      assert.deepStrictEqual(
        seen.slice(1).filter((state) => state !== "Active false"),
        steps
      )
    })
  )

  it.scoped(
    "peers 2 row 1: whoever loses uses what the winner stored, deletes nothing, and tells of it",
    () =>
      Effect.gen(function* () {
        const shared = yield* R.loggedIn()
        const events = yield* R.listening(shared.manager)
        yield* TestClock.adjust("1 hour")
        const fresh = yield* shared.server.login
        // While the request is on its way others store tokens, as those do that know no lease.
        shared.server.script({
          before: Effect.orDie(
            shared.store.put(Server.key, { ...TokenStore.emptyRecord, tokens: Option.some(fresh) })
          ),
          ignored: true,
          error: Server.invalidGrant()
        })
        assert.strictEqual(Server.accessOf(yield* shared.manager.get), Server.accessOf(fresh))
        const kept = Option.getOrThrow(yield* shared.store.get(Server.key))
        assert.deepStrictEqual(
          Option.map(kept.record.tokens, Server.accessOf),
          Option.some(Server.accessOf(fresh))
        )
        assert.strictEqual((yield* shared.manager.state)._tag, "Active")
        assert.deepStrictEqual(yield* events, ["Adopted", "ReuseDetected"])
      })
  )

  it.scoped("the layer is a session of the program, and of its scope", () =>
    Effect.gen(function* () {
      const server = Server.make()
      const Session = TokenManager.layer({ key: Server.key, source: server.anew }).pipe(
        Layer.provide(TokenStore.layerMemory)
      )
      const tokens = yield* Effect.provide(
        Effect.flatMap(TokenManager.TokenManager, (manager) => manager.get),
        Session
      )
      assert.strictEqual(tokens.issuer, Server.issuer)
    })
  )
})
