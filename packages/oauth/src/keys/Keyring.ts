/**
 * Keyrings: the keys one signs with, and the keys one trusts, as values.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { exportJWK } from "jose/key/export"
import { generateKeyPair } from "jose/key/generate/keypair"
import type { KeyringError } from "../protocol/OAuthError.js"
import type { Keyring } from "./internal/keyring.js"
import { KeyringService } from "./internal/keyring.js"
import type { KeyOptions } from "./internal/keysAtHand.js"
import { make, ofKey, refuse } from "./internal/keysAtHand.js"
import * as Pem from "./internal/pem.js"
import type { RemoteOptions } from "./internal/remoteKeyring.js"
import { remoteKeyring } from "./internal/remoteKeyring.js"
import type { JsonWebKey, JsonWebKeySet } from "./Jwk.js"
import * as Jwk from "./Jwk.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import * as VerificationKey from "./VerificationKey.js"

export { type Keyring, KeyringService, type SigningKeyQuery } from "./internal/keyring.js"
export { combine, empty, type KeyOptions, make } from "./internal/keysAtHand.js"
export type { RemoteOptions } from "./internal/remoteKeyring.js"

const reveal = (text: string | Redacted.Redacted<string>): string =>
  typeof text === "string" ? text : Redacted.value(text)

/**
 * A key in PEM, and what is said about it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PemOptions extends KeyOptions {
  readonly pem: string | Redacted.Redacted<string>
}

/**
 * A keyring of one key in PEM: PKCS#8, PKCS#1 or SEC1 to sign with, SPKI or an
 * X.509 certificate (whose validity and chain are not looked at) to verify
 * with. The text is one block, white space around it ignored and anything else
 * refused. Fails with `malformed`, `unsupported` (encrypted, another curve) or
 * `forbidden` (RSA under 2048 bits).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPem = (options: PemOptions): Effect.Effect<Keyring, KeyringError> =>
  Effect.flatMap(Pem.toJwk("Keyring.fromPem", reveal(options.pem)), (jwk) =>
    ofKey("Keyring.fromPem", jwk, options)
  )

/**
 * A key as a JWK, and what is said about it.
 *
 * @since 0.1.0
 * @category models
 */
export interface JwkOptions extends KeyOptions {
  readonly jwk: JsonWebKey | Redacted.Redacted<JsonWebKey>
}

/**
 * A keyring of one JWK: private to sign with, public to verify with, `oct` to
 * do both. Fails with `malformed`, `forbidden` (weak, or for something else) or
 * `unsupported` (an `alg` that is not the key's).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJwk = (options: JwkOptions): Effect.Effect<Keyring, KeyringError> => {
  const jwk: unknown = Redacted.isRedacted(options.jwk) ? Redacted.value(options.jwk) : options.jwk
  return Jwk.isJsonWebKey(jwk)
    ? ofKey("Keyring.fromJwk", jwk, options)
    : Effect.fail(refuse("Keyring.fromJwk", "malformed", "the value is not a JSON Web Key"))
}

/**
 * A shared secret, and what it is for.
 *
 * @since 0.1.0
 * @category models
 */
export interface SecretOptions {
  /** At least as many bytes as the hash is long; a text is taken as UTF-8. */
  readonly secret: Redacted.Redacted<string> | Redacted.Redacted<Uint8Array>
  readonly alg: "HS256" | "HS384" | "HS512"
  readonly issuer?: string | undefined
  readonly kid?: string | undefined
}

