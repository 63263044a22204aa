/**
 * Encrypting JWTs (RFC 7516, compact) to a key that somebody has published: so
 * that nobody else on their way can read them.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { CompactEncrypt } from "jose/jwe/compact/encrypt"
import * as SingleFlight from "../http/SingleFlight.js"
import { KeyringError } from "../protocol/OAuthError.js"
import { fetchKeys, refused, unavailable } from "./internal/fetchKeys.js"
import { importKey, isWeakToEncryptTo, keyTypesOf } from "./internal/jwe.js"
import { isObject } from "./internal/json.js"
import { defaultPolicy } from "./internal/jwksPolicy.js"
import type { JsonWebKey, JsonWebKeySet } from "./Jwk.js"
import * as Jwk from "./Jwk.js"
import type { ContentEncryption, KeyManagement } from "./JwtDecrypter.js"
import type * as RemoteJwks from "./RemoteJwks.js"

/**
 * A way to give the content key to the owner of a public key (RFC 7518 section
 * 4). RSA1_5 is not among them.
 *
 * @since 0.1.0
 * @category models
 */
export type PublicKeyManagement = Extract<KeyManagement, `RSA-OAEP${string}` | `ECDH-ES${string}`>

/**
 * All of them, the one to prefer first.
 *
 * @since 0.1.0
 * @category constants
 */
export const keyManagement: ReadonlyArray<PublicKeyManagement> = [
  "ECDH-ES",
  "ECDH-ES+A256KW",
  "ECDH-ES+A192KW",
  "ECDH-ES+A128KW",
  "RSA-OAEP-256",
  "RSA-OAEP-384",
  "RSA-OAEP-512",
  "RSA-OAEP"
]

/**
 * The ways to encrypt the content (RFC 7518 section 5), the one to prefer first.
 *
 * @since 0.1.0
 * @category constants
 */
export const contentEncryption: ReadonlyArray<ContentEncryption> = [
  "A256GCM",
  "A128GCM",
  "A192GCM",
  "A256CBC-HS512",
  "A128CBC-HS256",
  "A192CBC-HS384"
]

/**
 * How a token is encrypted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Choice {
  /** The values that `alg` may have; the first for which there is a key. */
  readonly algorithms: ReadonlyArray<PublicKeyManagement>
  readonly encryption: ContentEncryption
  /** The key to encrypt to; else the first that fits, one that says that it is for encryption before others. */
  readonly kid?: string | undefined
}

/**
 * Encrypts to the keys of one owner.
 *
 * @since 0.1.0
 * @category models
 */
export interface JwtEncrypter {
  /**
   * Encrypts a signed JWT: a JWE in compact form, with `cty` `JWT` (RFC 7519
   * section 5.2) and the `kid` of the key in its header. Fails with `not_found`
   * where the owner has published no key for it, and as the keys are had.
   */
  readonly encrypt: (
    token: Redacted.Redacted<string>,
    choice: Choice
  ) => Effect.Effect<Redacted.Redacted<string>, KeyringError>
}

/**
 * Encrypts to the keys of a set that is at hand.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJwks = (options: { readonly issuer: string; readonly jwks: JsonWebKeySet }): JwtEncrypter =>
  make(options.issuer, Effect.succeed(options.jwks.keys))

/**
 * Whose published keys are encrypted to, and how they are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemoteOptions extends Pick<RemoteJwks.Options, "issuer" | "jwksUri" | "wire"> {
  /** Refuse keys that are not on the origin of the issuer. false. */
  readonly sameOrigin?: boolean | undefined
  /** 5 minutes. */
  readonly timeToLive?: Duration.DurationInput | undefined
}

/**
 * Encrypts to the keys that an issuer publishes. They are fetched when the
 * first token is encrypted, once for all who wait, and kept; a failure is not
 * kept. Private keys, weak ones and those for another use are passed over.
 *
 * @since 0.1.0
 * @category constructors
 */
