import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ClientIdMetadata from "effect-oauth/ClientIdMetadata"
import * as GuardedHttpClient from "effect-oauth-node/GuardedHttpClient"
import type { RequestListener } from "node:http"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { selfSigned } from "./support/selfSigned.js"

const own = selfSigned("pinned.test")

/** An https server on loopback whose certificate is for `pinned.test`, and what came to it. */
const serve = (
  listener: RequestListener
): Effect.Effect<{ readonly port: number; readonly seen: Array<string> }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    const server = createServer({ key: own.key, cert: own.cert }, (request, response) => {
      seen.push(`${request.headers.host} ${request.headers["accept-encoding"]} ${request.url}`)
      listener(request, response)
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return { port: (server.address() as AddressInfo).port, seen }
  })

const hello: RequestListener = (_request, response) => void response.end("hello")

/** A resolver with one answer after the other; the last stays. */
const answers = (...all: ReadonlyArray<ReadonlyArray<string>>) => {
  const asked: Array<string> = []
  const resolve = (host: string) =>
    Effect.sync(() => {
      asked.push(host)
      return all[Math.min(asked.length, all.length) - 1] ?? []
    })
  return { asked, resolve }
}

const get = (url: string, options?: GuardedHttpClient.Options) =>
  Effect.gen(function* () {
    const client = yield* GuardedHttpClient.make(options)
    const response = yield* client.get(url)
    return { status: response.status, text: yield* response.text }
  }).pipe(Effect.scoped)

const refusal = <A>(effect: Effect.Effect<A, HttpClientError.HttpClientError>) =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.strictEqual(error._tag, "RequestError")
    assert.strictEqual(error.reason, "InvalidUrl", error.message)
    return error.description ?? ""
  })

