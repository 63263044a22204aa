/**
 * A key that signatures are checked with.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { KeyringError } from "../protocol/OAuthError.js"
import { Prepared } from "./internal/prepared.js"
import type { JsonWebKey } from "./Jwk.js"
import * as Jwk from "./Jwk.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import type { SignatureEngine } from "./SignatureEngine.js"

/**
 * A public key, or a secret declared as such, of one issuer.
 *
 * @since 0.1.0
 * @category models
 */
export interface VerificationKey {
  /** Whose key it is: it verifies nothing of another issuer. */
  readonly issuer: string
  /**
   * The issuer that the key set names beside the key, where one set serves many
   * (the `issuer` of a key of Microsoft Entra): it verifies nothing of another.
   * `{tenantid}` in it is any one tenant.
   */
  readonly onlyFor?: string | undefined
  readonly kid?: string | undefined
  /** The algorithms it verifies; a token with another is not looked up here. */
  readonly algorithms: ReadonlyArray<JwtAlgorithm>
  /** Its public members; of a secret only its names. */
  readonly jwk: JsonWebKey
  /** The key made ready for an engine, once. */
  readonly prepare: (
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm
  ) => Effect.Effect<SignatureEngine.Verify, KeyringError>
}

/**
 * Makes a key of a JWK; of a private one only its public half is kept. None
 * when the key is weak (`Jwk.weakness`) or not for signatures (`use`,
 * `key_ops`, `alg`), or when it names an issuer in a way that cannot be read.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJwk = (issuer: string, jwk: JsonWebKey): Option.Option<VerificationKey> => {
  const { issuer: named } = jwk
  if (named !== undefined && typeof named !== "string") return Option.none()
  const isSecret = jwk.kty === "oct"
  const shown = Jwk.toPublic(jwk)
  const algorithms = Jwk.algorithms(isSecret ? jwk : shown, "verify")
  if (algorithms.length === 0 || Jwk.weakness(jwk) !== undefined) return Option.none()
  return Option.some(new Key(issuer, shown, algorithms, isSecret ? jwk : shown, named))
}

/**
 * Whether a key verifies tokens of an issuer: those of its own, or of the one
 * that it was published for.
 *
 * @since 0.1.0
 * @category guards
 */
export const isFor = (key: VerificationKey, issuer: string): boolean => {
  if (key.issuer !== issuer) return false
  if (key.onlyFor === undefined || key.onlyFor === issuer) return true
  const [before = "", after, ...more] = key.onlyFor.split("{tenantid}")
  if (after === undefined || more.length > 0) return false
  const tenant = issuer.slice(before.length, issuer.length - after.length)
  return issuer === before + tenant + after && /^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(tenant)
}

/** Programs with many issuers hold many of these: a value with as little to it as can be. */
class Key implements VerificationKey {
  readonly kid: string | undefined
  readonly #prepared = new Prepared<SignatureEngine.Verify>()
  /** Where it is a secret, nobody shall see it. */
  readonly #material: JsonWebKey

  constructor(
    readonly issuer: string,
    readonly jwk: JsonWebKey,
    readonly algorithms: ReadonlyArray<JwtAlgorithm>,
    material: JsonWebKey,
    readonly onlyFor: string | undefined
  ) {
    this.kid = jwk.kid
    this.#material = material
  }

  prepare(
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm
  ): Effect.Effect<SignatureEngine.Verify, KeyringError> {
    return this.#prepared.get(engine, algorithm, () => engine.prepareVerify(this.#material, algorithm))
  }
}
