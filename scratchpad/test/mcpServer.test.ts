/**
 * What MCP 2025-11-25 demands of a server (basic/authorization, basic/transports), each in its words, of the server in
 * `scratchpad/mcp/server.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import {
  bearer,
  call,
  challengeOf,
  get,
  handler,
  issuer,
  jsonOf,
  mcp,
  metadataUrl,
  resource,
  rpc,
  rpcResource,
  textOf
} from "./support/mcpServer.js"

const server = Effect.provide(
  TestIssuer.layer({ issuer, resources: [resource, "https://other.example/mcp"] })
)
const ping = { jsonrpc: "2.0", id: 1, method: "ping" }
const hello = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "test", version: "1" }
  }
}

const resultOf = (response: Response) =>
  Effect.map(jsonOf(response), (answer) => {
    assert.strictEqual(response.status, 200)
    const { content, isError } = Object(Object(answer).result)
    return { text: content?.[0]?.text, isError }
  })

describe("MCP 2025-11-25, Authorization Server Discovery", () => {
  it.scoped(
    "'MCP servers MUST implement OAuth 2.0 Protected Resource Metadata'; it 'MUST include the authorization_servers field containing at least one'",
    () =>
      Effect.gen(function* () {
        const response = yield* get(metadataUrl)
        assert.strictEqual(response.status, 200)
        assert.deepInclude(yield* jsonOf(response), { resource, authorization_servers: [issuer] })
      }).pipe(server)
  )

  it.scoped(
    "'Include the resource metadata URL in the WWW-Authenticate HTTP header under resource_metadata when returning 401'",
    () =>
      Effect.gen(function* () {
        const response = yield* (yield* mcp)(hello)
        assert.strictEqual(response.status, 401)
        assert.strictEqual(challengeOf(response)["resource_metadata"], metadataUrl)
      }).pipe(server)
  )

  it.scoped(
    "'Serve metadata at a well-known URI': that of the path of the MCP endpoint, without a token and to any page",
    () =>
      Effect.gen(function* () {
        const response = yield* get(metadataUrl, { origin: "https://anybody.example" })
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers.get("access-control-allow-origin"), "*")
      }).pipe(server)
  )

  it.scoped("'MCP servers SHOULD include a scope parameter in the WWW-Authenticate header'", () =>
    Effect.gen(function* () {
      const challenge = challengeOf(yield* (yield* mcp)(hello))
      assert.strictEqual(challenge["scope"], "notes:read")
      // RFC 6750 section 3.1: no error where there was no credential
      assert.notProperty(challenge, "error")
    }).pipe(server)
  )
})

describe("MCP 2025-11-25, Access Token Usage", () => {
  it.scoped("a valid token is served, in the name of its subject", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const ada = yield* bearer()
      const initialized = yield* jsonOf(yield* send(hello, ada))
      assert.strictEqual(Object(Object(initialized).result).serverInfo.name, "Notes")
      assert.deepInclude(yield* resultOf(yield* send(call("whoami"), ada)), { text: '"ada"', isError: false })
      const bob = yield* bearer({ sub: "bob" })
      assert.deepInclude(yield* resultOf(yield* send(call("whoami"), bob)), { text: '"bob"' })
    }).pipe(server)
  )

  it.scoped("callers at the same time each have their own token in their tools", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const people = Array.from({ length: 20 }, (_, i) => `person ${i}`)
      const answers = yield* Effect.forEach(
        people,
        (sub, i) =>
          Effect.flatMap(bearer({ sub }), (headers) =>
            Effect.flatMap(send(call("whoami", i % 2), headers), resultOf)
          ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(({ text }) => text),
        people.map((sub) => JSON.stringify(sub))
      )
    }).pipe(server)
  )

  it.scoped(
    "'authorization MUST be included in every HTTP request from client to server, even if they are part of the same logical session'",
    () =>
      Effect.gen(function* () {
        const send = yield* mcp
        const opened = yield* send(hello, yield* bearer())
        assert.strictEqual(opened.status, 200)
        const messages = [
          { jsonrpc: "2.0", method: "notifications/initialized" },
          ping,
          { jsonrpc: "2.0", id: 2, method: "tools/list" },
          call("whoami"),
          { jsonrpc: "2.0", id: 2, result: {} }
        ]
        for (const message of messages) {
          assert.strictEqual((yield* send(message)).status, 401, JSON.stringify(message))
        }
      }).pipe(server)
  )

  it.scoped("security best practices: 'MCP Servers MUST NOT use sessions for authentication'", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const opened = yield* send(hello, yield* bearer())
      const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "a session of ada" }
      assert.strictEqual((yield* send(call("whoami"), session)).status, 401)
      const bob = { ...session, ...(yield* bearer({ sub: "bob" })) }
      assert.deepInclude(yield* resultOf(yield* send(call("whoami"), bob)), { text: '"bob"' })
    }).pipe(server)
  )

  it.scoped("a header within a JSON-RPC message is no header of the request", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const { authorization } = yield* bearer()
      const smuggled = { ...call("whoami"), headers: [["authorization", authorization]] }
      assert.strictEqual((yield* send(smuggled)).status, 401)
      const bob = yield* bearer({ sub: "bob" })
      assert.deepInclude(yield* resultOf(yield* send(smuggled, bob)), { text: '"bob"' })
    }).pipe(server)
  )

  it.scoped("'Access tokens MUST NOT be included in the URI query string'", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const headers = yield* bearer()
      const url = `${resource}?access_token=${headers.authorization.slice("Bearer ".length)}`
      for (const response of [yield* send(ping, {}, url), yield* send(ping, headers, url)]) {
        assert.strictEqual(response.status, 400)
        assert.strictEqual(challengeOf(response)["error"], "invalid_request")
      }
    }).pipe(server)
  )
})

describe("MCP 2025-11-25, Token Handling", () => {
  it.scoped(
    "'MCP servers MUST validate that access tokens were issued specifically for them as the intended audience'",
    () =>
      Effect.gen(function* () {
        const send = yield* mcp
        const others = [
          "https://other.example/mcp",
          // as long as it is not said byte for byte, it is another
          `${resource}/`,
          "https://mcp.example",
          "https://MCP.example/mcp",
          `${resource}/child`
        ]
        for (const audience of others) {
          const response = yield* send(call("whoami"), yield* bearer({ audience }))
          assert.strictEqual(response.status, 401, audience)
          assert.strictEqual(challengeOf(response)["error"], "invalid_token")
          assert.notInclude(yield* textOf(response), "ada")
        }
        const shared = yield* bearer({ audience: ["https://other.example/mcp", resource] })
        assert.strictEqual((yield* send(call("whoami"), shared)).status, 200)
      }).pipe(server)
  )

  it.scoped(
    "'MCP servers MUST NOT accept or transit any other tokens': of another issuer, of another type, unsigned",
    () =>
      Effect.gen(function* () {
        const send = yield* mcp
        const foreign = yield* Effect.provide(
          bearer({ claims: { iss: "https://elsewhere.test" } }),
          TestIssuer.layer({ issuer: "https://elsewhere.test", resources: [resource] })
        )
        const tokens = [
          foreign,
          // its own words, said by a key that the issuer did not publish
          yield* bearer({ key: "unpublished" }),
          yield* bearer({ key: "none" }),
          // an ID token, or a JWT for another use (RFC 9068 section 4)
          yield* bearer({ header: { typ: "JWT" } }),
          { authorization: "Bearer opaque-token-of-the-upstream-api" }
        ]
        for (const [i, headers] of tokens.entries()) {
          const response = yield* send(call("whoami"), headers)
          assert.strictEqual(response.status, 401, `token ${i}`)
          assert.strictEqual(challengeOf(response)["error"], "invalid_token")
        }
      }).pipe(server)
  )

  it.scoped("'Invalid or expired tokens MUST receive a HTTP 401 response'", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const headers = yield* bearer({ lifetime: "1 minute" })
      assert.strictEqual((yield* send(ping, headers)).status, 200)
      yield* TestClock.adjust(Duration.minutes(2))
      const response = yield* send(ping, headers)
      assert.strictEqual(response.status, 401)
      assert.deepInclude(challengeOf(response), { error: "invalid_token", resource_metadata: metadataUrl })
    }).pipe(server)
  )

  it.scoped("an answer says nothing of why: neither which check failed, nor anything of the token", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const answers = []
      for (const options of [{ audience: "https://other.example/mcp" }, { key: "unpublished" as const }]) {
        const response = yield* send(ping, yield* bearer(options))
        answers.push([response.headers.get("www-authenticate"), yield* textOf(response)])
      }
      assert.deepStrictEqual(answers[0], answers[1])
      assert.notMatch(JSON.stringify(answers), /eyJ|other\.example|signature|audience/)
    }).pipe(server)
  )
})

describe("MCP 2025-11-25, Error Handling", () => {
  const write = { scope: ["notes:read", "notes:write"] }

  it.scoped(
    "'401 Unauthorized: authorization required'; '400 Bad Request: malformed authorization request'",
    () =>
      Effect.gen(function* () {
        const send = yield* mcp
        assert.strictEqual((yield* send(ping)).status, 401)
        assert.strictEqual((yield* send(ping, { authorization: "Basic YTpi" })).status, 401)
        for (const authorization of ["Bearer", "Bearer a b", "Bearer =?", "Bearer a, Bearer b"]) {
          const response = yield* send(ping, { authorization })
          assert.strictEqual(response.status, 400, authorization)
          assert.strictEqual(challengeOf(response)["error"], "invalid_request")
        }
      }).pipe(server)
  )

  it.scoped("'403 Forbidden: invalid scopes or insufficient permissions', for what every request needs", () =>
    Effect.gen(function* () {
      const response = yield* (yield* mcp)(ping, yield* bearer({ scope: [] }))
      assert.strictEqual(response.status, 403)
      assert.deepInclude(challengeOf(response), { error: "insufficient_scope", scope: "notes:read" })
    }).pipe(server)
  )

  it.scoped(
    "'error=\"insufficient_scope\"', 'scope - specifying the minimum scopes needed for the operation', 'resource_metadata', of the tool that is called",
    () =>
      Effect.gen(function* () {
        const send = yield* mcp
        const reader = yield* bearer()
        const response = yield* send(call("add-note"), reader)
        assert.strictEqual(response.status, 403)
        assert.deepInclude(challengeOf(response), {
          error: "insufficient_scope",
          scope: "notes:read notes:write",
          resource_metadata: metadataUrl
        })
        // nothing was done, and the reader may go on
        assert.deepInclude(yield* resultOf(yield* send(call("whoami"), reader)), { text: '"ada"' })
        assert.deepInclude(yield* resultOf(yield* send(call("add-note"), yield* bearer(write))), {
          text: '"note 1 of ada"'
        })
      }).pipe(server)
  )

  it.scoped("no way of writing a call hides it: batches, repeated members, escapes, other ids", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const reader = yield* bearer()
      const text = JSON.stringify(call("add-note"))
      const bodies = {
        "a batch": [[ping, call("add-note")], 400],
        "a member twice": [text.replace('"name":', '"name":"whoami","name":'), 403],
        "a member twice, the other way": [text.replace('"method":', '"method":"ping","method":'), 403],
        escapes: [text.replace("add-note", "\\u0061dd-note"), 403],
        "spaces and a byte order mark": [` \n${text}\n `, 403],
        "no id": [{ jsonrpc: "2.0", method: "tools/call", params: { name: "add-note" } }, 403],
        "an id that is null": [{ ...call("add-note"), id: null }, 403],
        "a message of the library below": [{ jsonrpc: "2.0", method: "@effect/rpc/Eof" }, 200],
        "not JSON": ["add-note", 400],
        nothing: ["", 400]
      } as const
      for (const [name, [body, status]] of Object.entries(bodies)) {
        assert.strictEqual((yield* send(body, reader)).status, status, name)
      }
      const note = yield* resultOf(yield* send(call("add-note"), yield* bearer(write)))
      assert.deepInclude(note, { text: '"note 1 of ada"' }, "none was added before")
    }).pipe(server)
  )
})

describe("MCP 2025-11-25, Access Token Privilege Restriction", () => {
  it.scoped("'The MCP server MUST NOT pass through the token it received': it goes nowhere from here", () =>
    Effect.gen(function* () {
      const send = yield* mcp
      const headers = yield* bearer()
      assert.strictEqual((yield* send(call("whoami"), headers)).status, 200)
      const sent = yield* (yield* TestIssuer.TestIssuer).requests
      assert.isNotEmpty(sent)
      assert.notInclude(JSON.stringify(sent), headers.authorization.slice("Bearer ".length))
    }).pipe(server)
  )
})

describe("MCP 2025-11-25, Communication Security", () => {
  it.scoped("a resource or an issuer of plain http on another machine is no configuration", () =>
    Effect.gen(function* () {
      const { layer } = yield* Effect.promise(() => import("../mcp/server.js"))
      const { toHttpEffect } = yield* Effect.promise(() => import("@effect/platform/HttpLayerRouter"))
      const refused = [
        { resource: "http://mcp.example/mcp", issuer },
        { resource, issuer: "http://issuer.test" },
        { resource: `${resource}#fragment`, issuer },
        { resource: "mcp.example", issuer }
      ]
      for (const options of refused) {
        const error = yield* Effect.flip(toHttpEffect(layer(options)))
        assert.strictEqual(error._tag, "ResourceServerError", JSON.stringify(options))
      }
    }).pipe(server)
  )

  it.scoped(
    "transports: 'Servers MUST validate the Origin header'; 'if present and invalid, servers MUST respond with HTTP 403 Forbidden'",
    () =>
      Effect.gen(function* () {
        const send = yield* mcp
        const headers = yield* bearer()
        const known = yield* send(ping, { ...headers, origin: "https://app.example" })
        assert.strictEqual(known.status, 200)
        for (const origin of ["https://evil.example", "null", "https://app.example.evil.example"]) {
          assert.strictEqual((yield* send(ping, { ...headers, origin })).status, 403, origin)
          assert.strictEqual((yield* send(ping, { origin })).status, 403, origin)
        }
      }).pipe(server)
  )

  it.scoped("Fetch, CORS: a page of a known origin reads the challenge", () =>
    Effect.gen(function* () {
      const response = yield* (yield* mcp)(ping, { origin: "https://app.example" })
      assert.strictEqual(response.status, 401)
      assert.strictEqual(response.headers.get("access-control-allow-origin"), "https://app.example")
      assert.include(
        (response.headers.get("access-control-expose-headers") ?? "").toLowerCase().split(/, ?/),
        "www-authenticate"
      )
    }).pipe(server)
  )

  it.scoped("transports: a GET for a stream that is not offered is answered 405, to those who may ask", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* get(resource)).status, 401)
      assert.strictEqual((yield* get(resource, yield* bearer())).status, 405)
      assert.strictEqual((yield* get(resource, {}, "DELETE")).status, 401)
    }).pipe(server)
  )

  it.scoped("nothing else is served: not at another spelling of the path, not without a token", () =>
    Effect.gen(function* () {
      const handle = yield* handler
      for (const url of [
        `${resource}/`,
        "https://mcp.example/MCP",
        "https://mcp.example//mcp",
        `${resource}/..;/mcp`
      ]) {
        const response = yield* Effect.promise(() =>
          handle(new Request(url, { method: "POST", body: JSON.stringify(call("whoami")) }))
        )
        assert.include([401, 404], response.status, url)
      }
    }).pipe(server)
  )
})

describe("a JSON-RPC endpoint by hand", () => {
  const message = (method: string, id?: number) => ({
    jsonrpc: "2.0",
    method,
    ...(id === undefined ? {} : { id })
  })
  const token = (scope: ReadonlyArray<string> = []) => bearer({ audience: rpcResource, scope })

  it.scoped("is protected in the same way: a token for it, and the scope of the method", () =>
    Effect.gen(function* () {
      const send = yield* rpc
      const refused = yield* send(message("whoami", 1))
      assert.strictEqual(refused.status, 401)
      assert.deepStrictEqual(challengeOf(refused), {
        resource_metadata: "https://rpc.example/.well-known/oauth-protected-resource/rpc"
      })
      assert.strictEqual((yield* send(message("whoami", 1), yield* bearer())).status, 401)
      assert.deepStrictEqual(yield* jsonOf(yield* send(message("whoami", 1), yield* token())), {
        jsonrpc: "2.0",
        id: 1,
        result: "ada"
      })
      const weak = yield* send(message("notes.delete", 2), yield* token(["notes:read"]))
      assert.strictEqual(weak.status, 403)
      assert.deepInclude(challengeOf(weak), { error: "insufficient_scope", scope: "notes:write" })
      const deleted = yield* send(message("notes.delete", 2), yield* token(["notes:write"]))
      assert.deepInclude(yield* jsonOf(deleted), { id: 2, result: "deleted" })
    }).pipe(server)
  )

  it.scoped(
    "JSON-RPC 2.0: a notification has no answer, an unknown method an error; a batch is none here",
    () =>
      Effect.gen(function* () {
        const send = yield* rpc
        const headers = yield* token()
        assert.strictEqual((yield* send(message("whoami"), headers)).status, 202)
        const unknown = yield* jsonOf(yield* send(message("nothing", 3), headers))
        assert.deepStrictEqual(Object(unknown).error, { code: -32601, message: "Method not found" })
        assert.strictEqual((yield* send([message("notes.delete", 4)], headers)).status, 400)
      }).pipe(server)
  )
})
