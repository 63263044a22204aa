import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Authorization from "effect-oauth/Authorization"
import { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import type { AuthorizationError } from "effect-oauth/OAuthError"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestUser from "effect-oauth-testing/TestUser"
import { inspect } from "node:util"
import * as H from "./support/setup.js"

type Response = Authorization.Authorization.Response

const complete = (response: Response, transaction: AuthorizationTransaction) =>
  Effect.flatMap(Authorization.Authorization, (authorization) =>
    authorization.complete(response, transaction)
  )

/** A transaction, and the right response to it, to be changed. */
const begun = (request?: Authorization.Authorization.Request) =>
  Effect.gen(function* () {
    const { transaction, url } = yield* H.begin(request)
    const good = new URL(yield* H.callback(url))
    const changed = (change: (parameters: URLSearchParams) => void): URL => {
      const copy = new URL(good)
      change(copy.searchParams)
      return copy
    }
    return { transaction, good, changed, state: Redacted.value(transaction.state) }
  })

type Changed = (change: (parameters: URLSearchParams) => void) => URL

describe("Authorization.complete", () => {
  it.effect("RFC 6749 section 4.1.2: gives the code of a right response, in whatever form it comes", () =>
    Effect.gen(function* () {
      const forms: ReadonlyArray<(url: URL) => Response> = [
        (url) => url,
        (url) => url.href,
        (url) => url.search,
        (url) => url.search.slice(1),
        (url) => url.searchParams,
        (url) => [...url.searchParams],
        // The `url` of a request as node:http has it.
        (url) => `${url.pathname}${url.search}`,
        (url) => `${url.href}#_=_`
      ]
      for (const form of forms) {
        const { good, transaction } = yield* begun()
        const { code } = yield* complete(form(good), transaction)
        assert.strictEqual(Redacted.value(code), good.searchParams.get("code"))
      }
    }).pipe(Effect.provide(H.layer()))
  )

  const refusals: ReadonlyArray<
    readonly [
      rule: string,
      reason: AuthorizationError["reason"],
      change: (changed: Changed) => URL,
      open: boolean
    ]
  > = [
    [
      "RFC 6749 section 10.12: a wrong state",
      "state_mismatch",
      (c) => c((p) => p.set("state", "other")),
      true
    ],
    [
      "a state that is a prefix of the right one",
      "state_mismatch",
      (c) => c((p) => p.set("state", p.get("state")?.slice(1) ?? "")),
      true
    ],
    ["RFC 6749 section 3.1: an empty state", "state_missing", (c) => c((p) => p.set("state", "")), true],
    ["peers 4c 51: no state", "state_missing", (c) => c((p) => p.delete("state")), true],
    [
      "peers 4c 52: an error without state",
      "state_missing",
      () => new URL("https://app.test/?error=access_denied"),
      true
    ],
    ["peers 4c 50: code twice", "duplicate", (c) => c((p) => p.append("code", "other")), true],
    ["peers 4c 50: state twice", "duplicate", (c) => c((p) => p.append("state", p.get("state") ?? "")), true],
    ["peers 4c 50: code twice, once empty", "duplicate", (c) => c((p) => p.append("code", "")), true],
    ["peers 4c 50: iss twice", "duplicate", (c) => c((p) => p.append("iss", H.issuer)), true],
    [
      "RFC 6749 section 3.1: an unknown parameter twice",
      "duplicate",
      (c) => c((p) => ["x", "y"].forEach((v) => p.append("x", v))),
      true
    ],
    [
      "more parameters than any server sends",
      "malformed",
      (c) => c((p) => Array.from({ length: 32 }, (_, i) => p.append(`x${i}`, ""))),
      true
    ],
    ["a parameter of 100 kB", "malformed", (c) => c((p) => p.set("code", "x".repeat(100_000))), true],
    [
      "RFC 9207 section 2.4, peers 4c 53: iss of another server",
      "issuer_mismatch",
      (c) => c((p) => p.set("iss", "https://evil.test")),
      false
    ],
    [
      "RFC 9207 section 2.4: iss that differs by a slash",
      "issuer_mismatch",
      (c) => c((p) => p.set("iss", `${H.issuer}/`)),
      false
    ],
    ["RFC 9207 section 2.4: an empty iss", "issuer_missing", (c) => c((p) => p.set("iss", "")), false],
    [
      "RFC 9207 section 2.4: no iss from a server that sends it",
      "issuer_missing",
      (c) => c((p) => p.delete("iss")),
      false
    ],
    ["RFC 6749 section 4.1.2: neither code nor error", "malformed", (c) => c((p) => p.delete("code")), false],
    ["RFC 6749 section 4.1.2: an empty code", "malformed", (c) => c((p) => p.set("code", "")), false],
    [
      "peers 4c 54: an ID token beside the code",
      "malformed",
      (c) => c((p) => p.set("id_token", "e30.e30.")),
      false
    ],
    ["an access token beside the code", "malformed", (c) => c((p) => p.set("access_token", "t")), false],
    [
      "a JWT response that nobody asked for",
      "malformed",
      (c) => c((p) => p.set("response", "e30.e30.")),
      false
    ]
  ]
  for (const [rule, reason, change, open] of refusals) {
    it.effect(`${rule} is refused, and the transaction ${open ? "stays open" : "is over"}`, () =>
      Effect.gen(function* () {
        const { changed, good, transaction } = yield* begun()
        yield* H.fails(complete(change(changed), transaction), "AuthorizationError", reason)
        if (open) {
          yield* complete(good, transaction)
        } else {
          yield* H.fails(complete(good, transaction), "AuthorizationError", "replayed")
        }
      }).pipe(Effect.provide(H.layer()))
    )
  }

  it.effect("RFC 6749 section 3.1: parameters without a value are as if they were not there", () =>
    Effect.gen(function* () {
      const { changed, good, transaction } = yield* begun()
      const padded = changed((p) =>
        ["error", "error_description", "id_token", "access_token", "response"].forEach((name) =>
          p.set(name, "")
        )
      )
      const { code } = yield* complete(padded, transaction)
      assert.strictEqual(Redacted.value(code), good.searchParams.get("code"))
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 58: a response is good for once", () =>
    Effect.gen(function* () {
      const { good, transaction } = yield* begun()
      yield* complete(good, transaction)
      yield* H.fails(complete(good, transaction), "AuthorizationError", "replayed")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("of a hundred at once, one response is taken", () =>
    Effect.gen(function* () {
      const { good, transaction } = yield* begun()
      const all = yield* Effect.all(
        Array.from({ length: 100 }, () => Effect.either(complete(good, transaction))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(all.filter((one) => one._tag === "Right").length, 1)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("the state of another transaction does not do", () =>
    Effect.gen(function* () {
      const one = yield* begun()
      const other = yield* begun()
      yield* H.fails(complete(one.good, other.transaction), "AuthorizationError", "state_mismatch")
      yield* complete(other.good, other.transaction)
      yield* complete(one.good, one.transaction)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 61: a response after the end of the transaction is too late", () =>
    Effect.gen(function* () {
      const { good, transaction } = yield* begun()
      yield* TestClock.adjust("599 seconds")
      yield* H.fails(complete("?state=other&code=x", transaction), "AuthorizationError", "state_mismatch")
      yield* TestClock.adjust("1 seconds")
      yield* H.fails(complete(good, transaction), "AuthorizationError", "expired")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 53: a transaction of another server or client is not completed here", () =>
    Effect.gen(function* () {
      const { good, transaction } = yield* begun()
      for (const change of [{ issuer: "https://other.test" }, { clientId: "other" }]) {
        const foreign = { ...transaction, ...change }
        yield* H.fails(complete(good, foreign), "AuthorizationError", "issuer_mismatch")
      }
      yield* complete(good, transaction)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 9207 section 2.4: a server that does not say that it sends iss may leave it out", () =>
    Effect.gen(function* () {
      const { good, transaction } = yield* begun()
      assert.isNull(good.searchParams.get("iss"))
      yield* complete(good, transaction)
      const { changed, transaction: second } = yield* begun()
      yield* H.fails(
        complete(
          changed((p) => p.set("iss", "https://evil.test")),
          second
        ),
        "AuthorizationError",
        "issuer_mismatch"
      )
    }).pipe(Effect.provide(H.layer({}, { issParameter: false })))
  )

  it.effect("RFC 6749 section 4.1.2.1: a denial, and another error of the server", () =>
    Effect.gen(function* () {
      const denied = yield* H.fails(H.login(undefined, TestUser.deny), "AuthorizationError", "denied")
      assert.strictEqual(denied.error, "access_denied")
      const failed = yield* H.fails(
        H.login(undefined, TestUser.fail("login_required", "Log in first")),
        "AuthorizationError",
        "server"
      )
      assert.strictEqual(failed.error, "login_required")
      assert.strictEqual(failed.description, "Log in first")
      assert.include(failed.message, "login_required: Log in first")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 6: an error of another server is not this server's", () =>
    Effect.gen(function* () {
      yield* H.misbehave("authorization", Misbehaviour.wrongIssuer("https://evil.test"))
      yield* H.fails(H.login(undefined, TestUser.deny), "AuthorizationError", "issuer_mismatch")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 57: what the server says is made safe to show, and holds no secret of the login", () =>
    Effect.gen(function* () {
      const { transaction, url } = yield* H.begin({ scope: ["openid"] })
      const secrets = [transaction.state, transaction.verifier, Option.getOrThrow(transaction.nonce)].map(
        Redacted.value
      )
      const told = `\u001b[31m<script>\r\nSet-Cookie: x\u202e ${secrets.join(" ")} ${"long ".repeat(500)}`
      const back = yield* H.callback(url, TestUser.fail("server_error", told))
      const error = yield* H.fails(complete(back, transaction), "AuthorizationError", "server")
      for (const shown of [error.description ?? "", error.message, inspect(error), JSON.stringify(error)]) {
        for (const secret of secrets) assert.notInclude(shown, secret)
        assert.notMatch(shown, /\u001b|\u202e/)
      }
      assert.notMatch(error.message, /[\r\n]/)
      assert.isAtMost(error.message.length, 700)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("a transaction survives being stored, encoded, and read again", () =>
    Effect.gen(function* () {
      const { good, transaction } = yield* begun({ scope: ["openid"], maxAge: "1 hour" })
      const stored = JSON.stringify(Schema.encodeSync(AuthorizationTransaction)(transaction))
      const read = yield* Schema.decode(Schema.parseJson(AuthorizationTransaction))(stored)
      yield* complete(good, read)
      for (const secret of [transaction.state, transaction.verifier, Option.getOrThrow(transaction.nonce)]) {
        assert.notInclude(inspect(read, { depth: null, showHidden: true }), Redacted.value(secret))
        assert.notInclude(JSON.stringify(read), Redacted.value(secret))
      }
    }).pipe(Effect.provide(H.layer()))
  )
})
