/** A session that machines share in Redis, which goes away and comes back in the middle. */
import { assert, layer } from "@effect/vitest"
import * as RedisSecretStore from "effect-oauth-node/RedisSecretStore"
import type * as SecretStore from "effect-oauth/SecretStore"
import * as TokenManager from "effect-oauth/TokenManager"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Redis from "../../packages/node/test-servers/support/redis.js"
import { managerOf } from "../faults/setup.js"
import { logIn } from "../support/logIn.js"
import { CliLive, Server, StageLive } from "./support/stage.js"

layer(StageLive, { excludeTestServices: true })("a session of several machines, in Redis", (it) => {
  if (Option.isNone(Redis.executable) && !Redis.isRequired) {
    it.skip("no redis-server on this machine (Debian: redis-server)", () => undefined)
    return
  }

  it.scoped("peers 4c 92: Redis is killed and comes back; no token is used twice, no session is lost", () =>
    Effect.gen(function* () {
      const { cli, issuer, provider } = yield* Server
      const redis = yield* Redis.serve(Option.getOrElse(Redis.executable, () => "redis-server"))
      const session = { issuer, clientId: cli.clientId, subject: "ada", directory: "" }
      const StoreLive: Layer.Layer<SecretStore.SecretStore, unknown> = RedisSecretStore.layer({
        url: Redacted.make(redis.url),
        deadline: "1 second"
      })
      // Each machine has a connection and a manager of its own.
      const machine = Effect.map(
        Layer.build(Layer.fresh(Layer.provide(managerOf(session), StoreLive))),
        Context.get(TokenManager.TokenManager)
      )
      const [first, ...others] = yield* Effect.all([machine, machine, machine])
      const { tokens } = yield* Effect.provide(logIn({ scope: ["openid", "offline_access"] }), CliLive)
      yield* first.adopt(tokens)

      let refreshes = 0
      let revoked = 0
      provider.on("grant.success", () => void refreshes++)
      provider.on("grant.revoked", () => void revoked++)
      const said = new Set<string>()
      const renew = (manager: TokenManager.TokenManager.Service) =>
        Effect.flatMap(manager.get, ({ accessToken }) => manager.renew(accessToken)).pipe(
          Effect.catchAll((error) => Effect.sync(() => said.add(`${error._tag} ${error.reason}`)))
        )
      const busy = yield* Effect.fork(
        Effect.forEach([first, ...others], (manager) => Effect.forever(renew(manager)), {
          concurrency: "unbounded"
        })
      )
      const another = (count: number) => {
        const from = refreshes
        return Effect.repeat(Effect.sleep("20 millis"), {
          until: () => refreshes >= from + count || revoked > 0
        })
      }
      for (let outage = 0; outage < 3; outage++) {
        yield* another(10)
        yield* redis.kill
        yield* Effect.sleep("300 millis")
        yield* redis.start
      }
      yield* another(10)
      yield* Fiber.interrupt(busy)

      assert.strictEqual(revoked, 0)
      said.delete("TokenStoreError unavailable")
      assert.deepStrictEqual([...said], [])
      const { accessToken } = yield* first.get
      for (const manager of others) yield* manager.renew(accessToken)
    })
  )
})
