/**
 * A key that signatures are made with.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { KeyringError } from "../protocol/OAuthError.js"
import { Prepared } from "./internal/prepared.js"
import type { JsonWebKey } from "./Jwk.js"
import * as Jwk from "./Jwk.js"
import type { JwtAlgorithm } from "./JwtAlgorithm.js"
import type { SignatureEngine } from "./SignatureEngine.js"

/**
 * A private key, or a secret. What signs elsewhere (a KMS, a hardware token)
 * is one too: its `prepare` ignores the engine, and it has no `privateJwk`.
 *
 * @since 0.1.0
 * @category models
 */
export interface SigningKey {
  readonly kid?: string | undefined
  /** What it signs with unless asked for another. */
  readonly algorithm: JwtAlgorithm
  /** What it may sign with. */
  readonly algorithms: ReadonlyArray<JwtAlgorithm>
  /** Its public half, as it is published; of a secret only its names. */
  readonly jwk: JsonWebKey
  /** The whole key, to store it; none where it cannot leave its place. */
  readonly privateJwk: Option.Option<Redacted.Redacted<JsonWebKey>>
  /** The key made ready for an engine, once. */
  readonly prepare: (
    engine: SignatureEngine.Service,
    algorithm: JwtAlgorithm
  ) => Effect.Effect<SignatureEngine.Sign, KeyringError>
}

/**
 * Makes a key of a private JWK. `kid` defaults to the RFC 7638 thumbprint
 * (a secret has none unless given), `algorithm` to the JWK's `alg` or the
 * usual one of its type: RS256, the ES of its curve, EdDSA, the longest HS
 * that it is long enough for. Fails with `malformed`, `forbidden` (weak, or
 * not for signing) or `unsupported` (an algorithm that is not the key's).
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromJwk = (
  jwk: JsonWebKey,
  options: {
    readonly kid?: string | undefined
    readonly alg?: JwtAlgorithm | undefined
    readonly operation?: string | undefined
  } = {}
): Effect.Effect<SigningKey, KeyringError> =>
  Effect.gen(function* () {
    const operation = options.operation ?? "SigningKey.fromJwk"
    const refuse = (reason: KeyringError["reason"], problem: string) =>
      new KeyringError({ operation, reason, retriable: false, message: `${operation}: ${problem}.` })

    if (!Jwk.isPrivate(jwk))
      return yield* refuse("malformed", "the key has no private part, so nothing can be signed")
    const weakness = Jwk.weakness(jwk)
    if (weakness !== undefined) return yield* refuse("forbidden", weakness)

    const possible = Jwk.algorithms(jwk, "sign")
    const algorithms = options.alg === undefined ? possible : possible.filter((name) => name === options.alg)
    const algorithm = jwk.kty === "oct" ? algorithms.at(-1) : algorithms[0]
    if (algorithm === undefined) {
      return yield* options.alg === undefined
        ? refuse("forbidden", "the key is not for signing (its use, key_ops or alg says so)")
        : refuse("unsupported", `${options.alg} is not an algorithm of this key`)
    }

    const kid = options.kid ?? jwk.kid ?? (jwk.kty === "oct" ? undefined : yield* Jwk.thumbprint(jwk))
    const prepared = new Prepared<SignatureEngine.Sign>()
    const { key_ops: _, ...described } = Jwk.toPublic(jwk)
    const names = {
      ...(kid === undefined ? {} : { kid }),
      ...(algorithms.length === 1 || options.alg !== undefined ? { alg: algorithm } : {}),
      use: "sig"
    }
    return {
      ...(kid === undefined ? {} : { kid }),
      algorithm,
      algorithms,
      jwk: { ...described, kty: jwk.kty, ...names },
      privateJwk: Option.some(Redacted.make({ ...jwk, ...names })),
      prepare: (engine, wanted) => prepared.get(engine, wanted, () => engine.prepareSign(jwk, wanted))
    }
  })
