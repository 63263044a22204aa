import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as WorkloadIdentity from "effect-oauth-node/WorkloadIdentity"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Scope } from "effect/Scope"
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"

const folder: Effect.Effect<string, never, Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "identity-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const write = (path: string, text: string) => Effect.promise(() => writeFile(path, text))

const withVariables = (variables: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

const read = <R>(source: WorkloadIdentity.WorkloadIdentity<R>, audience = "https://as.example") =>
  Effect.map(source.assertion(audience), Redacted.value)

/** Signed by nobody: what a platform would. */
const jwt = (claims: object): string =>
  [{ alg: "RS256" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".") + ".c2ln"

/** The failure of a source; the text of a token is not in it. */
const failure = <R>(source: WorkloadIdentity.WorkloadIdentity<R>) =>
  Effect.map(Effect.flip(read(source)), (error) => {
    assert.notInclude(JSON.stringify(error), "eyJ")
    return `${error._tag} ${error.reason}`
  })

/** A client that keeps the request and answers with a response. */
const answering = (
  answer: () => Response,
  seen: Array<HttpClientRequest.HttpClientRequest> = []
): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) => {
      seen.push({ ...request, url: url.href })
      return Effect.succeed(HttpClientResponse.fromWeb(request, answer()))
    })
  )

describe("WorkloadIdentity.file", () => {
  it.scopedLive("peers 2 28: the file is read anew for every use", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "token")
      yield* write(path, "eyJ.first.x\n")
      assert.strictEqual(yield* read(WorkloadIdentity.file(path)), "eyJ.first.x")
      yield* write(path, "eyJ.second.x")
      assert.strictEqual(yield* read(WorkloadIdentity.file(path)), "eyJ.second.x")
    })
  )

  it.scopedLive("missing, empty, several, too large and unreadable are typed, and name the file only", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "token")
      const source = WorkloadIdentity.file(path)
      assert.strictEqual(yield* failure(source), "KeyringError not_found")
      for (const text of ["", " \n\t ", "eyJ.one eyJ.two", "eyJ\u0000", "eyJ".repeat(30_000)]) {
        yield* write(path, text)
        assert.strictEqual(yield* failure(source), "KeyringError malformed")
      }
      assert.strictEqual(yield* failure(WorkloadIdentity.file(yield* folder)), "KeyringError unavailable")
      yield* Effect.promise(() => chmod(path, 0o600))
    })
  )
})

