/** Published keys from one process to the next: the rules of RemoteJwks hold as if this process had fetched them. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Discovery from "effect-oauth/Discovery"
import { JwksStore } from "effect-oauth/JwksStore"
import * as Keyring from "effect-oauth/Keyring"
import type * as RemoteJwks from "effect-oauth/RemoteJwks"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StoredJwks from "effect-oauth/StoredJwks"
import * as StoredMetadata from "effect-oauth/StoredMetadata"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "../client/support/setup.js"
import { capturing } from "../http/support/telemetry.js"
import type { KeyServer } from "../keys/support/keyServer.js"
import { failing, jwksUri, keyServer, publishing, remote } from "../keys/support/keyServer.js"
import { ec, issuer } from "../keys/support/tokens.js"
import * as K from "./support/kept.js"

const [one, other] = [ec("P-256", "first"), ec("P-256", "second")]
const first = one.jwk
const second = other.jwk

const privateHalf: unknown = { ...one.privateKey.export({ format: "jwk" }), kid: "lost" }

/** What the keyring says of a kid: `found`, or the reason of its failure. */
const ask = (ring: Keyring.Keyring, kid = "first", of = issuer): Effect.Effect<string> =>
  Effect.map(Effect.either(ring.verificationKey(of, { alg: "ES256", kid })), (result) =>
    Either.isRight(result) ? "found" : result.left.reason
  )

/** A process with a keyring of its own. */
const using = <A, E>(
  store: Pick<K.Watched, "secrets">,
  server: KeyServer,
  use: (ring: RemoteJwks.RemoteJwks) => Effect.Effect<A, E>,
  options: Partial<RemoteJwks.Options> = {}
) =>
  K.process(
    store,
    Effect.flatMap(StoredJwks.make, (jwks) =>
      Effect.flatMap(Effect.provideService(remote(server, options), JwksStore, jwks), use)
    )
  )

const fetches = (server: KeyServer): number => server.requests.length
const settle = TestClock.adjust(0)

const changedKeys = (keys: ReadonlyArray<unknown>) => (entry: Record<string, unknown>) => ({ ...entry, keys })

