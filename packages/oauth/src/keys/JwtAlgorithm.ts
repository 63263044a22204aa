/**
 * Signature algorithms (RFC 7518 section 3, RFC 8037, RFC 9864).
 *
 * @since 0.1.0
 */

/**
 * The algorithms this toolkit knows. `none` is not one.
 *
 * @since 0.1.0
 * @category models
 */
export type JwtAlgorithm =
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "ES256K"
  | "EdDSA"
  | "Ed25519"
  | "HS256"
  | "HS384"
  | "HS512"

/**
 * What a verifier accepts unless told otherwise: every algorithm with a public
 * and a private key, without ES256K. `EdDSA` and `Ed25519` (RFC 9864) are two
 * names of one algorithm here, as Ed448 is not supported.
 *
 * @since 0.1.0
 * @category constants
 */
export const asymmetric: ReadonlyArray<JwtAlgorithm> = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519"
]

/**
 * HMAC: whoever can verify can sign. Never in a default list.
 *
 * @since 0.1.0
 * @category constants
 */
export const symmetric: ReadonlyArray<JwtAlgorithm> = ["HS256", "HS384", "HS512"]

const known: ReadonlySet<string> = new Set<string>([...asymmetric, "ES256K", ...symmetric])

/**
 * Whether a text names an algorithm exactly; names are case-sensitive.
 *
 * @since 0.1.0
 * @category guards
 */
export const isJwtAlgorithm = (name: unknown): name is JwtAlgorithm =>
  typeof name === "string" && known.has(name)

/**
 * The hash of an algorithm, which is also that of its `at_hash` and `c_hash`
 * (OpenID Connect Core 3.1.3.6); Ed25519 hashes with SHA-512.
 *
 * @since 0.1.0
 * @category accessors
 */
export const hash = (algorithm: JwtAlgorithm): "SHA-256" | "SHA-384" | "SHA-512" => {
  switch (algorithm) {
    case "RS256":
    case "PS256":
    case "ES256":
    case "ES256K":
    case "HS256":
      return "SHA-256"
    case "RS384":
    case "PS384":
    case "ES384":
    case "HS384":
      return "SHA-384"
    default:
      return "SHA-512"
  }
}
