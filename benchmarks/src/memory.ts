/** What the keys of many issuers keep on the heap. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Keyring from "effect-oauth/Keyring"
import { SignatureEngine } from "effect-oauth/SignatureEngine"
import * as Effect from "effect/Effect"
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import * as jose from "jose"
import * as Crypto from "node:crypto"

export interface Memory {
  readonly name: string
  readonly issuers: number
  /** Megabytes: of the heap, and beside it (what OpenSSL holds is in neither). */
  readonly heap: number
  readonly external: number
  /** Megabytes of the process, roughly. */
  readonly process: number
  /** Megabytes of heap that it should not exceed. */
  readonly most?: number
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

const keySet = (i: number) => ({ keys: [published(i, "rsa"), published(i, "ec")] })

/** Every issuer serves its metadata and two keys; nothing is kept on the side of the server. */
const server = HttpClient.make((request, url) =>
  Effect.sync(() => {
    const issuer = url.origin
    const body = url.pathname.startsWith("/.well-known/")
      ? {
          issuer,
          jwks_uri: `${issuer}/keys`,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"]
        }
      : keySet(numberOf(url))
    return HttpClientResponse.fromWeb(
      request,
      new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } })
    )
  })
)

const nameOf = (i: number): string => `https://i${i}.issuers.example`
const numberOf = (url: URL): number => Number(url.hostname.split(".")[0]?.slice(1))

const used = () => {
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  return process.memoryUsage()
}

type Usage = ReturnType<typeof used>

const difference = (before: Usage, after: Usage) => ({
  heap: (after.heapUsed - before.heapUsed) / 1e6,
  external: (after.external - before.external) / 1e6,
  process: (after.rss - before.rss) / 1e6
})

const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, i) => i)

const ask = (keyring: Keyring.Keyring, issuers: Iterable<number>) =>
  Effect.gen(function* () {
    const engine = yield* SignatureEngine
    yield* Effect.forEach(
      issuers,
      (i) =>
        Effect.forEach(["RS256", "ES256"] as const, (alg) =>
          Effect.flatMap(keyring.verificationKey(nameOf(i), { alg }), (key) => key.prepare(engine, alg))
        ),
      { concurrency: 16, discard: true }
    )
  })

/** Both keys of every issuer fetched, found and prepared; what the code itself takes is there before. */
const ours = (issuers: number): Promise<Memory> =>
  Effect.gen(function* () {
    const make = (maxIssuers: number) =>
      Keyring.remote({ issuers: (name) => name.endsWith(".issuers.example"), maxIssuers })
    const warm = yield* make(500)
    yield* ask(warm, upTo(500))
    const before = used()
    const keyring = yield* make(issuers)
    yield* ask(keyring, upTo(issuers))
    const after = used()
    // still there, both of them
    yield* ask(warm, [0])
    yield* ask(keyring, [0])
    return { name: "effect-oauth", issuers, ...difference(before, after), most: 30 }
  }).pipe(
    Effect.provideServiceEffect(SignatureEngine, NodeCryptoEngine.make),
    Effect.provideService(HttpClient.HttpClient, server),
    Effect.scoped,
    Effect.runPromise
  )

const joses = async (issuers: number): Promise<Memory> => {
  const make = (i: number) =>
    jose.createRemoteJWKSet(new URL(`${nameOf(i)}/keys`), {
      [jose.customFetch]: () => Promise.resolve(new Response(JSON.stringify(keySet(i))))
    })
  const fill = async (count: number) => {
    const sets = upTo(count).map(make)
    for (const set of sets) {
      await set({ alg: "RS256" })
      await set({ alg: "ES256" })
    }
    return sets
  }
  const warm = await fill(500)
  const before = used()
  const sets = await fill(issuers)
  const after = used()
  await warm[0]?.({ alg: "ES256" })
  await sets[0]?.({ alg: "ES256" })
  return { name: "jose", issuers, ...difference(before, after) }
}

export const memory = async (issuers: number): Promise<ReadonlyArray<Memory>> => [
  await ours(issuers),
  await joses(issuers)
]
