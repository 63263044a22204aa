import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import {
  InsufficientScope,
  InsufficientUserAuthentication,
  Unauthorized
} from "effect-oauth-resource-server/Refusal"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Challenge from "effect-oauth/Challenge"
import * as Effect from "effect/Effect"
import { Api, live, metadataUrl } from "../test/support/api.js"
import { mint, protection } from "../test/support/asking.js"
import { listen, raw } from "./support.js"

const provided = Effect.provide(TestIssuer.layer())

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

const headersOf = (answer: string, name: string): ReadonlyArray<string> =>
  answer
    .split("\r\n\r\n")[0]
    ?.split("\r\n")
    .flatMap((line) => (line.toLowerCase().startsWith(`${name}: `) ? [line.slice(name.length + 2)] : [])) ??
  []

describe("a protected API on NodeHttpServer", () => {
  it.scopedLive("answers as the issue says, with one challenge in one header", () =>
    Effect.gen(function* () {
      const port = yield* listen(live(protection))
      const ask = (path: string, ...headers: ReadonlyArray<string>) =>
        raw(port, [`GET ${path} HTTP/1.1`, "host: evil.example", ...headers])
      const none = yield* ask("/notes")
      assert.strictEqual(statusOf(none), 401)
      assert.deepStrictEqual(headersOf(none, "www-authenticate"), [
        `Bearer scope="notes:read", resource_metadata="${metadataUrl}"`
      ])
      assert.strictEqual(statusOf(yield* ask("/notes", "authorization: Bearer")), 400)
      assert.strictEqual(statusOf(yield* ask("/notes", "authorization: Bearer x.y.z")), 401)
      const weak = yield* ask("/notes", `Authorization: Bearer ${yield* mint()}`)
      assert.strictEqual(statusOf(weak), 403)
      const [challenge] = Challenge.parse(headersOf(weak, "www-authenticate").join())
      assert.strictEqual(challenge?.parameters.get("scope"), "notes:read")
      const token = yield* mint({ scope: ["notes:read"] })
      assert.strictEqual(statusOf(yield* ask("/notes", `AUTHORIZATION: bearer ${token}`)), 200)
      assert.strictEqual(statusOf(yield* ask("/health")), 200)
    }).pipe(provided)
  )

  it.scopedLive("two Authorization headers, of which Node would show the first alone, are refused", () =>
    Effect.gen(function* () {
      const port = yield* listen(live(protection))
      const good = `authorization: Bearer ${yield* mint()}`
      for (const [one, two] of [
        [good, good],
        [good, "AUTHORIZATION: Bearer x"],
        ["Authorization: Basic x", good]
      ] as const) {
        assert.strictEqual(statusOf(yield* raw(port, ["GET /me HTTP/1.1", "host: api.test", one, two])), 400)
      }
    }).pipe(provided)
  )

  it.scopedLive("a request target in absolute form is the same request (RFC 9112 section 3.2.2)", () =>
    Effect.gen(function* () {
      const port = yield* listen(live(protection))
      const token = yield* mint()
      const ask = (scope: string) =>
        raw(port, [
          "GET http://evil.example/notes HTTP/1.1",
          "host: evil.example",
          `authorization: Bearer ${scope}`
        ])
      assert.strictEqual(statusOf(yield* ask(token)), 403)
      assert.strictEqual(statusOf(yield* ask(yield* mint({ scope: ["notes:read"] }))), 200)
    }).pipe(provided)
  )

  it.scopedLive("a typed client gets typed refusals", () =>
    Effect.gen(function* () {
      const port = yield* listen(live(protection))
      const clientWith = (token: string) =>
        HttpApiClient.make(Api, {
          baseUrl: `http://127.0.0.1:${port}`,
          transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token))
        }).pipe(Effect.provide(FetchHttpClient.layer))
      const reader = yield* clientWith(yield* mint({ scope: ["notes:read"] }))
      assert.strictEqual(yield* reader.notes.list(), "notes")
      const refused = yield* Effect.flip(reader.notes.write())
      assert.instanceOf(refused, InsufficientScope)
      assert.strictEqual(refused.scope, "notes:read notes:write")
      const nobody = yield* clientWith("x.y.z")
      const unknown = yield* Effect.flip(nobody.notes.list())
      assert.instanceOf(unknown, Unauthorized)
      assert.strictEqual(unknown.error, "invalid_token")
      const stepUp = yield* Effect.flip(reader.notes.strong())
      assert.instanceOf(stepUp, InsufficientUserAuthentication)
      assert.strictEqual(stepUp.acr_values, "gold silver")
    }).pipe(provided)
  )

  it.scopedLive("HEAD is refused without a body and with the challenge", () =>
    Effect.gen(function* () {
      const port = yield* listen(live(protection))
      const answer = yield* raw(port, ["HEAD /notes HTTP/1.1", "host: api.test"])
      assert.strictEqual(statusOf(answer), 401)
      assert.strictEqual(headersOf(answer, "www-authenticate").length, 1)
      assert.isTrue(answer.endsWith("\r\n\r\n"))
    }).pipe(provided)
  )
})
