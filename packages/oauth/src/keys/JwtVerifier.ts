/**
 * Verifying signed JWTs (RFC 7519 section 7.2, RFC 8725).
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { KeyringError } from "../protocol/OAuthError.js"
import { JwtError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import type { Admitted, Judged, Reader } from "./internal/admit.js"
import { admit, judge, Refusal } from "./internal/admit.js"
import * as AtOnce from "../http/AtOnce.js"
import * as Step from "../http/Step.js"
import type { Problem } from "./internal/claimRules.js"
import { embeddedKey, nameOf } from "./internal/embeddedKey.js"
import * as KnownHeaders from "./internal/knownHeaders.js"
import * as VerifiedTokens from "./internal/verifiedTokens.js"
import type { JwtHeader } from "./Jwt.js"
import type { JwtProfile } from "./JwtProfile.js"
import type { Keyring } from "./Keyring.js"
import { KeyringService } from "./Keyring.js"
import { SignatureEngine } from "./SignatureEngine.js"
import * as VerificationKey from "./VerificationKey.js"

/**
 * Verifies JWTs against profiles.
 *
 * The order of the checks is fixed: size, structure and encodings, header,
 * algorithm, type, issuer, times, audience and the other claims, and only then
 * the key, from the keyring under the token's issuer, and the signature. So
 * nothing is fetched for a token that would be refused anyway, and no member of
 * a header (`jwk`, `jku`, `x5u`, `x5c`) is ever a reason to trust a key.
 *
 * A refused token is a `JwtError` whose reason is the check that failed; keys
 * that cannot be had are a `KeyringError`, and say nothing about the token.
 *
 * @since 0.1.0
 * @category services
 */
export class JwtVerifier extends Context.Tag("effect-oauth/JwtVerifier")<
  JwtVerifier,
  JwtVerifier.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace JwtVerifier {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** Verifies one token. No span is made, and nothing of the token is in a failure. */
    readonly verify: <A>(
      token: Redacted.Redacted<string> | string,
      profile: JwtProfile<A>
    ) => Effect.Effect<VerifiedJwt<A>, JwtError | KeyringError>
    /** Whether this very token was verified before and is remembered. It may have expired since. */
    readonly isKnown?: ((token: string) => boolean) | undefined
  }
}

/**
 * A token that has been verified.
 *
 * @since 0.1.0
 * @category models
 */
export interface VerifiedJwt<out A> {
  readonly claims: A
  readonly header: JwtHeader
  /** The key that verified it. */
  readonly key: VerificationKey.VerificationKey
  /** When its signature was checked, in seconds since the epoch. */
  readonly verifiedAt: number
}

/**
 * How a verifier works.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The longest token that is looked at, in bytes. 16 KiB. */
  readonly maxTokenBytes?: number | undefined
  /**
   * How many verified tokens are remembered, so that one that comes again costs
   * no signature check. 0, since remembering keeps the tokens themselves in
   * memory. A remembered token is compared whole, its claims are judged anew
   * each time, and it is forgotten with the key that verified it.
   */
  readonly cacheSize?: number | undefined
  /**
   * The key in the header of a proof of possession, for who remembers those of
   * good proofs (`DpopProof.makeKeys`). Made anew each time unless given.
   */
  readonly embeddedKey?:
    ((header: JwtHeader) => Effect.Effect<VerificationKey.VerificationKey, KeyringError>) | undefined
}

const operation = "JwtVerifier.verify"

const refused = (problem: Problem, now: number): JwtError => {
  const shown = problem.shown ?? problem.expected
  return new JwtError({
    operation,
    reason: problem.reason,
    ...(problem.claim === undefined ? {} : { claim: problem.claim }),
    ...(problem.expected === undefined ? {} : { expected: problem.expected }),
    now,
    message: `${operation}: ${problem.message}${shown === undefined ? "" : `; expected ${shown}`}.`
  })
}

/** One call. */
interface Asked<out A> {
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  readonly token: string
  readonly profile: JwtProfile<A>
  readonly now: number
}

/** A key that is not there, or not the only one, is the token's fault; one that cannot be had is not. */
const keyProblem = (error: KeyringError): Problem | undefined =>
  error.reason === "not_found"
    ? { reason: "key", message: "the issuer has no key that this token could be signed with" }
    : error.reason === "ambiguous"
      ? {
          reason: "key",
          message: "several keys of the issuer could have signed this token, and it does not say which"
        }
      : undefined

