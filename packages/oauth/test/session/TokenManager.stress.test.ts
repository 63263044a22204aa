import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { TokenStoreError } from "effect-oauth/OAuthError"
import { Revocation } from "effect-oauth/Revocation"
import * as TokenManager from "effect-oauth/TokenManager"
import type { TokenSet } from "effect-oauth/TokenSet"
import type { TokenSource } from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import type * as R from "./support/run.js"
import * as Server from "./support/server.js"
import * as Virtual from "./support/virtual.js"

const lifetime = 400
const between = (least: number, most: number) => Random.nextIntBetween(least, most + 1)
const takesUpTo = (most: number) => Effect.flatMap(between(0, most), (millis) => Effect.sleep(millis))
const chance = (percent: number) => Effect.map(between(1, 100), (dice) => dice <= percent)

/** A server that detects reuse, and revokes one token at a time. Tokens are called `login.refreshes`. */
const makeServer = () => {
  /** The refresh token of a login that is good. */
  const good = new Map<string, string>()
  const reused: Array<string> = []
  let logins = 0
  const issue = (login: string, refreshes: number): Effect.Effect<TokenSet> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const name = `${login}.${String(refreshes)}`
      good.set(login, name)
      return {
        issuer: Server.issuer,
        accessToken: Redacted.make(name),
        tokenType: "Bearer",
        expiresAt: Option.some(now + lifetime),
        scope: [],
        refreshToken: Option.some(Redacted.make(name)),
        idToken: Option.none(),
        issuedTokenType: Option.none(),
        authorizationDetails: Option.none(),
        additional: Redacted.make({})
      }
    })
  const source: TokenSource = {
    kind: "refresh_token",
    spends: true,
    canRenew: Option.isSome,
    renew: (current) =>
      Effect.gen(function* () {
        yield* takesUpTo(20)
        const name = Option.match(current, { onNone: () => "", onSome: Server.accessOf })
        const [login = "", refreshes] = name.split(".")
        if (good.get(login) !== name) {
          if (good.get(login) !== "revoked") reused.push(name)
          return yield* Server.invalidGrant()
        }
        const next = yield* issue(login, Number(refreshes) + 1)
        yield* takesUpTo(20)
        return next
      })
  }
  const revoke: Revocation.Service["revoke"] = (token) =>
    Effect.zipRight(
      takesUpTo(30),
      Effect.sync(() => {
        const name = Redacted.value(token)
        const login = loginOf(name)
        if (good.get(login) === name) good.set(login, "revoked")
      })
    )
  return {
    source,
    revocation: { revoke, revokeAll: () => Effect.void },
    login: Effect.suspend(() => issue(`login ${String(++logins)}`, 0)),
    isAlive: (login: string) => good.get(login)?.startsWith(login) === true,
    reused
  }
}

const loginOf = (name: string): string => name.split(".")[0] ?? ""

/** A store that takes its time, answers late, and now and then fails to write, or says that it did and has not. */
const makeStore = (): {
  readonly honest: TokenStore.TokenStore.Service
  readonly bent: TokenStore.TokenStore.Service
} => {
  let entry: TokenStore.Entry | undefined
  let writes = 0
  const write = (record: TokenStore.SessionRecord): TokenStore.Entry => {
    entry = { generation: String(++writes), record }
    return entry
  }
  const honest: TokenStore.TokenStore.Service = {
    get: () => Effect.sync(() => Option.fromNullable(entry)),
    put: (_, record) => Effect.sync(() => write(record)),
    compareAndSet: (_, expected, record) =>
      Effect.sync(() =>
        entry?.generation === Option.getOrUndefined(expected) ? Option.some(write(record)) : Option.none()
      ),
    delete: () => Effect.void
  }
  const lies = new TokenStoreError({ operation: "test", reason: "unavailable", message: "It was written." })
  const fails = new TokenStoreError({ operation: "test", reason: "unavailable", message: "Nothing was." })
  const late = Effect.flatMap(chance(10), (isLate) => takesUpTo(isLate ? 150 : 8))
  const around = <A>(effect: Effect.Effect<A, TokenStoreError>) =>
    Effect.zipRight(takesUpTo(8), Effect.zipLeft(effect, late))
  const failing = <A>(effect: Effect.Effect<A, TokenStoreError>) =>
    Effect.if(chance(3), { onTrue: () => around(fails), onFalse: () => around(effect) })
  const lying = <A>(effect: Effect.Effect<A, TokenStoreError>) =>
    Effect.flatMap(failing(effect), (a) =>
      Effect.if(
        Effect.map(chance(10), (dice) => dice && !(Option.isOption(a) && Option.isNone(a))),
        {
          onTrue: () => lies,
          onFalse: () => Effect.succeed(a)
        }
      )
    )
  const bent: TokenStore.TokenStore.Service = {
    ...honest,
    get: (key) => around(honest.get(key)),
    put: (...args) => lying(honest.put(...args)),
    compareAndSet: (...args) => lying(honest.compareAndSet(...args))
  }
  return { honest, bent }
}

/** A login, or a logout, and between which steps it happened. */
interface Change {
  readonly login: string | undefined
  readonly began: number
  ended: number
  /** Whether it says that it succeeded. */
  done: boolean
}

