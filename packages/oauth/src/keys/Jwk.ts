/**
 * JSON Web Keys (RFC 7517): what a key may be used for, and which are refused.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { calculateJwkThumbprint } from "jose/jwk/thumbprint"
import { KeyringError } from "../protocol/OAuthError.js"
import { isWeakEd25519, modulusBits, saneExponent } from "./internal/keyRules.js"
import * as Base64Url from "./internal/base64url.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import { asymmetric, symmetric } from "./JwtAlgorithm.js"

/**
 * A JSON Web Key. Members this toolkit does not read are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonWebKey {
  readonly kty: string
  readonly kid?: string | undefined
  readonly alg?: string | undefined
  readonly use?: string | undefined
  readonly key_ops?: ReadonlyArray<string> | undefined
  readonly crv?: string | undefined
  readonly x?: string | undefined
  readonly y?: string | undefined
  readonly n?: string | undefined
  readonly e?: string | undefined
  readonly [member: string]: unknown
}

/**
 * A JSON Web Key set (RFC 7517 section 5).
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonWebKeySet {
  readonly keys: ReadonlyArray<JsonWebKey>
}

const optionalText = (value: unknown): boolean => value === undefined || typeof value === "string"

/**
 * Whether a value has the shape of a JWK: an object with a `kty`, the members
 * that this toolkit reads being of their type.
 *
 * @since 0.1.0
 * @category guards
 */
export const isJsonWebKey = (value: unknown): value is JsonWebKey =>
  Predicate.isReadonlyRecord(value) &&
  !Array.isArray(value) &&
  typeof value["kty"] === "string" &&
  ["kid", "alg", "use", "crv", "x", "y", "n", "e"].every((member) => optionalText(value[member])) &&
  (value["key_ops"] === undefined ||
    (Array.isArray(value["key_ops"]) && value["key_ops"].every((operation) => typeof operation === "string")))

const publicMembers: ReadonlySet<string> = new Set([
  "kty",
  "kid",
  "alg",
  "use",
  "key_ops",
  "crv",
  "x",
  "y",
  "n",
  "e"
])

/**
 * The public half of a key: the members that describe it and nothing else; the
 * same value where there is nothing else. `key_ops` of a key that may sign
 * becomes what its public half may do. A secret (`oct`) keeps only its names.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toPublic = (jwk: JsonWebKey): JsonWebKey => {
  if (Object.keys(jwk).every((member) => publicMembers.has(member))) return jwk
  const shown = Object.entries(jwk).filter(
    ([member, value]) => publicMembers.has(member) && value !== undefined
  )
  return {
    ...Object.fromEntries(shown),
    kty: jwk.kty,
    ...(isPrivate(jwk) && jwk.key_ops?.includes("sign") === true ? { key_ops: ["verify"] } : {})
  }
}

/**
 * Whether a JWK holds anything that only its owner may know: a private member
 * (RFC 7518 section 6), or a secret.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPrivate = (jwk: JsonWebKey): boolean =>
  ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"].some((member) => jwk[member] !== undefined)

/**
 * The algorithms by which a key may sign or verify, most usual first: bound to
 * its type and curve, to its own `alg`, to `use` and to `key_ops`. Empty for a
 * key that is for something else (`use` of `enc`).
 *
 * @since 0.1.0
 * @category accessors
 */
export const algorithms = (jwk: JsonWebKey, operation: "sign" | "verify"): ReadonlyArray<JwtAlgorithm> => {
  if (jwk.use !== undefined && jwk.use !== "sig") return []
  if (jwk.key_ops !== undefined && !jwk.key_ops.includes(operation)) return []
  const byType = algorithmsOfType(jwk)
  if (jwk.alg === undefined) return byType
  // EdDSA and Ed25519 are two names of one algorithm (RFC 9864).
  if (byType === edwards) return jwk.alg === "EdDSA" || jwk.alg === "Ed25519" ? edwards : []
  const named = byType.find((algorithm) => algorithm === jwk.alg)
  return named === undefined ? [] : (alone.get(named) ?? [])
}

/** Lists of which there is one each, for keys that are many. */
const rsa: ReadonlyArray<JwtAlgorithm> = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
const edwards: ReadonlyArray<JwtAlgorithm> = ["EdDSA", "Ed25519"]
const alone: ReadonlyMap<JwtAlgorithm, ReadonlyArray<JwtAlgorithm>> = new Map(
  [...asymmetric, ...symmetric, "ES256K" as const].map((algorithm) => [algorithm, [algorithm]])
)

