/** Issue: metadata from one process to the next, in a store that nobody trusts and that may be away. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as TestServices from "effect/TestServices"
import * as Discovery from "effect-oauth/Discovery"
import * as EndpointPolicy from "effect-oauth/EndpointPolicy"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StoredMetadata from "effect-oauth/StoredMetadata"
import type { ServerMetadataOptions } from "effect-oauth/WellKnown"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import { capturing } from "../http/support/telemetry.js"
import * as H from "../client/support/setup.js"
import * as K from "./support/kept.js"

const issuer = H.issuer
const api = "https://api.test/notes"
const network = TestIssuer.layer({ resources: [api], resourceScopes: ["notes:read"] })

type Asked<A, R = never> = (
  discovery: Discovery.Discovery.Service
) => Effect.Effect<A, Discovery.Discovery.Error, R>

/** A process that asks. */
const asking = <A, R = never>(
  store: Pick<K.Watched, "secrets">,
  asked: Asked<A, R>,
  options: StoredMetadata.Options = {},
  limits?: Parameters<typeof K.process>[2]
) => K.process(store, Effect.flatMap(StoredMetadata.make(options), asked), limits)

const server =
  (of = issuer, options?: ServerMetadataOptions): Asked<{ readonly token_endpoint?: string | undefined }> =>
  (discovery) =>
    discovery.server(of, options)

const requests = Effect.flatMap(TestIssuer.TestIssuer, (test) =>
  Effect.map(test.requests, (all) => all.length)
)
const misbehave = H.misbehave

const changedBody = (members: Record<string, unknown>) => (entry: Record<string, unknown>) => ({
  ...entry,
  body: JSON.stringify({ ...JSON.parse(String(entry["body"])), ...members })
})

describe("StoredMetadata: of servers", () => {
  it.effect("another process finds what was kept, and asks the server nothing", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const first = yield* asking(store, server())
      const before = yield* requests
      assert.deepStrictEqual(yield* asking(store, server()), first)
      assert.strictEqual(yield* requests, before)
      assert.strictEqual(store.puts(), 1)
    }).pipe(Effect.provide(network))
  )

  it.effect("DESIGN rule 5: what was found in the third place is found there again", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const of = "https://issuer.test/t1"
      yield* asking(store, server(of))
      const before = yield* requests
      assert.strictEqual(before, 3)
      yield* asking(store, server(of))
      assert.strictEqual(yield* requests, before)
    }).pipe(
      Effect.provide(
        TestIssuer.layer({ issuer: "https://issuer.test/t1", wellKnown: ["openid-configuration"] })
      )
    )
  )

  it.effect("is kept an hour, counted from when it was fetched, whatever processes read it between", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, server())
      yield* TestClock.adjust("50 minutes")
      yield* asking(store, (discovery) =>
        Effect.gen(function* () {
          yield* discovery.server(issuer)
          assert.strictEqual(yield* requests, 1)
          yield* TestClock.adjust("9 minutes")
          yield* discovery.server(issuer)
          assert.strictEqual(yield* requests, 1)
          yield* TestClock.adjust("1 minute")
          yield* discovery.server(issuer)
          assert.strictEqual(yield* requests, 2)
        })
      )
      yield* asking(store, server())
      assert.strictEqual(yield* requests, 2)
    }).pipe(Effect.provide(network))
  )

  it.effect("the age may be shorter; with none nothing is read, and what is fetched is kept", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, server(), { maxAge: 0 })
      yield* asking(store, server(), { maxAge: 0 })
      assert.strictEqual(yield* requests, 2)
      assert.strictEqual(store.gets(), 0)
      yield* TestClock.adjust("10 minutes")
      yield* asking(store, server())
      assert.strictEqual(yield* requests, 2)
      yield* asking(store, server(), { maxAge: "10 minutes" })
      assert.strictEqual(yield* requests, 3)
    }).pipe(Effect.provide(network))
  )

  it.effect(
    "a clock that was set back makes nothing older than it may be: what is of the future is not used",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("2 hours")
        const store = yield* K.watched
        yield* asking(store, server())
        yield* TestClock.setTime(0)
        yield* asking(store, server())
        assert.strictEqual(yield* requests, 2)
        yield* TestClock.setTime(1_000_000_000)
        yield* asking(store, server())
        assert.strictEqual(yield* requests, 3)
      }).pipe(Effect.provide(network))
  )

  it.effect("in one process it is read once, and asked for once by a thousand", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, (discovery) =>
        Effect.forEach(Array.from({ length: 1000 }), () => discovery.server(issuer), {
          concurrency: "unbounded"
        })
      )
      assert.deepStrictEqual([yield* requests, store.gets(), store.puts()], [1, 1, 1])
    }).pipe(Effect.provide(network))
  )

  it.effect("two processes at once both go on, and leave one entry that can be read", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* Effect.all([asking(store, server()), asking(store, server())], { concurrency: 2 })
      const before = yield* requests
      assert.strictEqual(store.entries.size, 1)
      yield* asking(store, server())
      assert.strictEqual(yield* requests, before)
    }).pipe(Effect.provide(network))
  )

  it.effect("a failure is not kept, and takes nothing away", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* misbehave("metadata", Misbehaviour.connectionFailure)
      yield* H.fails(asking(store, server()), "TransportError", "unreachable")
      yield* misbehave("metadata", Misbehaviour.wrongIssuer("https://evil.test"))
      yield* H.fails(asking(store, server()), "DiscoveryError", "issuer_mismatch")
      yield* misbehave("metadata", Misbehaviour.status(404))
      yield* H.fails(asking(store, server()), "DiscoveryError", "not_found")
      assert.strictEqual(store.puts(), 0)
    }).pipe(Effect.provide(network))
  )

  it.effect("is found under an hour's age alone: an outage does not make it older", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, server())
      yield* TestClock.adjust("1 hour")
      yield* misbehave("metadata", Misbehaviour.connectionFailure)
      yield* H.fails(asking(store, server()), "TransportError", "unreachable")
    }).pipe(Effect.provide(network))
  )

  it.effect("other options are another question", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, server())
      yield* asking(store, server(issuer, { wellKnown: "openid-configuration" }))
      yield* asking(store, server(issuer, { metadataUrl: `${issuer}/.well-known/openid-configuration` }))
      assert.strictEqual(yield* requests, 3)
      assert.strictEqual(store.entries.size, 3)
    }).pipe(Effect.provide(network))
  )
})

