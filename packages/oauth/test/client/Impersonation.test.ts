import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Impersonation from "effect-oauth/Impersonation"
import * as Jwt from "effect-oauth/Jwt"
import * as TokenType from "effect-oauth/TokenType"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as H from "./support/setup.js"

const layer = H.layer({
  clientId: "service",
  authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret"))
})

const issued = {
  access_token: "for-alice",
  token_type: "Bearer",
  expires_in: 60,
  issued_token_type: TokenType.accessToken
}

/** A server that lets the client act for whom it names; client credentials are its own. */
const permitted = (answer: (form: URLSearchParams) => Record<string, unknown> = () => issued) =>
  H.misbehave(
    "token",
    Misbehaviour.custom((request, honest) =>
      Effect.flatMap(
        Effect.promise(() => request.clone().text()),
        (body) => {
          const form = new URLSearchParams(body)
          if (form.get("grant_type") === "client_credentials") return honest
          const json = answer(form)
          return Effect.succeed(Response.json(json, { status: "error" in json ? 400 : 200 }))
        }
      )
    )
  )

const impersonate = (options: Partial<Impersonation.Impersonation.Options> = {}) =>
  Effect.flatMap(Impersonation.Impersonation, (service) =>
    service.impersonate({ user: "alice@example.com", resource: "https://api.test", ...options })
  )

const requests = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("token"))

const grants = Effect.map(requests, (all) =>
  all.map(({ form }) => form.get("grant_type")?.split(":").at(-1)).join(" ")
)

