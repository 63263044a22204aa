/**
 * Signing JWTs (RFC 7519).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { randomText } from "../protocol/Entropy.js"
import { JwtError, type KeyringError } from "../protocol/OAuthError.js"
import * as AtOnce from "../http/AtOnce.js"
import * as Base64Url from "./internal/base64url.js"
import type { SignProfile } from "./internal/signProfiles.js"
import { kinds, missingFrom } from "./internal/signProfiles.js"
import type { JwtClaims } from "./Jwt.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import type { Keyring } from "./Keyring.js"
import { KeyringService } from "./Keyring.js"
import { SignatureEngine } from "./SignatureEngine.js"
import type { SigningKey } from "./SigningKey.js"

export type { SignProfile } from "./internal/signProfiles.js"

/**
 * Signs JWTs with the keys of the keyring.
 *
 * @since 0.1.0
 * @category services
 */
export class JwtSigner extends Context.Tag("effect-oauth/JwtSigner")<JwtSigner, JwtSigner.Service>() {}

/**
 * @since 0.1.0
 */
export declare namespace JwtSigner {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Signs claims. `iat` (now), `exp` (now and the lifetime) and `jti` (128
     * random bits) are added unless they are among the claims; claims that are
     * undefined are left out. The header has `alg`, `kid` where the key has
     * one, and `typ`.
     *
     * Fails with a `KeyringError` when there is no key as asked for, and with a
     * `JwtError` (`claim`, `missing_claim`, `header`, `algorithm`) when what should
     * be signed is no JWT, or none of its kind.
     */
    readonly sign: (
      claims: JwtClaims,
      options?: SignOptions
    ) => Effect.Effect<Redacted.Redacted<string>, KeyringError | JwtError>
  }
}

/**
 * How a token is signed.
 *
 * @since 0.1.0
 * @category models
 */
export interface SignOptions {
  /**
   * What kind of token this is: it sets the defaults of `typ`, `lifetime` and
   * `jti` and requires the claims of the kind, as RFC 9068 (access token),
   * OpenID Connect Core (ID token), RFC 7523 (client assertion), RFC 9449 (DPoP
   * proof), Back-Channel Logout and RFC 9701 (introspection) have them.
   */
  readonly profile?: SignProfile | undefined
  /** `typ` of the header: `JWT`, or `at+jwt`, `dpop+jwt` and so on; `false` for none. */
  readonly typ?: string | false | undefined
  /** From now to `exp`; `false` for a token without `exp`. 5 minutes. */
  readonly lifetime?: Duration.DurationInput | false | undefined
  /** Whether a `jti` is added. true. */
  readonly jti?: boolean | undefined
  /** Must be an algorithm of the key. The key's own. */
  readonly algorithm?: JwtAlgorithm | undefined
  /** Acceptable algorithms, as a server lists those it supports, where none is named. */
  readonly algorithms?: ReadonlyArray<string> | undefined
  /** The key, by its name. The keyring's choice. */
  readonly kid?: string | undefined
  /** Further members of the header, such as `jwk`; `alg`, `kid`, `typ`, `crit` and `b64` are not among them. */
  readonly header?: Readonly<Record<string, unknown>> | undefined
}

const operation = "JwtSigner.sign"

const reserved = ["alg", "kid", "typ", "crit", "b64"]

const refuse = (reason: JwtError["reason"], problem: string, claim?: string): JwtError =>
  new JwtError({
    operation,
    reason,
    message: `${operation}: ${problem}.`,
    ...(claim === undefined ? {} : { claim })
  })

const encodeJson = (what: "header" | "claim", value: object): string | JwtError => {
  try {
    return Base64Url.encodeText(JSON.stringify(value))
  } catch {
    return refuse(what, `the ${what === "header" ? "header" : "claims"} cannot be written as JSON`)
  }
}

interface Header {
  readonly key: SigningKey
  readonly algorithm: JwtAlgorithm
  readonly text: string
}

const headerText = (key: SigningKey, algorithm: JwtAlgorithm, options: SignOptions): string | JwtError => {
  const { header = {}, typ = "JWT" } = options
  const taken = Object.keys(header).find((name) => reserved.includes(name))
  return taken === undefined
    ? encodeJson("header", {
        alg: algorithm,
        ...(key.kid === undefined ? {} : { kid: key.kid }),
        ...(typ === false ? {} : { typ }),
        ...header
      })
    : refuse("header", `the header member ${taken} is set by the signer`, taken)
}

const isTime = (value: unknown): boolean =>
  value === undefined || (typeof value === "number" && Number.isFinite(value))

