/** The same endpoint open and protected, on Effect and on express: a process of its own, that tells what it took. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as Guard from "effect-oauth-resource-server/Guard"
import { Requires } from "effect-oauth-resource-server/Requirements"
import * as Keyring from "effect-oauth/Keyring"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import express from "express"
import { auth, requiredScopes } from "express-oauth2-jwt-bearer"
import { readFileSync } from "node:fs"
import type { Server } from "node:http"
import { createServer } from "node:http"
import { createPublicKey, verify } from "node:crypto"
import { audience, issuer } from "./tokens.js"

const { jwk }: { readonly jwk: Parameters<typeof Keyring.fromJwks>[0]["jwks"]["keys"][number] } = JSON.parse(
  process.argv[2] ?? ""
)

const Note = Schema.Struct({ id: Schema.String, text: Schema.String })
const path = Schema.Struct({ id: Schema.String })
const noteOf = (id: string) => ({ id, text: "Buy milk, and oats where there are any" })

class Open extends HttpApiGroup.make("open")
  .add(HttpApiEndpoint.get("note", "/open/:id").setPath(path).addSuccess(Note))
  .add(HttpApiEndpoint.get("checked", "/checked/:id").setPath(path).addSuccess(Note))
  .add(HttpApiEndpoint.get("asking", "/asking/:id").setPath(path).addSuccess(Note)) {}

class Protected extends HttpApiGroup.make("protected")
  .add(HttpApiEndpoint.get("note", "/protected/:id").setPath(path).addSuccess(Note))
  .annotateEndpoints(Requires, { scope: ["orders:read"] })
  .middleware(BearerAuth.BearerAuth) {}

/** What a middleware with a bearer scheme takes of its own, in @effect/platform: it reads the header, and lets all in. */
class Credential extends Context.Tag("Credential")<Credential, Redacted.Redacted<string>>() {}
class LetIn extends HttpApiMiddleware.Tag<LetIn>()("LetIn", {
  provides: Credential,
  security: { bearer: HttpApiSecurity.bearer }
}) {}
const LetInLive = Layer.succeed(LetIn, { bearer: Effect.succeed })

class Unchecked extends HttpApiGroup.make("unchecked")
  .add(HttpApiEndpoint.get("note", "/unchecked/:id").setPath(path).addSuccess(Note))
  .middleware(LetIn) {}

class Api extends HttpApi.make("api").add(Open).add(Unchecked).add(Protected) {}

const key = {
  key: createPublicKey({ key: { kty: "EC", crv: "P-256", x: jwk.x ?? "", y: jwk.y ?? "" }, format: "jwk" }),
  dsaEncoding: "ieee-p1363"
} as const

/** The signature of a token and nothing else: what no verifier can leave out. */
const check = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers }) => {
  const token = (headers["authorization"] ?? "").slice("Bearer ".length)
  const end = token.lastIndexOf(".")
  const signature = Buffer.from(token.slice(end + 1), "base64url")
  return verify("sha256", Buffer.from(token.slice(0, end)), key, signature)
})

/** Protected by a call in its handler. */
const asked = Guard.principal({ scope: ["orders:read"] })

const OpenLive = HttpApiBuilder.group(Api, "open", (handlers) =>
  handlers
    .handle("note", ({ path: { id } }) => Effect.succeed(noteOf(id)))
    .handle("checked", ({ path: { id } }) =>
      Effect.flatMap(check, (good) => (good ? Effect.succeed(noteOf(id)) : Effect.dieMessage("signature")))
    )
    .handle("asking", ({ path: { id } }) => Effect.merge(Effect.as(asked, noteOf(id))))
)
const ProtectedLive = HttpApiBuilder.group(Api, "protected", (handlers) =>
  handlers.handle("note", ({ path: { id } }) => Effect.succeed(noteOf(id)))
)

const UncheckedLive = HttpApiBuilder.group(Api, "unchecked", (handlers) =>
  handlers.handle("note", ({ path: { id } }) => Effect.succeed(noteOf(id)))
)

const KeysLive = Layer.unwrapEffect(
  Effect.map(Keyring.fromJwks({ issuer, jwks: { keys: [jwk] } }), (keyring) =>
    Layer.succeed(Keyring.KeyringService, keyring)
  )
)

const listening: Array<Server> = []
const newServer = () => {
  const server = createServer()
  server.keepAliveTimeout = 600_000
  listening.push(server)
  return server
}

const EffectLive = HttpApiBuilder.serve().pipe(
  Layer.provide(HttpApiBuilder.api(Api)),
  Layer.provide([OpenLive, UncheckedLive, ProtectedLive]),
  Layer.provide(LetInLive),
  Layer.provide(BearerAuth.layerKeyring(Api, { resource: audience, issuer })),
  Layer.provide(KeysLive),
  Layer.provide(NodeCryptoEngine.layer),
  Layer.provide(NodeHttpServer.layer(newServer, { port: 0, host: "127.0.0.1" }))
)

const onExpress = (keys: string): Promise<Server> => {
  const app = express().disable("x-powered-by").disable("etag")
  const note: express.RequestHandler<{ readonly id: string }> = (request, response) => {
    response.json(noteOf(request.params.id))
  }
  const guard = auth({ issuer, audience, jwksUri: keys, tokenSigningAlg: "ES256", strict: true })
  app.get("/open/:id", note)
  app.get("/protected/:id", guard, requiredScopes("orders:read"), note)
  return new Promise((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => resolve(server))
    server.keepAliveTimeout = 600_000
  })
}

/** The published keys, for who reads them over http. */
const onPublished = (): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((_, response) => {
      response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }))
    }).listen(0, "127.0.0.1", () => resolve(server))
  })

const portOf = (server: Server | undefined): number => {
  const address = server?.address()
  return address !== null && typeof address === "object" ? address.port : 0
}

/** Microseconds on a core: of the main thread, where the system tells that, and of the whole process. */
const spent = () => {
  const { system, user } = process.cpuUsage()
  try {
    const [onCore] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, "latin1").split(" ")
    return { mainThread: Number(onCore) / 1000, process: system + user }
  } catch {
    return { mainThread: system + user, process: system + user }
  }
}

process.on("message", () => process.send?.(spent()))
// Ends with whoever asked for it.
process.on("disconnect", () => process.exit(0))

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      yield* Layer.build(EffectLive)
      const published = yield* Effect.promise(onPublished)
      const other = yield* Effect.promise(() => onExpress(`http://127.0.0.1:${portOf(published)}/jwks`))
      process.send?.({ effect: portOf(listening[0]), express: portOf(other) })
      yield* Effect.never
    })
  )
)