describe("StoredJwks: from process to process", () => {
  it.effect("another process finds the keys, and fetches nothing", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first, second]))
      assert.strictEqual(yield* using(store, server, ask), "found")
      assert.strictEqual(yield* using(store, server, (ring) => ask(ring, "second")), "found")
      assert.deepStrictEqual([fetches(server), store.puts()], [1, 1])
    })
  )

  it.effect("without such a layer nothing is kept", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([first]))
      for (let run = 1; run <= 2; run++) {
        yield* Effect.scoped(Effect.flatMap(remote(server), ask))
        assert.strictEqual(fetches(server), run)
      }
    })
  )

  it.effect("a key that is gone at its issuer is gone after five minutes from when it was fetched", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      server.answer = publishing([second])
      yield* TestClock.adjust("200 seconds")
      // A process in between makes it no younger.
      assert.strictEqual(yield* using(store, server, ask), "found")
      assert.strictEqual(fetches(server), 1)
      yield* TestClock.adjust("100 seconds")
      assert.strictEqual(yield* using(store, server, ask), "not_found")
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.effect(
    "the process that read them asks anew when four fifths of their time are over, not of its own",
    () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        const server = keyServer(publishing([first]))
        yield* using(store, server, ask)
        yield* TestClock.adjust("200 seconds")
        yield* using(store, server, (ring) =>
          Effect.gen(function* () {
            yield* ask(ring)
            server.answer = publishing([second])
            yield* TestClock.adjust("40 seconds")
            assert.strictEqual(yield* ask(ring), "found")
            yield* settle
            assert.strictEqual(fetches(server), 2)
            assert.strictEqual(yield* ask(ring, "second"), "found")
          })
        )
      })
  )

  it.effect("RFC 9111 section 5.2.2.1: the life that the issuer gave them goes with them", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first], { "cache-control": "max-age=60" }))
      yield* using(store, server, ask)
      yield* TestClock.adjust("59 seconds")
      yield* using(store, server, ask)
      assert.strictEqual(fetches(server), 1)
      yield* TestClock.adjust("1 second")
      yield* using(store, server, ask)
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.effect("the policy of who reads them is the one that counts", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      yield* TestClock.adjust("1 minute")
      yield* using(store, server, ask, { timeToLive: "1 minute" })
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.effect("a kid that is not among those kept causes one fetch, since the issuer may have rotated", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      server.answer = publishing([second])
      assert.strictEqual(yield* using(store, server, (ring) => ask(ring, "second")), "found")
      assert.strictEqual(fetches(server), 2)
      // And what it found is what the next one finds.
      assert.strictEqual(yield* using(store, server, (ring) => ask(ring, "second")), "found")
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.effect("4c 82: ten thousand names that nobody has cost no more with kept keys than without", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      yield* using(store, server, (ring) =>
        Effect.forEach(Array.from({ length: 10_000 }), (_, index) => ask(ring, `name ${index}`), {
          discard: true
        })
      )
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.effect("a thousand that ask at once read the store once", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      const said = yield* using(store, server, (ring) =>
        Effect.forEach(Array.from({ length: 1000 }), () => ask(ring), { concurrency: "unbounded" })
      )
      assert.deepStrictEqual([...new Set(said)], ["found"])
      assert.deepStrictEqual([fetches(server), store.gets()], [1, 2])
    })
  )

  it.effect("keys past their time serve while they cannot be fetched, for an hour as without the store", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      server.answer = failing(503)
      yield* TestClock.adjust("64 minutes")
      assert.strictEqual(yield* using(store, server, ask), "found")
      assert.strictEqual(fetches(server), 2)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* using(store, server, ask), "unavailable")
    })
  )

  it.effect("refresh fetches, whatever is kept", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      server.answer = publishing([second])
      yield* using(store, server, (ring) =>
        Effect.gen(function* () {
          yield* ring.refresh
          assert.deepStrictEqual([fetches(server), store.gets()], [2, 1])
          assert.strictEqual(yield* ask(ring), "not_found")
        })
      )
      yield* using(store, server, (ring) =>
        Effect.all([ask(ring), ring.refresh], { concurrency: 2, discard: true })
      )
      assert.strictEqual(fetches(server), 4)
    })
  )

  it.effect("what is no key set is not kept, nor is a failure", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      for (const answer of [failing(404), failing(500), Effect.succeed({ body: { keys: 7 } })]) {
        yield* using(store, keyServer(answer), ask)
      }
      assert.strictEqual(store.puts(), 0)
    })
  )

  it.effect("two processes at once both have keys, and leave an entry that can be read", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      const said = yield* Effect.all([using(store, server, ask), using(store, server, ask)], {
        concurrency: 2
      })
      assert.deepStrictEqual(said, ["found", "found"])
      const before = fetches(server)
      yield* using(store, server, ask)
      assert.strictEqual(fetches(server), before)
    })
  )

  it.effect("an entry of before, written late, is as old as it is", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      const [[name = "", old = ""] = []] = [...store.entries]
      yield* TestClock.adjust("5 minutes")
      server.answer = publishing([second])
      yield* using(store, server, (ring) => ask(ring, "second"))
      yield* store.secrets.put(name, old)
      assert.strictEqual(yield* using(store, server, ask), "not_found")
    })
  )

  it.effect("a clock that jumps ahead, or back before they were fetched, has them fetched", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* TestClock.setTime(1_000_000_000)
      yield* using(store, server, ask)
      for (const time of [999_999_999, 2_000_000_000, 1]) {
        const before = fetches(server)
        yield* TestClock.setTime(time)
        assert.strictEqual(yield* using(store, server, ask), "found")
        assert.strictEqual(fetches(server), before + 1, `at ${time}`)
      }
    })
  )
})

