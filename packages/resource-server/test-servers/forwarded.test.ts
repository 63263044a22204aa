/** The hosts of a resource on NodeHttpServer: what comes over a socket, from a declared proxy and from others. */
import { assert, describe, it } from "@effect/vitest"
import * as PeerCertificate from "effect-oauth-node/PeerCertificate"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import type * as ForwardedHost from "effect-oauth-resource-server/ForwardedHost"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Effect from "effect/Effect"
import { Api, issuer, live, resource } from "../test/support/api.js"
import { mint } from "../test/support/asking.js"
import { listen, raw } from "./support.js"

const other = "https://api.other.test"

/** An API behind proxies, and what it answers: the status, and the origin that its challenge tells. */
const behind = (header: ForwardedHost.Options["header"], ...proxies: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const forwarded = { proxy: PeerCertificate.isFrom(proxies), header, hosts: ["api.other.test"] }
    const port = yield* listen(live(BearerAuth.layer(Api, { resource, issuer, forwarded })))
    return (...headers: ReadonlyArray<string>) =>
      Effect.map(raw(port, ["GET /me HTTP/1.1", ...headers]), (answer) => {
        assert.notInclude(answer, "evil")
        const origin = /resource_metadata="(https:\/\/[^/"]+)/.exec(answer)?.[1]
        return [Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), origin]
      })
  })

const provided = Effect.provide(TestIssuer.layer())

describe("a declared proxy", () => {
  it.scopedLive("tells the host, by the header that is declared, and a token is for that host alone", () =>
    Effect.gen(function* () {
      for (const [header, own, more, evil] of [
        [
          "x-forwarded",
          "X-Forwarded-Host: api.test",
          "X-Forwarded-Host: API.other.test",
          "X-Forwarded-Host: evil.test"
        ],
        [
          "forwarded",
          "Forwarded: host=api.test",
          'Forwarded: host="api.other.test:443"',
          "Forwarded: host=evil.test"
        ]
      ] as const) {
        const ask = yield* behind(header, "127.0.0.0/8")
        assert.deepStrictEqual(yield* ask("host: evil.test"), [401, resource])
        assert.deepStrictEqual(yield* ask("host: evil.test", own), [401, resource])
        assert.deepStrictEqual(yield* ask("host: evil.test", more), [401, other])
        assert.deepStrictEqual(yield* ask("host: api.test", evil), [421, undefined])
        const token = `authorization: Bearer ${yield* mint({ audience: other })}`
        assert.deepStrictEqual(yield* ask("host: a.test", more, token), [200, undefined])
        assert.deepStrictEqual(yield* ask("host: a.test", own, token), [401, resource])
        // Two headers arrive as they are, and a client's comes before that of the proxy.
        assert.deepStrictEqual(yield* ask("host: a.test", evil, more, token), [421, undefined])
        assert.deepStrictEqual(yield* ask("host: a.test", more, evil, token), [421, undefined])
        assert.deepStrictEqual(yield* ask("host: a.test", more, more, token), [200, undefined])
      }
    }).pipe(provided)
  )

  it.scopedLive("passes Host on: RFC 9112 section 3.2, one of them", () =>
    Effect.gen(function* () {
      const ask = yield* behind("host", "127.0.0.1")
      assert.deepStrictEqual(yield* ask("host: API.test:443", "x-forwarded-host: evil.test"), [401, resource])
      assert.deepStrictEqual(yield* ask("host: api.other.test", "forwarded: host=evil.test"), [401, other])
      assert.deepStrictEqual(yield* ask("host: evil.test", "x-forwarded-host: api.test"), [421, undefined])
      for (const two of [
        ["host: api.test", "host: evil.test"],
        ["host: evil.test", "host: api.test"]
      ]) {
        assert.include([400, 421], (yield* ask(...two))[0])
      }
    }).pipe(provided)
  )

  it.scopedLive("is somebody else: nothing that is forged is looked at", () =>
    Effect.gen(function* () {
      for (const header of ["forwarded", "x-forwarded", "host"] as const) {
        const ask = yield* behind(header, "10.0.0.0/8", "::1")
        for (const host of ["api.other.test", "evil.test"]) {
          assert.deepStrictEqual(
            yield* ask(
              `host: ${host}`,
              `x-forwarded-host: ${host}`,
              `forwarded: host=${host}`,
              "x-forwarded-for: 10.0.0.1"
            ),
            [401, resource]
          )
        }
      }
    }).pipe(provided)
  )
})
