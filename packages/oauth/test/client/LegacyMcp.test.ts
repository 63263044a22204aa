import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as LegacyMcp from "effect-oauth/LegacyMcp"
import * as H from "./support/setup.js"

const mcp = "https://mcp.test/v1/mcp?x=1"
const origin = "https://mcp.test"
const place = `${origin}/.well-known/oauth-authorization-server`

const metadata = (issuer: string, more: Readonly<Record<string, unknown>> = {}) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  response_types_supported: ["code"],
  ...more
})

/** Documents by their URL, or the status with which a URL answers; everything else is 404. What is asked is kept. */
const from = (url: string, documents: Readonly<Record<string, unknown>>, options?: LegacyMcp.Options) =>
  Effect.gen(function* () {
    const asked = yield* Ref.make<ReadonlyArray<string>>([])
    const client = HttpClient.make((request, target) =>
      Effect.map(
        Ref.update(asked, (all) => [...all, target.href]),
        () => {
          const answer = documents[target.href] ?? 404
          return HttpClientResponse.fromWeb(
            request,
            typeof answer === "number"
              ? new Response("<html></html>", { status: answer })
              : new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } })
          )
        }
      )
    )
    const live = Discovery.layer.pipe(
      Layer.provideMerge(Layer.succeed(HttpClient.HttpClient, client)),
      Layer.provideMerge(HttpLimits.layer({ retries: 0 }))
    )
    const exit = yield* Effect.either(Effect.provide(LegacyMcp.server(url, options), live))
    return { exit, asked: yield* Ref.get(asked) }
  })

const found = (url: string, documents: Readonly<Record<string, unknown>>, options?: LegacyMcp.Options) =>
  Effect.flatMap(from(url, documents, options), ({ asked, exit }) =>
    Effect.map(exit, (server) => ({ ...server, asked }))
  )

const refused = (url: string, documents: Readonly<Record<string, unknown>>, options?: LegacyMcp.Options) =>
  Effect.flatMap(from(url, documents, options), ({ exit }) => exit)

describe("LegacyMcp.server", () => {
  it.effect(
    "MCP 2025-03-26, Authorization Base URL: reads the origin's metadata, whatever the path of the MCP server",
    () =>
      Effect.gen(function* () {
        const server = yield* found(mcp, { [place]: metadata(origin) })
        assert.deepStrictEqual(server.asked, [place])
        assert.strictEqual(`${server.source} ${server.issuer}`, `origin ${origin}`)
        assert.strictEqual(server.metadata.token_endpoint, `${origin}/token`)
      })
  )

  it.effect("an issuer with a path is accepted on the same origin, as the document writes it", () =>
    Effect.gen(function* () {
      const server = yield* found(mcp, { [place]: metadata(`${origin}/oauth`) })
      assert.strictEqual(`${server.source} ${server.issuer}`, `origin ${origin}/oauth`)
    })
  )

  it.effect("RFC 8414 section 3.3: an issuer elsewhere must say so itself, and what it says counts", () =>
    Effect.gen(function* () {
      const issuer = "https://as.test"
      const own = "https://as.test/.well-known/oauth-authorization-server"
      const forged = metadata(issuer, { token_endpoint: `${origin}/steal` })
      const server = yield* found(mcp, { [place]: forged, [own]: metadata(issuer) })
      assert.strictEqual(`${server.source} ${server.issuer}`, `issuer ${issuer}`)
      assert.strictEqual(server.metadata.token_endpoint, `${issuer}/token`)
      yield* H.fails(refused(mcp, { [place]: forged }), "DiscoveryError", "not_found")
      yield* H.fails(
        refused(mcp, { [place]: forged, [own]: metadata(`${issuer}/`) }),
        "DiscoveryError",
        "issuer_mismatch"
      )
    })
  )

  it.effect.each([
    ["another scheme", "http://mcp.test"],
    ["another port", "https://mcp.test:8443"],
    ["another host that begins alike", "https://mcp.test.evil.test"],
    ["user information", "https://mcp.test@evil.test"],
    ["a query", "https://mcp.test/?as=1"],
    ["another scheme than http", "file:///etc/passwd"]
  ] as const)("peers 4c 78: an issuer with %s is not the origin", ([, issuer]) =>
    Effect.gen(function* () {
      const { asked, exit } = yield* from(mcp, { [place]: metadata(issuer) }, { presumeEndpoints: true })
      assert.strictEqual(exit._tag, "Left")
      assert.isTrue(
        asked.every((url) => new URL(url).origin === origin || issuer.startsWith("https://mcp.test"))
      )
    })
  )

  it.effect("peers 4c 79: a server elsewhere does not point to this machine", () =>
    Effect.gen(function* () {
      const issuer = "http://127.0.0.1:8080"
      const { asked } = yield* from(mcp, { [place]: metadata(issuer) })
      assert.deepStrictEqual(asked, [place])
      yield* H.fails(refused(mcp, { [place]: metadata(issuer) }), "DiscoveryError", "forbidden_url")
    })
  )

  it.effect("DESIGN 5.4: endpoints are presumed only where that is asked for, and there is no metadata", () =>
    Effect.gen(function* () {
      yield* H.fails(refused(mcp, {}), "DiscoveryError", "not_found")
      yield* H.fails(refused(mcp, {}, { presumeEndpoints: false }), "DiscoveryError", "not_found")
      const server = yield* found(mcp, {}, { presumeEndpoints: true })
      assert.strictEqual(`${server.source} ${server.issuer}`, `presumed ${origin}`)
      assert.deepInclude(server.metadata, {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        registration_endpoint: `${origin}/register`
      })
      const published = yield* found(mcp, { [place]: metadata(origin) }, { presumeEndpoints: true })
      assert.strictEqual(published.source, "origin")
    })
  )

  it.effect.each([
    ["an outage", 503, "TransportError", "status"],
    ["metadata that is not valid", { ...metadata(origin), token_endpoint: 5 }, "ProtocolViolation", "type"]
  ] as const)("with %s nothing is presumed", ([, answer, tag, reason]) =>
    H.fails(refused(mcp, { [place]: answer }, { presumeEndpoints: true }), tag, reason)
  )

  it.effect("peers 4c 62: an MCP server whose URL may not be used is not asked", () =>
    Effect.gen(function* () {
      const { asked } = yield* from("http://mcp.test/mcp", {}, { presumeEndpoints: true })
      assert.deepStrictEqual(asked, [])
      yield* H.fails(
        refused("file:///mcp", {}, { presumeEndpoints: true }),
        "DiscoveryError",
        "forbidden_url"
      )
    })
  )
})
