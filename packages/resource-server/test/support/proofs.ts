/** DPoP proofs as a client and as an attacker writes them: by hand, with none of the code under test. */
import type { KeyObject } from "node:crypto"
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from "node:crypto"

const b64 = (value: string | object): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")

export const sha256 = (text: string | Uint8Array): string =>
  createHash("sha256").update(text).digest("base64url")

export interface Holder {
  readonly privateKey: KeyObject
  /** The public key. */
  readonly jwk: Readonly<Record<string, unknown>>
  /** RFC 7638. */
  readonly thumbprint: string
}

export const holder = (): Holder => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const { crv, kty, x, y } = publicKey.export({ format: "jwk" })
  return { privateKey, jwk: { kty, crv, x, y }, thumbprint: sha256(JSON.stringify({ crv, kty, x, y })) }
}

export const method = "GET"
export const url = "https://api.example/notes"
export const token = "canary-bound-token-4d1c"

export interface Written {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  /** What signs; the holder's own key unless given. */
  readonly signature?: (input: string) => Buffer
}

/** A good proof at that second, but for what is said otherwise; undefined leaves a member out. */
export const proof = (of: Holder, now: number, written: Written = {}): string => {
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: of.jwk, ...written.header }
  const claims = { jti: randomUUID(), htm: method, htu: url, iat: now, ath: sha256(token), ...written.claims }
  const input = `${b64(header)}.${b64(claims)}`
  const signature =
    written.signature?.(input) ??
    sign("sha256", Buffer.from(input), { key: of.privateKey, dsaEncoding: "ieee-p1363" })
  return `${input}.${signature.toString("base64url")}`
}

/** Signs with a secret that everybody knows: the public key itself. */
export const hmac =
  (secret: string) =>
  (input: string): Buffer =>
    createHmac("sha256", secret).update(input).digest()