/** What RFC 7519 section 4.1 says of the type of a registered claim. */
const registeredProblem = (claims: JwtClaims): JwtError | undefined => {
  const time = ["exp", "nbf", "iat"].find((name) => !isTime(claims[name]))
  if (time !== undefined) return refuse("claim", `the claim ${time} is not a number of seconds`, time)
  const text = ["iss", "sub", "jti"].find(
    (name) => claims[name] !== undefined && typeof claims[name] !== "string"
  )
  return text === undefined ? undefined : refuse("claim", `the claim ${text} is not text`, text)
}

const defaultLifetime = Duration.minutes(5)

const complete = (
  claims: JwtClaims,
  options: SignOptions,
  now: number,
  id: string | undefined
): JwtClaims => {
  const { lifetime = defaultLifetime } = options
  return {
    ...claims,
    iat: claims["iat"] ?? now,
    exp: claims["exp"] ?? (lifetime === false ? undefined : now + Math.floor(Duration.toSeconds(lifetime))),
    jti: claims["jti"] ?? id
  }
}

/** What is usual for the kind, where nothing else is said. */
const withDefaults = (options: SignOptions): SignOptions => {
  if (options.profile === undefined) return options
  const { jti, lifetime, typ } = kinds[options.profile]
  return {
    ...options,
    typ: options.typ ?? typ,
    lifetime: options.lifetime ?? (lifetime === false ? false : Duration.seconds(lifetime)),
    jti: options.jti ?? jti
  }
}

const kindProblem = (claims: JwtClaims, { profile }: SignOptions): JwtError | undefined => {
  const missing = profile === undefined ? undefined : missingFrom(kinds[profile], claims)
  return missing === undefined
    ? undefined
    : refuse("missing_claim", `the claim ${missing} is missing from the ${profile}`, missing)
}

const noId = Effect.succeed(undefined)

/**
 * Makes a signer of a keyring that is at hand.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromKeyring = (keyring: Keyring): Effect.Effect<JwtSigner.Service> =>
  Effect.map(SignatureEngine, (engine) => {
    // A signer writes the same header again and again.
    let last: (Pick<SignOptions, "typ"> & Header) | undefined
    const headerOf = (key: SigningKey, algorithm: JwtAlgorithm, options: SignOptions): string | JwtError => {
      const { header, typ } = options
      if (header === undefined && last?.key === key && last.algorithm === algorithm && last.typ === typ) {
        return last.text
      }
      const text = headerText(key, algorithm, options)
      if (header === undefined && typeof text === "string") last = { key, algorithm, typ, text }
      return text
    }

    const signWith = (
      key: SigningKey,
      claims: JwtClaims,
      options: SignOptions
    ): Effect.Effect<Redacted.Redacted<string>, KeyringError | JwtError> => {
      const algorithm = options.algorithm ?? key.algorithm
      // A keyring of someone else's making may answer amiss.
      if (!key.algorithms.includes(algorithm)) {
        return Effect.fail(refuse("algorithm", `${algorithm} is not an algorithm of the key`))
      }
      const header = headerOf(key, algorithm, options)
      if (typeof header !== "string") return Effect.fail(header)
      const payload = encodeJson("claim", claims)
      if (typeof payload !== "string") return Effect.fail(payload)
      const signingInput = `${header}.${payload}`
      return AtOnce.flatMap(key.prepare(engine, algorithm), (sign) =>
        AtOnce.map(sign(signingInput), (signature) => Redacted.make(`${signingInput}.${signature}`))
      )
    }

    return {
      sign: (claims, given = {}) =>
        Effect.clockWith((clock) => {
          const options = withDefaults(given)
          const problem = registeredProblem(claims) ?? kindProblem(claims, options)
          if (problem !== undefined) return Effect.fail(problem)
          const query = {
            kid: options.kid,
            algorithms: options.algorithm === undefined ? options.algorithms : [options.algorithm]
          }
          return AtOnce.flatMap(keyring.signingKey(query), (key) =>
            AtOnce.flatMap(
              options.jti === false || claims["jti"] !== undefined ? noId : randomText(16),
              (id) => {
                const now = Math.floor(clock.unsafeCurrentTimeMillis() / 1000)
                return signWith(key, complete(claims, options, now, id), options)
              }
            )
          )
        })
    }
  })

/**
 * Makes a signer of the keyring of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<JwtSigner.Service, never, KeyringService> = Effect.flatMap(
  KeyringService,
  fromKeyring
)

/**
 * The signer of the keyring of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<JwtSigner, never, KeyringService> = Layer.effect(JwtSigner, make)
