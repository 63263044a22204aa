import { assert, describe, it } from "@effect/vitest"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Origin from "./Origin.js"
import { fails, grant, setup } from "./wire.js"
import type { Subject } from "./wire.js"

const statuses = [301, 302, 303, 307, 308]

/** DESIGN rule 2: redirects are never followed with credentials. */
export const redirectContract = (name: string, layer: Subject): ReturnType<typeof describe> =>
  describe(`${name}: redirects`, () => {
    const neverFollows = Effect.gen(function* () {
      const { origin, send } = yield* setup()
      for (const status of statuses) {
        for (const target of [`${origin.other}/steal`, "/elsewhere", undefined]) {
          yield* origin.script("/token", Origin.redirect(target, status))
          const error = yield* fails(send("Test.send", grant(`${origin.url}/token`)), "redirect")
          assert.strictEqual(error.status, status)
          assert.isFalse(error.retriable)
          assert.notInclude(error.message, "steal")
        }
      }
      const received = yield* origin.received
      assert.strictEqual(received.length, statuses.length * 3)
      assert.isTrue(received.every((request) => request.origin === origin.url && request.path === "/token"))
    })

    it.live("DESIGN rule 2, peers 4c 67: a POST is not followed, its body and header go nowhere else", () =>
      Effect.provide(neverFollows, layer)
    )

    it.live("DESIGN rule 2: not even where the program's own fetch options say `follow`", () =>
      Effect.provide(
        neverFollows,
        Layer.merge(layer, Layer.succeed(FetchHttpClient.RequestInit, { redirect: "follow" }))
      )
    )

    it.live("DESIGN rule 2: a read of metadata is not followed either, unless that is asked for", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup()
        for (const status of statuses) {
          yield* origin.script("/a", Origin.redirect("/b", status))
          yield* fails(get("Test.get", `${origin.url}/a`), "redirect")
        }
        assert.strictEqual(yield* Origin.countOf("/b"), 0)
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN rule 2: at most three redirects of a read, on the same origin", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup({ metadataRedirects: 99 })
        yield* origin.script("/0", Origin.redirect("/1"))
        yield* origin.script("/1", Origin.redirect(`${origin.url}/2`, 308))
        yield* origin.script("/2", Origin.redirect("3", 307))
        yield* origin.script("/3", Origin.redirect("/4", 301))
        yield* origin.script("/4", Origin.json({ found: true }))
        assert.strictEqual((yield* get("Test.get", `${origin.url}/1`)).status, 200)
        const error = yield* fails(get("Test.get", `${origin.url}/0`), "redirect")
        assert.strictEqual(error.url, `${origin.url}/3`)
        yield* origin.script("/loop", Origin.redirect("/loop"))
        yield* fails(get("Test.get", `${origin.url}/loop`), "redirect")
        assert.strictEqual(yield* Origin.countOf("/loop"), 4)
      }).pipe(Effect.provide(layer))
    )

    it.live("DESIGN rule 2: another host, port or scheme is refused, before anything is sent to it", () =>
      Effect.gen(function* () {
        const { get, origin } = yield* setup({ metadataRedirects: 3 })
        const elsewhere = [
          `${origin.other}/steal`,
          `//127.0.0.1:1/steal`,
          origin.url.replace("http:", "https:"),
          origin.url.replace("127.0.0.1", "localhost"),
          origin.url.replace("//", "//user:password@"),
          "file:///etc/passwd",
          "javascript:alert(1)",
          "http://[broken"
        ]
        for (const target of [...elsewhere, undefined]) {
          yield* origin.script("/document", Origin.redirect(target))
          const error = yield* Effect.flip(get("Test.get", `${origin.url}/document`))
          assert.include(["redirect", "forbidden_url"], error.reason, target)
          assert.notInclude(error.message, "password")
        }
        const received = yield* origin.received
        assert.isTrue(
          received.every((request) => request.origin === origin.url && request.path === "/document")
        )
      }).pipe(Effect.provide(layer))
    )
  })
