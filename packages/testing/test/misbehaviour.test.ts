import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import type { Endpoint } from "effect-oauth-testing/RecordedRequest"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support.js"

const layer = TestIssuer.layer({ clients: [H.app, H.service] })
const metadataUrl = "https://issuer.test/.well-known/oauth-authorization-server"

const misbehave = (
  endpoint: Endpoint,
  how: Misbehaviour.Misbehaviour | ReadonlyArray<Misbehaviour.Misbehaviour>,
  options?: { readonly times?: number }
) => Effect.flatMap(TestIssuer.TestIssuer, (issuer) => issuer.misbehave(endpoint, how, options))

const metadata = H.get(metadataUrl)
const body = Effect.flatMap(HttpClient.HttpClient, (client) => client.get(metadataUrl))
const bytes = Effect.flatMap(body, (response) => response.arrayBuffer).pipe(
  Effect.map((buffer) => new Uint8Array(buffer))
)

describe("when", () => {
  it.effect("counted scripts in order, then the one for all, until it behaves", () =>
    Effect.gen(function* () {
      const issuer = yield* TestIssuer.TestIssuer
      yield* misbehave("metadata", Misbehaviour.status(500))
      yield* misbehave("metadata", Misbehaviour.status(502), { times: 2 })
      yield* misbehave("metadata", Misbehaviour.status(429, { retryAfter: "7" }), { times: 1 })
      const seen = []
      for (let i = 0; i < 5; i++) seen.push((yield* metadata).status)
      assert.deepStrictEqual(seen, [502, 502, 429, 500, 500])
      assert.strictEqual((yield* H.get(issuer.urls.jwks)).status, 200)
      yield* issuer.behave("metadata")
      assert.strictEqual((yield* metadata).status, 200)
    }).pipe(Effect.provide(layer))
  )
})

describe("content", () => {
  it.effect("members: wrong, missing, changed, twice", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", [
        Misbehaviour.wrongIssuer("https://evil.test"),
        Misbehaviour.missingMember("jwks_uri"),
        Misbehaviour.changedMember("token_endpoint", 7),
        Misbehaviour.duplicatedMember("issuer", "https://twice.test"),
        Misbehaviour.wrongContentType("text/plain")
      ])
      const { headers, json, text } = yield* metadata
      assert.strictEqual(headers["content-type"], "text/plain")
      assert.strictEqual(text.split('"issuer":').length, 3)
      assert.include(text, '"issuer":"https://evil.test"')
      assert.strictEqual(json["issuer"], "https://twice.test")
      assert.strictEqual(json["token_endpoint"], 7)
      assert.notProperty(json, "jwks_uri")
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 50, 53: parameters of the authorization response", () =>
    Effect.gen(function* () {
      yield* misbehave(
        "authorization",
        [
          Misbehaviour.wrongIssuer("https://evil.test"),
          Misbehaviour.duplicatedMember("code"),
          Misbehaviour.changedMember("state", "other")
        ],
        { times: 1 }
      )
      const parameters = yield* H.callback()
      assert.strictEqual(parameters.get("iss"), "https://evil.test")
      assert.strictEqual(parameters.getAll("code").length, 2)
      assert.strictEqual(parameters.get("state"), "other")
      yield* misbehave("authorization", Misbehaviour.html(500), { times: 1 })
      const error = yield* Effect.flip(H.callback())
      assert.strictEqual(error._tag === "NoCallback" ? error.status : 0, 500)
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 76: other encodings", () =>
    Effect.gen(function* () {
      const starts = [
        ["utf-8-bom", [0xef, 0xbb, 0xbf, 0x7b]],
        ["utf-16le", [0xff, 0xfe, 0x7b, 0x00]],
        ["utf-16be", [0xfe, 0xff, 0x00, 0x7b]]
      ] as const
      for (const [encoding, start] of starts) {
        yield* misbehave("metadata", Misbehaviour.encoding(encoding), { times: 1 })
        assert.deepStrictEqual([...(yield* bytes).subarray(0, 4)], [...start])
      }
      yield* misbehave("metadata", Misbehaviour.encoding("invalid-utf-8"), { times: 1 })
      const invalid = yield* bytes
      assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(invalid))
      yield* misbehave("metadata", Misbehaviour.gzip, { times: 1 })
      assert.deepStrictEqual([...(yield* bytes).subarray(0, 2)], [0x1f, 0x8b])
    }).pipe(Effect.provide(layer))
  )

  it.effect("answers of its own: error in 200, redirect, page, raw, custom", () =>
    Effect.gen(function* () {
      const ask = (how: Misbehaviour.Misbehaviour) =>
        Effect.zipRight(misbehave("metadata", how, { times: 1 }), metadata)
      const error = yield* ask(Misbehaviour.errorInSuccess("invalid_request"))
      assert.deepStrictEqual([error.status, error.json["error"]], [200, "invalid_request"])
      const redirect = yield* ask(Misbehaviour.redirect("https://evil.test/", 307))
      assert.deepStrictEqual([redirect.status, redirect.headers["location"]], [307, "https://evil.test/"])
      const page = yield* ask(Misbehaviour.html(502))
      assert.deepStrictEqual([page.status, page.headers["content-type"]], [502, "text/html; charset=utf-8"])
      const raw = yield* ask(Misbehaviour.rawBody("[]", { status: 201, contentType: undefined }))
      assert.deepStrictEqual([raw.status, raw.text, raw.headers["content-type"]], [201, "[]", undefined])
      const custom = yield* ask(
        Misbehaviour.custom((request, honest) =>
          Effect.map(honest, (response) => new Response(`${request.method} ${response.status}`))
        )
      )
      assert.strictEqual(custom.text, "GET 200")
    }).pipe(Effect.provide(layer))
  )
})