describe("Impersonation", () => {
  it("seeds 4.1: the substitute-user token", () => {
    const token = Redacted.value(Impersonation.substituteUserToken("alice@example.com"))
    const [header = "", payload = "", signature] = token.split(".")
    assert.strictEqual(atob(header), '{"typ":"vnd.kc.su+jwt","alg":"none"}')
    assert.strictEqual(atob(payload), '{"sub":"alice@example.com"}')
    assert.strictEqual(signature, "")
    assert.strictEqual(
      token,
      "eyJ0eXAiOiJ2bmQua2Muc3Urand0IiwiYWxnIjoibm9uZSJ9.eyJzdWIiOiJhbGljZUBleGFtcGxlLmNvbSJ9."
    )
    assert.isTrue(Jwt.decodeUnverified(token)._tag === "None", "our own verifier would never take it")
    assert.notInclude(String(Impersonation.substituteUserToken("alice@example.com")), "eyJ")
  })

  it("a user is quoted, whatever is in the name", () => {
    const name = 'a","admin":"\u{1F600}é'
    const [, payload = ""] = Redacted.value(Impersonation.substituteUserToken(name)).split(".")
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) =>
      c.charCodeAt(0)
    )
    assert.deepStrictEqual(JSON.parse(new TextDecoder().decode(bytes)), { sub: name })
  })

  it.effect("seeds E.9: one request without an actor token", () =>
    Effect.gen(function* () {
      yield* permitted()
      const tokens = yield* impersonate({ scope: ["write", "read"] })
      assert.strictEqual(Redacted.value(tokens.accessToken), "for-alice")
      const { form, headers } = yield* H.lastTokenRequest
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
          ["subject_token", Redacted.value(Impersonation.substituteUserToken("alice@example.com"))],
          ["subject_token_type", "urn:keycard:params:oauth:token-type:substitute-user"],
          ["resource", "https://api.test"],
          ["scope", "read write"]
        ]
      )
      assert.strictEqual(headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.strictEqual((yield* requests).length, 1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("seeds E.9: with an actor token of the client, which is used again while it is valid", () =>
    Effect.gen(function* () {
      yield* permitted()
      yield* impersonate({ actor: "client" })
      yield* impersonate({ actor: "client", user: "bob@example.com" })
      const all = yield* requests
      assert.strictEqual(yield* grants, "client_credentials token-exchange token-exchange")
      const [, first, second] = all
      assert.isNotEmpty(first?.form.get("actor_token"))
      assert.strictEqual(first?.form.get("actor_token"), second?.form.get("actor_token"))
      assert.strictEqual(first?.form.get("actor_token_type"), TokenType.accessToken)

      yield* TestClock.adjust("3569 seconds")
      yield* impersonate({ actor: "client" })
      assert.strictEqual((yield* requests).length, 4, "half a minute before its end it is still good")
      yield* TestClock.adjust("2 seconds")
      yield* impersonate({ actor: "client" })
      assert.isTrue((yield* grants).endsWith("client_credentials token-exchange"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("many at once get one actor token", () =>
    Effect.gen(function* () {
      yield* permitted()
      yield* Effect.all(
        Array.from({ length: 20 }, (_, index) => impersonate({ actor: "client", user: `user-${index}` })),
        { concurrency: "unbounded" }
      )
      assert.strictEqual((yield* grants).split(" ").filter((name) => name === "client_credentials").length, 1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("an actor token of unknown lifetime is not kept", () =>
    Effect.gen(function* () {
      yield* H.misbehave(
        "token",
        Misbehaviour.custom(() => Effect.succeed(Response.json({ ...issued, expires_in: undefined })))
      )
      yield* impersonate({ actor: "client" })
      yield* impersonate({ actor: "client" })
      assert.strictEqual(yield* grants, "client_credentials token-exchange client_credentials token-exchange")
    }).pipe(Effect.provide(layer))
  )

  it.effect("an actor token that is at hand is sent as it is", () =>
    Effect.gen(function* () {
      yield* permitted()
      yield* impersonate({ actor: Redacted.make("own-token") })
      assert.strictEqual((yield* H.lastTokenRequest).form.get("actor_token"), "own-token")
      assert.strictEqual(yield* grants, "token-exchange")
    }).pipe(Effect.provide(layer))
  )

  it.effect("seeds 2.0 Impersonation: no actor token, no exchange", () =>
    Effect.gen(function* () {
      yield* H.misbehave("token", Misbehaviour.oauthError(401, "invalid_client"))
      const error = yield* H.fails(impersonate({ actor: "client" }), "OAuthResponseError", "invalid_client")
      assert.strictEqual(error.operation, "ClientCredentials.request")
      assert.strictEqual(yield* grants, "client_credentials")
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "seeds 2.0 Impersonation: a refusal is the server's own, and a kept actor token is forgotten",
    () =>
      Effect.gen(function* () {
        yield* permitted((form) =>
          form.get("subject_token") === Redacted.value(Impersonation.substituteUserToken("mallory"))
            ? { error: "invalid_grant", error_description: "no such user" }
            : issued
        )
        yield* impersonate({ actor: "client" })
        const error = yield* H.fails(
          impersonate({ actor: "client", user: "mallory" }),
          "OAuthResponseError",
          "invalid_grant"
        )
        assert.strictEqual(error.description, "no such user")
        yield* impersonate({ actor: "client" })
        assert.strictEqual(
          (yield* grants).split(" ").filter((name) => name === "client_credentials").length,
          2
        )
      }).pipe(Effect.provide(layer))
  )

  it.effect("seeds 2.0 Impersonation: without a user or a resource nothing is sent, actor token or not", () =>
    Effect.gen(function* () {
      for (const actor of ["none", "client"] as const) {
        for (const user of ["", "  ", "\t"]) {
          const error = yield* H.fails(impersonate({ actor, user }), "ProtocolViolation", "value")
          assert.strictEqual(error.member, "subject_token")
        }
        for (const resource of ["", [], "api", "https://api.test/#x"]) {
          const error = yield* H.fails(impersonate({ actor, resource }), "ProtocolViolation", "value")
          assert.strictEqual(error.member, "resource")
        }
        yield* H.fails(impersonate({ actor, scope: ["a b"] }), "ProtocolViolation", "value")
      }
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual((yield* server.requests).length, 0)
    }).pipe(Effect.provide(layer))
  )
})
