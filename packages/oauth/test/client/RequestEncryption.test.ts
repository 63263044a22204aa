import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import * as Jwt from "effect-oauth/Jwt"
import * as JwtDecrypter from "effect-oauth/JwtDecrypter"
import * as Keyring from "effect-oauth/Keyring"
import * as RequestEncryption from "effect-oauth/RequestEncryption"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as jose from "jose"
import * as E from "./support/elsewhere.js"
import * as H from "./support/setup.js"

const listed = {
  request_object_encryption_alg_values_supported: ["RSA1_5", "dir", "ECDH-ES"],
  request_object_encryption_enc_values_supported: ["A128CBC-HS256", "A128GCM"]
}

/** A client whose requests are signed, and encrypted to the server's key. */
const layer = (
  metadata: Readonly<Record<string, unknown>> = listed,
  options: RequestEncryption.Options = {}
) =>
  Authorization.layerSigned({ encryption: RequestEncryption.toServer(options) }).pipe(
    Layer.provideMerge(Layer.orDie(Keyring.layerGenerate({ kid: "client-key" }))),
    Layer.provideMerge(H.layer({}, { metadata }))
  )

/** The server publishes a key to encrypt to; what it decrypts with it. */
const serverKey = Effect.gen(function* () {
  const pair = yield* Effect.promise(() => jose.generateKeyPair("ECDH-ES", { extractable: true }))
  const own = yield* Effect.promise(() => jose.exportJWK(pair.privateKey))
  const shown = yield* Effect.promise(() => jose.exportJWK(pair.publicKey))
  yield* H.misbehave(
    "jwks",
    Misbehaviour.rawBody(JSON.stringify({ keys: [{ ...shown, use: "enc", kid: "sealing" }] }), {
      contentType: "application/json"
    })
  )
  return yield* JwtDecrypter.make({
    keys: [Redacted.make({ ...own, kty: "EC", kid: "sealing" })],
    algorithms: ["ECDH-ES"],
    encryptions: ["A128GCM", "A128CBC-HS256"]
  })
})

const requestOf = (url: string) => new URL(url).searchParams.get("request") ?? ""

describe("RequestEncryption.toServer", () => {
  it.effect("RFC 9101 section 6.1: signed, then encrypted; only the server reads what is asked for", () =>
    Effect.gen(function* () {
      const decrypter = yield* serverKey
      const { transaction, url } = yield* H.begin({ scope: ["openid"], loginHint: "a-canary@example.com" })
      assert.deepStrictEqual([...new URL(url).searchParams.keys()], ["client_id", "request"])
      const request = requestOf(url)
      assert.strictEqual(request.split(".").length, 5)
      assert.isTrue(Option.isNone(Jwt.decodeUnverified(request)))
      const { header, plaintext } = yield* decrypter.decrypt(request)
      assert.deepInclude(header, { alg: "ECDH-ES", enc: "A128GCM", cty: "JWT", kid: "sealing" })
      const signed = Option.getOrThrow(Jwt.decodeUnverified(plaintext))
      assert.strictEqual(signed.header.typ, "oauth-authz-req+jwt")
      assert.deepInclude(signed.claims, {
        aud: H.issuer,
        login_hint: "a-canary@example.com",
        state: Redacted.value(transaction.state)
      })
    }).pipe(Effect.provide(layer()))
  )

  it.effect("RFC 9126 section 3: pushed as well; the server's keys are asked for once", () =>
    Effect.gen(function* () {
      const decrypter = yield* serverKey
      yield* E.answers(201, { request_uri: "urn:example:1", expires_in: 5 })
      yield* H.begin({ pushed: true })
      const { form } = yield* E.lastReceived
      assert.deepStrictEqual([...form.keys()], ["request", "client_id"])
      yield* decrypter.decrypt(form.get("request") ?? "")
      yield* H.begin()
      assert.strictEqual(yield* (yield* TestIssuer.TestIssuer).count("jwks"), 1)
    }).pipe(
      Effect.provide(layer({ ...listed, pushed_authorization_request_endpoint: "https://issuer.test/par" }))
    )
  )

  it.effect("what the metadata does not list is not sent, unless it was agreed upon", () =>
    Effect.gen(function* () {
      const refused = (metadata: Readonly<Record<string, unknown>>, options?: RequestEncryption.Options) =>
        Effect.gen(function* () {
          yield* serverKey
          const error = yield* H.fails(H.begin(), "DiscoveryError", "unsupported")
          assert.include(error.message, "request_object_encryption_")
        }).pipe(Effect.provide(layer(metadata, options)))
      yield* refused({})
      yield* refused({}, { encryption: "A128GCM" })
      yield* refused({ ...listed, request_object_encryption_alg_values_supported: ["RSA1_5", "dir"] })
      yield* refused({ ...listed, request_object_encryption_enc_values_supported: ["A128CTR"] })
      yield* refused(listed, { algorithm: "RSA-OAEP" })
      yield* refused(listed, { encryption: "A256GCM" })
      yield* Effect.gen(function* () {
        const decrypter = yield* serverKey
        const { url } = yield* H.begin()
        assert.strictEqual((yield* decrypter.decrypt(requestOf(url))).header["enc"], "A128CBC-HS256")
      }).pipe(Effect.provide(layer({}, { algorithm: "ECDH-ES" })))
    })
  )

  it.effect("a server that publishes keys to verify with alone", () =>
    H.fails(H.begin(), "KeyringError", "not_found").pipe(Effect.provide(layer()))
  )

  it.effect("keys that cannot be fetched are an outage, and nothing goes out in plain", () =>
    Effect.gen(function* () {
      yield* H.misbehave("jwks", Misbehaviour.status(500))
      const error = yield* H.fails(H.begin(), "KeyringError", "unavailable")
      assert.isTrue(error.retriable)
      yield* serverKey
      yield* H.fails(H.begin(), "KeyringError", "not_found")
    }).pipe(Effect.provide(layer(listed, { kid: "another" })))
  )
})