describe("StoredJwks: a store that is not trusted", () => {
  const planted: ReadonlyArray<readonly [what: string, plant: Parameters<K.Watched["plant"]>[0]]> = [
    ["nothing that can be read", "canary"],
    ["another version", (entry) => ({ ...entry, version: 2 })],
    ["the entry of another issuer", (entry) => ({ ...entry, issuer: "https://evil.test" })],
    ["an issuer with a slash", (entry) => ({ ...entry, issuer: `${issuer}/` })],
    ["the entry of another address", (entry) => ({ ...entry, jwksUri: "https://evil.test/keys" })],
    ["what are no keys", changedKeys(["first"])],
    ["no list", (entry) => ({ ...entry, keys: { first } })],
    ["no instant", (entry) => ({ ...entry, fetchedAt: null })],
    ["an instant of the future", (entry) => ({ ...entry, fetchedAt: 1 })],
    ["a life below nothing", (entry) => ({ ...entry, maxAge: -1 })],
    ["300 KiB", changedKeys(Array.from({ length: 1500 }, (_, index) => ({ ...first, kid: `key ${index}` })))],
    ["a private key", changedKeys([privateHalf])],
    ["a secret", changedKeys([{ kty: "oct", k: "x".repeat(43), kid: "first" }])],
    ["a weak key", changedKeys([{ kty: "RSA", n: "AQAB", e: "AQAB", kid: "first" }])]
  ]
  for (const [what, plant] of planted) {
    it.effect(`${what}: the keys are fetched`, () =>
      Effect.gen(function* () {
        const store = yield* K.watched
        const server = keyServer(publishing([first]))
        yield* using(store, server, ask)
        yield* store.plant(plant)
        assert.strictEqual(yield* using(store, server, ask), "found")
        assert.strictEqual(fetches(server), 2)
        assert.strictEqual(yield* using(store, server, ask), "found")
        assert.strictEqual(fetches(server), 2)
      })
    )
  }

  it.effect("a private key that lies in the store is not used, as one that is published is not", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      yield* store.plant(changedKeys([privateHalf]))
      assert.strictEqual(yield* using(store, server, (ring) => ask(ring, "lost")), "not_found")
    })
  )

  it.effect("a life longer than the policy's is cut to it", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      yield* store.plant((entry) => ({ ...entry, maxAge: 1e15 }))
      yield* TestClock.adjust("5 minutes")
      yield* using(store, server, ask)
      assert.strictEqual(fetches(server), 2)
    })
  )

  it.effect("keys of another address are other keys: who pins one is given none of the other", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      yield* using(store, server, ask)
      yield* using(store, server, ask, { jwksUri: Effect.succeed("https://pinned.example/keys") })
      assert.deepStrictEqual(server.requests, [jwksUri, "https://pinned.example/keys"])
      assert.strictEqual(store.entries.size, 2)
    })
  )

  it.effect("what may not be fetched is not read from the store either", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const server = keyServer(publishing([first]))
      const elsewhere = { jwksUri: Effect.succeed("https://keys.example/keys") }
      assert.strictEqual(yield* using(store, server, ask, elsewhere), "found")
      assert.strictEqual(yield* using(store, server, ask, { ...elsewhere, sameOrigin: true }), "forbidden")

      const insecure = "http://issuer.example/keys"
      const kept = { keys: [first], fetchedAt: 0, maxAge: Option.none() }
      yield* K.process(
        store,
        Effect.flatMap(StoredJwks.make, (jwks) => jwks.set(issuer, insecure, kept))
      )
      const before = store.gets()
      const pinned = { jwksUri: Effect.succeed(insecure) }
      assert.strictEqual(yield* using(store, server, ask, pinned), "forbidden")
      assert.strictEqual(store.gets(), before)
    })
  )
})

