/** The issuer's keys, made and used with jose and nothing of the toolkit. */
import * as Effect from "effect/Effect"
import * as jose from "jose"
import type { PublishedKeys } from "../IssuerHandle.js"
import type { KeySet } from "../TestClient.js"

export interface IssuerKey {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: jose.CryptoKey
  readonly publicJwk: PublishedKeys["keys"][number]
}

/** A new key pair. */
export const generate = (algorithm: string, kid: string): Effect.Effect<IssuerKey> =>
  Effect.promise(async () => {
    const pair = await jose.generateKeyPair(algorithm, { extractable: true })
    const publicJwk = await jose.exportJWK(pair.publicKey)
    return {
      kid,
      algorithm,
      privateKey: pair.privateKey,
      publicJwk: { ...publicJwk, kty: publicJwk.kty ?? "", kid, alg: algorithm, use: "sig" }
    }
  })

/** The public halves. */
export const jwks = (keys: ReadonlyArray<IssuerKey>): PublishedKeys => ({
  keys: keys.map((key) => key.publicJwk)
})

const isJwk = (key: object): key is jose.JWK => "kty" in key && typeof key.kty === "string"

/** A JWK set as jose reads one; what is no key is left out. */
export const toJose = (set: KeySet): jose.JSONWebKeySet => ({ keys: set.keys.filter(isJwk) })

const segment = (value: unknown): string => jose.base64url.encode(JSON.stringify(value))

const subtleParameters = (algorithm: string): EcdsaParams | RsaPssParams | Algorithm => {
  const bits = algorithm.slice(2)
  switch (algorithm.slice(0, 2)) {
    case "ES":
      return { name: "ECDSA", hash: `SHA-${bits}` }
    case "PS":
      return { name: "RSA-PSS", saltLength: Number(bits) / 8 }
    case "RS":
      return { name: "RSASSA-PKCS1-v1_5" }
    default:
      return { name: "Ed25519" }
  }
}

/**
 * A compact JWS with exactly this header: no member is checked, so that a
 * header may lie.
 */
export const sign = (
  key: IssuerKey | Uint8Array | undefined,
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>
): Effect.Effect<string> =>
  Effect.promise(async () => {
    const input = `${segment(header)}.${segment(claims)}`
    if (key === undefined) return `${input}.`
    const data = new TextEncoder().encode(input)
    if (key instanceof Uint8Array) {
      const secret = await crypto.subtle.importKey(
        "raw",
        key.slice(),
        { name: "HMAC", hash: "SHA-256" },
        false,
        ["sign"]
      )
      return `${input}.${jose.base64url.encode(new Uint8Array(await crypto.subtle.sign("HMAC", secret, data)))}`
    }
    const signature = await crypto.subtle.sign(subtleParameters(key.algorithm), key.privateKey, data)
    return `${input}.${jose.base64url.encode(new Uint8Array(signature))}`
  })

/** The left half of a hash, as `at_hash` wants it (OpenID Connect Core section 3.1.3.6). */
export const leftHalfHash = (algorithm: string, text: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const name = algorithm.startsWith("Ed") ? "SHA-512" : `SHA-${algorithm.slice(2)}`
    const digest = new Uint8Array(await crypto.subtle.digest(name, new TextEncoder().encode(text)))
    return jose.base64url.encode(digest.subarray(0, digest.length / 2))
  })

/** The S256 challenge of a verifier (RFC 7636 section 4.2). */
export const challengeOf = (verifier: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))
    return jose.base64url.encode(new Uint8Array(digest))
  })