describe("StoredMetadata: a store that is not trusted", () => {
  const planted: ReadonlyArray<readonly [what: string, plant: Parameters<K.Watched["plant"]>[0]]> = [
    ["nothing that can be read", "canary"],
    ["another version", '{"version":2}'],
    ["JSON of another kind", "[1]"],
    ["half an entry", (entry) => ({ ...entry, body: undefined })],
    ["half a document", (entry) => ({ ...entry, body: String(entry["body"]).slice(0, 40) })],
    [
      "the entry of another issuer",
      (entry) => ({ ...entry, key: '["server","https://evil.test",null,null]' })
    ],
    ["the metadata of another issuer", changedBody({ issuer: "https://evil.test" })],
    ["RFC 8414 section 3.3: an issuer with a slash", changedBody({ issuer: `${issuer}/` })],
    ["an endpoint of another type", changedBody({ token_endpoint: 7 })],
    ["an endpoint over plain http", changedBody({ token_endpoint: "http://issuer.test/token" })],
    ["a key set over plain http", changedBody({ jwks_uri: "http://issuer.test/jwks" })],
    ["peers 4c 79: an endpoint on this machine", changedBody({ token_endpoint: "http://127.0.0.1/token" })],
    [
      "an alias on this machine",
      changedBody({ mtls_endpoint_aliases: { token_endpoint: "https://127.0.0.1/token" } })
    ],
    ["a file", changedBody({ authorization_endpoint: "file:///etc/passwd" })],
    ["a place that is none of the issuer's", (entry) => ({ ...entry, url: "https://evil.test/m" })],
    ["an instant that is none", (entry) => ({ ...entry, at: "now" })],
    ["an instant of the future", (entry) => ({ ...entry, at: 1 })],
    ["peers 4c 73: a document of 300 KiB", changedBody({ padding: "x".repeat(300 * 1024) })],
    ["10 MB", "x".repeat(10_000_000)]
  ]
  for (const [what, plant] of planted) {
    it.effect(`${what}: the server is asked, and what it says takes the place`, () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        const honest = yield* asking(store, server())
        yield* store.plant(plant)
        assert.deepStrictEqual(yield* asking(store, server()), honest)
        assert.strictEqual(yield* requests, 2)
        yield* asking(store, server())
        assert.strictEqual(yield* requests, 2)
      }).pipe(Effect.provide(network))
    )
  }

  it.effect("the entry of one issuer, copied under the name of another, is not used", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const other = "https://issuer.test/other"
      yield* asking(store, server())
      const [text = ""] = store.entries.values()
      yield* H.fails(asking(store, server(other)), "DiscoveryError", "not_found")
      const name = store.asked.at(-1) ?? ""
      const key = JSON.stringify(["server", other, null, null])
      const url = `${issuer}/.well-known/oauth-authorization-server/other`
      for (const copied of [text, JSON.stringify({ ...JSON.parse(text), key, url })]) {
        yield* store.secrets.put(name, copied)
        yield* H.fails(asking(store, server(other)), "DiscoveryError", "not_found")
      }
    }).pipe(Effect.provide(network))
  )

  it.effect(
    "what the endpoint policy of a caller forbids is not used where it was kept, and refused where it is said",
    () =>
      Effect.gen(function* () {
        const endpointPolicy = EndpointPolicy.sameOrigin
        const store = yield* K.watched
        const honest = yield* asking(store, server())
        yield* store.plant(changedBody({ token_endpoint: "https://evil.test/token" }))
        assert.deepStrictEqual(yield* asking(store, server(issuer, { endpointPolicy })), honest)
        assert.strictEqual(yield* requests, 2)
        assert.deepStrictEqual(yield* asking(store, server(issuer, { endpointPolicy })), honest)
        assert.strictEqual(yield* requests, 2)

        yield* misbehave(
          "metadata",
          Misbehaviour.changedMember("token_endpoint", "https://elsewhere.test/token")
        )
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* asking(store, server())).token_endpoint, "https://elsewhere.test/token")
        yield* H.fails(asking(store, server(issuer, { endpointPolicy })), "DiscoveryError", "forbidden_url")
      }).pipe(Effect.provide(network))
  )

  it.effect("a thousand with a policy that forbids what was kept ask the server once", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, server())
      yield* store.plant(changedBody({ token_endpoint: "https://evil.test/token" }))
      yield* asking(store, (discovery) =>
        Effect.forEach(
          Array.from({ length: 1000 }),
          () => discovery.server(issuer, { endpointPolicy: EndpointPolicy.sameOrigin }),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(yield* requests, 2)
    }).pipe(Effect.provide(network))
  )

  it.effect("what a program on a closed network kept is judged by the rules of the one that reads it", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* misbehave("metadata", Misbehaviour.changedMember("token_endpoint", "http://issuer.test/token"))
      yield* asking(store, server(), {}, { allowInsecure: true })
      yield* asking(store, server(), {}, { allowInsecure: true })
      assert.strictEqual(yield* requests, 1)
      yield* asking(store, server())
      assert.strictEqual(yield* requests, 2)
    }).pipe(Effect.provide(network))
  )

  it.effect("4c 79: an issuer or address that may not be asked is not asked of the store either", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* H.fails(asking(store, server("http://issuer.test")), "DiscoveryError", "forbidden_url")
      const metadataUrl = "http://issuer.test/.well-known/oauth-authorization-server"
      yield* asking(store, server(issuer, { metadataUrl }), {}, { allowInsecure: true }).pipe(Effect.ignore)
      yield* H.fails(asking(store, server(issuer, { metadataUrl })), "TransportError", "forbidden_url")
    }).pipe(Effect.provide(network))
  )
})

