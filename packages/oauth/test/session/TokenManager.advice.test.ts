/** What a session tells a program that has left something out. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { Revocation } from "effect-oauth/Revocation"
import * as R from "./support/run.js"

const advice =
  "Log in, and give the tokens of the login to TokenManager.adopt. Most servers give a refresh token for the scope " +
  'offline_access, with the prompt "consent".'

/** A session whose login gave no refresh token. */
const bare = Effect.gen(function* () {
  const session = yield* R.loggedIn()
  const tokens = { ...session.tokens, refreshToken: Option.none() }
  yield* session.manager.adopt(tokens)
  return { ...session, tokens }
})

/** What is logged meanwhile. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel.label} ${[message].flat().map(String).join(" ")}`)
    })
    return Effect.map(
      Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)),
      (a) => [a, lines] as const
    )
  })

describe("a session without a refresh token", () => {
  it.scoped("RFC 6749 section 1.5: refused: says what was refused, and how to get a refresh token", () =>
    Effect.gen(function* () {
      const { manager, tokens } = yield* bare
      const message = `TokenManager.get: a resource refused the access token, and there is no refresh token. ${advice}`
      for (const asked of [manager.renew(tokens.accessToken), manager.get, manager.get]) {
        const error = yield* R.fails(asked, "ReauthorizationRequired", "refused")
        assert.strictEqual(error.message, message)
      }
    })
  )

  it.scoped("RFC 6749 section 1.5: expired: the same", () =>
    Effect.gen(function* () {
      const { manager } = yield* bare
      yield* TestClock.adjust("2 hours")
      for (const asked of [manager.get, manager.get]) {
        const error = yield* R.fails(asked, "ReauthorizationRequired", "expired")
        assert.include(
          error.message,
          `the access token has expired, and there is no refresh token. ${advice}`
        )
      }
    })
  )

  it.scoped(
    "RFC 6749 section 5.2: a refresh token that the server refuses is told as before, also after one without",
    () =>
      Effect.gen(function* () {
        const { manager, server, tokens } = yield* bare
        yield* R.fails(manager.renew(tokens.accessToken), "ReauthorizationRequired", "refused")
        const first = yield* server.login
        yield* server.source.renew(Option.some(first))
        yield* manager.adopt(first)
        const error = yield* R.fails(manager.renew(first.accessToken), "ReauthorizationRequired", "refused")
        assert.strictEqual(
          error.message,
          "TokenManager.get: the server accepts the refresh token no more. Log in, and give the tokens of the login to " +
            "TokenManager.adopt."
        )
      })
  )
})

describe("a program without Revocation", () => {
  const revocation = { revoke: () => Effect.void, revokeAll: () => Effect.succeed([]) }

  it.scoped(
    "RFC 7009: a logout that can revoke nothing says which layer is missing, once, and no token",
    () =>
      Effect.gen(function* () {
        const { manager } = yield* R.loggedIn()
        const [report, lines] = yield* logged(manager.logout)
        assert.deepInclude(report, { deleted: true, revoked: [], alive: ["refresh_token", "access_token"] })
        assert.deepStrictEqual(lines, [
          "WARN TokenManager.logout: nothing was revoked at the server, which goes on accepting: refresh_token, " +
            "access_token. The program has no Revocation: provide Revocation.layer to TokenManager.layer."
        ])
        assert.deepStrictEqual((yield* logged(manager.logout))[1], [])
      })
  )

  it.scoped("with Revocation, or nothing to revoke, there is nothing to warn of", () =>
    Effect.gen(function* () {
      const { manager } = yield* Effect.provideService(R.loggedIn(), Revocation, revocation)
      const [report, lines] = yield* logged(manager.logout)
      assert.deepStrictEqual(report.revoked, ["refresh_token", "access_token"])
      assert.deepStrictEqual(lines, [])
      const expired = yield* bare
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual((yield* logged(expired.manager.logout))[1], [])
    })
  )
})
