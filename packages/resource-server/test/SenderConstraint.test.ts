/** Who may use a bound token: RFC 8705 section 3, RFC 9449 section 7.1. */
import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ReplayStore from "effect-oauth/ReplayStore"
import type { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as DpopNonce from "effect-oauth-resource-server/DpopNonce"
import * as DpopVerifier from "effect-oauth-resource-server/DpopVerifier"
import * as SenderConstraint from "effect-oauth-resource-server/SenderConstraint"
import * as P from "./support/proofs.js"

const start = 1_700_000_000
const own = P.holder()
const certificate = P.sha256("certificate")

interface Sent {
  readonly scheme?: "Bearer" | "DPoP"
  readonly cnf?: unknown
  readonly certificate?: string
  readonly proof?: string
}

const check = (sent: Sent) =>
  Effect.flatMap(SenderConstraint.SenderConstraint, (constraint) =>
    constraint.check({
      incoming: {
        method: P.method,
        url: P.url,
        headers: Headers.fromInput(sent.proof === undefined ? {} : { dpop: sent.proof }),
        certificate: Option.fromNullable(sent.certificate)
      },
      scheme: sent.scheme ?? "Bearer",
      token: Redacted.make(P.token),
      claims: "cnf" in sent ? { cnf: sent.cnf } : {}
    })
  )

const confirmed = (confirmation: AccessToken.Confirmation) => Option.some(confirmation)

const why = (sent: Sent) =>
  Effect.map(Effect.flip(check(sent)), ({ message, reason }) => `${reason}: ${message}`)

const replays = Layer.provide(ReplayStore.layerMemory)
const both = SenderConstraint.layer().pipe(Layer.provide(DpopVerifier.layer()), replays)
const at = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.zipRight(TestClock.setTime(start * 1000), program)

const jkt = { jkt: own.thumbprint }
const x5t = { "x5t#S256": certificate }

describe("SenderConstraint", () => {
  it.effect("accepts what is bound to what the request shows, and what is unbound", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* check({}), Option.none())
      assert.deepStrictEqual(
        yield* check({ cnf: jkt, scheme: "DPoP", proof: P.proof(own, start) }),
        confirmed({ _tag: "DPoP", jkt: own.thumbprint })
      )
      assert.deepStrictEqual(
        yield* check({ cnf: x5t, certificate }),
        confirmed({ _tag: "MutualTls", certificate })
      )
    }).pipe(at, Effect.provide(both))
  )

  for (const [rule, sent, message] of [
    [
      "4c 88: a DPoP-bound token under Bearer, with a good proof beside it",
      { cnf: jkt, proof: P.proof(own, start) },
      "a token that is bound to a DPoP key came under the scheme Bearer"
    ],
    [
      "RFC 9449 section 7.1: an unbound token under DPoP",
      { scheme: "DPoP", proof: P.proof(own, start) },
      "a token that is not bound came under the scheme DPoP"
    ],
    [
      "RFC 8705 section 3: no certificate",
      { cnf: x5t },
      "the token is bound to a certificate, and the client has shown none"
    ],
    [
      "RFC 8705 section 3: another certificate",
      { cnf: x5t, certificate: P.sha256("another") },
      "the token is bound to another certificate"
    ],
    [
      "a certificate-bound token under DPoP",
      { cnf: x5t, certificate, scheme: "DPoP", proof: P.proof(own, start) },
      "a token that is bound to a certificate came under another scheme"
    ],
    [
      "a confirmation that is not understood",
      { cnf: { kid: certificate } },
      "cnf has a member that is not understood"
    ],
    [
      "RFC 7800 section 3.2: an embedded key",
      { cnf: { jwk: own.jwk } },
      "cnf does not have a SHA-256 in base64url"
    ],
    [
      "4a 40: two confirmations",
      { cnf: { ...jkt, ...x5t }, certificate },
      "cnf does not have exactly one member"
    ],
    ["4a 40: none", { cnf: {} }, "cnf does not have exactly one member"],
    ["cnf that is null", { cnf: null }, "cnf is not an object"],
    ["cnf that is a list", { cnf: [jkt] }, "cnf is not an object"],
    ["cnf that is a text", { cnf: own.thumbprint }, "cnf is not an object"],
    ["jkt that is no text", { cnf: { jkt: [own.thumbprint] } }, "cnf does not have a SHA-256 in base64url"],
    ["jkt that is empty", { cnf: { jkt: "" }, scheme: "DPoP" }, "cnf does not have a SHA-256 in base64url"],
    [
      "x5t#S256 that is empty, and no certificate",
      { cnf: { "x5t#S256": "" } },
      "cnf does not have a SHA-256 in base64url"
    ]
  ] satisfies ReadonlyArray<readonly [string, Sent, string]>) {
    it.effect(`refuses: ${rule}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* why(sent), `invalid_token: ${message}`)
      }).pipe(at, Effect.provide(both))
    )
  }

  it.effect("refuses bound tokens where nothing was chosen", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* check({}), Option.none())
      assert.match(
        yield* why({ cnf: jkt, scheme: "DPoP", proof: P.proof(own, start) }),
        /^invalid_token: .*no DpopVerifier/
      )
      assert.match(yield* why({ cnf: x5t, certificate }), /^invalid_token: .*not looked at/)
      const constraint = yield* SenderConstraint.SenderConstraint
      assert.deepStrictEqual(constraint.schemes, ["Bearer"])
      assert.deepStrictEqual(constraint.challenge, Option.none())
      assert.deepStrictEqual(yield* constraint.headers, {})
    })
  )

  it.effect("can be told to look at certificates alone", () =>
    Effect.gen(function* () {
      yield* check({ cnf: x5t, certificate })
      assert.match(yield* why({ cnf: jkt, scheme: "DPoP" }), /no DpopVerifier/)
    }).pipe(Effect.provide(SenderConstraint.layerMutualTls()))
  )

  it.effect("can be told to take DPoP alone", () =>
    Effect.gen(function* () {
      assert.match(yield* why({ cnf: x5t, certificate }), /not looked at/)
    }).pipe(
      Effect.provide(
        SenderConstraint.layer({ mutualTls: false }).pipe(Layer.provide(DpopVerifier.layer()), replays)
      )
    )
  )

  it.effect("RFC 9449 sections 7.1 and 8.2: tells algorithms and the nonce of now", () =>
    Effect.gen(function* () {
      const nonce = yield* DpopNonce.make()
      const layer = SenderConstraint.layer().pipe(
        Layer.provide(DpopVerifier.layer({ nonce, algorithms: ["ES256", "EdDSA"] })),
        replays
      )
      yield* Effect.gen(function* () {
        const constraint = yield* SenderConstraint.SenderConstraint
        assert.deepStrictEqual(constraint.schemes, ["Bearer", "DPoP"])
        assert.deepStrictEqual(constraint.challenge, Option.some({ algs: "ES256 EdDSA" }))
        assert.deepStrictEqual(yield* constraint.headers, { "dpop-nonce": yield* nonce.current })
        assert.match(yield* why({ cnf: jkt, scheme: "DPoP", proof: P.proof(own, start) }), /^use_dpop_nonce/)
      }).pipe(Effect.provide(layer))
    }).pipe(at)
  )
})
