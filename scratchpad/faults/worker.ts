/**
 * One of several processes of one session: renews the tokens on and on and says on a line what came of it, until
 * its standard input ends. Dies at a step of the first refresh where it is told to.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as TokenManager from "effect-oauth/TokenManager"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Step } from "./death.js"
import * as Death from "./death.js"
import type { Session } from "./setup.js"
import { managerOf, storeOf } from "./setup.js"

export interface Task {
  readonly session: Session
  readonly death?: Step | undefined
}

const { death, session }: Task = JSON.parse(process.argv[2] ?? "{}")

const renew = Effect.gen(function* () {
  const manager = yield* TokenManager.TokenManager
  const { accessToken } = yield* manager.get
  yield* manager.renew(accessToken)
  yield* Console.log("renewed")
}).pipe(Effect.catchAll((error) => Console.log(`${error._tag} ${error.reason}`)))

const told = Effect.flatMap(Deferred.make<void>(), (end) =>
  Effect.as(
    Effect.sync(() => process.stdin.resume().once("end", () => Deferred.unsafeDone(end, Effect.void))),
    Deferred.await(end)
  )
)

const program = Effect.flatMap(told, (end) =>
  Effect.forever(Effect.zipRight(renew, Effect.yieldNow())).pipe(Effect.race(end))
)

const ClientLive = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, Death.inClient(death))
).pipe(Layer.provide(NodeHttpClient.layerUndici))

program.pipe(
  Effect.provide(managerOf(session)),
  Effect.provide(Layer.merge(Death.storeLayer(death, storeOf(session)), ClientLive)),
  NodeRuntime.runMain
)
