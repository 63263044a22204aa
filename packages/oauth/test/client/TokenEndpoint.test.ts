/** What a token endpoint may answer: RFC 6749 sections 5.1 and 5.2, and what is no answer. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import type { OAuthError } from "effect-oauth/OAuthError"
import * as TokenEndpoint from "effect-oauth/TokenEndpoint"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const secret = "s3cret"
const layer = H.layer({
  clientId: "service",
  authentication: ClientAuthentication.clientSecret(Redacted.make(secret))
})

/** A grant whose answer is bent. */
const request = (...misbehaviours: ReadonlyArray<Misbehaviour.Misbehaviour>) =>
  Effect.gen(function* () {
    const endpoint = yield* TokenEndpoint.TokenEndpoint
    if (misbehaviours.length > 0) yield* H.misbehave("token", misbehaviours, { times: 1 })
    return yield* endpoint.request({
      operation: "Test.request",
      grantType: "client_credentials",
      parameters: [],
      scope: ["a", "b"]
    })
  })

const member = Misbehaviour.changedMember
const body = (json: string, status = 200) => Misbehaviour.rawBody(json, { status })

describe("TokenEndpoint.request", () => {
  const violations: ReadonlyArray<readonly [rule: string, member: string, reason: string, value: unknown]> = [
    ["peers 4c 69: token_type MAC", "token_type", "unsupported", "MAC"],
    ["peers 4c 69: no token_type", "token_type", "missing", undefined],
    ["peers 4c 69: token_type null", "token_type", "missing", null],
    ["peers 4c 69: token_type with a space", "token_type", "unsupported", "Bearer "],
    ["peers 4c 69: token_type a number", "token_type", "type", 7],
    ["RFC 8693 section 2.2.1: token_type N_A", "token_type", "unsupported", "N_A"],
    ["peers 4c 70: expires_in as text", "expires_in", "type", "3600"],
    ["peers 4c 70: expires_in abc", "expires_in", "type", "abc"],
    ["peers 4c 70: expires_in 3600abc", "expires_in", "type", "3600abc"],
    ["peers 4c 70: expires_in negative", "expires_in", "value", -1],
    ["peers 4c 71: scope as a list", "scope", "type", ["a"]],
    ["peers 4c 72: refresh_token a number", "refresh_token", "type", 7],
    ["no access_token", "access_token", "missing", undefined],
    ["an empty access_token", "access_token", "missing", ""],
    ["access_token an object", "access_token", "type", {}],
    ["RFC 9396 section 7: authorization_details as text", "authorization_details", "type", "x"]
  ]
  for (const [rule, name, reason, value] of violations) {
    it.effect(`${rule} is a violation that names the member`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(request(member(name, value)))
        assert.strictEqual(error._tag, "ProtocolViolation", error.message)
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(error._tag === "ProtocolViolation" && error.member, name)
        assert.strictEqual(error.operation, "Test.request")
      }).pipe(Effect.provide(layer))
    )
  }

  it.effect(
    "peers 4c 70: an expires_in that no clock can hold is a violation; absent or null, none is told",
    () =>
      Effect.gen(function* () {
        const answer = (expiresIn: string) =>
          request(body(`{"access_token":"t","token_type":"bearer","expires_in":${expiresIn}}`))
        yield* H.fails(answer("1e400"), "ProtocolViolation", "value")
        yield* H.fails(answer("1e17"), "ProtocolViolation", "value")
        assert.isTrue(Option.isSome((yield* answer("1e9")).expiresAt))
        assert.deepStrictEqual((yield* answer("0")).expiresAt, Option.some(0))
        assert.deepStrictEqual((yield* answer("1.5")).expiresAt, Option.some(1500))
        assert.deepStrictEqual((yield* answer("null")).expiresAt, Option.none())
        assert.deepStrictEqual((yield* request(member("expires_in", undefined))).expiresAt, Option.none())
      }).pipe(Effect.provide(layer))
  )

  it.effect(
    "RFC 6749 section 5.1, peers 4c 71: the scope told, or the one asked for; an empty one is none",
    () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* request(member("scope", "c b c"))).scope, ["b", "c"])
        assert.deepStrictEqual((yield* request(member("scope", ""))).scope, [])
        assert.deepStrictEqual((yield* request(member("scope", undefined))).scope, ["a", "b"])
        assert.deepStrictEqual((yield* request(member("scope", null))).scope, ["a", "b"])
      }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 7.1: the token type has no case", () =>
    Effect.gen(function* () {
      for (const type of ["bearer", "BEARER", "Bearer"]) {
        assert.strictEqual((yield* request(member("token_type", type))).tokenType, "Bearer")
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 75: __proto__ and members nobody knows are only members, and not shown", () =>
    Effect.gen(function* () {
      const tokens = yield* request(
        body(
          '{"access_token":"t","token_type":"Bearer","__proto__":{"polluted":true},"vendor_secret":"hidden"}'
        )
      )
      assert.isUndefined((tokens as { readonly polluted?: unknown }).polluted)
      const additional = Redacted.value(tokens.additional)
      assert.strictEqual(additional["vendor_secret"], "hidden")
      assert.isTrue(Object.hasOwn(additional, "__proto__"))
      assert.isUndefined(additional["polluted"])
      assert.notInclude(JSON.stringify(tokens), "hidden")
    }).pipe(Effect.provide(layer))
  )

  const refusals: ReadonlyArray<
    readonly [rule: string, misbehaviour: Misbehaviour.Misbehaviour, status: number, retriable: boolean]
  > = [
    ["RFC 6749 section 5.2: an error", Misbehaviour.oauthError(400, "invalid_scope", "No"), 400, false],
    ["peers 4c 66: an error in a 200", Misbehaviour.errorInSuccess("invalid_scope", "No"), 200, false],
    ["an error beside 401", Misbehaviour.oauthError(401, "invalid_client"), 401, false],
    ["an error beside 503", Misbehaviour.oauthError(503, "temporarily_unavailable"), 503, true],
    ["an error beside 429", Misbehaviour.oauthError(429, "slow_down"), 429, true],
    [
      "an error mislabelled as text",
      Misbehaviour.rawBody('{"error":"x"}', { status: 400, contentType: "text/html" }),
      400,
      false
    ]
  ]
  for (const [rule, misbehaviour, status, retriable] of refusals) {
    it.effect(`${rule} is the server's, typed`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(request(misbehaviour))
        assert.strictEqual(error._tag, "OAuthResponseError", error.message)
        if (error._tag === "OAuthResponseError") {
          assert.strictEqual(error.status, status)
          assert.strictEqual(error.retriable, retriable)
          assert.strictEqual(error.reason, error.error)
        }
      }).pipe(Effect.provide(layer))
    )
  }

  const transport: ReadonlyArray<
    readonly [
      rule: string,
      reason: OAuthError["reason"],
      misbehaviour: Misbehaviour.Misbehaviour,
      retriable: boolean
    ]
  > = [
    ["peers 4c 67: 302 to another host", "redirect", Misbehaviour.redirect("https://evil.test/token"), false],
    [
      "peers 4c 67: 307 to another host",
      "redirect",
      Misbehaviour.redirect("https://evil.test/token", 307),
      false
    ],
    ["peers 4c 68: HTML 502", "status", Misbehaviour.html(502), true],
    ["peers 4c 68: HTML 400", "status", Misbehaviour.html(400), false],
    ["HTML 200", "content", Misbehaviour.html(200), false],
    ["an empty 200", "content", Misbehaviour.status(200), false],
    ["204", "status", Misbehaviour.status(204), false],
    ["a token response with 201", "status", Misbehaviour.statusOfAnswer(201), false],
    ["peers 4c 73: a body of 2 MB", "too_large", Misbehaviour.hugeBody(2_000_000), false],
    ["peers 4c 73: an endless body", "too_large", Misbehaviour.endlessBody, false],
    ["peers 4c 76: UTF-16", "content", Misbehaviour.encoding("utf-16le"), false],
    ["peers 4c 76: invalid UTF-8", "content", Misbehaviour.encoding("invalid-utf-8"), false],
    ["peers 4c 77: a form", "content", Misbehaviour.rawBody("access_token=t&token_type=bearer"), false],
    ["a gzip body that nobody asked for", "content", Misbehaviour.gzip, false],
    ["a connection that breaks", "unreachable", Misbehaviour.brokenBody, true],
    ["no connection", "unreachable", Misbehaviour.connectionFailure, true]
  ]
  for (const [rule, reason, misbehaviour, retriable] of transport) {
    it.effect(`${rule} is a TransportError ${reason}, and the grant is sent once`, () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        const error = yield* Effect.flip(request(misbehaviour))
        assert.strictEqual(`${error._tag} ${error.reason}`, `TransportError ${reason}`, error.message)
        assert.strictEqual(error._tag === "TransportError" && error.retriable, retriable)
        assert.strictEqual(error._tag === "TransportError" && error.url, server.urls.token)
        assert.strictEqual((yield* server.requests).filter(({ method }) => method === "POST").length, 1)
        assert.strictEqual(yield* server.openBodies, 0)
      }).pipe(Effect.provide(layer))
    )
  }

  it.effect("peers 4c 76, 77: a byte order mark, text/plain or no content type at all do not matter", () =>
    Effect.gen(function* () {
      for (const odd of [
        Misbehaviour.encoding("utf-8-bom"),
        Misbehaviour.wrongContentType("text/plain"),
        Misbehaviour.wrongContentType(undefined)
      ]) {
        assert.strictEqual((yield* request(odd)).tokenType, "Bearer")
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("JSON that is no object is a violation; beside another status, the status is what matters", () =>
    Effect.gen(function* () {
      for (const json of ["[]", "null", '"text"', "7"]) {
        yield* H.fails(request(body(json)), "ProtocolViolation", "type")
        yield* H.fails(request(body(json, 500)), "TransportError", "status")
      }
      for (const json of ['{"error":7}', '{"error":""}', '{"message":"x"}']) {
        yield* H.fails(request(body(json, 400)), "TransportError", "status")
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("DESIGN rule 3: no answer, and one in drips, end with the deadline", () =>
    Effect.gen(function* () {
      for (const odd of [Misbehaviour.hang, Misbehaviour.slowBody("1 second"), Misbehaviour.stalledBody]) {
        const error = yield* H.asTimePasses(Effect.flip(request(odd)))
        assert.strictEqual(error.reason, "timeout")
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("a server that echoes the secret is not repeated: in no form of it", () =>
    Effect.gen(function* () {
      const basic = "Basic c2VydmljZTpzM2NyZXQ="
      const bare = "c2VydmljZTpzM2NyZXQ="
      const echo = `${bare} ${secret} %73%33cret ${basic} s 3cret s3%63ret s\u200b3cret`
      const error = yield* Effect.flip(request(Misbehaviour.oauthError(400, "invalid_client", echo)))
      assert.notInclude(error.message, secret)
      assert.notInclude(error.message, basic)
      assert.notInclude(error.message, bare)
      assert.notInclude(JSON.stringify(error), secret)
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "RFC 6749 section 5.2: a secret that occurs in the name of an error leaves the error its name",
    () =>
      Effect.gen(function* () {
        const failed = request(Misbehaviour.oauthError(401, "invalid_client", "bad client"))
        const error = yield* H.fails(failed, "OAuthResponseError", "invalid_client")
        assert.strictEqual(error.error, "invalid_client")
        assert.strictEqual(error.description, "bad <redacted>")
        assert.include(error.message, "check the client id")
      }).pipe(
        Effect.provide(
          H.layer({
            clientId: "service",
            authentication: ClientAuthentication.clientSecretPost(Redacted.make("client"))
          })
        )
      )
  )

  it.effect("HttpLimits.layer: a cap and a deadline of the program's own", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(request(), "TransportError", "too_large")
      assert.include(error.message, "10 bytes")
    }).pipe(
      Effect.provide(
        H.layer({ clientId: "service" }, {}, { maxBodyBytes: 10, deadline: Duration.seconds(1) })
      )
    )
  )
})
