/** Rule 2 of the wire, and issue 5: the token never goes along with a redirect. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Dpop from "effect-oauth/Dpop"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as Redirects from "effect-oauth/Redirects"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as R from "./support/resource.js"

/** Two places of this machine: one sends whoever comes to the other, with the status in its path. */
const places = Effect.gen(function* () {
  const arrived: Array<readonly [url: string, authorization: string | undefined]> = []
  const listen = (location?: () => string) =>
    Effect.acquireRelease(
      Effect.async<string>((resume) => {
        const server = createServer((request, response) => {
          arrived.push([request.url ?? "", request.headers.authorization])
          const [, status] = /^\/(3\d\d)/.exec(request.url ?? "") ?? []
          if (status === undefined || location === undefined) response.end("there")
          else response.writeHead(Number(status), { location: `${location()}/there` }).end()
        })
        server.listen(0, "127.0.0.1", () => {
          resume(Effect.succeed(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
        })
        close.push(() => {
          server.closeAllConnections()
          server.close()
        })
      }),
      () =>
        Effect.sync(() => {
          for (const one of close) one()
        })
    )
  const close: Array<() => void> = []
  const evil = yield* listen()
  let own = ""
  const api = yield* listen(() => (own === "" ? evil : own))
  return {
    api,
    arrived,
    evil,
    home: () => {
      own = api
    }
  }
})

const carrying = (resource: string) =>
  Effect.gen(function* () {
    const { tokens } = R.makeTokens()
    return (yield* OAuthHttpClient.transform({ tokens, resources: [resource] }))(yield* HttpClient.HttpClient)
  })

describe("a redirect", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it.scopedLive(`${status}: fetch would follow it; the program gets it`, () =>
      Effect.gen(function* () {
        const { api, arrived, evil } = yield* places
        const response = yield* (yield* carrying(api)).get(`${api}/${status}`)
        assert.strictEqual(response.status, status)
        assert.strictEqual(response.headers["location"], `${evil}/there`)
        assert.deepStrictEqual(arrived, [[`/${status}`, "Bearer token-1"]])
      }).pipe(Effect.provide(FetchHttpClient.layer))
    )
  }

  it.scopedLive("a request without a token follows as it did, with the RequestInit of the program", () =>
    Effect.gen(function* () {
      const { api, arrived } = yield* places
      const client = yield* carrying("https://elsewhere.test")
      assert.strictEqual(yield* Effect.flatMap(client.get(`${api}/302`), ({ text }) => text), "there")
      assert.deepStrictEqual(arrived, [
        ["/302", undefined],
        ["/there", undefined]
      ])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("the RequestInit of the program holds for all else, and is there again afterwards", () =>
    Effect.gen(function* () {
      const { api } = yield* places
      const inits: Array<RequestInit | undefined> = []
      const noting: typeof fetch = (input, init) => {
        inits.push(init)
        return fetch(input, init)
      }
      const client = yield* carrying(api)
      yield* Effect.gen(function* () {
        yield* client.get(api)
        yield* client.get(api.replace("127.0.0.1", "localhost"))
        yield* client.get(`${api}/302`)
      }).pipe(
        Effect.provideService(FetchHttpClient.Fetch, noting),
        Effect.provideService(FetchHttpClient.RequestInit, { keepalive: true })
      )
      assert.deepStrictEqual(
        inits.map((init) => [init?.redirect, init?.keepalive]),
        [
          ["manual", true],
          [undefined, true],
          ["manual", true]
        ]
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("a client that is known to follow none is not told so; one that is made of it is", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const client = HttpClient.make((request, _url, _signal, fiber) => {
        const init = Context.getOption(fiber.currentContext, FetchHttpClient.RequestInit)
        seen.push(Option.getOrUndefined(init)?.redirect)
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("")))
      })
      const { tokens } = R.makeTokens()
      const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
      yield* carrying(client).get(R.api)
      const known = Redirects.neverFollowed(client)
      yield* carrying(known).get(R.api)
      yield* carrying(HttpClient.mapRequest(known, (request) => request)).get(R.api)
      yield* carrying(HttpClient.followRedirects(known)).get(R.api)
      yield* carrying(known).get(R.api)
      assert.deepStrictEqual(seen, ["manual", undefined, "manual", "manual", undefined])
    })
  )

  it("that a client follows none is known of that very one", () => {
    const known = Redirects.neverFollowed(
      HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response(""))))
    )
    assert.isTrue(Redirects.areNeverFollowed(known))
    for (const made of [Object.create(known), Object.assign({}, known), { ...known }, new Proxy(known, {})]) {
      assert.isFalse(Redirects.areNeverFollowed(made))
    }
  })

  it.effect("DPoP: a client that is known to follow none hides the proof in its span all the same", () =>
    Effect.gen(function* () {
      const hidden: Array<boolean> = []
      const client = Redirects.neverFollowed(
        HttpClient.make((request, _url, _signal, fiber) => {
          const redacted = Headers.redact(request.headers, fiber.getFiberRef(Headers.currentRedactedNames))
          hidden.push(Redacted.isRedacted(redacted["dpop"]), Redacted.isRedacted(redacted["authorization"]))
          return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("")))
        })
      )
      const { tokens } = R.makeTokens({ tokenType: "DPoP" })
      const dpop = yield* Dpop.make()
      const carrying = yield* OAuthHttpClient.transform({ tokens, dpop, resources: [R.api] })
      yield* carrying(client).get(R.api)
      assert.deepStrictEqual(hidden, [true, true])
    })
  )

  it.scopedLive("followRedirects around the client judges each request by its own URL", () =>
    Effect.gen(function* () {
      const { api, arrived, home } = yield* places
      const client = HttpClient.followRedirects(yield* carrying(api))
      assert.strictEqual((yield* client.get(`${api}/307`)).status, 200)
      home()
      assert.strictEqual((yield* client.get(`${api}/307`)).status, 200)
      assert.deepStrictEqual(arrived, [
        ["/307", "Bearer token-1"],
        ["/there", undefined],
        ["/307", "Bearer token-1"],
        ["/there", "Bearer token-1"]
      ])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect(
    "a client below that follows by itself has taken the token along: that is a failure, and said",
    () =>
      Effect.gen(function* () {
        const { tokens } = R.makeTokens()
        const { arrived, client } = R.make(({ url }) =>
          url.endsWith("/there")
            ? new Response("there")
            : new Response("", { status: 302, headers: { location: "https://evil.test/there" } })
        )
        const below = HttpClient.followRedirects(client)
        const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
        const error = yield* Effect.flip(carrying(below).get(R.api))
        assert.strictEqual(error._tag === "TransportError" ? error.reason : error._tag, "redirect")
        assert.include(error.message, "https://evil.test/there")
        assert.strictEqual(arrived.length, 2)
      })
  )
})
