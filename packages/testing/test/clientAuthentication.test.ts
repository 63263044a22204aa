import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as jose from "jose"
import * as H from "./support.js"

const clientCredentials = (parameters: H.Parameters, headers: Readonly<Record<string, string>> = {}) =>
  H.token({ grant_type: "client_credentials", ...parameters }, headers)

const invalidClient = (answer: H.Answer) => {
  assert.strictEqual(answer.json["error"], "invalid_client", answer.text)
  assert.strictEqual(answer.status, 401)
}

const id = "svc:1 ä"
const secret = "p+ss:w%rd&="
const layer = TestIssuer.layer({
  clients: [
    { clientId: id, secret: Redacted.make(secret) },
    H.service,
    { ...H.app, grantTypes: ["authorization_code"] }
  ]
})

/** RFC 6749 appendix B. */
const formEncode = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)

describe("client secrets", () => {
  it.effect("RFC 6749 section 2.3.1: Basic credentials are form-encoded before base64", () =>
    Effect.gen(function* () {
      const good = yield* clientCredentials({}, H.basic(formEncode(id), formEncode(secret)))
      assert.strictEqual(good.status, 200)
      assert.strictEqual(good.json["refresh_token"], undefined)
      invalidClient(yield* clientCredentials({}, H.basic("service", "wrong")))
      const plus = yield* clientCredentials({}, H.basic(formEncode(id), "p+ss%3Aw%25rd%26%3D"))
      invalidClient(plus)
      assert.match(plus.headers["www-authenticate"] ?? "", /^Basic /)
      invalidClient(yield* clientCredentials({}, H.basic("service", "100%")))
      invalidClient(yield* clientCredentials({}, { authorization: "Basic !!!" }))
      invalidClient(yield* clientCredentials({}, { authorization: `Basic ${btoa("service")}` }))
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 2.3.1: or in the form; never both, never in the URL", () =>
    Effect.gen(function* () {
      const { urls } = yield* TestIssuer.TestIssuer
      const inForm = { client_id: "service", client_secret: "s3cret" }
      assert.strictEqual((yield* clientCredentials(inForm)).status, 200)
      invalidClient(yield* clientCredentials({ ...inForm, client_secret: "wrong" }))
      assert.strictEqual((yield* clientCredentials(inForm, H.asService)).json["error"], "invalid_request")
      const inUrl = yield* H.post(`${urls.token}?client_secret=s3cret`, {
        grant_type: "client_credentials",
        client_id: "service"
      })
      assert.strictEqual(inUrl.json["error"], "invalid_request")
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 6749 section 5.2: unknown clients and foreign grants are refused", () =>
    Effect.gen(function* () {
      invalidClient(yield* clientCredentials({ client_id: "nobody" }))
      invalidClient(yield* clientCredentials({}))
      invalidClient(yield* clientCredentials({ client_id: "service" }))
      assert.strictEqual(
        (yield* clientCredentials({ client_id: "app" })).json["error"],
        "unauthorized_client"
      )
      const unknown = yield* H.token({ grant_type: "password" }, H.asService)
      assert.strictEqual(unknown.json["error"], "unsupported_grant_type")
      const twice = yield* H.token({ grant_type: ["client_credentials", "client_credentials"] }, H.asService)
      assert.strictEqual(twice.json["error"], "invalid_request")
    }).pipe(Effect.provide(layer))
  )
})

describe("private_key_jwt", () => {
  const makeKeys = Effect.promise(async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair("ES256")
    return { privateKey, jwks: { keys: [{ ...(await jose.exportJWK(publicKey)), kid: "c1", alg: "ES256" }] } }
  })

  const assertion = (privateKey: jose.CryptoKey, claims: Readonly<Record<string, unknown>> = {}) =>
    Effect.gen(function* () {
      const { urls } = yield* TestIssuer.TestIssuer
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const payload = { iss: "agent", sub: "agent", aud: urls.token, exp: now + 60, jti: "j1", ...claims }
      return yield* Effect.promise(() =>
        new jose.SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "c1" }).sign(privateKey)
      )
    })

  const asserted = (jwt: string, parameters: H.Parameters = {}) =>
    clientCredentials({
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: jwt,
      ...parameters
    })

  const scenario = Effect.gen(function* () {
    const issuer = yield* TestIssuer.TestIssuer
    const { jwks, privateKey } = yield* makeKeys
    yield* issuer.addClient({ clientId: "agent", jwks })
    return privateKey
  })

  it.effect("RFC 7523 section 3: signature, iss, sub, aud and exp are verified", () =>
    Effect.gen(function* () {
      const key = yield* scenario
      assert.strictEqual((yield* asserted(yield* assertion(key))).status, 200)
      const stranger = yield* makeKeys
      invalidClient(yield* asserted(yield* assertion(stranger.privateKey, { jti: "j2" })))
      for (const wrong of [
        { iss: "other" },
        { sub: "service" },
        { aud: "https://other.test" },
        { exp: 0 },
        { exp: undefined },
        { jti: undefined }
      ]) {
        invalidClient(yield* asserted(yield* assertion(key, { jti: "j3", ...wrong })))
      }
      const mixed = yield* asserted(yield* assertion(key, { jti: "j4" }), { client_id: "service" })
      invalidClient(mixed)
      invalidClient(yield* asserted("not-a-jwt"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 7523 section 3: a jti is good for once", () =>
    Effect.gen(function* () {
      const jwt = yield* assertion(yield* scenario)
      assert.strictEqual((yield* asserted(jwt)).status, 200)
      invalidClient(yield* asserted(jwt))
    }).pipe(Effect.provide(layer))
  )

  it.effect("the audience that is accepted can be set", () =>
    Effect.gen(function* () {
      const key = yield* scenario
      invalidClient(yield* asserted(yield* assertion(key)))
      const forIssuer = yield* assertion(key, { aud: "https://issuer.test", jti: "j2" })
      assert.strictEqual((yield* asserted(forIssuer)).status, 200)
    }).pipe(Effect.provide(TestIssuer.layer({ assertionAudience: "issuer" })))
  )

  it.effect("a client with keys has no other way in", () =>
    Effect.gen(function* () {
      yield* scenario
      invalidClient(yield* clientCredentials({ client_id: "agent" }))
      invalidClient(yield* clientCredentials({}, H.basic("agent", "")))
    }).pipe(Effect.provide(layer))
  )
})
