import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { assert, describe, it } from "@effect/vitest"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Published from "effect-oauth-resource-server/Published"
import * as Publishing from "effect-oauth-resource-server/Publishing"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as ProtectedResourceMetadata from "effect-oauth/ProtectedResourceMetadata"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createLocalJWKSet, jwtVerify } from "jose"
import { appOf, issuer, live, resource, sender, serve } from "./support/api.js"
import { challengeOf, protection } from "./support/asking.js"

const resourceServer = (options: Partial<ResourceServer.Identity> = {}) =>
  Layer.effect(ResourceServer.ResourceServer, ResourceServer.make({ resource, issuer, ...options }))

/** Serves documents by themselves. */
const serving = <E, R>(documents: Effect.Effect<ReadonlyArray<Published.Published>, E, R>) =>
  Effect.flatMap(Publishing.router(documents), sender)

const only = <E, R>(document: Effect.Effect<Published.Published, E, R>) =>
  serving(Effect.map(document, (one) => [one]))

const get = (url: string, init?: RequestInit) => new Request(url, init)
const json = (response: Response) => Effect.promise((): Promise<Record<string, unknown>> => response.json())
const wellKnown = "/.well-known/oauth-protected-resource"

describe("metadata of a protected resource", () => {
  for (const [own, path] of [
    ["https://mcp.example.com", wellKnown],
    ["https://mcp.example.com/mcp", `${wellKnown}/mcp`],
    ["https://mcp.example.com/mcp/", `${wellKnown}/mcp/`],
    ["https://mcp.example.com/a:b/%7Eme", `${wellKnown}/a:b/%7Eme`]
  ] as const) {
    it.scoped(`RFC 9728 section 3.1, seeds 4.5: ${own} is told of at ${path}`, () =>
      Effect.gen(function* () {
        const send = yield* only(Published.resource())
        const response = yield* send(get(`https://mcp.example.com${path}`))
        assert.strictEqual(response.status, 200)
        const read = yield* ProtectedResourceMetadata.decode("test", yield* json(response))
        assert.deepStrictEqual(read, {
          resource: own,
          authorization_servers: [issuer],
          bearer_methods_supported: ["header"]
        })
        assert.strictEqual((yield* send(get("https://mcp.example.com/other"))).status, 404)
      }).pipe(Effect.provide(resourceServer({ resource: own })))
    )
  }

  it.scoped("says what it is told to, and never another resource", () =>
    Effect.gen(function* () {
      const metadata = {
        scopes_supported: ["notes:read"],
        resource_name: "Notes",
        x_own: 1,
        resource: "https://other"
      }
      const send = yield* only(Published.resource({ metadata, maxAge: "1 minute" }))
      const response = yield* send(get(`${resource}${wellKnown}`))
      assert.strictEqual(response.headers.get("cache-control"), "public, max-age=60")
      assert.strictEqual(response.headers.get("content-type"), "application/json")
      const { resource: told, ...others } = yield* json(response)
      assert.strictEqual(told, resource)
      assert.include(others, { resource_name: "Notes", x_own: 1 })
    }).pipe(Effect.provide(resourceServer()))
  )

  it.scoped("RFC 9728 section 2.2: signed metadata verifies with the published keys, by jose", () =>
    Effect.gen(function* () {
      const send = yield* serving(
        Effect.all([
          Published.resourceSigned({ metadata: { scopes_supported: ["notes:read"] } }),
          Published.jwks()
        ])
      )
      const { keys } = yield* json(yield* send(get(`${resource}/.well-known/jwks.json`)))
      assert(Array.isArray(keys))
      for (const key of keys) for (const member of ["d", "p", "q", "k"]) assert.notProperty(key, member)
      const first = yield* json(yield* send(get(`${resource}${wellKnown}`)))
      const again = yield* json(yield* send(get(`${resource}${wellKnown}`)))
      assert.strictEqual(first["signed_metadata"], again["signed_metadata"], "one signature for many")
      const { payload } = yield* Effect.promise(() =>
        jwtVerify(String(first["signed_metadata"]), createLocalJWKSet({ keys }), {
          issuer: resource,
          currentDate: new Date(0)
        })
      )
      assert.include(payload, { resource })
      assert.deepStrictEqual(payload["scopes_supported"], ["notes:read"])
      assert.notProperty(payload, "signed_metadata")
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          Layer.merge(JwtSigner.layer, resourceServer()),
          Layer.effect(Keyring.KeyringService, Keyring.generate({ alg: "ES256" }))
        )
      )
    )
  )

  it.effect("a resource that is no URL has no place by itself", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Published.resource())
      assert.strictEqual(error.option, "metadataUrl")
    }).pipe(Effect.provide(resourceServer({ resource: "urn:notes", origin: "https://api.test" })))
  )
})

describe("who may read it", () => {
  const methods = Effect.flatMap(only(Published.resource()), (send) =>
    Effect.succeed((method: string) => send(get(`${resource}${wellKnown}`, { method })))
  )

  it.scoped("scripts of any origin, with GET and HEAD, also after a preflight", () =>
    Effect.gen(function* () {
      const ask = yield* methods
      for (const method of ["GET", "HEAD"]) {
        const response = yield* ask(method)
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers.get("access-control-allow-origin"), "*")
        assert.isFalse(response.headers.has("access-control-allow-credentials"))
      }
      const preflight = yield* ask("OPTIONS")
      assert.strictEqual(preflight.status, 204)
      assert.strictEqual(preflight.headers.get("access-control-allow-methods"), "GET, HEAD")
      assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /mcp-protocol-version/)
    }).pipe(Effect.provide(resourceServer()))
  )

  it.scoped("seeds A.3: no other method is answered as if it were a read", () =>
    Effect.gen(function* () {
      const ask = yield* methods
      for (const method of ["POST", "PUT", "DELETE"]) {
        const response = yield* ask(method)
        assert.strictEqual(response.status, 405)
        assert.strictEqual(response.headers.get("allow"), "GET, HEAD, OPTIONS")
      }
    }).pipe(Effect.provide(resourceServer()))
  )
})