describe("GuardedHttpClient", () => {
  it.live.each([
    ["http://93.184.216.34/", "uses plain http"],
    ["https://user@client.example/", "user information"],
    ["https://2130706433/", "not written plainly"],
    ["https://0x7f.0.0.1/", "not written plainly"],
    ["https://127.1/", "not written plainly"],
    ["https://example.com./", "not written plainly"],
    ["ftp://example.com/", "not an absolute https URL"],
    ["https://127.0.0.1/", "not public"],
    ["https://10.0.0.1/", "not public"],
    ["https://169.254.169.254/latest/meta-data", "not public"],
    ["https://[::1]/", "not public"],
    ["https://[fe80::1]/", "not public"],
    ["https://[fc00::1]/", "not public"],
    ["https://[::ffff:a9fe:a9fe]/", "not public"],
    ["https://localhost/", "not public"]
  ] as const)("peers 4c 79, seeds D.1: %s is refused", ([url, why]) =>
    Effect.map(refusal(get(url)), (description) => assert.include(description, why))
  )

  it.live("seeds 4.7: every address must be public, not only the first", () =>
    Effect.gen(function* () {
      const { resolve } = answers(["93.184.216.34", "127.0.0.1"])
      assert.include(yield* refusal(get("https://mixed.test/", { resolve })), "not public")
      const { resolve: none } = answers([])
      assert.include(yield* refusal(get("https://none.test/", { resolve: none })), "no address")
    })
  )

  it.live("seeds D.1: the connection goes to the checked address, by the name in the URL", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port, seen } = yield* serve(hello)
        const { asked, resolve } = answers(["127.0.0.1"], ["10.0.0.1"])
        const { status, text } = yield* get(`https://pinned.test:${port}/a?b=c`, {
          resolve,
          privateHosts: ["pinned.test"],
          certificateAuthorities: [own.cert]
        })
        assert.strictEqual(`${status} ${text}`, "200 hello")
        assert.deepStrictEqual(asked, ["pinned.test"], "resolved once: what was checked is what is used")
        assert.deepStrictEqual(seen, [`pinned.test:${port} identity /a?b=c`])
      })
    )
  )

  it.live("seeds 2.0: the certificate is checked against the name, and against the authorities", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port, seen } = yield* serve(hello)
        const { resolve } = answers(["127.0.0.1"])
        const options = { resolve, privateHosts: ["pinned.test", "other.test"] }
        const wrongName = get(`https://other.test:${port}/`, {
          ...options,
          certificateAuthorities: [own.cert]
        })
        for (const attempt of [wrongName, get(`https://pinned.test:${port}/`, options)]) {
          const error = yield* Effect.flip(attempt)
          assert.strictEqual(`${error._tag} ${error.reason}`, "RequestError Transport")
        }
        assert.deepStrictEqual(seen, [])
      })
    )
  )

  it.live("seeds 2.0: rebinding: a name that means something else later is checked again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port, seen } = yield* serve((_request, response) => {
          response.setHeader("connection", "close")
          response.end("hello")
        })
        const { resolve } = answers(["127.0.0.1"], ["127.0.0.1", "10.0.0.1"])
        const client = yield* GuardedHttpClient.make({
          resolve: (host) => (host === "localhost" ? resolve(host) : Effect.succeed(["93.184.216.34"])),
          allowLoopback: true,
          certificateAuthorities: [own.cert]
        })
        // The certificate is not for localhost: that the handshake was reached shows that the address was taken.
        const first = yield* Effect.flip(client.get(`https://localhost:${port}/`))
        assert.strictEqual(`${first._tag} ${first.reason}`, "RequestError Transport")
        assert.include(
          yield* refusal(client.get(`https://localhost:${port}/`)),
          "not only at addresses of this machine"
        )
        assert.deepStrictEqual(seen, [])
      })
    )
  )

  it.live("seeds 2.0: a redirect that is followed is checked like any request", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port, seen } = yield* serve((request, response) => {
          response.writeHead(302, { location: request.url ?? "" }).end()
        })
        const { resolve } = answers(["127.0.0.1"])
        const client = HttpClient.followRedirects(
          yield* GuardedHttpClient.make({
            resolve,
            privateHosts: [`pinned.test:${port}`],
            certificateAuthorities: [own.cert]
          }),
          5
        )
        const to = (target: string) => refusal(client.get(`https://pinned.test:${port}//${target}`))
        // `//host/...` as a location leads to that host
        assert.include(yield* to("127.0.0.1:1/x"), "not public")
        assert.include(yield* to("elsewhere.test/x"), "not public")
        assert.include(yield* to("2130706433/x"), "not public")
        assert.strictEqual(seen.length, 3)
      })
    )
  )

  it.live("seeds D.1: a compressed answer is thrown away, and Host cannot be set", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port, seen } = yield* serve((_request, response) => {
          response.setHeader("content-encoding", "gzip")
          response.end(gzipSync(Buffer.alloc(10_000_000)))
        })
        const { resolve } = answers(["127.0.0.1"])
        const client = yield* GuardedHttpClient.make({
          resolve,
          privateHosts: ["pinned.test"],
          certificateAuthorities: [own.cert]
        })
        const request = HttpClientRequest.get(`https://pinned.test:${port}/`).pipe(
          HttpClientRequest.setHeaders({ host: "internal.test", "accept-encoding": "gzip" })
        )
        assert.include(yield* refusal(client.execute(request)), "compressed body")
        assert.deepStrictEqual(seen, [`pinned.test:${port} identity /`])
      })
    )
  )

  it.live("a body that is too large is cut off", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* serve((_request, response) => void response.end("x".repeat(100_000)))
        const { resolve } = answers(["127.0.0.1"])
        const error = yield* Effect.flip(
          get(`https://pinned.test:${port}/`, {
            resolve,
            privateHosts: ["pinned.test"],
            certificateAuthorities: [own.cert],
            maxResponseBytes: 1000
          })
        )
        assert.strictEqual(error._tag, "ResponseError")
      })
    )
  )

  it.live("seeds D.1: a resolver has a second, and ports may be told", () =>
    Effect.gen(function* () {
      const [took, description] = yield* Effect.timed(
        refusal(get("https://slow.test/", { resolve: () => Effect.never, dnsTimeout: "50 millis" }))
      )
      assert.include(description, "in time")
      assert.isBelow(Duration.toMillis(took), 5_000)
      const { asked, resolve } = answers(["93.184.216.34"])
      assert.include(yield* refusal(get("https://a.test:8443/", { resolve, ports: [443] })), "port 8443")
      assert.deepStrictEqual(asked, [])
    })
  )

  it.live("loopback only by the option, and only for names of this machine", () =>
    Effect.gen(function* () {
      const { resolve } = answers(["127.0.0.1"])
      assert.include(
        yield* refusal(get("https://rebound.test/", { resolve, allowLoopback: true })),
        "not public"
      )
      const error = yield* Effect.flip(get("http://127.0.0.1:1/", { allowLoopback: true }))
      assert.strictEqual(error.reason, "Transport", "nobody listens there, but it was tried")
    })
  )

  it.live("through a flow: a client id that leads inside is a TransportError, and nothing is sent", () =>
    Effect.gen(function* () {
      const { asked, resolve } = answers(["10.0.0.1"])
      const error = yield* ClientIdMetadata.fetch("https://inside.test/client.json").pipe(
        Effect.provide(GuardedHttpClient.layer({ resolve })),
        Effect.flip
      )
      assert.strictEqual(`${error._tag} ${error.reason}`, "TransportError forbidden_url")
      assert.deepStrictEqual(asked, ["inside.test"])
    })
  )
})
