/**
 * Signing JWTs (RFC 7519).
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { randomText } from "../protocol/Entropy.js"
import { JwtError, type KeyringError } from "../protocol/OAuthError.js"
import * as Base64Url from "./internal/base64url.js"
import type { JwtClaims } from "./Jwt.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import type { Keyring } from "./Keyring.js"
import { KeyringService } from "./Keyring.js"
import { SignatureEngine } from "./SignatureEngine.js"
import type { SigningKey } from "./SigningKey.js"

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
     * `JwtError` (`claim`, `header`, `algorithm`) when what should be signed is
     * no JWT.
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

const headerText = (
  key: SigningKey,
  algorithm: JwtAlgorithm,
  options: SignOptions
): Effect.Effect<string, JwtError> => {
  const { header = {}, typ = "JWT" } = options
  const taken = Object.keys(header).find((name) => reserved.includes(name))
  return taken === undefined
    ? encodeJson("header", {
        alg: algorithm,
        ...(key.kid === undefined ? {} : { kid: key.kid }),
        ...(typ === false ? {} : { typ }),
        ...header
      })
    : Effect.fail(refuse("header", `the header member ${taken} is set by the signer`, taken))
}

const encodeJson = (what: "header" | "claim", value: object): Effect.Effect<string, JwtError> =>
  Effect.try({
    try: () => Base64Url.encodeText(JSON.stringify(value)),
    catch: () => refuse(what, `the ${what === "header" ? "header" : "claims"} cannot be written as JSON`)
  })

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

const complete = (claims: JwtClaims, options: SignOptions): Effect.Effect<JwtClaims> =>
  Effect.flatMap(Clock.currentTimeMillis, (millis) => {
    const now = Math.floor(millis / 1000)
    const { jti = true, lifetime = Duration.minutes(5) } = options
    const timed: JwtClaims = {
      ...claims,
      iat: claims["iat"] ?? now,
      exp: claims["exp"] ?? (lifetime === false ? undefined : now + Math.floor(Duration.toSeconds(lifetime)))
    }
    return jti && claims["jti"] === undefined
      ? Effect.map(randomText(16), (id) => ({ ...timed, jti: id }))
      : Effect.succeed(timed)
  })

/** The algorithm that is asked for, or the key's; a keyring of someone else's making may answer amiss. */
const algorithmOf = (key: SigningKey, options: SignOptions): Effect.Effect<JwtAlgorithm, JwtError> => {
  const algorithm = options.algorithm ?? key.algorithm
  return key.algorithms.includes(algorithm)
    ? Effect.succeed(algorithm)
    : Effect.fail(refuse("algorithm", `${algorithm} is not an algorithm of the key`))
}

/**
 * Makes a signer of a keyring that is at hand.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromKeyring = (keyring: Keyring): Effect.Effect<JwtSigner.Service> =>
  Effect.map(SignatureEngine, (engine) => ({
    sign: Effect.fnUntraced(function* (claims: JwtClaims, options: SignOptions = {}) {
      const problem = registeredProblem(claims)
      if (problem !== undefined) return yield* problem
      const key = yield* keyring.signingKey({
        kid: options.kid,
        algorithms: options.algorithm === undefined ? options.algorithms : [options.algorithm]
      })
      const algorithm = yield* algorithmOf(key, options)
      const header = yield* headerText(key, algorithm, options)
      const payload = yield* Effect.flatMap(complete(claims, options), (whole) => encodeJson("claim", whole))
      const sign = yield* key.prepare(engine, algorithm)
      const signature = yield* sign(`${header}.${payload}`)
      return Redacted.make(`${header}.${payload}.${signature}`)
    })
  }))

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
