/**
 * Decrypting JWTs (RFC 7516, compact): ID tokens, userinfo responses and
 * introspection responses that a server has encrypted to this client.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { compactDecrypt } from "jose/jwe/compact/decrypt"
import { JwtError, KeyringError } from "../protocol/OAuthError.js"
import { parseHeader } from "./internal/compact.js"
import { importKey, keyTypesOf } from "./internal/jwe.js"
import type { JsonWebKey } from "./Jwk.js"
import * as Jwk from "./Jwk.js"
import type { JwtHeader } from "./Jwt.js"

/**
 * Decrypts what is encrypted to us.
 *
 * @since 0.1.0
 * @category services
 */
export class JwtDecrypter extends Context.Tag("effect-oauth/JwtDecrypter")<
  JwtDecrypter,
  JwtDecrypter.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace JwtDecrypter {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Decrypts a JWE in compact form to the text in it: a signed JWT, which is
     * verified next, since encryption says nothing about who made it.
     *
     * Fails with a `JwtError`: `too_large`, `malformed`, `header`, `critical`,
     * `algorithm`, `key`, and for whatever goes wrong with the key or the
     * ciphertext one and the same `decryption`, so that nobody learns more by
     * trying.
     */
    readonly decrypt: (
      token: Redacted.Redacted<string> | string
    ) => Effect.Effect<
      { readonly plaintext: Redacted.Redacted<string>; readonly header: JwtHeader },
      JwtError
    >
  }
}

/**
 * How the content key is had (RFC 7518 section 4). PBES2 and RSA1_5 are not
 * among them.
 *
 * @since 0.1.0
 * @category models
 */
export type KeyManagement =
  | "RSA-OAEP"
  | "RSA-OAEP-256"
  | "RSA-OAEP-384"
  | "RSA-OAEP-512"
  | "ECDH-ES"
  | "ECDH-ES+A128KW"
  | "ECDH-ES+A192KW"
  | "ECDH-ES+A256KW"
  | "A128KW"
  | "A192KW"
  | "A256KW"
  | "A128GCMKW"
  | "A192GCMKW"
  | "A256GCMKW"
  | "dir"

/**
 * How the content is encrypted (RFC 7518 section 5).
 *
 * @since 0.1.0
 * @category models
 */
export type ContentEncryption =
  "A128CBC-HS256" | "A192CBC-HS384" | "A256CBC-HS512" | "A128GCM" | "A192GCM" | "A256GCM"

/**
 * The keys, and what has been agreed upon with the server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Private keys, or secrets; of RSA, P-256, P-384, P-521, X25519 or `oct`, for encryption. */
  readonly keys: ReadonlyArray<Redacted.Redacted<JsonWebKey>>
  /** The accepted values of `alg`: those agreed upon with the server. */
  readonly algorithms: ReadonlyArray<KeyManagement>
  /** The accepted values of `enc`: those agreed upon with the server. */
  readonly encryptions: ReadonlyArray<ContentEncryption>
  /** The longest token that is looked at, in bytes. 32 KiB. */
  readonly maxTokenBytes?: number | undefined
  /** What a compressed text may grow to, in bytes. 0: compression is refused. */
  readonly maxDecompressedBytes?: number | undefined
}

const operation = "JwtDecrypter.decrypt"

const refuse = (reason: JwtError["reason"], problem: string, expected?: string): JwtError =>
  new JwtError({
    operation,
    reason,
    message: `${operation}: ${problem}${expected === undefined ? "" : `; expected ${expected}`}.`,
    ...(expected === undefined ? {} : { expected })
  })

interface DecryptionKey {
  readonly jwk: JsonWebKey
  readonly fits: (algorithm: string) => boolean
}

const isWeak = (jwk: JsonWebKey): boolean =>
  jwk.kty === "RSA" || jwk.kty === "EC"
    ? Jwk.weakness(jwk) !== undefined
    : jwk.kty === "OKP" && jwk.crv !== "X25519"