describe("StoredMetadata: a store that is away", () => {
  for (const [fault, expected] of [
    ["fails", 2],
    ["corrupt", 2],
    ["lost", 2],
    ["lies", 2]
  ] as const) {
    it.effect(`${fault}: no flow fails, each process asks the server`, () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        store.when(() => fault)
        const first = yield* asking(store, server())
        assert.deepStrictEqual(yield* asking(store, server()), first)
        assert.strictEqual(yield* requests, expected)
      }).pipe(Effect.provide(network))
    )
  }

  it.effect("that cannot be read is written all the same, since what is there may be what is wrong", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      store.when((_, name) => (name === "get" ? "corrupt" : undefined))
      yield* asking(store, server())
      store.when(() => undefined)
      yield* asking(store, server())
      assert.strictEqual(yield* requests, 1)
    }).pipe(Effect.provide(network))
  )

  it.effect(
    "that does not answer when it is written holds nobody up, and the end of the process 2 seconds",
    () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        store.when((_, name) => (name === "put" ? "dies" : undefined))
        let had = false
        const process = yield* Effect.fork(
          asking(store, (discovery) =>
            Effect.map(discovery.server(issuer), () => {
              had = true
            })
          )
        )
        yield* H.asTimePasses(Effect.void, 0)
        while (!had) yield* TestServices.provideLive(Effect.sleep("1 millis"))
        assert.isTrue(Option.isNone(yield* Fiber.poll(process)))
        yield* H.asTimePasses(Fiber.join(process))
        assert.isAtMost(yield* Clock.currentTimeMillis, 3000)
      }).pipe(Effect.provide(network))
  )

  it.effect("that cannot be written is told once, and nothing of the entry with it", () =>
    Effect.gen(function* () {
      const captured = yield* capturing
      const store = yield* K.watched
      store.when((_, name) => (name === "put" ? "fails" : undefined))
      yield* asking(store, (discovery) =>
        Effect.gen(function* () {
          yield* discovery.server(issuer)
          yield* discovery.resource(api)
          yield* TestClock.adjust("1 hour")
          yield* discovery.server(issuer)
        })
      ).pipe(Effect.provide(captured.layer))
      const logs = yield* captured.logs
      assert.strictEqual(logs.filter((line) => line.includes("StoredMetadata")).length, 1)
      assert.notInclude(logs.join("\n"), "effect-oauth.metadata")
    }).pipe(Effect.provide(network))
  )

  it.effect("that does not answer is waited for 2 seconds, and then left alone for half a minute", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      store.when(() => "dies")
      yield* asking(store, (discovery) =>
        Effect.gen(function* () {
          const asked = yield* Effect.fork(discovery.server(issuer))
          yield* H.asTimePasses(Fiber.join(asked))
          assert.strictEqual(store.gets(), 1)
          yield* discovery.resource(api)
          assert.strictEqual(store.gets(), 1)
          yield* TestClock.adjust("30 seconds")
          store.when(() => undefined)
          yield* discovery.resource(api)
          assert.strictEqual(store.gets(), 2)
        })
      )
    }).pipe(Effect.provide(network))
  )

  it.effect("that dies with a defect is one that failed", () =>
    Effect.gen(function* () {
      const { secrets } = yield* K.watched
      const broken: SecretStore.SecretStore.Service = {
        ...secrets,
        get: () => Effect.dieMessage("canary"),
        put: () => Effect.dieMessage("canary")
      }
      const captured = yield* capturing
      yield* asking({ secrets: broken }, server()).pipe(Effect.provide(captured.layer))
      assert.notInclude(yield* captured.text, "canary")
    }).pipe(Effect.provide(network))
  )
})

