import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const layer = H.layer({
  clientId: "service",
  authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret"))
})

const request = (options?: ClientCredentials.ClientCredentials.Options) =>
  Effect.flatMap(ClientCredentials.ClientCredentials, (service) => service.request(options))

describe("ClientCredentials.request", () => {
  it.effect(
    "RFC 6749 section 4.4.2, RFC 8707 section 2.2: scope, resources and parameters of the server's own",
    () =>
      Effect.gen(function* () {
        const tokens = yield* request({
          scope: ["write", "read"],
          resource: ["https://api.test", "https://b.test"],
          parameters: { audience: "https://api.example.com" }
        })
        const { form } = yield* H.lastTokenRequest
        assert.deepStrictEqual(
          [...form],
          [
            ["grant_type", "client_credentials"],
            ["resource", "https://api.test"],
            ["resource", "https://b.test"],
            ["scope", "read write"],
            ["audience", "https://api.example.com"]
          ]
        )
        assert.deepStrictEqual(tokens.scope, ["read", "write"])
        assert.isTrue(Option.isNone(tokens.refreshToken))
      }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 8707 section 2: a resource that is no absolute URI, or has a fragment, is not sent", () =>
    Effect.gen(function* () {
      for (const resource of ["api", "/api", "https://api.test#x", "https://api.test/#"]) {
        const error = yield* H.fails(
          request({ resource: ["https://a.test", resource] }),
          "ProtocolViolation",
          "value"
        )
        assert.strictEqual(error.member, "resource")
      }
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("without options nothing but the grant is sent", () =>
    Effect.gen(function* () {
      yield* request()
      assert.deepStrictEqual([...(yield* H.lastTokenRequest).form.keys()], ["grant_type"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("a scope that is no scope token is a mistake, told before anything is sent", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const error = yield* Effect.flip(request({ scope: ["read write"] }))
      assert.include(error.message, "scope")
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 5.2: a wrong secret is invalid_client, with what to do about it", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(request(), "OAuthResponseError", "invalid_client")
      assert.strictEqual(error.status, 401)
      assert.include(error.message, "check the client id")
    }).pipe(
      Effect.provide(
        H.layer({
          clientId: "service",
          authentication: ClientAuthentication.clientSecret(Redacted.make("wrong"))
        })
      )
    )
  )
})