describe("WorkloadIdentity.environment", () => {
  it.scopedLive("seeds 4.10: variables in their order, one's own first", () =>
    Effect.gen(function* () {
      const place = yield* folder
      const names = ["MINE", ...WorkloadIdentity.variables]
      assert.deepStrictEqual(names.slice(1), [
        "KEYCARD_EKS_WORKLOAD_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AZURE_FEDERATED_TOKEN_FILE"
      ])
      for (const name of names) yield* write(join(place, name), jwt({ aud: "https://as.example", sub: name }))
      for (const [at, name] of names.entries()) {
        const set = Object.fromEntries(names.slice(at).map((one) => [one, join(place, one)]))
        const found = yield* read(WorkloadIdentity.environment({ variable: "MINE" })).pipe(withVariables(set))
        assert.strictEqual(found, jwt({ aud: "https://as.example", sub: name }))
      }
      assert.strictEqual(
        yield* failure(WorkloadIdentity.environment()).pipe(
          withVariables({ AZURE_FEDERATED_TOKEN_FILE: " " })
        ),
        "KeyringError not_found"
      )
    })
  )

  it.scopedLive(
    "RFC 7523 section 3: a credential for a cloud is sent to no other server, unless it is named",
    () =>
      Effect.gen(function* () {
        const path = join(yield* folder, "token")
        const source = WorkloadIdentity.environment()
        const forCloud: ReadonlyArray<readonly [string, unknown]> = [
          ["AWS_WEB_IDENTITY_TOKEN_FILE", ["sts.amazonaws.com"]],
          ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", ["pods.eks.amazonaws.com"]],
          ["AZURE_FEDERATED_TOKEN_FILE", "api://AzureADTokenExchange"],
          ["AZURE_FEDERATED_TOKEN_FILE", "https://as.example.evil.test"],
          ["AZURE_FEDERATED_TOKEN_FILE", ["https://as.example/"]],
          ["AWS_WEB_IDENTITY_TOKEN_FILE", undefined],
          ["AWS_WEB_IDENTITY_TOKEN_FILE", { "https://as.example": 1 }]
        ]
        for (const [variable, aud] of forCloud) {
          yield* write(path, jwt({ aud }))
          const set = withVariables({ [variable]: path })
          assert.strictEqual(
            yield* set(failure(source)),
            "KeyringError forbidden",
            `${variable} ${String(aud)}`
          )
          const going = WorkloadIdentity.orElse(source, WorkloadIdentity.file(path))
          assert.strictEqual(yield* set(failure(going)), "KeyringError forbidden")
          assert.strictEqual(yield* set(read(WorkloadIdentity.environment({ variable }))), jwt({ aud }))
        }
        yield* write(path, "eyJ-opaque")
        const aws = withVariables({ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path })
        assert.strictEqual(yield* aws(failure(source)), "KeyringError forbidden")
      })
  )

  it.scopedLive("what is for the server that is asked is sent, and what a variable of one's own names", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "token")
      for (const aud of ["https://as.example", ["sts.amazonaws.com", "https://as.example"]]) {
        yield* write(path, jwt({ aud }))
        const set = withVariables({ AWS_WEB_IDENTITY_TOKEN_FILE: path })
        assert.strictEqual(yield* set(read(WorkloadIdentity.environment())), jwt({ aud }))
      }
      yield* write(path, jwt({ aud: "api://AzureADTokenExchange" }))
      const entra = read(WorkloadIdentity.environment(), "api://AzureADTokenExchange")
      yield* withVariables({ AZURE_FEDERATED_TOKEN_FILE: path })(entra)
      yield* write(path, "eyJ-opaque")
      const keycard = withVariables({ KEYCARD_EKS_WORKLOAD_IDENTITY_TOKEN_FILE: path })
      assert.strictEqual(yield* keycard(read(WorkloadIdentity.environment())), "eyJ-opaque")
    })
  )

  it.scopedLive("a variable that names a missing file does not make room for the next", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "azure")
      yield* write(path, "eyJ.azure.x")
      assert.strictEqual(
        yield* failure(WorkloadIdentity.environment()).pipe(
          withVariables({ AWS_WEB_IDENTITY_TOKEN_FILE: `${path}.gone`, AZURE_FEDERATED_TOKEN_FILE: path })
        ),
        "KeyringError not_found"
      )
      assert.strictEqual(
        yield* read(WorkloadIdentity.spiffe()).pipe(withVariables({ SPIFFE_JWT_SVID_FILE: path })),
        "eyJ.azure.x"
      )
    })
  )
})

describe("WorkloadIdentity.googleCloud", () => {
  it.effect("seeds 4.10: asks the metadata server for an audience, with its header, in full", () =>
    Effect.gen(function* () {
      const seen: Array<HttpClientRequest.HttpClientRequest> = []
      const layer = answering(
        () => new Response("eyJ.gcp.x", { headers: { "metadata-flavor": "Google" } }),
        seen
      )
      assert.strictEqual(yield* Effect.provide(read(WorkloadIdentity.googleCloud()), layer), "eyJ.gcp.x")
      assert.strictEqual(
        seen[0]?.url,
        "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity?audience=https%3A%2F%2Fas.example&format=full"
      )
      assert.strictEqual(seen[0]?.headers["metadata-flavor"], "Google")
    })
  )

  it.effect("an answer of another is refused, and so is an empty one", () =>
    Effect.gen(function* () {
      const source = WorkloadIdentity.googleCloud()
      const flavor = { headers: { "metadata-flavor": "Google" } }
      const cases: ReadonlyArray<readonly [() => Response, string]> = [
        [() => new Response("eyJ.gcp.x"), "KeyringError malformed"],
        [() => new Response("", flavor), "KeyringError malformed"],
        [() => new Response("no", { ...flavor, status: 404 }), "KeyringError not_found"],
        [() => new Response("no", { ...flavor, status: 503 }), "KeyringError unavailable"],
        [() => new Response("eyJ".repeat(30_000), flavor), "TransportError too_large"]
      ]
      for (const [answer, expected] of cases) {
        assert.strictEqual(yield* Effect.provide(failure(source), answering(answer)), expected)
      }
    })
  )
})