describe("tokens", () => {
  const redeemed = (how: Misbehaviour.Misbehaviour) =>
    Effect.gen(function* () {
      const code = yield* H.code()
      yield* misbehave("token", how, { times: 1 })
      return (yield* H.redeem(code)).json
    })

  it.effect("bad signature, wrong nonce, wrong at_hash, wrong issuer", () =>
    Effect.gen(function* () {
      const unsigned = yield* redeemed(Misbehaviour.badSignature)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(H.verify(unsigned["id_token"]))))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(H.verify(unsigned["access_token"]))))
      const nonce = yield* redeemed(Misbehaviour.wrongNonce())
      assert.notStrictEqual((yield* H.verify(nonce["id_token"])).payload["nonce"], "n-1")
      const hash = yield* redeemed(Misbehaviour.wrongAtHash)
      assert.strictEqual((yield* H.verify(hash["id_token"])).payload["at_hash"], "A".repeat(22))
      const foreign = yield* redeemed(Misbehaviour.wrongIssuer("https://evil.test"))
      yield* H.verify(foreign["id_token"], { issuer: "https://evil.test" })
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 1, 4: any claim, header or key", () =>
    Effect.gen(function* () {
      const json = yield* redeemed(
        Misbehaviour.tokens({
          idToken: { key: "none", claims: { aud: undefined, extra: [1] } },
          accessToken: { key: new TextEncoder().encode("secret"), header: { typ: "JWT", alg: "HS256" } }
        })
      )
      const [header = "", payload = "", signature] = String(json["id_token"]).split(".")
      const decode = (part: string) => Buffer.from(part, "base64url").toString()
      assert.include(decode(header), '"alg":"none"')
      assert.include(decode(payload), '"extra":[1]')
      assert.notInclude(decode(payload), '"aud"')
      assert.strictEqual(signature, "")
      assert.include(decode(String(json["access_token"]).split(".")[0] ?? ""), '"alg":"HS256"')
    }).pipe(Effect.provide(layer))
  )
})

describe("transport", () => {
  const openBodies = Effect.flatMap(TestIssuer.TestIssuer, (issuer) => issuer.openBodies)

  it.effect("refuses the connection, and does nothing", () =>
    Effect.gen(function* () {
      const code = yield* H.code()
      yield* misbehave("token", Misbehaviour.connectionFailure, { times: 1 })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(H.redeem(code))))
      assert.strictEqual((yield* H.redeem(code)).status, 200)
    }).pipe(Effect.provide(layer))
  )

  it.effect("hangs until it is interrupted", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", Misbehaviour.hang)
      const fiber = yield* Effect.fork(Effect.timeoutOption(metadata, "10 seconds"))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
    }).pipe(Effect.provide(layer))
  )

  it.effect("answers late, by Clock", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", Misbehaviour.slow("5 seconds"))
      const fiber = yield* Effect.fork(metadata)
      yield* TestClock.adjust("4 seconds")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 73: a huge body is still JSON, and comes in pieces", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", Misbehaviour.hugeBody(1_000_000))
      const { json, text } = yield* metadata
      assert.isAbove(text.length, 1_000_000)
      assert.strictEqual(json["issuer"], "https://issuer.test")
      const response = yield* body
      const first = yield* Stream.runHead(response.stream)
      assert.isBelow(first._tag === "Some" ? first.value.length : Infinity, 10_000)
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 73: an endless body goes on until the reader lets go", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", Misbehaviour.endlessBody)
      const response = yield* body
      assert.strictEqual(yield* openBodies, 1)
      const read = yield* response.stream.pipe(
        Stream.scan(0, (total, chunk) => total + chunk.length),
        Stream.takeUntil((total) => total > 1_000_000),
        Stream.runLast
      )
      assert.isAbove(read._tag === "Some" ? read.value : 0, 1_000_000)
      assert.strictEqual(yield* openBodies, 0)
    }).pipe(Effect.provide(layer))
  )

  it.live("an endless or stalled body does not survive an interruption", () =>
    Effect.gen(function* () {
      for (const how of [Misbehaviour.endlessBody, Misbehaviour.stalledBody]) {
        yield* misbehave("metadata", how, { times: 2 })
        const streamed = Effect.flatMap(body, (response) => Stream.runDrain(response.stream))
        assert.strictEqual((yield* Effect.timeoutOption(streamed, "50 millis"))._tag, "None")
        const whole = Effect.flatMap(body, (response) => response.text)
        assert.strictEqual((yield* Effect.timeoutOption(whole, "50 millis"))._tag, "None")
        yield* Effect.sleep("20 millis")
        assert.strictEqual(yield* openBodies, 0)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("drips by Clock", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", Misbehaviour.slowBody("1 second", 400))
      const fiber = yield* Effect.fork(metadata)
      const start = yield* TestClock.currentTimeMillis
      while (fiber.unsafePoll() === null) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
      }
      const { json } = yield* Fiber.join(fiber)
      assert.strictEqual(json["issuer"], "https://issuer.test")
      assert.isAtLeast((yield* TestClock.currentTimeMillis) - start, Duration.toMillis("3 seconds"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("breaks in the middle of the body", () =>
    Effect.gen(function* () {
      yield* misbehave("metadata", Misbehaviour.brokenBody)
      const error = yield* Effect.flip(Effect.flatMap(body, (response) => response.text))
      assert.strictEqual(error._tag, "ResponseError")
    }).pipe(Effect.provide(layer))
  )
})
