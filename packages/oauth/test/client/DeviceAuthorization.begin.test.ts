import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import { DeviceTransaction } from "effect-oauth/DeviceTransaction"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const begin = (request?: DeviceAuthorization.DeviceAuthorization.Request) =>
  Effect.flatMap(DeviceAuthorization.DeviceAuthorization, (device) => device.begin(request))

const received = Effect.flatMap(TestIssuer.TestIssuer, (server) => server.requestsTo("device_authorization"))

/** The next answer has this member. */
const answers = (member: string, value: unknown) =>
  H.misbehave("device_authorization", Misbehaviour.changedMember(member, value), { times: 1 })

const refused = (member: string, value: unknown, reason: "missing" | "type" | "value") =>
  Effect.gen(function* () {
    yield* answers(member, value)
    const error = yield* H.fails(begin(), "ProtocolViolation", reason)
    assert.strictEqual(error.member, member)
    assert.include(error.rule, "RFC 8628 section 3.2")
    if (typeof value === "string" && value.length > 3) assert.notInclude(JSON.stringify(error), value)
  })

describe("DeviceAuthorization.begin", () => {
  it.effect("RFC 8628 section 3.1: a public client sends its id, and what was asked for", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000)
      const transaction = yield* begin({
        scope: ["profile", "openid"],
        resource: ["https://api.test", "https://b.test"],
        parameters: { vendor: "1" }
      })
      const [request] = yield* received
      assert.deepStrictEqual(
        [...(request?.form ?? [])],
        [
          ["scope", "openid profile"],
          ["resource", "https://api.test"],
          ["resource", "https://b.test"],
          ["client_id", "app"],
          ["vendor", "1"]
        ]
      )
      assert.strictEqual(transaction.verificationUri, "https://issuer.test/device")
      assert.match(transaction.userCode, /^[A-Z]{4}-[A-Z]{4}$/)
      assert.deepStrictEqual(
        transaction.verificationUriComplete,
        Option.some(`https://issuer.test/device?user_code=${transaction.userCode}`)
      )
      assert.isFalse(transaction.completeElsewhere)
      assert.strictEqual(transaction.interval, 5)
      assert.strictEqual(transaction.expiresAt, 1_000_000 + 600_000)
      assert.deepStrictEqual(transaction.scope, ["openid", "profile"])
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 8628 section 3.1: a confidential client authenticates", () =>
    Effect.gen(function* () {
      yield* begin()
      const [request] = yield* received
      assert.strictEqual(request?.headers["authorization"], "Basic c2VydmljZTpzM2NyZXQ=")
      assert.strictEqual(request?.body, "")
    }).pipe(
      Effect.provide(
        H.layer({
          clientId: "service",
          authentication: ClientAuthentication.clientSecretBasic(Redacted.make("s3cret"))
        })
      )
    )
  )

  it.effect(
    "a transaction can be kept: encoded and decoded it is the same, printed it has no device code",
    () =>
      Effect.gen(function* () {
        const transaction = yield* begin({ scope: ["openid"] })
        const text = JSON.stringify(yield* Schema.encode(DeviceTransaction)(transaction))
        const again = yield* Schema.decodeUnknown(DeviceTransaction)(JSON.parse(text))
        assert.deepStrictEqual(
          { ...again, deviceCode: Redacted.value(again.deviceCode) },
          { ...transaction, deviceCode: Redacted.value(transaction.deviceCode) }
        )
        assert.notInclude(JSON.stringify(transaction), Redacted.value(transaction.deviceCode))
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect(
    "RFC 6749 section 3.3, RFC 8707 section 2: what may not be asked for is refused before sending",
    () =>
      Effect.gen(function* () {
        const scope = yield* H.fails(begin({ scope: ["openid profile"] }), "ProtocolViolation", "value")
        assert.strictEqual(scope.member, "scope")
        for (const resource of ["notes", "/notes", "https://api.test/#top", ""]) {
          const error = yield* H.fails(begin({ resource }), "ProtocolViolation", "value")
          assert.strictEqual(error.member, "resource")
        }
        yield* H.fails(begin({ parameters: { client_id: "other" } }), "ProtocolViolation", "duplicate")
        assert.strictEqual((yield* received).length, 0)
      }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 8628 section 4: a server that does not do it is told apart", () =>
    H.fails(begin(), "DiscoveryError", "missing_endpoint").pipe(
      Effect.provide(H.layer({}, { metadata: { device_authorization_endpoint: undefined } }))
    )
  )

  it.effect("RFC 8628 section 3.2: errors of the server are its own, and other statuses are no answer", () =>
    Effect.gen(function* () {
      const error = yield* H.fails(
        begin().pipe(Effect.provide(H.layer({ clientId: "nobody" }))),
        "OAuthResponseError",
        "invalid_client"
      )
      assert.strictEqual(error.operation, "DeviceAuthorization.begin")
      yield* H.misbehave("device_authorization", Misbehaviour.oauthError(200, "invalid_scope"), { times: 1 })
      yield* H.fails(begin(), "OAuthResponseError", "invalid_scope")
      yield* H.misbehave("device_authorization", Misbehaviour.statusOfAnswer(201), { times: 1 })
      yield* H.fails(begin(), "TransportError", "status")
      yield* H.misbehave("device_authorization", Misbehaviour.redirect("https://evil.test/", 307), {
        times: 1
      })
      yield* H.fails(begin(), "TransportError", "redirect")
      yield* H.misbehave("device_authorization", Misbehaviour.html(502), { times: 1 })
      yield* H.fails(begin(), "TransportError", "status")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("RFC 8628 section 3.2: what is required must be there, and be of its type", () =>
    Effect.gen(function* () {
      for (const member of ["device_code", "user_code", "verification_uri"]) {
        for (const value of [undefined, null, ""]) yield* refused(member, value, "missing")
        for (const value of [7, ["x"], {}]) yield* refused(member, value, "type")
      }
      for (const value of [undefined, null, 0]) yield* refused("expires_in", value, "missing")
      yield* refused("expires_in", "600", "type")
      yield* refused("expires_in", -1, "value")
      yield* refused("user_code", "AB\u001b[2JCD", "value")
      yield* refused("user_code", "AB\nCD", "value")
      yield* refused("user_code", "A\u202eB", "value")
      yield* refused("user_code", "A".repeat(65), "value")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect('peers 4c 91: an interval of 0, -5, "5" or 1e9', () =>
    Effect.gen(function* () {
      for (const [value, interval] of [
        [0, 5],
        [null, 5],
        [0.001, 1],
        [7.5, 7.5]
      ]) {
        yield* answers("interval", value)
        assert.strictEqual((yield* begin()).interval, interval)
      }
      yield* refused("interval", -5, "value")
      yield* refused("interval", "5", "type")
      yield* refused("interval", 1e9, "value")
      yield* H.misbehave("device_authorization", [
        Misbehaviour.changedMember("interval", 1e9),
        Misbehaviour.changedMember("expires_in", 1e12)
      ])
      yield* H.fails(begin(), "ProtocolViolation", "value")
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("a server that gives a thousand years is waited for a day", () =>
    Effect.gen(function* () {
      yield* answers("expires_in", 1e12)
      assert.strictEqual((yield* begin()).expiresAt, 86_400_000)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 62-65: only an address that a browser may be sent to", () =>
    Effect.gen(function* () {
      const addresses = [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "ms-settings:privacy",
        "data:text/html,x",
        "--renderer-cmd-prefix=calc",
        "-https://issuer.test/device",
        "issuer.test/device",
        "//issuer.test/device",
        "http://issuer.test/device",
        "https://good.test@evil.test/device",
        "https://user:pass@evil.test/",
        "https:\\\\evil.test\\device",
        "https://issuer.test/device\u001b]8;;https://evil.test\u0007",
        "https://issuer.test/device \u202e",
        "https://issuer.test/a\u200bb",
        "https://issuer.test:99999/",
        "https://",
        "https:///device",
        `https://issuer.test/${"a".repeat(2100)}`
      ]
      for (const address of addresses) {
        yield* refused("verification_uri", address, "value")
        yield* refused("verification_uri_complete", address, "value")
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("peers 4c 63: what is shown and opened is escaped; letters of another script show", () =>
    Effect.gen(function* () {
      for (const [address, shown] of [
        ["https://issuer.test", "https://issuer.test/"],
        [
          'https://issuer.test/d?a="x"&b=`calc`|{c}',
          "https://issuer.test/d?a=%22x%22&b=%60calc%60%7C%7Bc%7D"
        ],
        ["https://issuer.test/#/device", "https://issuer.test/#/device"],
        ["https://аpple.test/device", "https://xn--pple-43d.test/device"],
        ["https://issuer.test/gerät", "https://issuer.test/ger%C3%A4t"],
        ["http://127.0.0.1:8080/device", "http://127.0.0.1:8080/device"],
        ["http://localhost/device", "http://localhost/device"]
      ] as const) {
        yield* answers("verification_uri", address)
        assert.strictEqual((yield* begin()).verificationUri, shown)
      }
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("plain http to another host only where the program allows it", () =>
    Effect.gen(function* () {
      yield* answers("verification_uri", "http://issuer.test/device")
      assert.strictEqual((yield* begin()).verificationUri, "http://issuer.test/device")
    }).pipe(Effect.provide(H.layer({}, {}, { allowInsecure: true })))
  )

  it.effect("peers 4c 65: a complete URI on another host is flagged", () =>
    Effect.gen(function* () {
      for (const [address, elsewhere] of [
        ["https://issuer.test/other?code=1", false],
        ["https://ISSUER.test:443/device", false],
        ["https://issuer.test:8443/device", true],
        ["https://evil.test/device?user_code=1", true],
        ["https://issuer.test.evil.test/device", true]
      ] as const) {
        yield* answers("verification_uri_complete", address)
        const transaction = yield* begin()
        assert.strictEqual(transaction.completeElsewhere, elsewhere, address)
      }
      yield* answers("verification_uri_complete", undefined)
      const transaction = yield* begin()
      assert.isTrue(Option.isNone(transaction.verificationUriComplete))
      assert.isFalse(transaction.completeElsewhere)
    }).pipe(Effect.provide(H.layer()))
  )
})