describe("WorkloadIdentity.gitHubActions", () => {
  const variables = {
    ACTIONS_ID_TOKEN_REQUEST_URL: "https://actions.example/token?api-version=2",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-secret"
  }

  it.effect("asks with the token of the job, for an audience", () =>
    Effect.gen(function* () {
      const seen: Array<HttpClientRequest.HttpClientRequest> = []
      const layer = answering(() => Response.json({ count: 1, value: "eyJ.actions.x" }), seen)
      const found = yield* read(WorkloadIdentity.gitHubActions({ audience: "api://x" })).pipe(
        withVariables(variables),
        Effect.provide(layer)
      )
      assert.strictEqual(found, "eyJ.actions.x")
      assert.strictEqual(seen[0]?.url, "https://actions.example/token?api-version=2&audience=api%3A%2F%2Fx")
      assert.strictEqual(seen[0]?.headers["authorization"], "Bearer request-secret")
    })
  )

  it.effect("outside of a job, at plain http, or without a value: typed, without the token of the job", () =>
    Effect.gen(function* () {
      const source = WorkloadIdentity.gitHubActions()
      const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
        [{}, "KeyringError not_found"],
        [{ ...variables, ACTIONS_ID_TOKEN_REQUEST_URL: "nonsense" }, "KeyringError malformed"],
        [
          { ...variables, ACTIONS_ID_TOKEN_REQUEST_URL: "http://actions.example" },
          "TransportError forbidden_url"
        ],
        [variables, "KeyringError malformed"]
      ]
      for (const [set, expected] of cases) {
        const told = yield* failure(source).pipe(
          withVariables(set),
          Effect.provide(answering(() => Response.json({ count: 0 })))
        )
        assert.strictEqual(told, expected)
      }
    })
  )
})

describe("WorkloadIdentity.fly", () => {
  it.scopedLive("seeds 4.10: posts the audience to the socket", () =>
    Effect.gen(function* () {
      const socketPath = join(yield* folder, "api")
      const seen: Array<string> = []
      yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((request, response) => {
            void request
              .setEncoding("utf8")
              .reduce((all, part) => `${all}${part}`, "")
              .then((body) => {
                seen.push(`${request.method} ${request.url} ${body}`)
                response.end("eyJ.fly.x")
              })
          })
          server.listen(socketPath, () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.async<void>((resume) => {
            server.close(() => resume(Effect.void))
            server.closeAllConnections()
          })
      )
      assert.strictEqual(yield* read(WorkloadIdentity.fly({ socketPath })), "eyJ.fly.x")
      assert.deepStrictEqual(seen, ['POST /v1/tokens/oidc {"aud":"https://as.example"}'])
      assert.strictEqual(
        yield* failure(WorkloadIdentity.fly({ socketPath: `${socketPath}.gone` })),
        "TransportError unreachable"
      )
    })
  )
})

describe("WorkloadIdentity.orElse", () => {
  it.effect("who is refused is not somebody else: no other source is asked", () =>
    Effect.gen(function* () {
      const second = { assertion: () => Effect.succeed(Redacted.make("eyJ.second.x")) }
      const actions = WorkloadIdentity.orElse(WorkloadIdentity.gitHubActions(), second).assertion(
        "https://as"
      )
      const cloud = WorkloadIdentity.orElse(WorkloadIdentity.googleCloud(), second).assertion("https://as")
      const reasonAt = (source: typeof actions, status: number) =>
        Effect.match(source, { onFailure: ({ reason }) => reason, onSuccess: () => "the second" }).pipe(
          withVariables({
            ACTIONS_ID_TOKEN_REQUEST_URL: "https://actions.example/token",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN: "expired"
          }),
          Effect.provide(answering(() => new Response("no", { status })))
        )
      for (const status of [400, 401, 403, 404, 410]) {
        assert.strictEqual(yield* reasonAt(actions, status), "forbidden", String(status))
        const expected = status === 404 ? "the second" : "forbidden"
        assert.strictEqual(yield* reasonAt(cloud, status), expected, String(status))
      }
      for (const status of [408, 429, 500, 503]) {
        assert.strictEqual(yield* reasonAt(actions, status), "unavailable", String(status))
      }
    })
  )

  it.scopedLive("asks the next where one is not set up, and not where it fails", () =>
    Effect.gen(function* () {
      const place = yield* folder
      const path = join(place, "token")
      yield* write(path, "eyJ.file.x")
      const second = WorkloadIdentity.file(path)
      const missing = WorkloadIdentity.file(`${path}.gone`)
      assert.strictEqual(yield* read(WorkloadIdentity.orElse(missing, second)), "eyJ.file.x")
      assert.strictEqual(
        yield* failure(WorkloadIdentity.orElse(WorkloadIdentity.file(place), second)),
        "KeyringError unavailable"
      )
    })
  )
})