const algorithmsOfType = (jwk: JsonWebKey): ReadonlyArray<JwtAlgorithm> => {
  switch (jwk.kty) {
    case "RSA":
      return rsa
    case "EC":
      return curves.get(jwk.crv ?? "") ?? []
    case "OKP":
      return jwk.crv === "Ed25519" ? edwards : []
    case "oct": {
      const bytes = typeof jwk["k"] === "string" ? (jwk["k"].length * 3) >> 2 : 0
      return secretAlgorithms.filter(([, least]) => bytes >= least).map(([algorithm]) => algorithm)
    }
    default:
      return []
  }
}

const curves: ReadonlyMap<string, ReadonlyArray<JwtAlgorithm>> = new Map([
  ["P-256", ["ES256"]],
  ["P-384", ["ES384"]],
  ["P-521", ["ES512"]],
  ["secp256k1", ["ES256K"]]
] satisfies ReadonlyArray<readonly [string, ReadonlyArray<JwtAlgorithm>]>)

/** RFC 7518 section 3.2: a key of the size of the hash, or larger. */
const secretAlgorithms: ReadonlyArray<readonly [JwtAlgorithm, number]> = [
  ["HS256", 32],
  ["HS384", 48],
  ["HS512", 64]
]

/**
 * Why a key is not fit to be trusted, if so: an RSA modulus under 2048 bits or
 * over 16384, a public exponent that is even, 1, or over 32 bits (RFC 7518
 * section 3.3), coordinates of a wrong length, a point of small order on
 * Ed25519, a secret shorter than 256 bits, an unknown type or curve. Whether a
 * point lies on its curve is found when the key is prepared.
 *
 * @since 0.1.0
 * @category guards
 */
export const weakness = (jwk: JsonWebKey): string | undefined => {
  switch (jwk.kty) {
    case "RSA": {
      const bits = modulusBits(jwk.n)
      if (bits === undefined || jwk.e === undefined) return "an RSA key needs n and e in base64url"
      if (bits < 2048) return `an RSA modulus of ${bits} bits is too short: 2048 or more`
      if (bits > 16384) return `an RSA modulus of ${bits} bits is too long: 16384 or less`
      return saneExponent(jwk.e)
        ? undefined
        : "the public exponent must be odd, at least 3, and within 32 bits"
    }
    case "EC": {
      const size = coordinateSize.get(jwk.crv ?? "")
      if (size === undefined) return "an EC key must be on P-256, P-384, P-521 or secp256k1"
      return hasLength(jwk.x, size) && hasLength(jwk.y, size)
        ? undefined
        : `x and y must be ${size} bytes each in base64url`
    }
    case "OKP":
      if (jwk.crv !== "Ed25519") return "of the curves of RFC 8037 only Ed25519 signs here"
      if (!hasLength(jwk.x, 32)) return "x must be 32 bytes in base64url"
      return isWeakEd25519(jwk.x) ? "a point of small order verifies anything" : undefined
    case "oct":
      return typeof jwk["k"] === "string" && (Base64Url.decodeBinary(jwk["k"])?.length ?? 0) >= 32
        ? undefined
        : "a secret must be 32 bytes or more, in base64url"
    default:
      return "its kty is not RSA, EC, OKP or oct"
  }
}

const coordinateSize: ReadonlyMap<string, number> = new Map([
  ["P-256", 32],
  ["P-384", 48],
  ["P-521", 66],
  ["secp256k1", 32]
])

const hasLength = (text: string | undefined, bytes: number): text is string =>
  text !== undefined && text.length === Math.ceil((bytes * 4) / 3) && Base64Url.isBase64Url(text)

/**
 * The thumbprint of a key (RFC 7638, SHA-256, base64url). That of a secret is
 * refused: published, it would let anyone test guesses of it (section 7).
 *
 * @since 0.1.0
 * @category accessors
 */
export const thumbprint = (jwk: JsonWebKey): Effect.Effect<string, KeyringError> =>
  jwk.kty === "oct"
    ? Effect.fail(
        new KeyringError({
          operation: "Jwk.thumbprint",
          reason: "forbidden",
          retriable: false,
          message: "Jwk.thumbprint: a secret has no thumbprint that could be shown; give it a kid."
        })
      )
    : Effect.tryPromise({
        try: () => {
          const material: Record<string, string> = {}
          for (const member of ["kty", "crv", "x", "y", "n", "e"] as const) {
            const value = jwk[member]
            if (value !== undefined) material[member] = value
          }
          return calculateJwkThumbprint(material)
        },
        catch: () =>
          new KeyringError({
            operation: "Jwk.thumbprint",
            reason: "malformed",
            retriable: false,
            message: "Jwk.thumbprint: a member that the thumbprint needs is missing (RFC 7638 section 3.2)."
          })
      })
