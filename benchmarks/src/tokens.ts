/** Keys, and access tokens by RFC 9068 of about 1.1 kB, each another. */
import type { JsonWebKey } from "effect-oauth/Jwk"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import * as Crypto from "node:crypto"

export const issuer = "https://login.issuer.example/tenants/4711"
export const audience = "https://api.example.com/orders"
export const requiredClaims = ["iss", "aud", "exp", "sub", "client_id", "iat", "jti"]

export const algorithms = ["RS256", "PS256", "ES256", "EdDSA", "HS256"] as const
export type Algorithm = (typeof algorithms)[number] & JwtAlgorithm

export interface Keys {
  readonly algorithm: Algorithm
  readonly kid: string
  readonly sign: Crypto.KeyObject
  readonly verify: Crypto.KeyObject
  readonly jwk: JsonWebKey
  readonly privateJwk: JsonWebKey
}

const kid = "5mYx0s3J2cQeHqz1_9b4Wn7uKfR8vTgLpXdAoEiZkC6"

const generated = (
  algorithm: Algorithm
): { readonly sign: Crypto.KeyObject; readonly verify: Crypto.KeyObject } => {
  switch (algorithm) {
    case "RS256":
    case "PS256": {
      const { privateKey, publicKey } = Crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
      return { sign: privateKey, verify: publicKey }
    }
    case "ES256": {
      const { privateKey, publicKey } = Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" })
      return { sign: privateKey, verify: publicKey }
    }
    case "EdDSA": {
      const { privateKey, publicKey } = Crypto.generateKeyPairSync("ed25519")
      return { sign: privateKey, verify: publicKey }
    }
    case "HS256": {
      const secret = Crypto.createSecretKey(Crypto.randomBytes(32))
      return { sign: secret, verify: secret }
    }
  }
}

const named = (key: Crypto.KeyObject, algorithm: Algorithm): JsonWebKey => {
  const jwk = key.export({ format: "jwk" })
  return { ...jwk, kty: jwk.kty ?? "", kid, alg: algorithm, ...(algorithm === "HS256" ? {} : { use: "sig" }) }
}

export const makeKeys = (algorithm: Algorithm): Keys => {
  const { sign, verify } = generated(algorithm)
  return {
    algorithm,
    kid,
    sign,
    verify,
    jwk: named(verify, algorithm),
    privateJwk: named(sign, algorithm)
  }
}

const options = {
  RS256: {},
  PS256: { padding: Crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  ES256: { dsaEncoding: "ieee-p1363" },
  EdDSA: {}
} as const

export interface Bare {
  readonly sign: (data: Uint8Array) => Buffer
  readonly verify: (data: Uint8Array, signature: Uint8Array) => boolean
  /** In the thread pool; HMAC has no such form. */
  readonly verifyInPool: (data: Uint8Array, signature: Uint8Array, done: (valid: boolean) => void) => void
}

/** The bare operations that everything is compared with: the limit of `node:crypto`. */
export const bare = ({ algorithm, sign, verify }: Keys): Bare => {
  if (algorithm === "HS256") {
    const mac = (data: Uint8Array) => Crypto.createHmac("sha256", sign).update(data).digest()
    const check = (data: Uint8Array, tag: Uint8Array) => Crypto.timingSafeEqual(mac(data), tag)
    return { sign: mac, verify: check, verifyInPool: (data, tag, done) => done(check(data, tag)) }
  }
  const digest = algorithm === "EdDSA" ? undefined : "sha256"
  const signer = { key: sign, ...options[algorithm] }
  const verifier = { key: verify, ...options[algorithm] }
  return {
    sign: (data) => Crypto.sign(digest, data, signer),
    verify: (data, signature) => Crypto.verify(digest, data, verifier, signature),
    verifyInPool: (data, signature, done) =>
      Crypto.verify(digest, data, verifier, signature, (error, valid) => done(error === null && valid))
  }
}

/** The claims that RFC 9068 requires and a usual lot of others: 620 bytes in JSON. */
export const claims = (i: number, now: number) => ({
  iss: issuer,
  sub: `auth0|${(1_000_000_007 * (i + 1)).toString(16).padStart(24, "0")}`,
  aud: audience,
  client_id: "q7fYw2sXvB4nMkZ0",
  exp: now + 7200,
  iat: now - 60,
  jti: Crypto.randomBytes(16).toString("base64url"),
  auth_time: now - 300,
  acr: "urn:mace:incommon:iap:silver",
  amr: ["pwd", "otp"],
  scope: "openid profile email offline_access orders:read orders:write invoices:read invoices:write",
  roles: ["customer", "beta", `region-${i % 50}`],
  groups: ["4f0b7c52-engineering", "9d1e22aa-orders", "c3c5b7de-reporting"],
  email: `person.${i}@customers.example.com`,
  tenant: "4711",
  sid: Crypto.randomBytes(24).toString("base64url")
})

export interface Token {
  readonly text: string
  readonly data: Uint8Array
  readonly signature: Uint8Array
}

export const makeTokens = (keys: Keys, count: number): ReadonlyArray<Token> => {
  const { sign } = bare(keys)
  const now = Math.floor(Date.now() / 1000)
  const header = Buffer.from(JSON.stringify({ alg: keys.algorithm, typ: "at+jwt", kid: keys.kid })).toString(
    "base64url"
  )
  return Array.from({ length: count }, (_, i) => {
    const input = `${header}.${Buffer.from(JSON.stringify(claims(i, now))).toString("base64url")}`
    const data = Buffer.from(input)
    const signature = sign(data)
    // from a buffer, as a header of a request is: one flat text, not the rope that concatenation makes
    return {
      text: Buffer.from(`${input}.${signature.toString("base64url")}`).toString("latin1"),
      data,
      signature
    }
  })
}
