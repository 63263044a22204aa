/** Against `oidc-provider`, which nobody here wrote. */
import { createServer } from "node:http"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as BearerAuth from "effect-oauth-resource-server/BearerAuth"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { exportJWK, generateKeyPair } from "jose"
import Provider from "oidc-provider"
import { Api, live, resource } from "../test/support/api.js"
import { listen } from "./support.js"

interface Running {
  readonly issuer: string
  readonly token: (scope: string, audience?: string) => Effect.Effect<string>
  /** The same server with a new key, and no longer the old one. */
  readonly rotate: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
}

const newProvider = async (issuer: string) => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), kty: "EC", alg: "ES256", use: "sig" }
  return new Provider(issuer, {
    clients: [
      {
        client_id: "service",
        client_secret: "secret-of-the-service",
        id_token_signed_response_alg: "ES256",
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: []
      }
    ],
    jwks: { keys: [jwk] },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    scopes: ["notes:read", "notes:write"],
    cookies: { keys: ["a key that signs cookies in tests"] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: "notes:read notes:write",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } }
        })
      }
    },
    ttl: { ClientCredentials: 600 }
  })
}

const start: Effect.Effect<Running, never, Scope.Scope> = Effect.gen(function* () {
  const server = createServer()
  const stop = Effect.async<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
  const port = yield* Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => stop
  )
  const issuer = `http://127.0.0.1:${port}`
  const rotate = Effect.map(
    Effect.promise(() => newProvider(issuer)),
    (provider) => {
      server.removeAllListeners("request")
      server.on("request", provider.callback())
    }
  )
  yield* rotate
  return {
    issuer,
    rotate,
    stop,
    token: (scope, audience = resource) =>
      Effect.promise(async () => {
        const response = await fetch(`${issuer}/token`, {
          method: "POST",
          headers: { authorization: `Basic ${btoa("service:secret-of-the-service")}` },
          body: new URLSearchParams({ grant_type: "client_credentials", resource: audience, scope })
        })
        const answer: unknown = await response.json()
        return String(Object(answer).access_token)
      })
  }
})

const protectedBy = (issuer: string) =>
  Effect.map(
    listen(
      live(
        BearerAuth.layer(Api, { resource, issuer }).pipe(
          Layer.provide(HttpLimits.layer({ retries: 0 })),
          Layer.provide(FetchHttpClient.layer)
        )
      )
    ),
    (port) => (path: string, token: string, method?: string) =>
      Effect.promise(() =>
        fetch(`http://127.0.0.1:${port}${path}`, {
          headers: { authorization: `Bearer ${token}` },
          ...(method === undefined ? {} : { method })
        })
      )
  )

describe("oidc-provider end to end", () => {
  it.scopedLive("its JWTs (RFC 9068) are accepted with their scopes, and for this resource alone", () =>
    Effect.gen(function* () {
      const provider = yield* start
      const ask = yield* protectedBy(provider.issuer)
      const reader = yield* provider.token("notes:read")
      const whoami = yield* ask("/me", reader)
      assert.strictEqual(whoami.status, 200)
      assert.strictEqual(yield* Effect.promise(() => whoami.json()), "service")
      assert.strictEqual((yield* ask("/notes", reader)).status, 200)
      assert.strictEqual((yield* ask("/notes", reader, "POST")).status, 403)
      const writer = yield* provider.token("notes:read notes:write")
      assert.strictEqual((yield* ask("/notes", writer, "POST")).status, 200)
      const elsewhere = yield* provider.token("notes:read", "https://other.test")
      assert.strictEqual((yield* ask("/notes", elsewhere)).status, 401)
    })
  )

  it.scopedLive("rotated keys: the new is accepted at once, the old is not any more", () =>
    Effect.gen(function* () {
      const provider = yield* start
      const ask = yield* protectedBy(provider.issuer)
      const old = yield* provider.token("notes:read")
      assert.strictEqual((yield* ask("/notes", old)).status, 200)
      yield* provider.rotate
      const fresh = yield* provider.token("notes:read")
      assert.strictEqual((yield* ask("/notes", fresh)).status, 200)
      assert.strictEqual((yield* ask("/notes", old)).status, 401)
    })
  )

  it.scopedLive("server down: what was known serves on; who knows nothing yet says 503", () =>
    Effect.gen(function* () {
      const provider = yield* start
      const warm = yield* protectedBy(provider.issuer)
      const cold = yield* protectedBy(provider.issuer)
      const token = yield* provider.token("notes:read")
      const another = yield* provider.token("notes:read")
      assert.strictEqual((yield* warm("/notes", token)).status, 200)
      yield* provider.stop
      assert.strictEqual((yield* warm("/notes", another)).status, 200)
      const refused = yield* cold("/notes", token)
      assert.strictEqual(refused.status, 503)
      assert.isNull(refused.headers.get("www-authenticate"))
      assert.isNotNull(refused.headers.get("retry-after"))
    })
  )
})
