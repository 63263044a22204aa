/** JSON Web Keys as KeyObjects, and what `node:crypto` must be told for each algorithm. */
import type { JsonWebKey } from "effect-oauth/Jwk"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import * as Crypto from "node:crypto"

/** How an algorithm is spelled in `node:crypto`. */
export interface Suite {
  readonly family: "rsa" | "ec" | "ed25519" | "hmac"
  /** The digest; none for Ed25519, which has its own. */
  readonly digest: string | undefined
  /** Beside the key: padding, salt length (that of the digest, exactly), encoding. */
  readonly options: Omit<Crypto.SignKeyObjectInput, "key"> | undefined
  /** Of EC keys, as OpenSSL names it. */
  readonly curve?: string
  /** The length of a signature in bytes; RSA's is that of the modulus. */
  readonly bytes: number
}

const rsa = (bits: number): Suite => ({ family: "rsa", digest: `sha${bits}`, options: undefined, bytes: 0 })
const pss = (bits: number): Suite => ({
  ...rsa(bits),
  options: { padding: Crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: bits / 8 }
})
const ecdsa = (bits: number, curve: string, bytes: number): Suite => ({
  family: "ec",
  digest: `sha${bits}`,
  options: { dsaEncoding: "ieee-p1363" },
  curve,
  bytes
})
const ed25519: Suite = { family: "ed25519", digest: undefined, options: undefined, bytes: 64 }
const hmac = (bits: number): Suite => ({
  family: "hmac",
  digest: `sha${bits}`,
  options: undefined,
  bytes: bits / 8
})

/** RFC 7518 section 3, RFC 8037, RFC 8812. */
export const suites: Readonly<Record<JwtAlgorithm, Suite>> = {
  RS256: rsa(256),
  RS384: rsa(384),
  RS512: rsa(512),
  PS256: pss(256),
  PS384: pss(384),
  PS512: pss(512),
  ES256: ecdsa(256, "prime256v1", 64),
  ES384: ecdsa(384, "secp384r1", 96),
  ES512: ecdsa(512, "secp521r1", 132),
  ES256K: ecdsa(256, "secp256k1", 64),
  EdDSA: ed25519,
  Ed25519: ed25519,
  HS256: hmac(256),
  HS384: hmac(384),
  HS512: hmac(512)
}

const publicMembers = ["crv", "x", "y", "n", "e"]
const privateMembers = ["d", "p", "q", "dp", "dq", "qi"]

/** Only what makes the key: its names and uses have been judged already. */
const material = (jwk: JsonWebKey, members: ReadonlyArray<string>): Crypto.JsonWebKey => {
  const out: Crypto.JsonWebKey = { kty: jwk.kty }
  for (const member of members) {
    const value = jwk[member]
    if (typeof value === "string") out[member] = value
  }
  return out
}

const fits = (key: Crypto.KeyObject, suite: Suite): boolean =>
  key.asymmetricKeyType === suite.family &&
  (suite.curve === undefined || key.asymmetricKeyDetails?.namedCurve === suite.curve)

/** The key of a JWK for one algorithm; undefined when it is of another kind, or no key at all. */
const keyOf = (suite: Suite, make: () => Crypto.KeyObject): Crypto.KeyObject | undefined => {
  try {
    const key = make()
    return fits(key, suite) ? key : undefined
  } catch {
    return undefined
  }
}

export const publicKey = (jwk: JsonWebKey, suite: Suite): Crypto.KeyObject | undefined =>
  keyOf(suite, () => Crypto.createPublicKey({ key: material(jwk, publicMembers), format: "jwk" }))

export const privateKey = (jwk: JsonWebKey, suite: Suite): Crypto.KeyObject | undefined =>
  keyOf(suite, () =>
    Crypto.createPrivateKey({ key: material(jwk, [...publicMembers, ...privateMembers]), format: "jwk" })
  )

/** A secret as short as it is. Whether it is long enough has been judged already. */
export const secretKey = (jwk: JsonWebKey): Crypto.KeyObject | undefined => {
  const { k, kty } = jwk
  return kty === "oct" && typeof k === "string" && k !== ""
    ? Crypto.createSecretKey(Buffer.from(k, "base64url"))
    : undefined
}

/** A key as it is given to an operation. */
export type Input = Crypto.KeyObject | Crypto.SignKeyObjectInput

export const input = (key: Crypto.KeyObject, { options }: Suite): Input =>
  options === undefined ? key : { key, ...options }

/** The length of the signatures of a key, in bytes. */
export const signatureBytes = (key: Crypto.KeyObject, suite: Suite): number =>
  suite.family === "rsa" ? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8) : suite.bytes
