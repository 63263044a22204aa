import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import type { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as IdTokenHash from "effect-oauth/IdTokenHash"
import type { JwtError } from "effect-oauth/OAuthError"
import type { TokenOverrides } from "effect-oauth-testing/TestToken"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const complete = (response: Authorization.Authorization.Response, transaction: AuthorizationTransaction) =>
  Effect.flatMap(Authorization.Authorization, (authorization) =>
    authorization.complete(response, transaction)
  )

const secret = (value: Option.Option<Redacted.Redacted<string>>) => Redacted.value(Option.getOrThrow(value))

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
        assert.strictEqual(after.subjectIssuer, H.issuer)
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
