import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAssertion from "effect-oauth/ClientAssertion"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as jose from "jose"
import * as H from "./support/setup.js"

/** What a client sends that has this id and authenticates in this way. */
const sent = (
  clientId: string,
  authentication: ClientAuthentication.ClientAuthentication,
  metadata: Readonly<Record<string, unknown>> = {}
) =>
  Effect.gen(function* () {
    const { request } = yield* ClientCredentials.ClientCredentials
    const result = yield* Effect.either(request())
    const { form, headers } = yield* H.lastTokenRequest
    return { result, form, header: headers["authorization"], parameters: [...form].slice(1) }
  }).pipe(Effect.provide(H.layer({ clientId, authentication, redirectUri: undefined }, { metadata })))

const secret = Redacted.make("s3cret")

const unbase64 = (header: string | undefined) =>
  Encoding.decodeBase64String((header ?? "").replace("Basic ", ""))

describe("ClientAuthentication", () => {
  it.effect("RFC 6749 section 3.2.1: a public client names itself in the body", () =>
    Effect.gen(function* () {
      const { header, parameters } = yield* sent("app", ClientAuthentication.none)
      assert.isUndefined(header)
      assert.deepStrictEqual(parameters, [["client_id", "app"]])
    })
  )

  const vectors: ReadonlyArray<readonly [id: string, secret: string, decoded: string]> = [
    ["client", "secret", "client:secret"],
    ["id", "s:e", "id:s%3Ae"],
    ["a b", "c%d", "a+b:c%25d"],
    ["https://app.test/client", "+/=&", "https%3A%2F%2Fapp.test%2Fclient:%2B%2F%3D%26"],
    ["ü", "日本", "%C3%BC:%E6%97%A5%E6%9C%AC"],
    ["a-_.*~!'()", "", "a-_.*%7E%21%27%28%29:"]
  ]
  for (const [id, text, decoded] of vectors) {
    it.effect(`RFC 6749 section 2.3.1, seeds 4.1: Basic of ${id} and ${text} is that of ${decoded}`, () =>
      Effect.gen(function* () {
        const { header, parameters } = yield* sent(
          id,
          ClientAuthentication.clientSecretBasic(Redacted.make(text))
        )
        assert.deepStrictEqual(yield* unbase64(header), decoded)
        assert.deepStrictEqual(parameters, [])
      })
    )
  }

  it.effect("seeds 4.1: client:secret is Y2xpZW50OnNlY3JldA==", () =>
    Effect.gen(function* () {
      const { header } = yield* sent(
        "client",
        ClientAuthentication.clientSecretBasic(Redacted.make("secret"))
      )
      assert.strictEqual(header, "Basic Y2xpZW50OnNlY3JldA==")
    })
  )

  it.effect(
    "RFC 6749 section 2.3.1: client_secret_post puts both into the body, and nothing into the header",
    () =>
      Effect.gen(function* () {
        const { header, parameters, result } = yield* sent(
          "service",
          ClientAuthentication.clientSecretPost(secret)
        )
        assert.isUndefined(header)
        assert.deepStrictEqual(parameters, [
          ["client_id", "service"],
          ["client_secret", "s3cret"]
        ])
        assert.strictEqual(result._tag, "Right")
      })
  )

  const negotiated: ReadonlyArray<readonly [supported: unknown, method: "basic" | "post"]> = [
    [undefined, "basic"],
    [["client_secret_basic"], "basic"],
    [["client_secret_post", "client_secret_basic"], "basic"],
    [["client_secret_post"], "post"],
    [["private_key_jwt", "client_secret_post", "none"], "post"]
  ]
  for (const [supported, method] of negotiated) {
    it.effect(
      `RFC 8414 section 2: of ${JSON.stringify(supported) ?? "nothing"} a secret takes ${method}`,
      () =>
        Effect.gen(function* () {
          const { header, parameters } = yield* sent("service", ClientAuthentication.clientSecret(secret), {
            token_endpoint_auth_methods_supported: supported
          })
          assert.strictEqual(header !== undefined, method === "basic")
          assert.strictEqual(
            parameters.some(([name]) => name === "client_secret"),
            method === "post"
          )
        })
    )
  }

  it.effect("a server that takes no secret is sent none", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const { request } = yield* ClientCredentials.ClientCredentials
      yield* H.fails(request(), "DiscoveryError", "unsupported")
      assert.strictEqual(yield* server.count("token"), 0)
    }).pipe(
      Effect.provide(
        H.layer(
          { clientId: "service", authentication: ClientAuthentication.clientSecret(secret) },
          { metadata: { token_endpoint_auth_methods_supported: ["private_key_jwt"] } }
        )
      )
    )
  )
})

