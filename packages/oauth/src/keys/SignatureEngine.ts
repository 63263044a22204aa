/**
 * The signature engine: where keys become operations.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { importJWK } from "jose/key/import"
import { KeyringError } from "../protocol/OAuthError.js"
import * as Base64Url from "./internal/base64url.js"
import type { JsonWebKey } from "./Jwk.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import { hash } from "./JwtAlgorithm.js"

/**
 * Checks signatures and makes them.
 *
 * A `Context.Reference`: jose prepares the keys and WebCrypto works with them
 * unless a program provides another engine, as `effect-oauth-node` has one on
 * `node:crypto`. A verifier, a signer and a keyring take the engine that is
 * there when they are made.
 *
 * @since 0.1.0
 * @category services
 */
export class SignatureEngine extends Context.Reference<SignatureEngine>()("effect-oauth/SignatureEngine", {
  defaultValue: (): SignatureEngine.Service => webCrypto
}) {}

/**
 * @since 0.1.0
 */
export declare namespace SignatureEngine {
  /**
   * What an engine does. Keys are prepared once and kept prepared by whoever
   * holds them; the caller has checked that the algorithm belongs to the key,
   * so an engine need not, but it must fail for what it cannot do.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Prepares a public key, or a secret (`oct`), for checking. Fails with `unsupported` or `malformed`. */
    readonly prepareVerify: (jwk: JsonWebKey, algorithm: JwtAlgorithm) => Effect.Effect<Verify, KeyringError>
    /** Prepares a private key, or a secret (`oct`), for signing. Fails with `unsupported` or `malformed`. */
    readonly prepareSign: (jwk: JsonWebKey, algorithm: JwtAlgorithm) => Effect.Effect<Sign, KeyringError>
  }

  /**
   * Whether a signature is that of the signing input under the prepared key.
   * The input is ASCII; the signature is base64url whose strict spelling has
   * been checked, of any length. Never fails: what cannot be checked is false.
   * It is called while a fiber runs and its answer is awaited at once, so an
   * engine that is synchronous may do the work in the call and answer with
   * `Effect.succeed`.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Verify {
    (signingInput: string, signature: string): Effect.Effect<boolean>
  }

  /**
   * The signature of a signing input (ASCII), in base64url.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Sign {
    (signingInput: string): Effect.Effect<string, KeyringError>
  }
}

type Operation = "verify" | "sign"

/** The parameters of WebCrypto for an operation; ES256K is not among its algorithms. */
const parameters = (algorithm: JwtAlgorithm): AlgorithmIdentifier | RsaPssParams | EcdsaParams => {
  switch (algorithm) {
    case "RS256":
    case "RS384":
    case "RS512":
      return "RSASSA-PKCS1-v1_5"
    case "PS256":
      return { name: "RSA-PSS", saltLength: 32 }
    case "PS384":
      return { name: "RSA-PSS", saltLength: 48 }
    case "PS512":
      return { name: "RSA-PSS", saltLength: 64 }
    case "EdDSA":
    case "Ed25519":
      return "Ed25519"
    case "HS256":
    case "HS384":
    case "HS512":
      return "HMAC"
    default:
      return { name: "ECDSA", hash: hash(algorithm) }
  }
}

const operations: Readonly<Record<Operation, string>> = {
  verify: "SignatureEngine.prepareVerify",
  sign: "SignatureEngine.prepareSign"
}

const importKey = (
  jwk: JsonWebKey,
  algorithm: JwtAlgorithm,
  operation: Operation
): Effect.Effect<CryptoKey, KeyringError> => {
  if (algorithm === "ES256K") {
    return Effect.fail(
      new KeyringError({
        operation: operations[operation],
        reason: "unsupported",
        retriable: false,
        message: "ES256K is not an algorithm of WebCrypto; provide an engine that has it."
      })
    )
  }
  return Effect.tryPromise({
    try: async () => {
      if (jwk.kty === "oct") {
        const secret = typeof jwk["k"] === "string" ? Base64Url.decodeBytes(jwk["k"]) : undefined
        const params = { name: "HMAC", hash: hash(algorithm) }
        const key = crypto.subtle.importKey("raw", secret ?? new Uint8Array(), params, false, [operation])
        return fitting(await key, algorithm, operation)
      }
      // Only what makes the key: `key_ops`, `use` and `ext` have been judged already.
      const key = await importJWK(material(jwk, operation), algorithm)
      return key instanceof Uint8Array ? anotherKind() : fitting(key, algorithm, operation)
    },
    catch: () =>
      new KeyringError({
        operation: operations[operation],
        reason: "malformed",
        retriable: false,
        message: `The key could not be imported for ${algorithm}: it is malformed, or this runtime does not have the algorithm.`
      })
  })
}

const curves: Partial<Record<JwtAlgorithm, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" }

/** A key is imported by what it is; whether that is what the algorithm wants would show only later. */
const fitting = (key: CryptoKey, algorithm: JwtAlgorithm, operation: Operation): Promise<CryptoKey> => {
  const wanted = parameters(algorithm)
  const curve = "namedCurve" in key.algorithm ? key.algorithm.namedCurve : undefined
  return key.algorithm.name === (typeof wanted === "string" ? wanted : wanted.name) &&
    curve === curves[algorithm] &&
    key.usages.includes(operation)
    ? Promise.resolve(key)
    : anotherKind()
}

const anotherKind = (): Promise<never> => Promise.reject(new TypeError("a key of another kind"))

const publicMaterial = ["crv", "x", "y", "n", "e"]
const privateMaterial = [...publicMaterial, "d", "p", "q", "dp", "dq", "qi"]

const material = (jwk: JsonWebKey, operation: Operation): Record<string, string> => {
  const out: Record<string, string> = { kty: jwk.kty }
  for (const member of operation === "sign" ? privateMaterial : publicMaterial) {
    const value = jwk[member]
    if (typeof value === "string") out[member] = value
  }
  return out
}

/**
 * jose and WebCrypto: on every runtime, always asynchronous.
 *
 * @since 0.1.0
 * @category engines
 */
export const webCrypto: SignatureEngine.Service = {
  prepareVerify: (jwk, algorithm) =>
    Effect.map(importKey(jwk, algorithm, "verify"), (key): SignatureEngine.Verify => {
      const params = parameters(algorithm)
      return (signingInput, signature) =>
        Effect.async<boolean>((resume) => {
          const bytes = Base64Url.decodeBytes(signature)
          if (bytes === undefined) return resume(refused)
          crypto.subtle.verify(params, key, bytes, Base64Url.utf8Bytes(signingInput)).then(
            (valid) => resume(valid ? accepted : refused),
            () => resume(refused)
          )
        })
    }),
  prepareSign: (jwk, algorithm) =>
    Effect.map(importKey(jwk, algorithm, "sign"), (key): SignatureEngine.Sign => {
      const params = parameters(algorithm)
      return (signingInput) =>
        Effect.tryPromise({
          try: () => crypto.subtle.sign(params, key, Base64Url.utf8Bytes(signingInput)),
          catch: () =>
            new KeyringError({
              operation: "SignatureEngine.sign",
              reason: "unsupported",
              retriable: false,
              message: `This runtime could not sign with ${algorithm}.`
            })
        }).pipe(Effect.map((signature) => Base64Url.encodeBytes(new Uint8Array(signature))))
    })
}

const accepted = Effect.succeed(true)
const refused = Effect.succeed(false)
