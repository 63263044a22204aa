/**
 * A session that several processes share, at a server that rotates refresh tokens and ends the whole session when
 * one is used twice (RFC 9700 section 4.14.2): `oidc-provider`. `npm run faults` makes 10,000 refreshes.
 */
import { assert, layer } from "@effect/vitest"
import * as TokenManager from "effect-oauth/TokenManager"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Step } from "../faults/death.js"
import { steps } from "../faults/death.js"
import * as Processes from "../faults/processes.js"
import type { Session } from "../faults/setup.js"
import { managerOf, storeOf } from "../faults/setup.js"
import type { Mood } from "../faults/moody.js"
import { makeMoody, moods } from "../faults/moody.js"
import { logIn } from "../support/logIn.js"
import { CliLive, Server, StageLive } from "./support/stage.js"

const refreshes = Number(process.env["EFFECT_OAUTH_REFRESHES"] ?? 200)

const rounds = Math.max(300, refreshes / 10)

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-oauth-faults-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

/** A session that has begun: logged in here, kept where other processes find it. */
const begin = Effect.gen(function* () {
  const { cli, issuer } = yield* Server
  const { tokens } = yield* Effect.provide(logIn({ scope: ["openid", "offline_access"] }), CliLive)
  const session: Session = {
    issuer,
    clientId: cli.clientId,
    subject: "ada",
    directory: join(yield* directory, "sessions")
  }
  const manager = yield* Layer.build(Layer.provide(managerOf(session), storeOf(session)))
  yield* Effect.flatMap(TokenManager.TokenManager, (own) => own.adopt(tokens)).pipe(Effect.provide(manager))
  return session
})

/** What the server counts while something goes on. */
const counted = Effect.gen(function* () {
  const { provider } = yield* Server
  const count = { refreshes: 0, revoked: 0, refused: 0 }
  const isRefresh = (ctx: { oidc: { params?: Record<string, unknown> | undefined } }) =>
    ctx.oidc.params?.["grant_type"] === "refresh_token"
  provider.on("grant.success", (ctx) => void (isRefresh(ctx) ? count.refreshes++ : 0))
  provider.on("grant.error", (ctx) => void (isRefresh(ctx) ? count.refused++ : 0))
  provider.on("grant.revoked", () => void count.revoked++)
  return count
})

/** What a process that comes after finds. */
const next = (session: Session) =>
  Effect.gen(function* () {
    const manager = yield* TokenManager.TokenManager
    const { accessToken } = yield* manager.get
    yield* manager.renew(accessToken)
    return "alive"
  }).pipe(
    Effect.catchTag("ReauthorizationRequired", ({ reason }) => Effect.succeed(reason)),
    Effect.provide(Layer.provide(managerOf(session), storeOf(session)))
  )

layer(Layer.provideMerge(Layer.effectDiscard(Processes.prepare), StageLive), { excludeTestServices: true })(
  "a session of several processes, at oidc-provider",
  (it) => {
    it.scoped(
      `peers 4c 92: eight processes and ${refreshes} refreshes; no token is used twice, no session is lost`,
      () =>
        Effect.gen(function* () {
          const session = yield* begin
          const count = yield* counted
          const workers = yield* Effect.all(Array.from({ length: 8 }, () => Processes.start({ session })))
          const said = yield* Effect.fork(
            Effect.forEach(workers, ({ lines }) => Stream.runCollect(lines), { concurrency: "unbounded" })
          )
          yield* Effect.sleep("20 millis").pipe(
            Effect.repeat({ until: () => count.refreshes >= refreshes || count.revoked > 0 })
          )
          yield* Effect.forEach(workers, ({ stop }) => stop)
          const endings = yield* Effect.forEach(workers, ({ ended }) => ended)
          const lines = (yield* Fiber.join(said)).map((of) => Chunk.toReadonlyArray(of))

          assert.deepStrictEqual(count, { refreshes: count.refreshes, revoked: 0, refused: 0 })
          assert.deepStrictEqual(
            lines.flat().filter((line) => line !== "renewed"),
            []
          )
          // No process was left out.
          for (const own of lines) assert.isAtLeast(own.length, 1)
          assert.deepStrictEqual(new Set(endings), new Set([0]))
          assert.strictEqual(yield* next(session), "alive")
        }),
      { timeout: 1_800_000 }
    )

    /** What was rotated by the server and not yet written died with the process. */
    const survives: Readonly<Record<Step, boolean>> = {
      "before the lease": true,
      "after the lease": true,
      "after the server rotated": false,
      "before saving": false,
      "after saving": true
    }

    for (const death of steps) {
      it.scoped(
        `peers 4c 92: killed ${death}, the session ${survives[death] ? "survives" : "ends, and says why"}`,
        () =>
          Effect.gen(function* () {
            const session = yield* begin
            const worker = yield* Processes.start({ session, death })
            assert.strictEqual(yield* worker.ended, "SIGKILL")
            assert.strictEqual(yield* next(session), survives[death] ? "alive" : "interrupted_refresh")
          })
      )
    }

    it.scoped(
      `architecture, rule 11 of the wire: ${rounds} answers of 429, 503, HTML, resets, halves and silence in random order; the session survives`,
      () =>
        Effect.gen(function* () {
          const session = yield* begin
          const count = yield* counted
          const { provider } = yield* Server
          let mood: Mood | undefined
          makeMoody(provider, () => mood)
          const seen = new Map<string, number>()
          const manager = yield* Layer.build(Layer.provide(managerOf(session), storeOf(session)))
          yield* Effect.gen(function* () {
            const own = yield* TokenManager.TokenManager
            for (let round = 0; round < rounds; round++) {
              // Silence costs a deadline: it is not chosen as often.
              const chosen = yield* Random.nextIntBetween(0, 60)
              mood = chosen === 59 ? "silence" : moods[chosen % 7 === 5 ? 0 : chosen % 7]
              const { accessToken } = yield* own.get
              const said = yield* own.renew(accessToken).pipe(
                Effect.as("renewed"),
                Effect.catchAll((error) => Effect.succeed(error._tag))
              )
              seen.set(said, (seen.get(said) ?? 0) + 1)
            }
          }).pipe(Effect.provide(manager))
          mood = undefined

          assert.deepStrictEqual([count.revoked, count.refused], [0, 0])
          assert.isUndefined(seen.get("ReauthorizationRequired"))
          assert.isAtLeast(seen.get("renewed") ?? 0, 1)
          assert.strictEqual(yield* next(session), "alive")
        }),
      { timeout: 1_800_000 }
    )
  }
)