describe("StoredJwks: what is kept", () => {
  it.effect("the public halves of the keys in use, whatever else a server lets slip", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const canary = { kty: "oct", k: "canary-secret-canary-secret-canary-secret-0", kid: "secret" }
      const server = keyServer(publishing([privateHalf, canary, { ...second, note: "canary-note" }]))
      assert.strictEqual(yield* using(store, server, (ring) => ask(ring, "second")), "found")
      const [[name = "", text = ""] = []] = [...store.entries]
      assert.match(name, /^effect-oauth\.jwks\.[A-Za-z0-9_-]{43}$/)
      assert.notInclude(text, "canary")
      assert.notInclude(text, '"d"')
      assert.deepStrictEqual(JSON.parse(text).keys, [second])
    })
  )

  it.effect("the issuer that a shared set names beside a key stays beside it", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      const tenants = "https://issuer.example/{tenantid}"
      const server = keyServer(publishing([{ ...first, issuer: tenants }]))
      yield* using(store, server, ask)
      const key = yield* using(store, server, (ring) =>
        ring.verificationKey(issuer, { alg: "ES256", kid: "first" })
      )
      assert.strictEqual(key.onlyFor, tenants)
      assert.strictEqual(fetches(server), 1)
    })
  )
})

describe("StoredJwks: a store that is away", () => {
  for (const fault of ["fails", "lies", "corrupt", "lost"] as const) {
    it.effect(`${fault}: keys are fetched, and it is told once`, () =>
      Effect.gen(function* () {
        const captured = yield* capturing
        const store = yield* K.watched
        store.when(() => fault)
        const server = keyServer(publishing([first]))
        for (let run = 1; run <= 2; run++) {
          assert.strictEqual(yield* using(store, server, ask), "found")
          assert.strictEqual(fetches(server), run)
        }
        yield* using(store, server, (ring) =>
          Effect.zipRight(ring.refresh, Effect.zipRight(TestClock.adjust("1 minute"), ring.refresh))
        ).pipe(Effect.provide(captured.layer))
        const logs = yield* captured.logs
        const told = logs.filter((line) => line.includes("StoredJwks"))
        assert.strictEqual(told.length, fault === "lost" ? 0 : 1)
        assert.notInclude(logs.join("\n"), "effect-oauth.jwks")
      })
    )
  }

  it.effect("that does not answer is waited for 2 seconds", () =>
    Effect.gen(function* () {
      const store = yield* K.watched
      store.when(() => "dies")
      const server = keyServer(publishing([first]))
      const process = yield* Effect.fork(using(store, server, ask))
      assert.strictEqual(yield* H.asTimePasses(Fiber.join(process)), "found")
      assert.strictEqual(fetches(server), 1)
    })
  )
})

describe("StoredJwks: as a layer", () => {
  /** A process that accepts tokens of the issuer: finds one of its keys. */
  const accepting = (server: TestIssuer.TestIssuer.Service, store: K.Watched, of = server.issuer) =>
    Effect.gen(function* () {
      const [{ alg = "", kid = "" } = {}] = (yield* server.jwks).keys
      const ring = yield* Keyring.KeyringService
      yield* ring.verificationKey(of, { alg, kid })
    }).pipe(
      Effect.provide(
        Layer.unwrapEffect(
          Effect.map(Discovery.Discovery, (discovery) =>
            Keyring.layerRemote({ issuers: of, metadata: () => discovery.server(server.issuer) })
          )
        ).pipe(
          Layer.provide(Layer.merge(StoredMetadata.layer(), StoredJwks.layer)),
          Layer.provide(Layer.succeed(SecretStore.SecretStore, store.secrets)),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, server.httpClient))
        )
      )
    )

  it.effect("serves whatever is built on it: with the metadata a process asks nothing of its issuer", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const store = yield* K.watched
      yield* accepting(server, store)
      yield* accepting(server, store)
      assert.strictEqual((yield* server.requests).length, 2)
    }).pipe(Effect.provide(TestIssuer.layer()))
  )

  it.effect("RFC 8414 section 3.3: metadata that are given must be the issuer's, too", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const store = yield* K.watched
      const error = yield* Effect.flip(accepting(server, store, "https://other.test"))
      assert.strictEqual(error.reason, "forbidden")
      assert.strictEqual(yield* server.count("jwks"), 0)
    }).pipe(Effect.provide(TestIssuer.layer()))
  )
})
