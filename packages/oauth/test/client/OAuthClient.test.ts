import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

const nowhere = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => Effect.dieMessage("nothing may be sent"))
)

/** A client for as long as the test lives. */
const build = (options: Partial<OAuthClient.OAuthClient.Options>) =>
  Effect.map(
    Layer.build(Layer.provide(OAuthClient.layer({ issuer: H.issuer, clientId: "app", ...options }), nowhere)),
    Context.get(OAuthClient.OAuthClient)
  )

const metadata = Effect.flatMap(OAuthClient.OAuthClient, (client) => client.metadata)

describe("OAuthClient.layer", () => {
  it.scoped("what authentication does is traced under the request, not under what built the client", () =>
    Effect.gen(function* () {
      const parents: Array<string> = []
      const secret = Effect.gen(function* () {
        const span = yield* Effect.currentParentSpan
        parents.push(span._tag === "Span" ? span.name : span._tag)
        return Redacted.make("s3cret")
      }).pipe(Effect.orDie)
      const authentication = ClientAuthentication.clientSecretFrom(secret)
      const services = yield* Layer.build(H.layer({ clientId: "service", authentication })).pipe(
        Effect.withSpan("boot")
      )
      const { request } = Context.get(services, ClientCredentials.ClientCredentials)
      yield* Effect.withSpan(request(), "work")
      yield* request()
      assert.deepStrictEqual(parents, ["ClientCredentials.request", "ClientCredentials.request"])
    })
  )

  it.scoped("issue 2: an issuer that is not https, or not an issuer, fails before anything is sent", () =>
    Effect.gen(function* () {
      for (const issuer of [
        "http://issuer.test",
        "issuer.test",
        "",
        "https://issuer.test?x",
        "https://issuer.test/#",
        "ftp://issuer.test"
      ]) {
        const error = yield* H.fails(build({ issuer }), "DiscoveryError", "forbidden_url")
        assert.strictEqual(error.operation, "OAuthClient.make")
      }
    })
  )

  it.scoped("DESIGN rule 1: http to this machine is allowed, elsewhere only where HttpLimits say so", () =>
    Effect.gen(function* () {
      for (const issuer of ["http://127.0.0.1:3000", "http://localhost", "http://[::1]:8080/t"]) {
        assert.strictEqual((yield* build({ issuer })).issuer, issuer)
      }
      const allowed = yield* build({ issuer: "http://issuer.internal" }).pipe(
        Effect.provide(HttpLimits.layer({ allowInsecure: true }))
      )
      assert.strictEqual(allowed.issuer, "http://issuer.internal")
    })
  )

  it.scoped("a redirect URI that may not be one fails before anything is sent", () =>
    Effect.gen(function* () {
      for (const redirectUri of [
        "javascript:alert(1)",
        "http://app.test/cb",
        "https://app.test/cb#x",
        "/cb",
        "app:/cb"
      ]) {
        yield* H.fails(
          build({ redirectUri: [H.redirectUri, redirectUri] }),
          "DiscoveryError",
          "forbidden_url"
        )
      }
      const { redirectUris } = yield* build({ redirectUri: ["com.example.app:/cb", "http://[::1]/cb"] })
      assert.deepStrictEqual(redirectUris, ["com.example.app:/cb", "http://[::1]/cb"])
    })
  )

  it.effect("the server is asked on first use: one fetch for a thousand callers, kept for an hour", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      assert.strictEqual(yield* server.count("metadata"), 0)
      yield* Effect.all(
        Array.from({ length: 1000 }, () => metadata),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* server.count("metadata"), 1)
      yield* TestClock.adjust("59 minutes")
      yield* metadata
      assert.strictEqual(yield* server.count("metadata"), 1)
      yield* TestClock.adjust("1 minutes")
      yield* metadata
      assert.strictEqual(yield* server.count("metadata"), 2)
    }).pipe(Effect.provide(H.layer()))
  )

  it.scoped("an endpoint is that of the metadata in force, also where the server has another one now", () =>
    Effect.gen(function* () {
      const posted: Array<string> = []
      let token_endpoint = `${H.issuer}/old`
      const client = HttpClient.make((request) => {
        if (request.method === "POST") posted.push(request.url)
        const body =
          request.method === "GET"
            ? { issuer: H.issuer, token_endpoint, response_types_supported: ["code"] }
            : { access_token: "t", token_type: "Bearer" }
        return Effect.succeed(HttpClientResponse.fromWeb(request, Response.json(body)))
      })
      const services = yield* Layer.build(
        ClientCredentials.layer.pipe(
          Layer.provide(OAuthClient.layer({ issuer: H.issuer, clientId: "app" })),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, client))
        )
      )
      const { request } = Context.get(services, ClientCredentials.ClientCredentials)
      yield* request()
      token_endpoint = `${H.issuer}/new`
      yield* request()
      yield* TestClock.adjust("61 minutes")
      yield* request()
      assert.deepStrictEqual(posted, [`${H.issuer}/old`, `${H.issuer}/old`, `${H.issuer}/new`])
    })
  )

  it.scoped("metadata that the program gives is read when the client is made, and no more", () =>
    Effect.gen(function* () {
      const given = { issuer: H.issuer, token_endpoint: `${H.issuer}/one` }
      const client = yield* build({ metadata: given })
      assert.strictEqual(yield* client.endpoint("Test", "token_endpoint"), `${H.issuer}/one`)
      given.token_endpoint = `${H.issuer}/two`
      assert.strictEqual(yield* client.endpoint("Test", "token_endpoint"), `${H.issuer}/one`)
      assert.strictEqual((yield* client.metadata).token_endpoint, `${H.issuer}/one`)
    })
  )

  it.effect("a failure is not kept", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* server.misbehave("metadata", Misbehaviour.status(503))
      yield* H.fails(metadata, "TransportError", "status")
      yield* server.behave()
      assert.strictEqual((yield* metadata).issuer, H.issuer)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("the interruption of the first caller does not fail the others", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* server.misbehave("metadata", Misbehaviour.slow("2 seconds"))
      const first = yield* Effect.fork(metadata)
      const second = yield* Effect.fork(metadata)
      while ((yield* server.count("metadata")) === 0) yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* H.asTimePasses(Fiber.join(second))).issuer, H.issuer)
      assert.strictEqual(yield* server.count("metadata"), 1)
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("DESIGN rule 4: a document of another issuer is fatal for every flow", () =>
    Effect.gen(function* () {
      const { request } = yield* ClientCredentials.ClientCredentials
      const error = yield* H.fails(request(), "DiscoveryError", "issuer_mismatch")
      assert.include(error.message, "trailing slash")
    }).pipe(Effect.provide(H.layer({}, { metadata: { issuer: `${H.issuer}/` } })))
  )

  it.scoped("metadata that the program gives is used, and nothing fetched; another issuer's is refused", () =>
    Effect.gen(function* () {
      const { endpoint } = yield* build({
        metadata: { issuer: H.issuer, token_endpoint: "https://issuer.test/own" }
      })
      assert.strictEqual(yield* endpoint("Test.own", "token_endpoint"), "https://issuer.test/own")
      yield* H.fails(endpoint("Test.own", "jwks_uri"), "DiscoveryError", "missing_endpoint")
      const other = yield* build({ metadata: { issuer: `${H.issuer}/` } })
      yield* H.fails(other.metadata, "DiscoveryError", "issuer_mismatch")
    })
  )

  const endpoints = [
    "http://issuer.test/token",
    "https://user:password@issuer.test/token",
    "https://issuer.test/token#x",
    "http://127.0.0.1/token",
    "https://localhost/token",
    "http://169.254.169.254/token",
    "http://[::ffff:7f00:1]/token",
    "http://2130706433/token",
    "file:///token",
    "javascript:alert(1)",
    "/token",
    ""
  ]
  for (const url of endpoints) {
    it.effect(`DESIGN rule 1, peers 4c 79 and 80: no secret is sent to ${JSON.stringify(url)}`, () =>
      Effect.gen(function* () {
        const server = yield* TestIssuer.TestIssuer
        const { request } = yield* ClientCredentials.ClientCredentials
        const error = yield* H.fails(request(), "DiscoveryError", "forbidden_url")
        assert.include(error.message, "token_endpoint")
        assert.notInclude(error.message, "password")
        assert.strictEqual((yield* server.requests).filter(({ method }) => method === "POST").length, 0)
      }).pipe(
        Effect.provide(
          H.layer(
            { authentication: ClientAuthentication.clientSecret(Redacted.make("s3cret")) },
            { metadata: { token_endpoint: url } }
          )
        )
      )
    )
  }

  it.effect("DESIGN section 3: the secret of one tenant is not sent to the server of another", () =>
    Effect.gen(function* () {
      const tenants = yield* Effect.forEach(["one", "two"], (name) =>
        TestIssuer.make({
          issuer: `https://${name}.test`,
          clients: [{ clientId: "service", secret: `secret-of-${name}` }]
        })
      )
      const http = Layer.succeed(HttpClient.HttpClient, TestIssuer.combine(tenants))
      for (const [index, name] of ["one", "two"].entries()) {
        const tokens = yield* Effect.flatMap(ClientCredentials.ClientCredentials, ({ request }) =>
          request()
        ).pipe(
          Effect.provide(ClientCredentials.layer),
          Effect.provide(
            OAuthClient.layer({
              issuer: `https://${name}.test`,
              clientId: "service",
              authentication: ClientAuthentication.clientSecretPost(Redacted.make(`secret-of-${name}`))
            })
          ),
          Effect.provide(http)
        )
        assert.strictEqual(tokens.issuer, `https://${name}.test`)
        const received = yield* tenants[index]?.requestsTo("token") ?? Effect.succeed([])
        assert.deepStrictEqual(
          received.map(({ form }) => form.get("client_secret")),
          [`secret-of-${name}`]
        )
      }
    })
  )

  it.effect("layerConfig: from configuration, where a missing value is a ConfigError", () =>
    Effect.gen(function* () {
      const layer = OAuthClient.layerConfig(
        Config.all({
          issuer: Config.string("OAUTH_ISSUER"),
          clientId: Config.string("OAUTH_CLIENT_ID"),
          authentication: Config.map(
            Config.redacted("OAUTH_CLIENT_SECRET"),
            ClientAuthentication.clientSecret
          )
        })
      ).pipe(Layer.provide(nowhere))
      const provide = (values: ReadonlyArray<readonly [string, string]>) =>
        OAuthClient.OAuthClient.pipe(
          Effect.provide(layer),
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(values)))
        )
      const values = [
        ["OAUTH_ISSUER", H.issuer],
        ["OAUTH_CLIENT_ID", "app"],
        ["OAUTH_CLIENT_SECRET", "s"]
      ] as const
      assert.strictEqual((yield* provide(values)).clientId, "app")
      assert.include(String(yield* Effect.flip(provide(values.slice(1)))), "OAUTH_ISSUER")
    })
  )
})
