/** What the keys of many issuers keep on the heap. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Keyring from "effect-oauth/Keyring"
import { SignatureEngine } from "effect-oauth/SignatureEngine"
import * as Effect from "effect/Effect"
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import * as Crypto from "node:crypto"

export interface Memory {
  readonly issuers: number
  /** Megabytes: of the heap, and beside it (what OpenSSL holds is in neither). */
  readonly heap: number
  readonly external: number
  /** Megabytes of the process, roughly. */
  readonly process: number
}

const published = (i: number, kind: "rsa" | "ec") => {
  const key =
    kind === "rsa"
      ? {
          kty: "RSA",
          e: "AQAB",
          n: Buffer.concat([Buffer.from([0xc1]), Crypto.randomBytes(254), Buffer.from([1])])
        }
      : undefined
  const kid = `${kind}-${i}-${Crypto.randomBytes(12).toString("base64url")}`
  return key === undefined
    ? {
        ...Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" }),
        kid,
        alg: "ES256",
        use: "sig"
      }
    : { ...key, n: key.n.toString("base64url"), kid, alg: "RS256", use: "sig" }
}

/** Every issuer serves its metadata and two keys; nothing is kept on the side of the server. */
const server = HttpClient.make((request, url) =>
  Effect.sync(() => {
    const issuer = `${url.origin}`
    const i = Number(url.hostname.split(".")[0]?.slice(1))
    const body = url.pathname.startsWith("/.well-known/")
      ? {
          issuer,
          jwks_uri: `${issuer}/keys`,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"]
        }
      : { keys: [published(i, "rsa"), published(i, "ec")] }
    return HttpClientResponse.fromWeb(
      request,
      new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } })
    )
  })
)

const used = () => {
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  return { heapUsed, external, rss }
}

const megabytes = (bytes: number): number => bytes / 1e6

/** Both keys of every issuer fetched, found and prepared. */
export const memory = (issuers: number): Promise<Memory> =>
  Effect.gen(function* () {
    const engine = yield* NodeCryptoEngine.make
    const names = Array.from({ length: issuers }, (_, i) => `https://i${i}.issuers.example`)
    const before = used()
    const keyring = yield* Keyring.remote({
      issuers: (name) => name.endsWith(".example"),
      maxIssuers: issuers
    })
    yield* Effect.forEach(
      names,
      (issuer) =>
        Effect.forEach(["RS256", "ES256"] as const, (alg) =>
          Effect.flatMap(keyring.verificationKey(issuer, { alg }), (key) => key.prepare(engine, alg))
        ),
      { concurrency: 16, discard: true }
    )
    const after = used()
    // still asked for, so still there
    yield* keyring.verificationKey(names[0] ?? "", { alg: "ES256" })
    return {
      issuers,
      heap: megabytes(after.heapUsed - before.heapUsed),
      external: megabytes(after.external - before.external),
      process: megabytes(after.rss - before.rss)
    }
  }).pipe(
    Effect.provideServiceEffect(SignatureEngine, NodeCryptoEngine.make),
    Effect.provideService(HttpClient.HttpClient, server),
    Effect.scoped,
    Effect.runPromise
  )
