import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Authorization from "effect-oauth/Authorization"
import * as AuthorizationDetails from "effect-oauth/AuthorizationDetails"
import type { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const complete = (response: Authorization.Authorization.Response, transaction: AuthorizationTransaction) =>
  Effect.flatMap(Authorization.Authorization, (authorization) =>
    authorization.complete(response, transaction)
  )

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
