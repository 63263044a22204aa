/** The keyring as a contract; its constructors are in `Keyring`. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KeyringError } from "../../protocol/OAuthError.js"
import type { JsonWebKeySet } from "../Jwk.js"
import type { JwtHeader } from "../Jwt.js"
import type { SigningKey } from "../SigningKey.js"
import type { VerificationKey } from "../VerificationKey.js"

/**
 * The keyring of the program.
 *
 * @since 0.1.0
 * @category services
 */
export class KeyringService extends Context.Tag("effect-oauth/KeyringService")<KeyringService, Keyring>() {}

/**
 * The keys one signs with, and the keys one trusts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyring {
  /** The key to sign with. Fails with `not_found` when none is as asked for. */
  readonly signingKey: (query?: SigningKeyQuery) => Effect.Effect<SigningKey, KeyringError>
  /**
   * The one key of an issuer that has this `kid` and may verify this `alg`;
   * without a `kid`, the only one that may. Fails with `not_found` and
   * `ambiguous` when the issuer's keys are known and it is not among them, with
   * `unavailable` when they cannot be had.
   */
  readonly verificationKey: (
    issuer: string,
    header: JwtHeader
  ) => Effect.Effect<VerificationKey, KeyringError>
  /** The public halves of the signing keys, to be published. */
  readonly jwks: Effect.Effect<JsonWebKeySet, KeyringError>
}

/**
 * Which signing key is wanted: the first that has this `kid` and one of these
 * algorithms.
 *
 * @since 0.1.0
 * @category models
 */
export interface SigningKeyQuery {
  readonly kid?: string | undefined
  /** Acceptable algorithms, as a server lists those it supports. */
  readonly algorithms?: ReadonlyArray<string> | undefined
}
