import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Authorization from "effect-oauth/Authorization"
import * as AuthorizationDetails from "effect-oauth/AuthorizationDetails"
import { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as IdTokenHash from "effect-oauth/IdTokenHash"
import type { JwtError } from "effect-oauth/OAuthError"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const complete = (response: Authorization.Authorization.Response, transaction: AuthorizationTransaction) =>
  Effect.flatMap(Authorization.Authorization, (authorization) =>
    authorization.complete(response, transaction)
  )

const secret = (value: Option.Option<Redacted.Redacted<string>>) => Redacted.value(Option.getOrThrow(value))

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

describe("code id_token", () => {
  const layer = H.layer({}, { metadata: { response_types_supported: ["code", "id_token code"] } })

  /** A transaction with an ID token to come, and the response, as a form. */
  const begun = (
    bend: (right: {
      readonly claims: Readonly<Record<string, unknown>>
      readonly state: string
    }) => Readonly<Record<string, unknown>> = () => ({}),
    more: TokenOverrides = {}
  ) =>
    Effect.gen(function* () {
      const { transaction, url } = yield* H.begin({ scope: ["openid"], responseType: "code id_token" })
      const plain = new URL(url)
      plain.searchParams.set("response_type", "code")
      plain.searchParams.delete("response_mode")
      const form = new URL(yield* H.callback(plain.href)).searchParams
      const hash = (text: string) => IdTokenHash.compute("ES256", Redacted.make(text))
      const state = Redacted.value(transaction.state)
      const claims = {
        sub: "alice",
        aud: "app",
        exp: 600,
        nonce: secret(transaction.nonce),
        c_hash: yield* hash(form.get("code") ?? "")
      }
      form.set("id_token", yield* E.jwt({ ...claims, ...bend({ claims, state }) }, more))
      return { transaction, url, form }
    })

  it.effect(
    "OpenID Connect Core 3.3.2: asked for as a posted form, and taken from one or from a fragment",
    () =>
      Effect.gen(function* () {
        const { form, transaction, url } = yield* begun()
        assert.strictEqual(new URL(url).searchParams.get("response_type"), "code id_token")
        assert.strictEqual(new URL(url).searchParams.get("response_mode"), "form_post")
        assert.strictEqual(transaction.response, "code id_token")
        const { code, transaction: after } = yield* complete(form, transaction)
        assert.strictEqual(Redacted.value(code), form.get("code"))
        assert.strictEqual(after.subject, "alice")
        for (const shape of [
          (text: string) => text,
          (text: string) => `#${text}`,
          (text: string) => `${H.redirectUri}#${text}`,
          (text: string) => new URL(`${H.redirectUri}?x=1#${text}`)
        ]) {
          const again = yield* begun()
          yield* complete(shape(again.form.toString()), again.transaction)
        }
      }).pipe(Effect.provide(layer))
  )

  it.effect("OAuth 2.0 Multiple Response Types section 5: never in a query", () =>
    Effect.gen(function* () {
      const { form, transaction } = yield* begun()
      for (const response of [
        `${H.redirectUri}?${form.toString()}`,
        new URL(`${H.redirectUri}?${form.toString()}`),
        `/callback?${form.toString()}`
      ]) {
        yield* H.fails(complete(response, transaction), "AuthorizationError", "state_missing")
      }
    }).pipe(Effect.provide(layer))
  )

  const refusals: ReadonlyArray<
    readonly [
      rule: string,
      reason: JwtError["reason"],
      bend: Parameters<typeof begun>[0],
      more?: TokenOverrides
    ]
  > = [
    ["peers 4c 45: c_hash of another code", "hash", () => ({ c_hash: "AAAAAAAAAAAAAAAAAAAAAA" })],
    ["OpenID Connect Core 3.3.2.11: no c_hash", "hash", () => ({ c_hash: undefined })],
    ["a c_hash that is no text", "hash", () => ({ c_hash: 1 })],
    [
      "FAPI 1.0 part 2 5.2.2.1: s_hash of another state",
      "hash",
      () => ({ s_hash: "AAAAAAAAAAAAAAAAAAAAAA" })
    ],
    ["peers 4c 44: no nonce", "nonce", () => ({ nonce: undefined })],
    ["peers 4c 44: another nonce", "nonce", () => ({ nonce: "other" })],
    ["another issuer", "issuer", () => ({ iss: "https://evil.test" })],
    ["another audience", "audience", () => ({ aud: "other" })],
    ["an expired one", "expired", () => ({ exp: -31 })],
    ["a signature by another key", "signature", undefined, { key: "unpublished" }],
    ["HS256", "algorithm", undefined, { key: new Uint8Array(32) }]
  ]
  for (const [rule, reason, bend, more] of refusals) {
    it.effect(`${rule} is refused`, () =>
      Effect.gen(function* () {
        const { form, transaction } = yield* begun(bend, more)
        yield* H.fails(complete(form, transaction), "JwtError", reason)
      }).pipe(Effect.provide(layer))
    )
  }

  it.effect(
    "RFC 9207 section 4: the issuer of the ID token is that of the response; another iss is refused",
    () =>
      Effect.gen(function* () {
        const silent = yield* begun()
        silent.form.delete("iss")
        yield* complete(silent.form, silent.transaction)
        const other = yield* begun()
        other.form.set("iss", "https://evil.test")
        yield* H.fails(complete(other.form, other.transaction), "AuthorizationError", "issuer_mismatch")
      }).pipe(Effect.provide(layer))
  )

  it.effect("FAPI 1.0 part 2 5.2.2.1: the right s_hash is taken", () =>
    Effect.gen(function* () {
      const { form, transaction } = yield* begun()
      const s_hash = yield* IdTokenHash.compute("ES256", transaction.state)
      const c_hash = yield* IdTokenHash.compute("ES256", Redacted.make(form.get("code") ?? ""))
      const claims = { sub: "alice", aud: "app", exp: 600, nonce: secret(transaction.nonce), c_hash, s_hash }
      form.set("id_token", yield* E.jwt(claims))
      yield* complete(form, transaction)
    }).pipe(Effect.provide(layer))
  )

  it.effect("a wrong state comes first; a code or an ID token alone is refused; an error is told", () =>
    Effect.gen(function* () {
      const { form, transaction } = yield* begun()
      const changed = (change: (copy: URLSearchParams) => void) => {
        const copy = new URLSearchParams(form)
        change(copy)
        return complete(copy, transaction)
      }
      yield* H.fails(
        changed((p) => p.set("state", "x")),
        "AuthorizationError",
        "state_mismatch"
      )
      yield* H.fails(
        changed((p) => p.delete("id_token")),
        "AuthorizationError",
        "malformed"
      )
      yield* H.fails(
        changed((p) => p.delete("code")),
        "AuthorizationError",
        "malformed"
      )
      yield* H.fails(
        changed((p) => p.append("id_token", "x")),
        "AuthorizationError",
        "duplicate"
      )
      yield* H.fails(
        changed((p) => p.set("access_token", "x")),
        "AuthorizationError",
        "malformed"
      )
      const denied = yield* begun()
      yield* H.fails(
        complete(
          [
            ["state", Redacted.value(denied.transaction.state)],
            ["iss", H.issuer],
            ["error", "access_denied"]
          ],
          denied.transaction
        ),
        "AuthorizationError",
        "denied"
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("OpenID Connect Core 3.3.3.6: both ID tokens are of one subject", () =>
    Effect.gen(function* () {
      const { exchange } = yield* CodeExchange.CodeExchange
      const right = yield* begun()
      yield* exchange(yield* complete(right.form, right.transaction))
      const other = yield* begun(() => ({ sub: "mallory" }))
      yield* H.fails(exchange(yield* complete(other.form, other.transaction)), "JwtError", "subject")
    }).pipe(Effect.provide(layer))
  )

  it.effect("what cannot be is refused before the person is sent", () =>
    Effect.gen(function* () {
      const hybrid = { responseType: "code id_token" } as const
      for (const request of [
        { ...hybrid },
        { ...hybrid, scope: ["openid"], responseMode: "query" },
        { ...hybrid, scope: ["openid"], responseMode: "jwt" },
        { responseMode: "fragment" }
      ] as const) {
        yield* H.fails(H.begin(request), "AuthorizationError", "invalid_request")
      }
      const unsupported = H.layer({}, { metadata: { response_types_supported: ["code"] } })
      yield* H.fails(
        Effect.provide(H.begin({ ...hybrid, scope: ["openid"] }), unsupported),
        "DiscoveryError",
        "unsupported"
      )
    }).pipe(Effect.provide(layer))
  )
})

describe("AuthorizationDetails", () => {
  const Payment = Schema.Struct({
    type: Schema.Literal("payment_initiation"),
    amount: Schema.Struct({ currency: Schema.String, value: Schema.NumberFromString })
  })
  const payment = { type: "payment_initiation", amount: { currency: "EUR", value: 12.5 } } as const
  const written = '[{"type":"payment_initiation","amount":{"currency":"EUR","value":"12.5"}}]'
  const asked = Effect.flatMap(
    AuthorizationDetails.encode(Payment)([payment]),
    AuthorizationDetails.parameters
  )

  it.effect(
    "RFC 9396 sections 3 and 6: written with the schema, in the authorization and the token request",
    () =>
      Effect.gen(function* () {
        const parameters = yield* asked
        const { transaction, url } = yield* H.begin({ parameters })
        assert.strictEqual(new URL(url).searchParams.get("authorization_details"), written)
        const { exchange } = yield* CodeExchange.CodeExchange
        yield* H.misbehave("token", Misbehaviour.changedMember("authorization_details", JSON.parse(written)))
        const code = yield* complete(yield* H.callback(url), transaction)
        const { tokens } = yield* exchange(code, { parameters })
        assert.strictEqual((yield* H.lastTokenRequest).form.get("authorization_details"), written)
        assert.deepStrictEqual(yield* AuthorizationDetails.decode(Payment)(tokens), [payment])
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 9396 section 10: a type that the server does not list is refused, and nothing is sent", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(asked, "DiscoveryError", "unsupported")
      assert.strictEqual(error.expected, "account_information")
    }).pipe(
      Effect.provide(
        H.layer({}, { metadata: { authorization_details_types_supported: ["account_information"] } })
      )
    )
  )

  it.effect("RFC 9396 section 2: an element has a type, and is JSON", () =>
    Effect.gen(function* () {
      yield* H.fails(AuthorizationDetails.parameters([{ type: "" }]), "ProtocolViolation", "missing")
      yield* H.fails(AuthorizationDetails.parameters([{ type: "a", n: 1n }]), "ProtocolViolation", "type")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 9396 section 7: what was granted is read with the schema; what does not fit is told by place",
    () =>
      Effect.gen(function* () {
        const decode = (details: ReadonlyArray<unknown> | undefined) =>
          AuthorizationDetails.decode(Payment)({ authorizationDetails: Option.fromNullable(details) })
        yield* H.fails(decode(undefined), "ProtocolViolation", "missing")
        assert.deepStrictEqual(yield* decode([]), [])
        for (const details of [
          [{ type: "other" }],
          ["payment_initiation"],
          [null],
          [{ type: "payment_initiation", amount: { currency: "EUR", value: "a-secret-amount" } }]
        ]) {
          const error = yield* H.fails(decode(details), "ProtocolViolation", "type")
          assert.notInclude(JSON.stringify(error), "a-secret-amount")
        }
        const error = yield* H.fails(
          decode([{ type: "payment_initiation", amount: { currency: 1, value: "1" } }]),
          "ProtocolViolation",
          "type"
        )
        assert.include(error.message, "0.amount.currency")
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("what the schema does not take is not written", () =>
    Effect.gen(function* () {
      const Positive = Schema.Struct({ type: Schema.String, value: Schema.Number.pipe(Schema.positive()) })
      yield* H.fails(
        AuthorizationDetails.encode(Positive)([{ type: "a", value: -1 }]),
        "ProtocolViolation",
        "type"
      )
      const server = yield* TestIssuer.TestIssuer
      assert.deepStrictEqual(yield* server.requests, [])
    }).pipe(Effect.provide(H.layer()))
  )
})
