import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Dpop from "effect-oauth/Dpop"
import * as PushedAuthorization from "effect-oauth/PushedAuthorization"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const par = { pushed_authorization_request_endpoint: "https://issuer.test/par" }
const requestUri = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"
const accepted = { request_uri: requestUri, expires_in: 60 }

const layer = (
  options: Parameters<typeof H.layer>[0] = {},
  metadata: Readonly<Record<string, unknown>> = {}
) => H.layer(options, { metadata: { ...par, ...metadata } })

const push = (...args: Parameters<PushedAuthorization.PushedAuthorization.Service["push"]>) =>
  Effect.flatMap(PushedAuthorization.PushedAuthorization, (service) => service.push(...args))

const begin = (request: Authorization.Authorization.Request = {}) =>
  H.begin({ pushed: true, scope: ["openid"], ...request })

describe("PushedAuthorization", () => {
  it.effect("RFC 9126 section 2.1: posts the parameters, with client_id and the client's credentials", () =>
    Effect.gen(function* () {
      yield* E.answers(201, accepted)
      const pushed = yield* push([
        ["response_type", "code"],
        ["state", Redacted.make("s")]
      ])
      assert.deepStrictEqual(pushed, { requestUri, expiresAt: 60_000 })
      const { form, headers, method, url } = yield* E.lastReceived
      assert.strictEqual(`${method} ${url.href}`, "POST https://issuer.test/par")
      assert.strictEqual(headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.deepStrictEqual(
        [...form],
        [
          ["response_type", "code"],
          ["state", "s"],
          ["client_id", "service"]
        ]
      )
    }).pipe(
      Effect.provide(
        layer({
          clientId: "service",
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
        })
      )
    )
  )

  it.effect("RFC 6749 section 3.1: client_id is said once, whatever the credentials are", () =>
    Effect.gen(function* () {
      yield* E.answers(201, accepted)
      yield* push([["response_type", "code"]])
      assert.deepStrictEqual((yield* E.lastReceived).form.getAll("client_id"), ["app"])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9126 section 2.1: request_uri is not among the parameters, and nothing is sent", () =>
    Effect.gen(function* () {
      for (const name of ["request_uri", "client_id"]) {
        yield* H.fails(push([[name, "x"]]), "ProtocolViolation", "value")
      }
      assert.deepStrictEqual(yield* E.received, [])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9126 section 2.2: 201 with a request_uri and a positive expires_in, and nothing else", () =>
    Effect.gen(function* () {
      for (const status of [200, 202]) {
        yield* E.answers(status, accepted, {}, { times: 1 })
        yield* H.fails(push([]), "TransportError", "status")
      }
      for (const [member, value] of [
        ["request_uri", undefined],
        ["request_uri", ""],
        ["request_uri", 7],
        ["request_uri", "no scheme"],
        ["request_uri", "urn:a b"],
        ["request_uri", `urn:${"x".repeat(2048)}`],
        ["expires_in", undefined],
        ["expires_in", "60"],
        ["expires_in", 0],
        ["expires_in", -1],
        ["expires_in", 1e12],
        ["expires_in", null]
      ] as const) {
        yield* E.answers(201, { ...accepted, [member]: value }, {}, { times: 1 })
        const error = yield* H.fails(push([]), "ProtocolViolation", "value")
        assert.strictEqual(error.member, member)
      }
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9126 section 2.3: the server's error comes out typed, without what was sent", () =>
    Effect.gen(function* () {
      yield* E.answers(400, { error: "invalid_request", error_description: "not the-secret-state" })
      const error = yield* H.fails(
        push([["state", Redacted.make("the-secret-state")]]),
        "OAuthResponseError",
        "invalid_request"
      )
      assert.notInclude(JSON.stringify(error), "the-secret-state")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 67: a redirect is not followed with the credentials", () =>
    Effect.gen(function* () {
      yield* E.answers(307, "", { location: "https://evil.test/" })
      yield* H.fails(push([]), "TransportError", "redirect")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9449 section 10.1, peers 4c 87: with a proof, made anew for a nonce one time", () =>
    Effect.gen(function* () {
      const dpop = yield* Effect.orDie(Dpop.make())
      yield* Effect.gen(function* () {
        yield* E.answers(400, { error: "use_dpop_nonce" }, { "dpop-nonce": "n" }, { times: 1 })
        yield* E.answers(201, accepted)
        yield* begin()
        const all = yield* E.received
        assert.strictEqual(all.length, 2)
        assert.isTrue(all.every(({ headers }) => headers["dpop"] !== undefined))
        assert.strictEqual(all[1]?.form.get("dpop_jkt"), dpop.thumbprint)
      }).pipe(Effect.provide(layer({ dpop })))
    })
  )
})

describe("Authorization.begin, pushed", () => {
  it.effect("RFC 9126 section 4: the URL has client_id and request_uri, and nothing else", () =>
    Effect.gen(function* () {
      yield* E.answers(201, accepted)
      const { openBefore, transaction, url } = yield* begin({
        resource: ["https://api.test", "https://b.test"],
        parameters: { access_type: "offline" }
      })
      assert.strictEqual(openBefore, 60_000)
      const { searchParams } = new URL(url)
      assert.deepStrictEqual(
        [...searchParams],
        [
          ["client_id", "app"],
          ["request_uri", requestUri]
        ]
      )
      const { form } = yield* E.lastReceived
      assert.strictEqual(form.get("state"), Redacted.value(transaction.state))
      assert.strictEqual(form.get("redirect_uri"), H.redirectUri)
      assert.strictEqual(form.get("access_type"), "offline")
      assert.deepStrictEqual(form.getAll("resource"), ["https://api.test", "https://b.test"])
      assert.isFalse(form.has("request_uri"))
      assert.isUndefined(transaction.response)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9126 section 5: pushed by itself where the server requires it, even if told not to", () =>
    Effect.gen(function* () {
      yield* E.answers(201, accepted)
      for (const request of [{}, { pushed: false }]) {
        const { url } = yield* H.begin(request)
        assert.strictEqual(new URL(url).searchParams.get("request_uri"), requestUri)
      }
    }).pipe(Effect.provide(layer({}, { require_pushed_authorization_requests: true })))
  )

  it.effect("without being asked or required nothing is pushed", () =>
    Effect.gen(function* () {
      const { url } = yield* H.begin()
      assert.isTrue(new URL(url).searchParams.has("state"))
      assert.deepStrictEqual(yield* E.received, [])
    }).pipe(Effect.provide(layer({}, { require_pushed_authorization_requests: false })))
  )

  it.effect("DESIGN rule 4: a server without the endpoint is told, none is guessed", () =>
    H.fails(begin(), "DiscoveryError", "missing_endpoint").pipe(Effect.provide(H.layer()))
  )

  it.effect("a push is sent once: after a 503 nothing is known and nothing is tried again", () =>
    Effect.gen(function* () {
      yield* E.answers(503, "", { "retry-after": "9" })
      const error = yield* H.fails(begin(), "TransportError", "status")
      assert.strictEqual(error.retryAfter, 9)
      assert.strictEqual((yield* E.received).length, 1)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("peers 4c 96: the state and the nonce that the server sends back are not in the error", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* server.misbehave(
        "other",
        Misbehaviour.custom((request) =>
          Effect.map(
            Effect.promise(() => request.formData()),
            (form) =>
              Response.json(
                {
                  error: "invalid_request",
                  error_description: `${String(form.get("state"))} ${String(form.get("nonce"))}`
                },
                { status: 400 }
              )
          )
        )
      )
      const error = yield* H.fails(begin(), "OAuthResponseError", "invalid_request")
      assert.strictEqual(error.description, "<redacted> <redacted>")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("stepUp pushes as well", () =>
    Effect.gen(function* () {
      yield* E.answers(201, accepted)
      const { stepUp } = yield* Authorization.Authorization
      yield* stepUp({ granted: ["a"], required: ["b"], pushed: true })
      assert.strictEqual((yield* E.lastReceived).form.get("scope"), "a b")
    }).pipe(Effect.provide(layer()))
  )

  it.effect("what is pushed can be completed like any other", () =>
    Effect.gen(function* () {
      yield* E.answers(201, accepted)
      const { complete } = yield* Authorization.Authorization
      const { transaction } = yield* begin()
      const { form } = yield* E.lastReceived
      const server = yield* TestIssuer.TestIssuer
      // What the server does with the reference, by hand.
      const back = yield* Effect.orDie(server.authorize(`${server.urls.authorization}?${form.toString()}`))
      yield* complete(back, transaction)
    }).pipe(Effect.provide(layer()))
  )
})
