/** What encrypting and decrypting have in common (RFC 7518 sections 4 and 6). */
import { importJWK } from "jose/key/import"
import type { JsonWebKey } from "../Jwk.js"
import * as Jwk from "../Jwk.js"
import * as Base64Url from "./base64url.js"

/** The `kty` of the keys that a key management algorithm is for. */
export const keyTypesOf = (algorithm: string): ReadonlyArray<string> =>
  algorithm.startsWith("RSA") ? ["RSA"] : algorithm.startsWith("ECDH") ? ["EC", "OKP"] : ["oct"]

/** Whether a public key is too weak to be encrypted to, or on a curve that is not for it. */
export const isWeakToEncryptTo = (jwk: JsonWebKey): boolean => {
  switch (jwk.kty) {
    case "RSA":
      return Jwk.weakness(jwk) !== undefined
    case "EC":
      return jwk.crv === "secp256k1" || Jwk.weakness(jwk) !== undefined
    default:
      return jwk.crv !== "X25519" || Base64Url.decodeBinary(jwk.x ?? "")?.length !== 32
  }
}

/** Only the members that make a key: what else is said about it has been looked at before. */
export const importKey = (jwk: JsonWebKey, algorithm: string): ReturnType<typeof importJWK> => {
  const material: Record<string, string> = {}
  for (const name of ["kty", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "k"]) {
    const value = jwk[name]
    if (typeof value === "string") material[name] = value
  }
  return importJWK(material, algorithm)
}
