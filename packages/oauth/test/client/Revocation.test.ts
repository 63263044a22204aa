import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Revocation from "effect-oauth/Revocation"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import { inspect } from "node:util"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const revoke = (...args: Parameters<Revocation.Revocation.Service["revoke"]>) =>
  Effect.flatMap(Revocation.Revocation, (service) => service.revoke(...args))

const revokeAll = (...args: Parameters<Revocation.Revocation.Service["revokeAll"]>) =>
  Effect.flatMap(Revocation.Revocation, (service) => service.revokeAll(...args))

const received = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("revocation"))

/** The tokens of a person who logged in. */
const tokens = Effect.gen(function* () {
  const exchange = yield* CodeExchange.CodeExchange
  return (yield* exchange.exchange(yield* H.login())).tokens
})

const token = Redacted.make("a+token/of=some&sort")

describe("Revocation", () => {
  it.effect("RFC 7009 section 2.1: posts the token and its hint, authenticated as the client", () =>
    Effect.gen(function* () {
      yield* revoke(token, { tokenTypeHint: "refresh_token" })
      const { form, headers, method } = yield* E.lastRequest("revocation")
      assert.strictEqual(method, "POST")
      assert.strictEqual(headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.deepStrictEqual(
        [...form],
        [
          ["token", Redacted.value(token)],
          ["token_type_hint", "refresh_token"]
        ]
      )
      yield* revoke(token)
      assert.deepStrictEqual(
        [...(yield* E.lastRequest("revocation")).form],
        [["token", Redacted.value(token)]]
      )
    }).pipe(
      Effect.provide(
        H.layer({
          clientId: "service",
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
        })
      )
    )
  )

  it.effect("RFC 7009 section 2.2: 200 is enough, whatever the body says", () =>
    Effect.gen(function* () {
      for (const body of ["", "OK", '{"error":"invalid_request"}', "<html></html>"]) {
        yield* H.misbehave("revocation", Misbehaviour.rawBody(body), { times: 1 })
        yield* revoke(token)
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 7009 section 2.2.1: the error of the server comes out typed", () =>
    Effect.gen(function* () {
      yield* H.misbehave("revocation", Misbehaviour.oauthError(400, "unsupported_token_type"), { times: 1 })
      const error = yield* H.fails(revoke(token), "OAuthResponseError", "unsupported_token_type")
      assert.isFalse(error.retriable)
      yield* H.misbehave("revocation", Misbehaviour.oauthError(401, "invalid_client"), { times: 1 })
      yield* H.fails(revoke(token), "OAuthResponseError", "invalid_client")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 7009 section 2.2.1: after a 503 the token is good still, and Retry-After says when", () =>
    Effect.gen(function* () {
      yield* H.misbehave("revocation", Misbehaviour.status(503, { retryAfter: "120" }), { times: 1 })
      const error = yield* H.fails(revoke(token), "TransportError", "status")
      assert.strictEqual(error.status, 503)
      assert.strictEqual(error.retryAfter, 120)
      assert.isTrue(error.retriable)
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* server.count("revocation"), 1, "a revocation is sent once")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 67, 68: redirects and pages are no revocation", () =>
    Effect.gen(function* () {
      yield* H.misbehave("revocation", Misbehaviour.redirect("https://evil.test/", 307), { times: 1 })
      yield* H.fails(revoke(token), "TransportError", "redirect")
      for (const code of [201, 204, 400, 502]) {
        yield* H.misbehave("revocation", Misbehaviour.html(code), { times: 1 })
        const error = yield* H.fails(revoke(token), "TransportError", "status")
        assert.strictEqual(error.status, code)
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 4: a server without a revocation endpoint is told, none is guessed", () =>
    Effect.gen(function* () {
      yield* H.fails(revoke(token), "DiscoveryError", "missing_endpoint")
    }).pipe(Effect.provide(H.layer({}, { metadata: { revocation_endpoint: undefined } })))
  )

  it.effect("peers 4c 96: the token that the server sends back is not in the error", () =>
    Effect.gen(function* () {
      yield* H.misbehave(
        "revocation",
        Misbehaviour.oauthError(400, "invalid_request", `bad ${Redacted.value(token)} and s3cret`)
      )
      const error = yield* Effect.flip(revoke(token))
      for (const text of [JSON.stringify(error), inspect(error), error.message]) {
        assert.notInclude(text, Redacted.value(token))
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("revokeAll: the refresh token first, since the grant goes with it", () =>
    Effect.gen(function* () {
      const granted = yield* tokens
      yield* revokeAll(granted)
      const forms = (yield* received).map(({ form }) => [form.get("token"), form.get("token_type_hint")])
      assert.deepStrictEqual(forms, [
        [Redacted.value(Option.getOrThrow(granted.refreshToken)), "refresh_token"],
        [Redacted.value(granted.accessToken), "access_token"]
      ])
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("revokeAll: a server may not revoke access tokens, which then expire", () =>
    Effect.gen(function* () {
      const granted = yield* tokens
      const onlyRefresh = Misbehaviour.custom((request, honest) =>
        Effect.flatMap(
          Effect.promise(() => request.text()),
          (body) =>
            body.includes("access_token")
              ? Effect.sync(() => Response.json({ error: "unsupported_token_type" }, { status: 400 }))
              : honest
        )
      )
      yield* H.misbehave("revocation", onlyRefresh)
      yield* revokeAll(granted)
      yield* H.fails(
        revokeAll({ ...granted, refreshToken: Option.none() }),
        "OAuthResponseError",
        "unsupported_token_type"
      )
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("developers.google.com, Revoking a token: the access token is gone with the refresh token", () =>
    Effect.gen(function* () {
      const granted = yield* tokens
      const gone = Misbehaviour.custom((request, honest) =>
        Effect.flatMap(
          Effect.promise(() => request.text()),
          (body) =>
            body.includes("access_token")
              ? Effect.sync(() =>
                  Response.json(
                    { error: "invalid_token", error_description: "Token expired or revoked" },
                    { status: 400 }
                  )
                )
              : honest
        )
      )
      yield* H.misbehave("revocation", gone)
      yield* revokeAll(granted)
      assert.strictEqual((yield* received).length, 2)
      yield* H.fails(
        revokeAll({ ...granted, refreshToken: Option.none() }),
        "OAuthResponseError",
        "invalid_token"
      )
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 7009 section 2.2.1: a refresh token that is not revoked is a failure, whatever is said of it",
    () =>
      Effect.gen(function* () {
        const granted = yield* tokens
        yield* H.misbehave("revocation", Misbehaviour.oauthError(400, "invalid_token"))
        yield* H.fails(revokeAll(granted), "OAuthResponseError", "invalid_token")
        assert.strictEqual((yield* received).length, 1)
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 85: the tokens of another server are not sent to this one", () =>
    Effect.gen(function* () {
      const granted = { ...(yield* tokens), issuer: "https://other.test" }
      yield* H.fails(revokeAll(granted), "ProtocolViolation", "mismatch")
      assert.deepStrictEqual(yield* received, [])
    }).pipe(Effect.provide(H.layer()))
  )
})
