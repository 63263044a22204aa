/** Keyrings of keys at hand, and of two keyrings. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { KeyringError } from "../../protocol/OAuthError.js"
import type { JsonWebKey } from "../Jwk.js"
import * as Jwk from "../Jwk.js"
import type { JwtAlgorithm } from "../JwtAlgorithm.js"
import * as SigningKey from "../SigningKey.js"
import * as VerificationKey from "../VerificationKey.js"
import * as KeyIndex from "./keyIndex.js"
import type { Keyring, SigningKeyQuery } from "./keyring.js"

/**
 * What is said about a key beside the key itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeyOptions {
  /** Its name. A JWK's own `kid`, or the RFC 7638 thumbprint. */
  readonly kid?: string | undefined
  /** The one algorithm it is for. A JWK's own `alg`, or whatever its type allows. */
  readonly alg?: JwtAlgorithm | undefined
  /** Whose tokens it verifies. A keyring of private keys without an issuer only signs. */
  readonly issuer?: string | undefined
}

/**
 * A keyring of keys at hand. The first signing key that fits a query is used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (keys: {
  readonly signing?: ReadonlyArray<SigningKey.SigningKey> | undefined
  readonly verification?: ReadonlyArray<VerificationKey.VerificationKey> | undefined
}): Keyring => {
  const signing = keys.signing ?? []
  const byIssuer = new Map<string, ReadonlyArray<VerificationKey.VerificationKey>>()
  for (const key of keys.verification ?? [])
    byIssuer.set(key.issuer, [...(byIssuer.get(key.issuer) ?? []), key])
  const indexes = new Map([...byIssuer].map(([issuer, own]) => [issuer, KeyIndex.make(own)] as const))
  const published = signing.filter((key) => key.jwk.kty !== "oct").map((key) => key.jwk)
  return {
    signingKey: (query) => select(signing, query),
    verificationKey: (issuer, header) => {
      const index = indexes.get(issuer)
      const found = index === undefined ? "not_found" : KeyIndex.find(index, header)
      return typeof found === "string" ? Effect.fail(KeyIndex.noKey(found, issuer)) : Effect.succeed(found)
    },
    jwks: Effect.succeed({ keys: published })
  }
}

const select = (
  keys: ReadonlyArray<SigningKey.SigningKey>,
  query: SigningKeyQuery = {}
): Effect.Effect<SigningKey.SigningKey, KeyringError> => {
  for (const key of keys) {
    if (query.kid !== undefined && key.kid !== query.kid) continue
    const { algorithms } = query
    if (algorithms === undefined || algorithms.includes(key.algorithm)) return Effect.succeed(key)
    const algorithm = key.algorithms.find((name) => algorithms.includes(name))
    if (algorithm !== undefined) return Effect.succeed({ ...key, algorithm })
  }
  const wanted = query.algorithms === undefined ? "" : ` for ${query.algorithms.slice(0, 20).join(", ")}`
  return Effect.fail(
    new KeyringError({
      operation: "Keyring.signingKey",
      reason: "not_found",
      retriable: false,
      ...(query.kid === undefined ? {} : { kid: query.kid }),
      message: `Keyring.signingKey: the keyring has no${keys.length === 0 ? "" : " such"} signing key${wanted}.`
    })
  )
}

/**
 * A keyring without keys.
 *
 * @since 0.1.0
 * @category constructors
 */
export const empty: Keyring = make({})

/**
 * Both keyrings, the first being asked first: the second answers for what the
 * first does not have, never for what it cannot reach.
 *
 * @since 0.1.0
 * @category combinators
 */
export const combine = (first: Keyring, second: Keyring): Keyring => {
  const orElse = <A>(one: Effect.Effect<A, KeyringError>, other: () => Effect.Effect<A, KeyringError>) =>
    Effect.catchIf(one, (error) => error.reason === "not_found", other)
  return {
    signingKey: (query) => orElse(first.signingKey(query), () => second.signingKey(query)),
    verificationKey: (issuer, header) =>
      orElse(first.verificationKey(issuer, header), () => second.verificationKey(issuer, header)),
    jwks: Effect.zipWith(first.jwks, second.jwks, (a, b) => ({ keys: [...a.keys, ...b.keys] }))
  }
}

export const refuse = (operation: string, reason: KeyringError["reason"], problem: string): KeyringError =>
  new KeyringError({ operation, reason, retriable: false, message: `${operation}: ${problem}.` })

/** One key: a private one signs and, given an issuer, verifies; a public one verifies. */
export const ofKey = (
  operation: string,
  jwk: JsonWebKey,
  options: KeyOptions
): Effect.Effect<Keyring, KeyringError> =>
  Effect.gen(function* () {
    const { alg, issuer, kid } = options
    const named: JsonWebKey = {
      ...jwk,
      ...(kid === undefined ? {} : { kid }),
      ...(alg === undefined ? {} : { alg })
    }
    if (Jwk.isPrivate(jwk)) {
      const signing = yield* SigningKey.fromJwk(jwk, { kid, alg, operation })
      if (issuer === undefined) return make({ signing: [signing] })
      const whole = signing.kid === undefined ? named : { ...named, kid: signing.kid }
      return make({ signing: [signing], verification: [yield* trusted(operation, issuer, whole)] })
    }
    if (issuer === undefined) {
      return yield* refuse(operation, "malformed", "a public key verifies the tokens of an issuer: say which")
    }
    const weakness = Jwk.weakness(jwk)
    if (weakness !== undefined) return yield* refuse(operation, "forbidden", weakness)
    const whole = named.kid === undefined ? { ...named, kid: yield* Jwk.thumbprint(jwk) } : named
    return make({ verification: [yield* trusted(operation, issuer, whole)] })
  })

const trusted = (
  operation: string,
  issuer: string,
  jwk: JsonWebKey
): Effect.Effect<VerificationKey.VerificationKey, KeyringError> =>
  Option.match(VerificationKey.fromJwk(issuer, jwk), {
    onNone: () =>
      Effect.fail(
        refuse(
          operation,
          "forbidden",
          Jwk.weakness(jwk) ?? "the key is not for verifying signatures (its use, key_ops or alg says so)"
        )
      ),
    onSome: Effect.succeed
  })