describe("the document of a client", () => {
  const url = "https://api.test/oauth/client.json"

  it.scoped("is at its client_id", () =>
    Effect.gen(function* () {
      const send = yield* only(
        Published.client(url, { client_name: "Notes", redirect_uris: ["https://api.test/callback"] })
      )
      const document = yield* json(yield* send(get(url)))
      assert.include(document, { client_id: url, client_name: "Notes" })
    })
  )

  it.effect("is refused where a server would refuse it", () =>
    Effect.gen(function* () {
      const bad = Published.client("https://api.test/", { client_name: "Notes", redirect_uris: [] })
      assert.strictEqual((yield* Effect.flip(bad))._tag, "DiscoveryError")
    })
  )
})

describe("the metadata of the authorization server, for older MCP clients", () => {
  const setup = Layer.mergeAll(
    resourceServer(),
    Discovery.layer.pipe(Layer.provide(HttpLimits.layer({ retries: 0 })))
  ).pipe(Layer.provideMerge(TestIssuer.layer()))
  const path = "/.well-known/oauth-authorization-server"

  it.scoped("is passed on as it is", () =>
    Effect.gen(function* () {
      const send = yield* only(Published.authorizationServer())
      const document = yield* json(yield* send(get(`${resource}${path}`)))
      assert.strictEqual(document["issuer"], issuer)
      assert.isString(document["token_endpoint"])
    }).pipe(Effect.provide(setup))
  )

  it.scoped("is 503 while the server cannot be had, and says nothing of why", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      yield* server.misbehave("metadata", Misbehaviour.status(500))
      const send = yield* only(Published.authorizationServer())
      const response = yield* send(get(`${resource}${path}`))
      assert.strictEqual(response.status, 503)
      assert.strictEqual(response.headers.get("retry-after"), "5")
      assert.strictEqual(yield* Effect.promise(() => response.text()), "")
    }).pipe(Effect.provide(setup))
  )

  it.effect("is of one of the resource's issuers alone", () =>
    Effect.gen(function* () {
      const other = Published.authorizationServer({ issuer: "https://other.test" })
      assert.strictEqual((yield* Effect.flip(other))._tag, "ResourceServerError")
    }).pipe(Effect.provide(setup))
  )
})

describe("beside an API", () => {
  it.scoped("is open, whatever protects the API", () =>
    Effect.gen(function* () {
      const documents = Publishing.layer(Effect.all([Published.resource()])).pipe(
        Layer.provide(resourceServer())
      )
      const send = yield* Effect.flatMap(appOf(Layer.provideMerge(live(protection), documents)), sender)
      assert.strictEqual((yield* send(get(`${resource}${wellKnown}`))).status, 200)
      assert.strictEqual((yield* send(get(`${resource}/notes`))).status, 401)
    }).pipe(Effect.provide(TestIssuer.layer()))
  )

  it.scoped("RFC 9728 section 5.1: also where the API is protected as a whole, before the router", () =>
    Effect.gen(function* () {
      class Whole extends HttpApi.make("whole")
        .add(HttpApiGroup.make("notes").add(HttpApiEndpoint.get("all", "/notes").addSuccess(Schema.String)))
        .middleware(BearerAuth.BearerAuth) {}
      const api = HttpApiBuilder.api(Whole).pipe(
        Layer.provide(
          HttpApiBuilder.group(Whole, "notes", (_) => _.handle("all", () => Effect.succeed("notes")))
        )
      )
      const auth = BearerAuth.layer(Whole, { resource, issuer })
      const documents = Publishing.layer(Effect.all([Published.resource()]))
      const send = yield* serve(Layer.provide(Layer.provideMerge(api, documents), auth))
      const refused = yield* send(get(`${resource}/notes`))
      assert.strictEqual(refused.status, 401)
      const { resource_metadata: told } = challengeOf(refused)
      assert.strictEqual(told, `${resource}${wellKnown}`)
      for (const [method, status] of [
        ["GET", 200],
        ["HEAD", 200],
        ["OPTIONS", 204],
        ["POST", 405]
      ] as const) {
        assert.strictEqual((yield* send(get(`${told}?a=b`, { method }))).status, status)
      }
      // Nothing else is open for it.
      for (const path of [`${wellKnown}/`, `${wellKnown}/notes`, `/notes?${wellKnown}`]) {
        assert.strictEqual((yield* send(get(`${resource}${path}`))).status, 401, path)
      }
    }).pipe(Effect.provide(TestIssuer.layer()))
  )

  it.scoped("two documents at one path are refused", () =>
    Effect.gen(function* () {
      const twice = Publishing.router(Effect.all([Published.resource(), Published.resource()]))
      assert.strictEqual((yield* Effect.flip(twice)).option, "path")
    }).pipe(Effect.provide(resourceServer()))
  )
})
