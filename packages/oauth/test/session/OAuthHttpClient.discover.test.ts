import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Discovery from "effect-oauth/Discovery"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"

const api = "https://api.test/notes"
const root = "https://api.test/.well-known/oauth-protected-resource"

const layer = Discovery.layer.pipe(
  Layer.provideMerge(TestIssuer.layer({ resources: [api], resourceScopes: ["notes:read"] }))
)

const asked = Effect.flatMap(TestIssuer.TestIssuer, (issuer) =>
  Effect.map(issuer.requests, (all) => all.map(({ url }) => url.href))
)

describe("OAuthHttpClient.discover, after a 401", () => {
  it.effect(
    "RFC 9728 section 5.1: goes by the challenge it is given, and does not ask the resource again",
    () =>
      Effect.gen(function* () {
        const challenge = `Bearer resource_metadata="${root}/notes", scope="notes:write"`
        const needs = yield* OAuthHttpClient.discover(`${api}/7`, { challenge })
        assert.strictEqual(needs.resource, api)
        assert.deepStrictEqual(needs.scope, ["notes:write"])
        assert.deepStrictEqual(yield* asked, [`${root}/notes`])
      }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 9728 section 3.3, peers 4c 95: the very URL, where that is asked for", () =>
    Effect.gen(function* () {
      const challenge = `Bearer resource_metadata="${root}/notes"`
      const exact = { match: "exact" } as const
      for (const refused of [undefined, { challenge }]) {
        assert.strictEqual((yield* OAuthHttpClient.discover(api, refused, exact)).resource, api)
        const error = yield* Effect.flip(OAuthHttpClient.discover(`${api}/7`, refused, exact))
        assert.strictEqual(error.reason, "resource_mismatch")
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("RFC 9728 section 3.1: without a challenge, looks at the well-known places", () =>
    Effect.gen(function* () {
      const needs = yield* OAuthHttpClient.discover(api, { challenge: undefined })
      assert.strictEqual(needs.resource, api)
      assert.deepStrictEqual(
        needs.scope,
        ["notes:read"],
        "MCP: all that the resource knows, where it names none"
      )
      assert.deepStrictEqual(yield* asked, [`${root}/notes`])
    }).pipe(Effect.provide(layer))
  )
})
