/** Issue 5: an HttpClient that carries tokens. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { ReauthorizationRequired } from "effect-oauth/OAuthError"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TokenManager from "effect-oauth/TokenManager"
import * as TokenStore from "effect-oauth/TokenStore"
import * as R from "./support/resource.js"

const resources = [R.api] as const

const setup = (answer?: R.Answer, options: Partial<OAuthHttpClient.Options<never>> = {}) =>
  Effect.gen(function* () {
    const resource = R.make(answer)
    const source = R.makeTokens()
    const client = (yield* OAuthHttpClient.transform({ tokens: source.tokens, resources, ...options }))(
      resource.client
    )
    return { ...resource, ...source, client }
  })

describe("a request", () => {
  it.effect("RFC 6750 section 2.1: carries the token in its header, and nothing else changes", () =>
    Effect.gen(function* () {
      const { arrived, client } = yield* setup()
      const response = yield* client.post(`${R.api}/notes`, {
        headers: { "x-mine": "1" },
        body: HttpBody.text("note"),
        urlParams: { a: "b" }
      })
      assert.strictEqual(yield* response.text, "ok")
      const [one] = arrived
      assert.strictEqual(one?.method, "POST")
      assert.strictEqual(one?.url, `${R.api}/notes?a=b`)
      assert.deepInclude(one?.headers, { "x-mine": "1", authorization: "Bearer token-1" })
    })
  )

  it.effect("issue 5: one with an Authorization of its own is left alone, wherever it goes", () =>
    Effect.gen(function* () {
      const { arrived, client, gets, renewals } = yield* setup(() => R.refusing(401, R.invalidToken))
      for (const url of [R.api, "https://elsewhere.test"]) {
        const request = HttpClientRequest.get(url).pipe(HttpClientRequest.basicAuth("me", "pw"))
        assert.strictEqual((yield* client.execute(request)).status, 401)
      }
      assert.strictEqual(arrived.length, 2)
      assert.match(arrived[0]?.headers["authorization"] ?? "", /^Basic /)
      assert.deepStrictEqual([gets(), renewals.length], [0, 0])
    })
  )

  it.effect("issue 5: to another place goes as it is, and a 401 from there is not ours", () =>
    Effect.gen(function* () {
      const { arrived, client, renewals } = yield* setup(() => R.refusing(401, R.invalidToken))
      assert.strictEqual((yield* client.get("https://elsewhere.test")).status, 401)
      assert.isUndefined(arrived[0]?.headers["authorization"])
      assert.strictEqual(renewals.length, 0)
    })
  )

  it.effect("is lazy: nothing is asked for before it is run, and each run asks anew", () =>
    Effect.gen(function* () {
      const { arrived, client, gets } = yield* setup()
      const request = client.get(R.api)
      assert.deepStrictEqual([arrived.length, gets()], [0, 0])
      yield* request
      yield* request
      assert.deepStrictEqual([arrived.length, gets()], [2, 2])
    })
  )

  it.effect("a failure to have a token is the failure of the request", () =>
    Effect.gen(function* () {
      const resource = R.make()
      const ended = new ReauthorizationRequired({
        operation: "TokenManager.get",
        reason: "refused",
        message: "over"
      })
      const tokens = { get: Effect.fail(ended), renew: () => Effect.fail(ended) }
      const client = (yield* OAuthHttpClient.transform({ tokens, resources }))(resource.client)
      assert.strictEqual(yield* Effect.flip(client.get(R.api)), ended)
      assert.strictEqual((yield* client.get("https://elsewhere.test")).status, 200)
      assert.strictEqual(resource.arrived.length, 1)
    })
  )

  it.effect(
    "RFC 6749 section 7.1: a token that is none, or is bound to a key that is not there, is not sent",
    () =>
      Effect.gen(function* () {
        for (const [more, reason] of [
          [{ tokenType: "N_A" }, "unsupported"],
          [{ tokenType: "DPoP" }, "unsupported"],
          [{ accessToken: Redacted.make("a\r\nx: y") }, "value"],
          [{ accessToken: Redacted.make("") }, "value"]
        ] as const) {
          const resource = R.make()
          const { tokens } = R.makeTokens(more)
          const client = (yield* OAuthHttpClient.transform({ tokens, resources }))(resource.client)
          const error = yield* Effect.flip(client.get(R.api))
          assert.strictEqual(error._tag === "ProtocolViolation" ? error.reason : error._tag, reason)
          assert.strictEqual(resource.arrived.length, 0)
        }
      })
  )

  it.live("interruption aborts the exchange, and the scope of a client below does", () =>
    Effect.gen(function* () {
      const aborted = yield* Deferred.make<void>()
      const never = HttpClient.make((_, __, signal) =>
        Effect.async(() => {
          signal.addEventListener("abort", () => Deferred.unsafeDone(aborted, Effect.void))
        })
      )
      const { tokens } = R.makeTokens()
      const carrying = yield* OAuthHttpClient.transform({ tokens, resources })
      const fiber = yield* Effect.fork(carrying(never).get(R.api))
      yield* Effect.sleep("20 millis")
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(aborted)

      let signalled: AbortSignal | undefined
      const scoped = HttpClient.make((request, _, signal) => {
        signalled = signal
        return R.make().client.execute(request)
      }).pipe(HttpClient.withScope)
      yield* Effect.scoped(carrying(scoped).get(R.api))
      assert.strictEqual(signalled?.aborted, true)
    })
  )

  it.live("a body stays a stream: what comes first is there before the rest is sent", () =>
    Effect.gen(function* () {
      let rest: (() => void) | undefined
      const { client } = yield* setup(
        () =>
          new Response(
            new ReadableStream({
              start: (controller) => {
                controller.enqueue(new TextEncoder().encode("first "))
                rest = () => {
                  controller.enqueue(new TextEncoder().encode("second"))
                  controller.close()
                }
              }
            })
          )
      )
      const response = yield* client.get(R.api)
      const text = yield* response.stream.pipe(
        Stream.decodeText(),
        Stream.tap(() =>
          Effect.sync(() => {
            rest?.()
            rest = undefined
          })
        ),
        Stream.mkString
      )
      assert.strictEqual(text, "first second")
    })
  )
})

describe("401", () => {
  it.effect("RFC 6750 section 3.1: invalid_token makes one renewal and one replay, body and all", () =>
    Effect.gen(function* () {
      const bodies: Array<unknown> = []
      const { authorizations, client, renewals } = yield* setup((arrived, count) => {
        bodies.push(arrived.request.body.toJSON())
        return R.letsIn("token-2")(arrived, count)
      })
      const response = yield* client.post(R.api, { body: HttpBody.text("note") })
      assert.strictEqual(yield* response.text, "ok")
      assert.deepStrictEqual(authorizations(), ["Bearer token-1", "Bearer token-2"])
      assert.deepStrictEqual(renewals, ["token-1"])
      assert.deepStrictEqual(bodies[0], bodies[1])
    })
  )

  const renewed = [
    ["no challenge", undefined],
    ["a challenge without an error", 'Bearer realm="x"'],
    ["one of several", 'Basic realm="x", Bearer error="invalid_token"'],
    ["of scheme DPoP", 'DPoP algs="ES256", error="invalid_token"'],
    ["in another case", 'bearer ERROR="invalid_token"'],
    ["broken", 'Bearer error="invalid_token", error="x", Bearer']
  ] as const
  it.effect.each(renewed)("%s: renewed", ([, challenge]) =>
    Effect.gen(function* () {
      const { client, renewals } = yield* setup((_, count) =>
        count === 1 ? R.refusing(401, challenge) : new Response("ok")
      )
      assert.strictEqual((yield* client.get(R.api)).status, 200)
      assert.deepStrictEqual(renewals, ["token-1"])
    })
  )

  const given = [
    ["another error", 401, 'Bearer error="invalid_request"'],
    ["an error of its own", 401, 'Bearer error="account_locked"'],
    ["another scheme alone", 401, 'Basic realm="x"'],
    ["a nonce where no proof was sent", 401, 'DPoP error="use_dpop_nonce"'],
    ["403", 403, R.invalidToken],
    ["400", 400, R.invalidToken],
    ["500", 500, R.invalidToken]
  ] as const
  it.effect.each(given)("%s: given as it is", ([, status, challenge]) =>
    Effect.gen(function* () {
      const { arrived, client, renewals } = yield* setup(() => R.refusing(status, challenge, "why"))
      const response = yield* client.get(R.api)
      assert.deepStrictEqual([response.status, yield* response.text], [status, "why"])
      assert.deepStrictEqual([arrived.length, renewals.length], [1, 0])
    })
  )

  it.effect("peers 2: never a loop; and a token that was refused when it was new is left for a while", () =>
    Effect.gen(function* () {
      const { arrived, client, renewals } = yield* setup(() => R.refusing(401, R.invalidToken, "no"))
      const response = yield* client.get(R.api)
      assert.deepStrictEqual([response.status, yield* response.text], [401, "no"])
      assert.deepStrictEqual([arrived.length, renewals.length], [2, 1])
      for (let i = 0; i < 10; i++) assert.strictEqual((yield* client.get(R.api)).status, 401)
      assert.deepStrictEqual([arrived.length, renewals.length], [12, 1])
      yield* TestClock.adjust("31 seconds")
      yield* client.get(R.api)
      assert.deepStrictEqual([arrived.length, renewals.length], [14, 2])
    })
  )

  it.effect("a clock that was set back does not prolong the while", () =>
    Effect.gen(function* () {
      const { client, renewals } = yield* setup(() => R.refusing(401, R.invalidToken))
      yield* TestClock.adjust("1 day")
      yield* client.get(R.api)
      yield* TestClock.setTime(0)
      yield* client.get(R.api)
      assert.strictEqual(renewals.length, 2)
    })
  )

  it.effect("a renewal that gives the same token is not followed by a replay", () =>
    Effect.gen(function* () {
      const resource = R.make(() => R.refusing(401, R.invalidToken, "why"))
      const same = Effect.succeed(R.tokenSet("token-1"))
      const carrying = yield* OAuthHttpClient.transform({
        tokens: { get: same, renew: () => same },
        resources
      })
      const response = yield* carrying(resource.client).get(R.api)
      assert.deepStrictEqual(
        [response.status, yield* response.text, resource.arrived.length],
        [401, "why", 1]
      )
    })
  )

  it.effect("issue 5: a body that cannot be sent again is not, and the next request has another token", () =>
    Effect.gen(function* () {
      const { authorizations, client, renewals } = yield* setup(R.letsIn("token-2"))
      const stream = HttpBody.stream(Stream.make(new Uint8Array([1])))
      const raw = HttpBody.raw(new ReadableStream())
      for (const body of [stream]) assert.strictEqual((yield* client.post(R.api, { body })).status, 401)
      assert.strictEqual((yield* client.post(R.api, { body: raw })).status, 200)
      assert.deepStrictEqual(authorizations(), ["Bearer token-1", "Bearer token-2"])
      assert.deepStrictEqual(renewals, ["token-1"])
    })
  )

  it.effect("bodies that can: none, bytes, text, forms, parameters, blobs", () =>
    Effect.gen(function* () {
      const form = new FormData()
      form.set("a", "b")
      for (const body of [
        HttpBody.empty,
        HttpBody.uint8Array(new Uint8Array([1])),
        HttpBody.unsafeJson({ a: 1 }),
        HttpBody.formData(form),
        HttpBody.raw("text"),
        HttpBody.raw(new URLSearchParams("a=b")),
        HttpBody.raw(new Blob(["x"])),
        HttpBody.raw(new ArrayBuffer(1))
      ]) {
        const { client } = yield* setup(R.letsIn("token-2"))
        assert.strictEqual((yield* client.post(R.api, { body })).status, 200)
      }
    })
  )

  it.live("a refusal whose body never ends, or is large, holds nothing up", () =>
    Effect.gen(function* () {
      let cancelled = 0
      const flood = () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              controller.enqueue(new Uint8Array(20_000))
            },
            cancel: () => {
              cancelled++
            }
          }),
          { status: 401 }
        )
      const { client } = yield* setup((arrived) =>
        arrived.headers["authorization"] === "Bearer token-1" ? flood() : new Response("ok")
      )
      assert.strictEqual((yield* client.get(R.api)).status, 200)
      assert.strictEqual(cancelled, 1)
    })
  )

  it.live("issue 5: 1,000 requests that meet an expired token make one refresh and 1,000 successes", () =>
    Effect.gen(function* () {
      // An answer takes a while, so that all are refused with the same token, and some are late.
      const resource = R.make((arrived, count) =>
        Effect.delay(
          Effect.sync(() => R.letIn("token-2", arrived)),
          count % 10 === 0 ? "300 millis" : "50 millis"
        )
      )
      let refreshes = 0
      const manager = yield* TokenManager.make({
        key: { issuer: "https://issuer.test", clientId: "app" },
        source: {
          kind: "test",
          spends: true,
          canRenew: () => true,
          renew: () =>
            Effect.delay(
              Effect.sync(() => {
                refreshes++
                return R.tokenSet(`token-${refreshes + 1}`)
              }),
              "100 millis"
            )
        }
      })
      yield* manager.adopt(R.tokenSet("token-1"))
      const client = (yield* OAuthHttpClient.transform({ tokens: manager, resources }))(resource.client)
      const responses = yield* Effect.forEach(Array.from({ length: 1000 }), () => client.get(R.api), {
        concurrency: "unbounded"
      })
      const statuses = responses.map(({ status }) => status)
      assert.deepStrictEqual([statuses.length, ...new Set(statuses)], [1000, 200])
      assert.strictEqual(refreshes, 1)
      assert.strictEqual(resource.arrived.length, 2000)
    }).pipe(Effect.scoped, Effect.provide(TokenStore.layerMemory))
  )
})