describe("ClientAuthentication.privateKeyJwt", () => {
  const keyring = Keyring.generate({ alg: "ES256", kid: "key-of-agent" })

  /** The assertion that a client sends, as the server reads it. */
  const assertion = (
    options: ClientAuthentication.PrivateKeyJwtOptions = {},
    server: TestIssuer.TestIssuer.Options = {}
  ) =>
    Effect.gen(function* () {
      const keys = yield* keyring
      const jwks = yield* keys.jwks
      const agent = { clientId: "agent", jwks: { keys: jwks.keys.map((key) => ({ ...key })) } }
      return yield* Effect.gen(function* () {
        yield* TestClock.adjust("1000 seconds")
        const { request } = yield* ClientCredentials.ClientCredentials
        const results = yield* Effect.replicateEffect(Effect.either(request()), 2)
        const all = yield* Effect.flatMap(TestIssuer.TestIssuer, (issuer) => issuer.requestsTo("token"))
        const tokens = all.map(({ form }) => form.get("client_assertion") ?? "")
        const [token = ""] = tokens
        const { form, headers } = yield* H.lastTokenRequest
        return {
          results,
          tokens,
          form,
          headers,
          claims: jose.decodeJwt(token),
          header: jose.decodeProtectedHeader(token)
        }
      }).pipe(
        Effect.provide(
          ClientCredentials.layer.pipe(
            Layer.provideMerge(
              OAuthClient.layer({
                issuer: H.issuer,
                clientId: "agent",
                authentication: ClientAuthentication.privateKeyJwt(options)
              })
            ),
            Layer.provideMerge(TestIssuer.layer({ clients: [agent], ...server })),
            Layer.provide(Layer.succeed(Keyring.KeyringService, keys))
          )
        )
      )
    })

  it.effect("RFC 7523 sections 2.2 and 3: a fresh assertion for every request, and no other credential", () =>
    Effect.gen(function* () {
      const { claims, form, header, headers, results, tokens } = yield* assertion()
      assert.deepStrictEqual(
        results.map((result) => result._tag),
        ["Right", "Right"]
      )
      assert.deepStrictEqual(header, { alg: "ES256", kid: "key-of-agent", typ: "JWT" })
      const { jti, ...rest } = claims
      assert.deepStrictEqual(rest, { iss: "agent", sub: "agent", aud: H.issuer, iat: 1000, exp: 1060 })
      assert.isAtLeast(jti?.length ?? 0, 20)
      assert.strictEqual(new Set(tokens).size, 2)
      assert.isUndefined(headers["authorization"])
      assert.deepStrictEqual(
        [...form.keys()],
        ["grant_type", "client_id", "client_assertion_type", "client_assertion"]
      )
      assert.strictEqual(
        form.get("client_assertion_type"),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
      )
    })
  )

  it.effect("DESIGN rule 7: the audience can be set: the endpoint, or a text", () =>
    Effect.gen(function* () {
      const endpoint = yield* assertion({ audience: "endpoint" }, { assertionAudience: "token_endpoint" })
      assert.strictEqual(endpoint.claims.aud, "https://issuer.test/token")
      assert.strictEqual(endpoint.results[0]?._tag, "Right")
      const own = yield* assertion({ audience: { value: "urn:as" }, lifetime: "5 minutes" })
      assert.strictEqual(own.claims.aud, "urn:as")
      assert.strictEqual((own.claims.exp ?? 0) - (own.claims.iat ?? 0), 300)
    })
  )

  it.effect("an algorithm that the server does not take, or a key that is not there, sends nothing", () =>
    Effect.gen(function* () {
      for (const [options, server] of [
        [{}, { metadata: { token_endpoint_auth_signing_alg_values_supported: ["RS256"] } }],
        [{ kid: "other" }, {}],
        [{ algorithm: "RS256" }, {}]
      ] as const) {
        const error = yield* Effect.flip(Effect.sandbox(assertion(options, server)))
        assert.include(String(error), "nothing came to the token endpoint")
      }
    })
  )

  it.effect("ClientAssertion.sign: the same assertion, for a request that the toolkit does not make", () =>
    Effect.gen(function* () {
      const { sign } = yield* ClientAssertion.ClientAssertion
      const signed = yield* sign({
        clientId: "agent",
        audience: "https://other.test",
        lifetime: "10 seconds"
      })
      const { exp, iat, iss, sub } = jose.decodeJwt(Redacted.value(signed))
      assert.deepStrictEqual({ exp, iat, iss, sub }, { exp: 10, iat: 0, iss: "agent", sub: "agent" })
      yield* H.fails(sign({ clientId: "agent", audience: "x", kid: "other" }), "KeyringError", "not_found")
    }).pipe(Effect.provide(ClientAssertion.layer), Effect.provide(Keyring.layer(keyring)))
  )
})
