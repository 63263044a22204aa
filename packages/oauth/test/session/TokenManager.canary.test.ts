/** Peers 4c 96: no token of a session appears in its states, events, errors, logs, spans or names. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as SecretStore from "effect-oauth/SecretStore"
import { inspect } from "node:util"
import * as Inspected from "../http/support/inspected.js"
import { capturing } from "../http/support/telemetry.js"
import * as Faulty from "./support/faulty.js"
import * as R from "./support/run.js"
import * as Server from "./support/server.js"

/** All that can become of a session, and everything that a program is told of it. */
const life = (told: Array<string>) =>
  Effect.gen(function* () {
    const tell = (value: unknown) =>
      Effect.sync(() => {
        told.push(
          inspect(value, { depth: null, showHidden: true }),
          String(value),
          JSON.stringify(value) ?? ""
        )
      })
    const names: Array<string> = []
    const inner = yield* SecretStore.makeMemory
    const faulty = Faulty.make(inner)
    const secrets: SecretStore.SecretStore.Service = {
      ...faulty.secrets,
      get: (name) => {
        names.push(name)
        return faulty.secrets.get(name)
      }
    }
    const server = Server.make()
    const scope = yield* Scope.make()
    const manager = yield* Scope.extend(R.manage(secrets, { source: server.source }), scope)
    yield* Effect.forkScoped(
      Stream.runForEach(manager.events, (event) => Effect.zipRight(Effect.log(event), tell(event)))
    )
    yield* Effect.forkScoped(
      Stream.runForEach(manager.changes, (state) => Effect.zipRight(Effect.log(state), tell(state)))
    )
    const attempt = Effect.flatMap(Effect.exit(R.asTimePasses(manager.get)), (exit) =>
      Effect.sync(() => {
        told.push(Inspected.ofExit(exit))
      })
    )
    yield* R.settle
    yield* attempt
    yield* manager.adopt(yield* server.login)
    for (const error of [Server.status(502), Server.status(429, 1), Server.unreachable()]) {
      yield* TestClock.adjust("1 hour")
      server.script({ ignored: true, error })
      yield* attempt
    }
    yield* TestClock.adjust("2 seconds")
    yield* attempt
    for (const fault of ["fails", "lies", "corrupt", "lost", "dies"] as const) {
      yield* TestClock.adjust("1 hour")
      faulty.when((at) => (at % 3 === 2 ? fault : undefined))
      yield* attempt
      faulty.when((at) => (at < 4 ? fault : undefined))
      yield* attempt
      yield* R.pass("1 minute", "10 seconds")
    }
    faulty.when(() => undefined)
    server.script({ error: Server.unreachable() })
    yield* TestClock.adjust("1 hour")
    yield* attempt
    yield* attempt
    yield* manager.adopt(yield* server.login)
    yield* TestClock.adjust("1 hour")
    server.script({ before: Effect.dieMessage("a defect of the source") })
    yield* attempt
    yield* tell(yield* R.asTimePasses(manager.logout))
    yield* attempt
    yield* tell(yield* manager.state)
    yield* tell(manager)
    yield* R.settle
    yield* Scope.close(scope, Exit.void)
    return names
  })

describe("the secrets of a session", () => {
  it.scoped(
    "are in the store, and nowhere else",
    () =>
      Effect.gen(function* () {
        const captured = yield* capturing
        const told: Array<string> = []
        const names = yield* life(told).pipe(Effect.withSpan("a program"), Effect.provide(captured.layer))
        const spans = yield* captured.spans
        const logs = yield* captured.logs
        for (const name of ["TokenManager.get", "TokenManager.logout"]) {
          assert.isTrue(
            spans.some((span) => span.name === name),
            name
          )
        }
        assert.isNotEmpty(logs.filter((line) => line.includes("could not be written")))
        for (const event of [
          "Acquired",
          "Refreshed",
          "Unsaved",
          "Saved",
          "Failed",
          "ReuseDetected",
          "LoggedOut"
        ]) {
          assert.isTrue(
            told.some((text) => text.includes(event)),
            event
          )
        }
        const text = [...told, ...names, yield* captured.text].join("\n")
        assert.notInclude(text, "canary-")
        for (const name of names) assert.match(name, /^effect-oauth\.session\.[\w-]{43}$/)
      }),
    60_000
  )
})