const decryptionKey = (key: Redacted.Redacted<JsonWebKey>): Effect.Effect<DecryptionKey, KeyringError> => {
  const jwk: unknown = Redacted.value(key)
  return Jwk.isJsonWebKey(jwk) &&
    Jwk.isPrivate(jwk) &&
    !isWeak(jwk) &&
    (jwk.use === undefined || jwk.use === "enc")
    ? Effect.succeed({
        jwk,
        fits: (algorithm) =>
          keyTypesOf(algorithm).includes(jwk.kty) &&
          (jwk.alg === undefined || jwk.alg === algorithm || (algorithm === "dir" && jwk.kty === "oct"))
      })
    : Effect.fail(
        new KeyringError({
          operation: "JwtDecrypter.make",
          reason: "forbidden",
          retriable: false,
          message:
            "JwtDecrypter.make: a key is not a private key or a secret for encryption, or too weak (RSA of 2048 bits or more; P-256, P-384, P-521, X25519)."
        })
      )
}

const parts = (token: string): ReadonlyArray<string> | undefined => {
  // A sixth part, if there are more than five, and none after it.
  const found = token.split(".", 6)
  const [header, , , ciphertext, tag] = found
  return found.length === 5 && header !== "" && ciphertext !== "" && tag !== "" ? found : undefined
}

/** Members that jose reads as text, as text: its own failures all look alike. */
const headerOf = (segment: string, options: Options): JwtHeader | JwtError => {
  const header = parseHeader(segment)
  if (typeof header === "string") return refuse("header", `the header ${header}`)
  if (header["crit"] !== undefined)
    return refuse("critical", "the header has critical extensions, none of which is understood")
  if (!options.algorithms.some((name) => name === header.alg)) {
    return refuse(
      "algorithm",
      "the key management of the token is not accepted",
      options.algorithms.join(" or ")
    )
  }
  if (!options.encryptions.some((name) => name === header["enc"])) {
    return refuse(
      "algorithm",
      "the content encryption of the token is not accepted",
      options.encryptions.join(" or ")
    )
  }
  return header["zip"] === undefined || (header["zip"] === "DEF" && (options.maxDecompressedBytes ?? 0) > 0)
    ? header
    : refuse("header", "compressed tokens are not accepted")
}

/**
 * Makes a decrypter of keys and of what has been agreed upon with the server.
 * Fails with `forbidden` when a key is weak or not for decryption.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<JwtDecrypter.Service, KeyringError> =>
  Effect.map(Effect.forEach(options.keys, decryptionKey), (keys) => {
    const { maxTokenBytes = 32 * 1024 } = options

    const keyFor = ({ alg, kid }: JwtHeader): JsonWebKey | JwtError => {
      const fitting = keys.filter((key) => key.fits(alg) && (kid === undefined || key.jwk.kid === kid))
      const [only] = fitting
      return only !== undefined && fitting.length === 1
        ? only.jwk
        : refuse(
            "key",
            only === undefined ? "there is no key for this token" : "several keys could be for this token"
          )
    }

    return {
      decrypt: (token) => {
        const text = typeof token === "string" ? token : Redacted.value(token)
        if (text.length > maxTokenBytes) {
          return Effect.fail(refuse("too_large", "the token is too long", `${maxTokenBytes} bytes or less`))
        }
        const found = parts(text)
        if (found === undefined)
          return Effect.fail(refuse("malformed", "the token is not a JWE of five parts"))
        const header = headerOf(found[0] ?? "", options)
        if (header instanceof JwtError) return Effect.fail(header)
        const jwk = keyFor(header)
        if (jwk instanceof JwtError) return Effect.fail(jwk)
        return Effect.tryPromise({
          try: async () => {
            const { plaintext } = await compactDecrypt(text, await importKey(jwk, header.alg), {
              keyManagementAlgorithms: [header.alg],
              contentEncryptionAlgorithms: [...options.encryptions],
              maxDecompressedLength: options.maxDecompressedBytes ?? 0
            })
            return {
              header,
              plaintext: Redacted.make(new TextDecoder("utf-8", { fatal: true }).decode(plaintext))
            }
          },
          catch: () => refuse("decryption", "the token could not be decrypted")
        })
      }
    }
  })

/**
 * Provides a decrypter, as `make` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<JwtDecrypter, KeyringError> =>
  Layer.effect(JwtDecrypter, make(options))