describe("StoredMetadata: of resources", () => {
  const resource =
    (url: string, challenge?: string): Asked<Discovery.Discovery.Resource> =>
    (discovery) =>
      discovery.resource(url, { challenge })

  it.effect("the document is kept; the challenge is what the resource says now", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const first = yield* asking(store, resource(api, 'Bearer scope="notes:read"'))
      const second = yield* asking(store, resource(api, 'Bearer scope="notes:write"'))
      assert.strictEqual(yield* requests, 1)
      assert.deepStrictEqual(second.metadata, first.metadata)
      assert.deepStrictEqual(second.challengedScope, ["notes:write"])
    }).pipe(Effect.provide(network))
  )

  it.effect("RFC 9728 section 5.1: from its URL alone, the resource is asked and its document is not", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const first = yield* asking(store, (discovery) => discovery.fromResource(api))
      assert.strictEqual(yield* requests, 2)
      assert.deepStrictEqual(yield* asking(store, (discovery) => discovery.fromResource(api)), first)
      assert.strictEqual(yield* requests, 3)
      assert.deepStrictEqual(first.challengedScope, ["notes:read"])
    }).pipe(Effect.provide(network))
  )

  it.effect("the resource is asked once, whatever becomes of what was kept", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const found = yield* asking(store, (discovery) => discovery.fromResource(api))
      yield* store.plant(changedBody({ resource: "https://evil.test/notes" }))
      assert.deepStrictEqual(yield* asking(store, (discovery) => discovery.fromResource(api)), found)
      assert.strictEqual(yield* requests, 4)
      yield* misbehave("resource", Misbehaviour.connectionFailure)
      yield* H.fails(
        asking(store, (discovery) => discovery.fromResource(api)),
        "TransportError",
        "unreachable"
      )
      assert.strictEqual(yield* requests, 5)
    }).pipe(Effect.provide(network))
  )

  it.effect("a challenge that names another place is followed, quietly", () =>
    Effect.gen(function* () {
      const captured = yield* capturing
      const store = yield* K.watched
      yield* asking(store, resource(api))
      const place = "https://api.test/.well-known/oauth-protected-resource"
      const found = yield* asking(store, resource(api, `Bearer resource_metadata="${place}"`)).pipe(
        Effect.provide(captured.layer)
      )
      assert.strictEqual(found.resource, "https://api.test")
      assert.strictEqual(yield* requests, 2)
      assert.deepStrictEqual(yield* captured.logs, [])
    }).pipe(Effect.provide(TestIssuer.layer({ resources: [api, "https://api.test"] })))
  )

  const planted: ReadonlyArray<readonly [what: string, plant: Parameters<K.Watched["plant"]>[0]]> = [
    ["RFC 9728 section 3.3: another resource", changedBody({ resource: "https://api.test/other" })],
    [
      "RFC 9728 section 3.3: the root, from the place of the path",
      changedBody({ resource: "https://api.test" })
    ],
    ["another origin", changedBody({ resource: "https://evil.test/notes" })],
    ["no server", changedBody({ authorization_servers: [] })],
    ["a server over plain http", changedBody({ authorization_servers: ["http://evil.test"] })],
    [
      "a place that a challenge alone could name",
      (entry) => ({ ...entry, url: "https://api.test/elsewhere" })
    ],
    ["the entry of another", (entry) => ({ ...entry, key: '["resource","https://api.test/other"]' })],
    ["an instant of the future", (entry) => ({ ...entry, at: 1 })]
  ]
  for (const [what, plant] of planted) {
    it.effect(`${what}: the resource is asked`, () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        const honest = yield* asking(store, resource(api))
        yield* store.plant(plant)
        assert.deepStrictEqual(yield* asking(store, resource(api)), honest)
        assert.strictEqual(yield* requests, 2)
      }).pipe(Effect.provide(network))
    )
  }

  it.effect("is kept an hour", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, resource(api))
      yield* TestClock.adjust("59 minutes")
      yield* asking(store, resource(api))
      assert.strictEqual(yield* requests, 1)
      yield* TestClock.adjust("1 minute")
      yield* asking(store, resource(api))
      assert.strictEqual(yield* requests, 2)
    }).pipe(Effect.provide(network))
  )
})

describe("StoredMetadata: names and layers", () => {
  it.effect("nothing of an issuer or a resource shows in a name", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      yield* asking(store, server())
      yield* asking(store, (discovery) => discovery.resource(api))
      assert.strictEqual(store.entries.size, 2)
      for (const name of store.entries.keys()) {
        assert.match(name, /^effect-oauth\.metadata\.[A-Za-z0-9_-]{43}$/)
      }
    }).pipe(Effect.provide(network))
  )

  it.effect("gives its metadata to a client, which then asks for none", () =>
    Effect.gen(function* () {
      const client = yield* OAuthClient.OAuthClient
      const before = yield* requests
      assert.strictEqual((yield* client.metadata).issuer, issuer)
      assert.strictEqual(yield* requests, before)
    }).pipe(
      Effect.provide(
        Layer.unwrapEffect(
          Effect.map(
            Effect.flatMap(Discovery.Discovery, (discovery) => discovery.server(issuer)),
            (metadata) => OAuthClient.layer({ issuer, clientId: "cli", metadata })
          )
        ).pipe(
          Layer.provide(StoredMetadata.layer()),
          Layer.provide(SecretStore.layerMemory),
          Layer.provideMerge(network)
        )
      )
    )
  )
})