/**
 * Makes a verifier of a keyring that is at hand, as a flow does for its server.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromKeyring = (keyring: Keyring, options: Options = {}): Effect.Effect<JwtVerifier.Service> =>
  Effect.map(SignatureEngine, (engine) => {
    const reader: Reader = {
      maxTokenBytes: options.maxTokenBytes ?? 16 * 1024,
      headers: KnownHeaders.make(),
      scratch: new Uint8Array(4096)
    }
    const embedded = options.embeddedKey ?? embeddedKey
    const remembered = (options.cacheSize ?? 0) > 0 ? VerifiedTokens.make(options.cacheSize ?? 0) : undefined

    const keyOf = (
      header: JwtHeader,
      judged: Judged,
      { fiber, now, profile }: Asked<unknown>
    ): Effect.Effect<VerificationKey.VerificationKey, JwtError | KeyringError> => {
      const found =
        profile.key === "header" ? embedded(header) : keyring.verificationKey(judged.issuer, header)
      const key = Step.now(found, fiber)
      return AtOnce.isValue(key)
        ? key
        : Effect.catchAll(key, (error) => {
            const problem = keyProblem(error)
            return Effect.fail(problem === undefined ? error : refused(problem, now))
          })
    }

    const result = <A>(
      profile: JwtProfile<A>,
      verified: VerifiedTokens.VerifiedToken
    ): Effect.Effect<VerifiedJwt<A>, JwtError> =>
      AtOnce.map(profile.finish(verified.claims, verified.header), (claims) => ({
        claims,
        header: verified.header,
        key: verified.key,
        verifiedAt: verified.verifiedAt
      }))

    const accept = <A>(
      valid: boolean,
      { claims, header, newSegment }: Admitted,
      key: VerificationKey.VerificationKey,
      { now, profile, token }: Asked<A>
    ): Effect.Effect<VerifiedJwt<A>, JwtError> => {
      if (!valid) {
        return Effect.fail(refused({ reason: "signature", message: "the signature is not valid" }, now))
      }
      const verified: VerifiedTokens.VerifiedToken = { header, claims, key, verifiedAt: now }
      if (profile.key === "issuer") {
        if (newSegment !== undefined) reader.headers.add(newSegment, header)
        remembered?.add(token, verified)
      }
      return result(profile, verified)
    }

    const verifyWith = <A>(
      key: VerificationKey.VerificationKey,
      admitted: Admitted,
      { algorithm, issuer }: Judged,
      asked: Asked<A>
    ): Effect.Effect<VerifiedJwt<A>, JwtError | KeyringError> => {
      // A keyring answers for issuer and algorithm; whoever wrote it may have erred.
      if (
        (asked.profile.key === "issuer" && !VerificationKey.isFor(key, issuer)) ||
        !key.algorithms.includes(algorithm)
      ) {
        return Effect.fail(
          refused({ reason: "key", message: "the key is not for this issuer and algorithm" }, asked.now)
        )
      }
      const { thumbprint } = asked.profile
      // Whoever sends a key of their own choice must not choose how much work its signature is.
      if (thumbprint !== undefined && !Text.equalsConstantTime(key.issuer, nameOf(thumbprint))) {
        return Effect.fail(
          refused({ reason: "key", claim: "jwk", message: "the proof is of another key" }, asked.now)
        )
      }
      const prepared = key.prepare(engine, algorithm)
      const valid = AtOnce.isValue(prepared)
        ? prepared.value(admitted.signingInput, admitted.signature)
        : Effect.flatMap(prepared, (verify) => verify(admitted.signingInput, admitted.signature))
      return AtOnce.isValue(valid)
        ? accept(valid.value, admitted, key, asked)
        : Effect.flatMap(valid, (answer) => accept(answer, admitted, key, asked))
    }

    const verifyNew = <A>(asked: Asked<A>): Effect.Effect<VerifiedJwt<A>, JwtError | KeyringError> => {
      const { now, profile, token } = asked
      const admitted = admit(token, reader)
      if (admitted instanceof Refusal) return Effect.fail(refused(admitted.problem, now))
      const judged = judge(admitted, profile, now)
      if (judged instanceof Refusal) return Effect.fail(refused(judged.problem, now))
      const key = keyOf(admitted.header, judged, asked)
      return AtOnce.isValue(key)
        ? verifyWith(key.value, admitted, judged, asked)
        : Effect.flatMap(key, (found) => verifyWith(found, admitted, judged, asked))
    }

    const verifyAgain = <A>(
      verified: VerifiedTokens.VerifiedToken,
      asked: Asked<A>
    ): Effect.Effect<VerifiedJwt<A>, JwtError | KeyringError> => {
      const { now, profile, token } = asked
      const judged = judge(verified, profile, now)
      if (judged instanceof Refusal) {
        if (judged.problem.reason === "expired") remembered?.remove(token)
        return Effect.fail(refused(judged.problem, now))
      }
      return AtOnce.flatMap(keyOf(verified.header, judged, asked), (key) => {
        if (key === verified.key) return result(profile, verified)
        remembered?.remove(token)
        return verifyNew(asked)
      })
    }

    return {
      isKnown: remembered?.has,
      verify: <A>(token: Redacted.Redacted<string> | string, profile: JwtProfile<A>) =>
        Step.withFiber<VerifiedJwt<A>, JwtError | KeyringError>((fiber) => {
          const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
          const now = Math.floor(clock.unsafeCurrentTimeMillis() / 1000)
          const text = typeof token === "string" ? token : Redacted.value(token)
          const asked = { fiber, token: text, profile, now }
          const before = remembered?.get(text)
          return before === undefined ? verifyNew(asked) : verifyAgain(before, asked)
        })
    }
  })

/**
 * Makes a verifier of the keyring of the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<JwtVerifier.Service, never, KeyringService> =>
  Effect.flatMap(KeyringService, (keyring) => fromKeyring(keyring, options))

/**
 * The verifier of the keyring of the program, with other options than the
 * defaults.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWith = (options: Options): Layer.Layer<JwtVerifier, never, KeyringService> =>
  Layer.effect(JwtVerifier, make(options))

/**
 * The verifier of the keyring of the program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<JwtVerifier, never, KeyringService> = layerWith({})
