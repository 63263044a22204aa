/** Rule 13 of the wire: no token and no proof in a response, an error, a log line or a span, whatever happens. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Dpop from "effect-oauth/Dpop"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { inspect } from "node:util"
import * as Inspected from "../http/support/inspected.js"
import { capturing, type Seen } from "../http/support/telemetry.js"
import * as R from "./support/resource.js"

const canary = "canary-access-token-7f3a9c"

/** Notes the proofs that arrive, and misbehaves by path. */
const server = Effect.gen(function* () {
  const proofs: Array<string> = []
  const origin = yield* Effect.acquireRelease(
    Effect.async<readonly [string, () => void]>((resume) => {
      const listener = createServer((request, response) => {
        const { authorization, dpop } = request.headers
        if (typeof dpop === "string") proofs.push(dpop)
        switch (request.url) {
          case "/reset":
            request.socket.destroy()
            break
          case "/half":
            response.writeHead(200, { "content-type": "application/json", "content-length": "100" })
            response.write('{"a":')
            setTimeout(() => request.socket.destroy(), 10)
            break
          case "/echo":
            response
              .writeHead(401, { "www-authenticate": `Bearer error="other", error_description="no"`, x: "y" })
              .end("no")
            break
          case "/more":
            response
              .writeHead(403, {
                "www-authenticate": `Bearer error="insufficient_scope", scope="a", realm="${authorization ?? ""}"`
              })
              .end(authorization)
            break
          case "/refused":
            response.writeHead(401).end()
            break
          case "/html":
            response.writeHead(200, { "content-type": "application/json" }).end("<p>")
            break
          default:
            response.end("{}")
        }
      })
      listener.listen(0, "127.0.0.1", () => {
        resume(
          Effect.succeed([
            `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
            () => {
              listener.closeAllConnections()
              listener.close()
            }
          ])
        )
      })
    }),
    ([, close]) => Effect.sync(close)
  )
  return { origin: origin[0], proofs }
})

/** Everything that a program may print of what it has. */
const printed = (value: unknown): string =>
  [
    String(value),
    JSON.stringify(value) ?? "",
    inspect(value, { depth: null, showHidden: true, getters: true }),
    inspect(value, { depth: 6, customInspect: false, showHidden: true })
  ].join("\n")

/** A span as an exporter prints it; the failure in it is that of the client below, whose words are printed. */
const exported = ({ attributes, events, name, status }: Seen): string =>
  [
    name,
    printed([...attributes]),
    printed(events),
    status._tag === "Ended" && status.exit._tag === "Failure"
      ? Cause.pretty(status.exit.cause, { renderErrorCause: true })
      : ""
  ].join("\n")

const program = (tokenType: "Bearer" | "DPoP", path: string) =>
  Effect.gen(function* () {
    const { origin, proofs } = yield* server
    const captured = yield* capturing
    const set = (token: string) => R.tokenSet(token, { tokenType })
    const carrying = yield* OAuthHttpClient.transform({
      tokens: { get: Effect.succeed(set(canary)), renew: () => Effect.succeed(set(`${canary}-renewed`)) },
      resources: [origin],
      dpop: tokenType === "DPoP" ? yield* Dpop.make() : undefined
    })
    const client = carrying(yield* HttpClient.HttpClient)
    const uses: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
      Effect.tap(client.get(`${origin}${path}`), (response) => Effect.log("response", response)),
      Effect.flatMap(client.get(`${origin}${path}`), ({ json }) => json),
      Effect.flatMap(client.get(`${origin}${path}`), ({ stream }) => Stream.runDrain(stream)),
      HttpClient.filterStatusOk(client).get(`${origin}${path}`),
      client.post(`${origin}${path}`, { body: HttpBody.stream(Stream.fail("broken")) }),
      OAuthHttpClient.toHttpClient(client).get(`${origin}${path}`)
    ]
    const seen: Array<string> = []
    for (const use of uses) {
      const exit = yield* use.pipe(
        Effect.tapErrorCause((cause) => Effect.logFatal("failed", cause)),
        Effect.tapError((error) => Effect.logTrace(error).pipe(Effect.annotateLogs("error", error))),
        Effect.withSpan("program"),
        Effect.exit,
        Effect.provide(captured.layer)
      )
      seen.push(Inspected.ofExit(exit))
      if (exit._tag === "Success") seen.push(printed(exit.value))
    }
    seen.push(...(yield* captured.logs))
    // The headers of a response are the words of the server, which here says the token itself.
    if (path !== "/more") seen.push(...(yield* captured.spans).map(exported))
    assert.isAbove((yield* captured.spans).length, 2)
    const text = seen.join("\n")
    for (const secret of [canary, ...proofs]) {
      const at = text.indexOf(secret)
      assert.strictEqual(at, -1, text.slice(Math.max(0, at - 300), at + 100))
    }
    assert.strictEqual(proofs.length > 0, tokenType === "DPoP")
  })

const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FetchHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layer]
]

for (const [name, layer] of clients) {
  describe(`canaries with ${name}`, () => {
    for (const tokenType of ["Bearer", "DPoP"] as const) {
      for (const path of ["/ok", "/reset", "/half", "/echo", "/more", "/refused", "/html"]) {
        it.scopedLive(`${tokenType} ${path}`, () => Effect.provide(program(tokenType, path), layer))
      }
    }
  })
}

describe("canaries of clients that say too much", () => {
  it.effect("an error with the header in its words, its cause and its properties", () =>
    Effect.gen(function* () {
      const talkative = HttpClient.make((request) => {
        const header = request.headers["authorization"] ?? ""
        const cause = Object.assign(new Error(`cannot send ${header}`), { header, cause: new Error(header) })
        return Effect.fail(
          new HttpClientError.RequestError({
            request,
            reason: "Transport",
            description: `with ${header}`,
            cause
          })
        )
      })
      const { tokens } = R.makeTokens({ accessToken: Redacted.make(canary) })
      const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
      const exit = yield* Effect.exit(carrying(talkative).get(R.api))
      assert.notInclude(Inspected.ofExit(exit), canary)
    })
  )

  it.effect("what is harmless in a failure stays: reason, code, words", () =>
    Effect.gen(function* () {
      const refusing = HttpClient.make((request) =>
        Effect.fail(
          new HttpClientError.RequestError({
            request,
            reason: "Transport",
            description: "no",
            cause: new Error("fetch failed", {
              cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" })
            })
          })
        )
      )
      const { tokens } = R.makeTokens()
      const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
      const error = yield* Effect.flip(carrying(refusing).get(R.api))
      assert.deepInclude(error, { _tag: "RequestError", reason: "Transport", description: "no" })
      assert.include(inspect(error.cause), "fetch failed")
      assert.include(inspect(error.cause), "ECONNREFUSED")
    })
  )

  it.effect("a program that shows its headers in spans does not show these", () =>
    Effect.gen(function* () {
      const captured = yield* capturing
      const { client } = R.make()
      const { tokens } = R.makeTokens({ accessToken: Redacted.make(canary) })
      const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
      yield* carrying(client)
        .get(R.api, { headers: { "x-mine": "shown" } })
        .pipe(Effect.locally(Headers.currentRedactedNames, []), Effect.provide(captured.layer))
      const text = yield* captured.text
      assert.notInclude(text, canary)
      assert.include(text, "shown")
    })
  )
})