/**
 * A keyring of a shared secret, for HMAC. Whoever has it can sign; it is never
 * published. Fails with `forbidden` when it is shorter than the hash (RFC 7518
 * section 3.2).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSecret = (options: SecretOptions): Effect.Effect<Keyring, KeyringError> => {
  const secret: string | Uint8Array = Redacted.value<string | Uint8Array>(options.secret)
  const jwk: JsonWebKey = { kty: "oct", k: Encoding.encodeBase64Url(secret) }
  return Jwk.algorithms(jwk, "sign").includes(options.alg)
    ? ofKey("Keyring.fromSecret", jwk, options)
    : Effect.fail(refuse("Keyring.fromSecret", "forbidden", `the secret is too short for ${options.alg}`))
}

/**
 * A fixed key set, and whose it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface JwksOptions {
  readonly issuer: string
  readonly jwks: JsonWebKeySet
}

/**
 * A keyring of a fixed key set, to verify the tokens of one issuer. A private
 * or a secret key in it is refused (`forbidden`): somebody published it, or it
 * belongs in `fromJwk`. Keys for other uses are left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJwks = (options: JwksOptions): Effect.Effect<Keyring, KeyringError> => {
  const operation = "Keyring.fromJwks"
  const { keys } = options.jwks
  if (!Array.isArray(keys) || !keys.every(Jwk.isJsonWebKey)) {
    return Effect.fail(refuse(operation, "malformed", "the value is not a JSON Web Key set"))
  }
  if (keys.some(Jwk.isPrivate)) {
    return Effect.fail(
      refuse(operation, "forbidden", "the set holds a private key or a secret; use Keyring.fromJwk")
    )
  }
  return Effect.succeed(
    make({
      verification: keys.flatMap((jwk) => Option.toArray(VerificationKey.fromJwk(options.issuer, jwk)))
    })
  )
}

/**
 * What kind of key pair is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface GenerateOptions {
  /** ES256. */
  readonly alg?: Exclude<JwtAlgorithm, "ES256K" | "HS256" | "HS384" | "HS512"> | undefined
  /** The size of an RSA key. 2048, which is also the least. */
  readonly modulusLength?: number | undefined
  readonly kid?: string | undefined
  readonly issuer?: string | undefined
}

/**
 * A keyring of a new key pair. Fails with `forbidden` for a short RSA key and
 * with `unsupported` where the runtime does not have the algorithm.
 *
 * @since 0.1.0
 * @category constructors
 */
export const generate = (options: GenerateOptions = {}): Effect.Effect<Keyring, KeyringError> =>
  Effect.gen(function* () {
    const operation = "Keyring.generate"
    const { alg = "ES256", modulusLength = 2048 } = options
    if (modulusLength < 2048)
      return yield* refuse(operation, "forbidden", "an RSA key needs 2048 bits or more")
    const jwk = yield* Effect.tryPromise({
      try: async () =>
        exportJWK((await generateKeyPair(alg, { extractable: true, modulusLength })).privateKey),
      catch: () => refuse(operation, "unsupported", `this runtime does not generate keys for ${alg}`)
    })
    return Jwk.isJsonWebKey(jwk)
      ? yield* ofKey(operation, jwk, { ...options, alg })
      : yield* refuse(operation, "unsupported", "the runtime did not give out the key")
  })

/**
 * A keyring of the keys that trusted issuers publish: found through their
 * metadata, fetched when first asked for, kept and refreshed by the policy of
 * `RemoteJwks`, for as long as the scope lives. Of many issuers those that were
 * asked for last are kept. An issuer that is not trusted is `not_found`, and
 * nothing is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const remote: (
  options: RemoteOptions
) => Effect.Effect<Keyring, never, HttpClient.HttpClient | Scope.Scope> = remoteKeyring

/**
 * Provides a keyring, however it is made.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(
  keyring: Effect.Effect<Keyring, E, R>
): Layer.Layer<KeyringService, E, Exclude<R, Scope.Scope>> => Layer.scoped(KeyringService, keyring)

/**
 * Provides a keyring of one key in PEM, as `fromPem` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPem = (options: PemOptions): Layer.Layer<KeyringService, KeyringError> =>
  layer(fromPem(options))

/**
 * A PEM key from the configuration, where it is read with `Config.redacted`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPemConfig = (
  options: Config.Config<PemOptions>
): Layer.Layer<KeyringService, KeyringError | ConfigError.ConfigError> =>
  layer(Effect.flatMap(options, fromPem))

/**
 * Provides a keyring of one JWK, as `fromJwk` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerJwk = (options: JwkOptions): Layer.Layer<KeyringService, KeyringError> =>
  layer(fromJwk(options))

/**
 * Provides a keyring of a shared secret, as `fromSecret` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSecret = (options: SecretOptions): Layer.Layer<KeyringService, KeyringError> =>
  layer(fromSecret(options))

/**
 * Provides a keyring of a fixed key set, as `fromJwks` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerJwks = (options: JwksOptions): Layer.Layer<KeyringService, KeyringError> =>
  layer(fromJwks(options))

/**
 * Provides a keyring of a new key pair, as `generate` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerGenerate = (options?: GenerateOptions): Layer.Layer<KeyringService, KeyringError> =>
  layer(generate(options))

/**
 * Provides a keyring of what trusted issuers publish, as `remote` makes it, for as long
 * as the layer lives.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRemote = (
  options: RemoteOptions
): Layer.Layer<KeyringService, never, HttpClient.HttpClient> => layer(remote(options))
