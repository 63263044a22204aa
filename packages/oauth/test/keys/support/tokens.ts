/** Tokens as an attacker writes them: by hand, with node:crypto, and none of the code under test. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { KeyObject } from "node:crypto"
import { constants, createHmac, generateKeyPairSync, sign } from "node:crypto"
import type { JsonWebKey } from "../../../src/keys/Jwk.js"
import { isJsonWebKey } from "../../../src/keys/Jwk.js"
import type { JwtAlgorithm } from "../../../src/keys/JwtAlgorithm.js"
import * as JwtProfile from "../../../src/keys/JwtProfile.js"
import * as JwtVerifier from "../../../src/keys/JwtVerifier.js"
import type { Keyring } from "../../../src/keys/Keyring.js"
import * as Keyrings from "../../../src/keys/Keyring.js"
import type { JwtError, KeyringError } from "../../../src/protocol/OAuthError.js"

export const issuer = "https://issuer.example"
export const audience = "https://api.example"

export const b64 = (value: unknown): string =>
  (value instanceof Uint8Array
    ? Buffer.from(value)
    : Buffer.from(typeof value === "string" ? value : JSON.stringify(value))
  ).toString("base64url")

export interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: JsonWebKey
}

const jwkOf = (key: KeyObject, named: object): JsonWebKey => {
  const jwk: unknown = { ...key.export({ format: "jwk" }), ...named }
  if (!isJsonWebKey(jwk)) throw new Error("not a JWK")
  return jwk
}

export const rsa = (kid = "rsa", modulusLength = 2048): Pair => {
  const pair = generateKeyPairSync("rsa", { modulusLength })
  return { ...pair, jwk: jwkOf(pair.publicKey, { kid }) }
}

export const ec = (namedCurve: "P-256" | "P-384" | "P-521" | "secp256k1" = "P-256", kid = "ec"): Pair => {
  const pair = generateKeyPairSync("ec", { namedCurve })
  return { ...pair, jwk: jwkOf(pair.publicKey, { kid }) }
}

export const ed25519 = (kid = "ed"): Pair => {
  const pair = generateKeyPairSync("ed25519")
  return { ...pair, jwk: jwkOf(pair.publicKey, { kid }) }
}

const digest = (alg: string): string => `sha${alg.slice(2, 5)}`

/** The signature of an input, in base64url. */
export const signature = (alg: string, key: KeyObject | Uint8Array | string, input: string): string => {
  if (alg.startsWith("HS")) {
    return createHmac(digest(alg), key).update(input).digest("base64url")
  }
  if (typeof key === "string" || key instanceof Uint8Array) throw new Error("not a KeyObject")
  const data = Buffer.from(input)
  const options = alg.startsWith("PS")
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : alg.startsWith("ES")
      ? { key, dsaEncoding: "ieee-p1363" as const }
      : { key }
  return sign(alg === "EdDSA" || alg === "Ed25519" ? null : digest(alg.slice(0, 5)), data, options).toString(
    "base64url"
  )
}

/** The parts of a token, each a value to be written as JSON or text to be taken as it is. */
export const compact = (
  header: unknown,
  claims: unknown,
  key: KeyObject | Uint8Array | string,
  alg: string = "ES256"
): string => {
  const input = `${b64(header)}.${b64(claims)}`
  return `${input}.${signature(alg, key, input)}`
}

/** The clock of `it.effect` stands at 1970. */
export const goodClaims: Readonly<Record<string, unknown>> = {
  iss: issuer,
  sub: "alice",
  aud: audience,
  exp: 300,
  iat: 0,
  jti: "1",
  client_id: "client",
  scope: "read write"
}

export const goodHeader = (key: Pair, alg: string = "ES256"): Readonly<Record<string, unknown>> => ({
  alg,
  typ: "at+jwt",
  kid: key.jwk.kid
})

export const profile = JwtProfile.accessToken({ issuer, audience })

export const profileFor = (...algorithms: ReadonlyArray<JwtAlgorithm>): typeof profile =>
  JwtProfile.accessToken({ issuer, audience, algorithms })

export const ringOf = (...keys: ReadonlyArray<JsonWebKey>): Effect.Effect<Keyring, KeyringError> =>
  Keyrings.fromJwks({ issuer, jwks: { keys } })

/** Verifies with the keys of one issuer. */
export const verify = <A>(
  ring: Keyring,
  token: string,
  against: JwtProfile.JwtProfile<A>
): Effect.Effect<JwtVerifier.VerifiedJwt<A>, JwtError | KeyringError> =>
  Effect.flatMap(JwtVerifier.fromKeyring(ring), (verifier) => verifier.verify(token, against))

/** The reason of a refusal, as `JwtError signature`; `accepted` when there is none. */
export const outcome = <A>(effect: Effect.Effect<A, JwtError | KeyringError>): Effect.Effect<string> =>
  Effect.map(Effect.either(effect), (result) =>
    Either.isRight(result) ? "accepted" : `${result.left._tag} ${result.left.reason}`
  )

/** What becomes of a token under the usual profile, with one key trusted. */
export const judged = (
  token: string,
  key: JsonWebKey,
  against: JwtProfile.JwtProfile<unknown> = profile
): Effect.Effect<string> => outcome(Effect.flatMap(ringOf(key), (ring) => verify(ring, token, against)))
