/** Authentication requests that are signed: CIBA Core section 7.1.1. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Ciba from "effect-oauth/Ciba"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Jwt from "effect-oauth/Jwt"
import * as Keyring from "effect-oauth/Keyring"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as jose from "jose"
import { inspect } from "node:util"
import * as H from "./support/setup.js"

/** TestIssuer has no such endpoint: that of devices stands in, and answers what a test says. */
const layer = (algorithms?: ReadonlyArray<string>, options: Ciba.Ciba.SignOptions = {}) =>
  Ciba.layerSigned(options).pipe(
    Layer.provideMerge(Layer.orDie(Keyring.layerGenerate({ kid: "client-key" }))),
    Layer.provideMerge(
      H.layer(
        { clientId: "service", authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret")) },
        {
          metadata: {
            backchannel_authentication_endpoint: `${H.issuer}/device_authorization`,
            backchannel_authentication_request_signing_alg_values_supported: algorithms
          }
        }
      )
    )
  )

const acknowledges = H.misbehave(
  "device_authorization",
  Misbehaviour.rawBody(JSON.stringify({ auth_req_id: "1c266114-a1be", expires_in: 120 }))
)

const begin = (request: Partial<Ciba.Ciba.Request> = {}) =>
  Effect.flatMap(Ciba.Ciba, (ciba) => ciba.begin({ hint: { loginHint: "alice@example.com" }, ...request }))

const sent = Effect.flatMap(TestIssuer.TestIssuer, (server) =>
  Effect.map(server.requestsTo("device_authorization"), (all) => all.at(-1)?.form ?? new URLSearchParams())
)

const requestOf = Effect.map(sent, (form) =>
  Option.getOrThrow(Jwt.decodeUnverified(form.get("request") ?? ""))
)

describe("Ciba.layerSigned", () => {
  it.effect("CIBA Core section 7.1.1: everything is in the JWT, and nothing of it outside", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("100 seconds")
      yield* acknowledges
      const transaction = yield* begin({
        scope: ["notes:read"],
        resource: ["https://a.test", "https://b.test"],
        acrValues: ["one", "two"],
        bindingMessage: "W4SCT",
        userCode: Redacted.make("1234"),
        requestedExpiry: "2 minutes",
        ping: true,
        parameters: { request_context: "a desk", authorization_details: '[{"type":"payment"}]' }
      })
      const form = yield* sent
      assert.deepStrictEqual([...form.keys()], ["request"])
      const { claims, header } = yield* requestOf
      assert.deepStrictEqual({ ...header }, { alg: "ES256", kid: "client-key", typ: "JWT" })
      const { jti, ...rest } = claims
      assert.match(String(jti), /^[A-Za-z0-9_-]{22}$/)
      assert.deepStrictEqual(
        { ...rest },
        {
          scope: "notes:read openid",
          login_hint: "alice@example.com",
          acr_values: "one two",
          binding_message: "W4SCT",
          user_code: "1234",
          requested_expiry: "120",
          resource: ["https://a.test", "https://b.test"],
          client_notification_token: Redacted.value(Option.getOrThrow(transaction.notificationToken)),
          request_context: "a desk",
          authorization_details: [{ type: "payment" }],
          iss: "service",
          aud: H.issuer,
          iat: 100,
          nbf: 100,
          exp: 160
        }
      )
      const { keys } = yield* Effect.flatMap(Keyring.KeyringService, ({ jwks }) => jwks)
      yield* Effect.promise(async () => {
        const key = await jose.importJWK(Object.fromEntries(Object.entries(keys[0] ?? {})), "ES256")
        await jose.jwtVerify(form.get("request") ?? "", key, { currentDate: new Date(100_000) })
      })
    }).pipe(Effect.provide(layer(["ES256"])))
  )

  it.effect("each request is another one, and lives as long as asked for", () =>
    Effect.gen(function* () {
      yield* acknowledges
      yield* begin()
      const first = yield* requestOf
      yield* begin()
      const second = yield* requestOf
      assert.notStrictEqual(first.claims["jti"], second.claims["jti"])
      assert.strictEqual(second.claims["exp"], 10)
    }).pipe(Effect.provide(layer(["ES256"], { lifetime: "10 seconds" })))
  )

  it.effect("CIBA Core section 4: a server that lists no algorithm takes no signed request", () =>
    Effect.gen(function* () {
      const refused = (algorithms?: ReadonlyArray<string>, options?: Ciba.Ciba.SignOptions) =>
        Effect.gen(function* () {
          yield* H.fails(begin(), "DiscoveryError", "unsupported")
          assert.strictEqual([...(yield* sent).keys()].length, 0)
        }).pipe(Effect.provide(layer(algorithms, options)))
      yield* refused()
      yield* refused(["none", "HS256"])
      yield* refused(["HS256"], { algorithm: "HS256" })
      yield* refused(["RS256"], { algorithm: "ES256" })
      // One that the client has no key for
      yield* H.fails(begin(), "KeyringError", "not_found").pipe(Effect.provide(layer(["RS256"])))
    })
  )

  it.effect("what the flow sets cannot come from the caller, nor the claims of the JWT itself", () =>
    Effect.gen(function* () {
      yield* acknowledges
      for (const name of [
        "scope",
        "Login_Hint",
        "id_token_hint",
        "client_id",
        "request",
        "client_notification_token"
      ]) {
        const error = yield* H.fails(begin({ parameters: { [name]: "x" } }), "ProtocolViolation", "value")
        assert.strictEqual(error.member, name)
      }
      for (const name of ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"])
        yield* H.fails(begin({ parameters: { [name]: "x" } }), "JwtError", "claim")
      yield* H.fails(begin({ hint: { loginHint: " " } }), "ProtocolViolation", "value")
      assert.strictEqual([...(yield* sent).keys()].length, 0)
    }).pipe(Effect.provide(layer(["ES256"])))
  )

  it.effect("peers 4c 96: what a server says again of the inside of a request is not in the error", () =>
    Effect.gen(function* () {
      yield* H.misbehave(
        "device_authorization",
        Misbehaviour.custom((request) =>
          Effect.promise(async () => {
            const form = new URLSearchParams(await request.text())
            const { user_code } = jose.decodeJwt(form.get("request") ?? "")
            return Response.json(
              { error: "invalid_user_code", error_description: `no: ${String(user_code)}` },
              { status: 400 }
            )
          })
        )
      )
      const userCode = Redacted.make("canary-of-a-person")
      const error = yield* H.fails(begin({ userCode }), "OAuthResponseError", "invalid_user_code")
      assert.notInclude(inspect(error), "canary")
    }).pipe(Effect.provide(layer(["ES256"])))
  )
})
