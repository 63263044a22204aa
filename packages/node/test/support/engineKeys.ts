import type { JsonWebKey } from "effect-oauth/Jwk"
import { toPublic } from "effect-oauth/Jwk"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import * as crypto from "node:crypto"

export interface KeyPair {
  /** Algorithms of one kind have the same key. */
  readonly kind: string
  readonly public: JsonWebKey
  readonly private: JsonWebKey
}

const ofPair = (kind: string, kty: string, key: crypto.KeyObject): KeyPair => {
  const whole = { ...key.export({ format: "jwk" }), kty }
  return { kind, private: whole, public: toPublic(whole) }
}

export const secret = (byte: number): JsonWebKey => ({
  kty: "oct",
  k: Buffer.alloc(64, byte).toString("base64url")
})

const ec = (namedCurve: string): KeyPair =>
  ofPair(namedCurve, "EC", crypto.generateKeyPairSync("ec", { namedCurve }).privateKey)

const rsa = ofPair("RSA", "RSA", crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)
const ed25519 = ofPair("Ed25519", "OKP", crypto.generateKeyPairSync("ed25519").privateKey)
const [p256, p384, p521, secp256k1] = [ec("P-256"), ec("P-384"), ec("P-521"), ec("secp256k1")]
const oct: KeyPair = { kind: "oct", public: secret(5), private: secret(5) }

export const keyFor = (algorithm: JwtAlgorithm): KeyPair => {
  switch (algorithm) {
    case "ES256":
      return p256
    case "ES384":
      return p384
    case "ES512":
      return p521
    case "ES256K":
      return secp256k1
    case "EdDSA":
    case "Ed25519":
      return ed25519
    case "HS256":
    case "HS384":
    case "HS512":
      return oct
    default:
      return rsa
  }
}