/** Whether what this left may be what is there at last: no other began after it ended, and succeeded. */
const mayBeLast = (change: Change, all: ReadonlyArray<Change>): boolean =>
  !all.some((other) => other.began > change.ended && other.done)

const round = Effect.gen(function* () {
  const server = makeServer()
  const { bent, honest } = makeStore()
  const managers = yield* Effect.forEach(["one", "two", "three"], () =>
    TokenManager.make({
      key: Server.key,
      source: server.source,
      leeway: 20,
      leaseDuration: "10 seconds"
    }).pipe(
      Effect.provideService(TokenStore.TokenStore, bent),
      Effect.provideService(Revocation, server.revocation)
    )
  )
  const changes: Array<Change> = []
  const problems: Array<string> = []
  let steps = 0
  const changing = <E>(login: string | undefined, effect: Effect.Effect<boolean, E>) =>
    Effect.gen(function* () {
      const change: Change = { login, began: ++steps, ended: Number.POSITIVE_INFINITY, done: false }
      changes.push(change)
      change.done = yield* Effect.orElseSucceed(effect, () => false)
      // What could not be saved is saved some time.
      if (change.done || login === undefined) change.ended = ++steps
    })
  const using = (effect: R.Manager["get"]) =>
    Effect.catchAll(effect, (error) => {
      // What a logout revoked and could not delete is refused.
      const expected = changes.some(({ done, login }) => !done && login === undefined) ? ["refused"] : []
      if (!["revoked", "no_session", "unavailable", ...expected].includes(error.reason))
        problems.push(error.message)
      return Effect.void
    })
  const act = (manager: R.Manager) =>
    Effect.gen(function* () {
      yield* takesUpTo(60)
      const dice = yield* between(1, 100)
      if (dice <= 45) yield* using(manager.get)
      else if (dice <= 65)
        yield* using(Effect.flatMap(manager.get, ({ accessToken }) => manager.renew(accessToken)))
      else if (dice <= 72) yield* Effect.timeoutOption(using(manager.get), yield* between(1, 30))
      else if (dice <= 76) yield* manager.state
      else if (dice <= 90) {
        const tokens = yield* server.login
        yield* changing(loginOf(Server.accessOf(tokens)), Effect.as(manager.adopt(tokens), true))
      } else
        yield* changing(
          undefined,
          Effect.map(manager.logout, ({ deleted }) => deleted)
        )
    })
  const first = yield* server.login
  yield* changing(loginOf(Server.accessOf(first)), Effect.as(managers[0]?.adopt(first) ?? Effect.void, true))
  yield* Effect.forEach(managers, (manager) => Effect.repeatN(act(manager), 7), {
    concurrency: "unbounded",
    discard: true
  })
  // By then all that is held has expired, and what could not be saved is.
  yield* Effect.sleep("2 minutes")
  const found = new Set<string | undefined>()
  for (const manager of managers) {
    const tokens = yield* Effect.option(
      Effect.retry(manager.get, { times: 20, while: ({ reason }) => reason === "unavailable" })
    )
    found.add(Option.getOrUndefined(Option.map(tokens, (tokens) => loginOf(Server.accessOf(tokens)))))
  }
  const kept = Option.flatMap(yield* honest.get(Server.key), ({ record }) => record.tokens)
  found.add(Option.getOrUndefined(Option.map(kept, (tokens) => loginOf(Server.accessOf(tokens)))))
  const last = [...found][0]
  if (found.size > 1) problems.push(`they have ${[...found].join(" and ")}`)
  const why = changes.filter((change) => change.login === last)
  if (!why.some((change) => mayBeLast(change, changes)))
    problems.push(`${String(last)} is there at last, of ${JSON.stringify(changes)}`)
  // The login before a logout, where there is no doubt which it was.
  for (const logout of changes) {
    if (logout.login !== undefined || !logout.done) continue
    const logins = changes.filter(({ login }) => login !== undefined)
    const before = logins.filter(({ ended }) => ended < logout.began)
    const one = before.at(-1)
    if (one === undefined || !before.every((other) => other === one || other.ended < one.began)) continue
    if (logins.some((other) => other.began > one.began && other.began < logout.ended)) continue
    if (logins.some((other) => other.began < one.began && other.ended > one.began)) continue
    if (server.isAlive(one.login ?? "")) problems.push(`${String(one.login)} is good after its logout`)
  }
  return {
    problems,
    reused: server.reused,
    logouts: changes.filter(({ done, login }) => done && login === undefined).length
  }
}).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None))

describe("whatever three processes do with logins, logouts, refreshes and a store that lies", () => {
  for (const part of [0, 1, 2, 3]) {
    it.live(
      `no token is used twice, who logged out is out, and who logged in last is in: part ${String(part)}`,
      () =>
        Effect.gen(function* () {
          let logouts = 0
          for (let seed = part * 60; seed < part * 60 + 60; seed++) {
            const { logouts: more, problems, reused } = yield* Virtual.run(seed, round)
            assert.deepStrictEqual({ seed, problems, reused }, { seed, problems: [], reused: [] })
            logouts += more
          }
          assert.isAbove(logouts, 30)
        }),
      60_000
    )
  }
})