export const remote = ({
  issuer,
  jwksUri,
  sameOrigin = defaultPolicy.sameOrigin,
  timeToLive = defaultPolicy.timeToLive,
  wire
}: RemoteOptions): Effect.Effect<JwtEncrypter, never, Scope.Scope> =>
  Effect.map(
    SingleFlight.make(
      Effect.flatMap(
        Effect.mapError(jwksUri, (error) => unavailable(issuer, error)),
        (uri) =>
          fetchKeys(wire, issuer, uri, sameOrigin).pipe(
            Effect.mapError((error) => (error._tag === "KeyringError" ? error : unavailable(issuer, error))),
            Effect.flatMap(({ document }) =>
              isObject(document) && Array.isArray(document["keys"])
                ? Effect.succeed<ReadonlyArray<unknown>>(document["keys"])
                : Effect.fail(
                    refused(issuer, "malformed", `what ${issuer} publishes is not a JSON Web Key set`)
                  )
            )
          )
      ),
      timeToLive
    ),
    ({ get }) => make(issuer, get)
  )

const operation = "JwtEncrypter.encrypt"

const make = (
  issuer: string,
  published: Effect.Effect<ReadonlyArray<unknown>, KeyringError>
): JwtEncrypter => ({
  encrypt: (token, choice) =>
    Effect.gen(function* () {
      const keys = (yield* published).filter(isKeyToEncryptTo)
      for (const algorithm of choice.algorithms) {
        const fitting = keys.filter((jwk) => fits(jwk, algorithm, choice.kid))
        const key = fitting.find(({ use }) => use === "enc") ?? fitting[0]
        if (key !== undefined) return yield* encryptTo(issuer, key, algorithm, token, choice.encryption)
      }
      return yield* failure(
        issuer,
        "not_found",
        `${issuer} publishes no key to encrypt to by ${choice.algorithms.join(" or ")}`
      )
    })
})

const isKeyToEncryptTo = (jwk: unknown): jwk is JsonWebKey =>
  Jwk.isJsonWebKey(jwk) &&
  !Jwk.isPrivate(jwk) &&
  !isWeakToEncryptTo(jwk) &&
  (jwk.use === undefined || jwk.use === "enc") &&
  // A public key for key agreement may do nothing by itself: its list is often empty.
  (jwk.key_ops === undefined ||
    (jwk.kty !== "RSA" && jwk.key_ops.length === 0) ||
    jwk.key_ops.some((one) => ["encrypt", "wrapKey", "deriveKey", "deriveBits"].includes(one)))

const fits = (jwk: JsonWebKey, algorithm: string, kid: string | undefined): boolean =>
  keyTypesOf(algorithm).includes(jwk.kty) &&
  (jwk.alg === undefined || jwk.alg === algorithm) &&
  (kid === undefined || jwk.kid === kid)

const encryptTo = (
  issuer: string,
  key: JsonWebKey,
  algorithm: KeyManagement,
  token: Redacted.Redacted<string>,
  encryption: ContentEncryption
): Effect.Effect<Redacted.Redacted<string>, KeyringError> =>
  Effect.tryPromise({
    try: async () =>
      Redacted.make(
        await new CompactEncrypt(new TextEncoder().encode(Redacted.value(token)))
          .setProtectedHeader({
            alg: algorithm,
            enc: encryption,
            cty: "JWT",
            ...(key.kid === undefined ? {} : { kid: key.kid })
          })
          .encrypt(await importKey(key, algorithm))
      ),
    catch: () =>
      failure(issuer, "malformed", `the key that ${issuer} publishes for ${algorithm} cannot be encrypted to`)
  })

const failure = (issuer: string, reason: KeyringError["reason"], problem: string): KeyringError =>
  new KeyringError({
    operation,
    reason,
    issuer,
    retriable: false,
    message: `${operation}: ${problem}.`
  })
