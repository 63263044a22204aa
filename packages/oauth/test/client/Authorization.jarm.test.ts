import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Authorization from "effect-oauth/Authorization"
import { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import type { JwtError } from "effect-oauth/OAuthError"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const complete = (response: Authorization.Authorization.Response, transaction: AuthorizationTransaction) =>
  Effect.flatMap(Authorization.Authorization, (authorization) =>
    authorization.complete(response, transaction)
  )

describe("JARM", () => {
  /** A transaction that wants a JWT, and the JWT. */
  const begun = (
    claims: Readonly<Record<string, unknown>> = {},
    more: TokenOverrides = {},
    request: Authorization.Authorization.Request = {}
  ) =>
    Effect.gen(function* () {
      const { transaction, url } = yield* H.begin({ responseMode: "jwt", ...request })
      const token = yield* E.jwt(
        { aud: "app", exp: 600, code: "c-1", state: Redacted.value(transaction.state), ...claims },
        more
      )
      return { transaction, url, token, response: `${H.redirectUri}?response=${token}` }
    })

  it.effect("JARM section 2.3: the mode is asked for, and the code comes out of the JWT", () =>
    Effect.gen(function* () {
      for (const responseMode of ["jwt", "query.jwt", "form_post.jwt"] as const) {
        const { response, transaction, url } = yield* begun({}, {}, { responseMode })
        const { searchParams } = new URL(url)
        assert.strictEqual(searchParams.get("response_mode"), responseMode)
        assert.strictEqual(new Set(searchParams.keys()).size, searchParams.size)
        const { code } = yield* complete(response, transaction)
        assert.strictEqual(Redacted.value(code), "c-1")
      }
      const { token, transaction } = yield* begun()
      yield* complete(`response=${token}&session_state=x`, transaction)
    }).pipe(Effect.provide(H.layer({}, { metadata: { response_modes_supported: undefined } })))
  )

  it.effect("a server that does not list the mode is told before the person is sent", () =>
    H.fails(H.begin({ responseMode: "jwt" }), "DiscoveryError", "unsupported").pipe(Effect.provide(H.layer()))
  )

  const layer = H.layer({}, { metadata: { response_modes_supported: ["query", "jwt"] } })

  const refusals: ReadonlyArray<
    readonly [
      rule: string,
      reason: JwtError["reason"],
      claims?: Record<string, unknown>,
      more?: TokenOverrides
    ]
  > = [
    ["peers 4c 1: alg none", "malformed", {}, { header: { alg: "none" }, key: "none" }],
    ["peers 4c 4: HS256", "algorithm", {}, { key: new Uint8Array(32) }],
    ["a signature by another key", "signature", {}, { key: "unpublished" }],
    ["peers 4c 53: another issuer", "issuer", { iss: "https://evil.test" }],
    ["another audience", "audience", { aud: "other" }],
    ["no audience", "missing_claim", { aud: undefined }],
    ["no expiry", "missing_claim", { exp: undefined }],
    ["an expired one", "expired", { exp: -31 }],
    ["peers 4c 46: an access token", "type", {}, { header: { typ: "at+jwt" } }]
  ]
  for (const [rule, reason, claims, more] of refusals) {
    it.effect(`JARM section 2.4: ${rule} is refused, and the transaction stays open`, () =>
      Effect.gen(function* () {
        const { response, transaction } = yield* begun(claims, more)
        yield* H.fails(complete(response, transaction), "JwtError", reason)
        const good = yield* E.jwt({
          aud: "app",
          exp: 600,
          code: "c-1",
          state: Redacted.value(transaction.state)
        })
        yield* complete(`response=${good}`, transaction)
      }).pipe(Effect.provide(layer))
    )
  }

  it.effect("the state inside is compared, and a wrong one leaves the transaction open", () =>
    Effect.gen(function* () {
      for (const [state, reason] of [
        ["other", "state_mismatch"],
        [undefined, "state_missing"],
        [12, "state_missing"]
      ] as const) {
        const { response, transaction } = yield* begun({ state })
        yield* H.fails(complete(response, transaction), "AuthorizationError", reason)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("a plain response is refused where a JWT was asked for, also beside one", () =>
    Effect.gen(function* () {
      const { token, transaction } = yield* begun()
      const state = Redacted.value(transaction.state)
      for (const response of [
        `code=c-1&state=${state}`,
        `code=c-1&state=${state}&iss=${encodeURIComponent(H.issuer)}`,
        `error=access_denied&state=${state}`,
        `response=${token}&code=evil`,
        `response=${token}&state=${state}`,
        `response=${token}&iss=x`,
        `response=${token}&error=x`,
        ""
      ]) {
        yield* H.fails(complete(response, transaction), "AuthorizationError", "malformed")
      }
      yield* H.fails(
        complete(`response=${token}&response=${token}`, transaction),
        "AuthorizationError",
        "duplicate"
      )
      yield* complete(`response=${token}`, transaction)
    }).pipe(Effect.provide(layer))
  )

  it.effect("the reverse: a JWT is refused where a plain response was asked for", () =>
    Effect.gen(function* () {
      const { transaction } = yield* H.begin()
      const token = yield* E.jwt({
        aud: "app",
        exp: 600,
        code: "c",
        state: Redacted.value(transaction.state)
      })
      yield* H.fails(complete(`response=${token}`, transaction), "AuthorizationError", "state_missing")
    }).pipe(Effect.provide(layer))
  )

  it.effect("JARM section 2.1: an error comes in the JWT as well", () =>
    Effect.gen(function* () {
      const { response, transaction } = yield* begun({ code: undefined, error: "access_denied" })
      yield* H.fails(complete(response, transaction), "AuthorizationError", "denied")
    }).pipe(Effect.provide(layer))
  )

  it.effect("a code that is no text, or none, is no code; and a response is good once", () =>
    Effect.gen(function* () {
      for (const code of [undefined, 12, "", ["c"]]) {
        const { response, transaction } = yield* begun({ code })
        yield* H.fails(complete(response, transaction), "AuthorizationError", "malformed")
      }
      const { response, transaction } = yield* begun()
      yield* complete(response, transaction)
      yield* H.fails(complete(response, transaction), "AuthorizationError", "replayed")
    }).pipe(Effect.provide(layer))
  )

  it.effect("DESIGN rule 9: an outage of the keys leaves the transaction open", () =>
    Effect.gen(function* () {
      const { response, transaction } = yield* begun()
      yield* H.misbehave("jwks", Misbehaviour.status(503), { times: 1 })
      yield* H.fails(complete(response, transaction), "KeyringError", "unavailable")
      yield* TestClock.adjust("1 minute")
      yield* complete(response, transaction)
    }).pipe(Effect.provide(layer))
  )

  it.effect("a session may keep the transaction, and what it asked for", () =>
    Effect.gen(function* () {
      const { response, transaction } = yield* begun()
      const kept = yield* Schema.encode(AuthorizationTransaction)(transaction)
      const restored = yield* Schema.decodeUnknown(AuthorizationTransaction)(JSON.parse(JSON.stringify(kept)))
      assert.strictEqual(restored.response, "jwt")
      yield* complete(response, restored)
    }).pipe(Effect.provide(layer))
  )
})
