/**
 * Proofs of possession at a protected resource (RFC 9449 sections 4.3 and 7).
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as DpopProof from "effect-oauth/DpopProof"
import * as JwtAlgorithm from "effect-oauth/JwtAlgorithm"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import type { JwtError, KeyringError } from "effect-oauth/OAuthError"
import * as ReplayStore from "effect-oauth/ReplayStore"
import { ConstraintRefusal } from "./ConstraintRefusal.js"
import type * as DpopNonce from "./DpopNonce.js"

/**
 * Checks that whoever sends a token holds the key that it is bound to.
 *
 * @since 0.1.0
 * @category services
 */
export class DpopVerifier extends Context.Tag("effect-oauth/DpopVerifier")<
  DpopVerifier,
  DpopVerifier.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace DpopVerifier {
  /**
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /**
     * Checks the proof of one request, by RFC 9449 section 4.3: exactly one `DPoP`
     * header; a JWT of type `dpop+jwt`, with an asymmetric algorithm that is
     * accepted and a public key without private members, whose signature is
     * good; `htm` the method, `htu` the URL without query and fragment; `iat`
     * within the window; `ath` the hash of the token; the nonce, where one is
     * asked for. Its key must be that of `thumbprint`, and its `jti` new. What
     * is refused before is not remembered.
     */
    readonly verify: (proved: Proved) => Effect.Effect<void, ConstraintRefusal>
    /** The algorithms that are accepted, for `algs` of a challenge (section 7.1). */
    readonly algorithms: ReadonlyArray<JwtAlgorithm.JwtAlgorithm>
    /** The nonce for `DPoP-Nonce`; undefined where none is asked for. */
    readonly nonce: Effect.Effect<string | undefined>
  }

  /**
   * A request, and the token that came in it.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Proved {
    readonly method: string
    /** The absolute URL that the client wrote. */
    readonly url: string
    readonly headers: Headers.Headers
    readonly token: Redacted.Redacted<string>
    /** `cnf.jkt` of the token. */
    readonly thumbprint: string
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export interface Options {
    /** The asymmetric algorithms accepted: all of `JwtAlgorithm.asymmetric`. */
    readonly algorithms?: ReadonlyArray<JwtAlgorithm.JwtAlgorithm> | undefined
    /** How old `iat` may be; a proof is remembered as long. 5 minutes. */
    readonly maxAge?: Duration.DurationInput | undefined
    /** How far ahead `iat` may be, for clients whose clocks are. 30 seconds. */
    readonly maxAhead?: Duration.DurationInput | undefined
    /** Ask for a nonce in each proof: what `DpopNonce.make` makes. None is asked for unless given. */
    readonly nonce?: DpopNonce.DpopNonce | undefined
    /**
     * How many keys of clients are remembered, ready for their next proof: those
     * whose proof was good for their token, the ones that were used last. 1,000; 0
     * for none.
     */
    readonly cacheSize?: number | undefined
  }
}

/** The longest header that is looked at; a proof with a large RSA key has 1500 characters. */
const maxProofLength = 8192

/**
 * Makes a verifier over the store of used proofs of the program. A symmetric
 * algorithm among the options is left out.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: DpopVerifier.Options = {}
): Effect.Effect<DpopVerifier.Service, never, ReplayStore.ReplayStore> =>
  Effect.gen(function* () {
    const replays = yield* ReplayStore.ReplayStore
    const keys = yield* DpopProof.makeKeys(options.cacheSize ?? 1000)
    const verifier = yield* JwtVerifier.fromKeyring(Keyring.empty, {
      maxTokenBytes: maxProofLength,
      embeddedKey: keys.of
    })
    const { nonce } = options
    const algorithms = (options.algorithms ?? JwtAlgorithm.asymmetric).filter(
      (algorithm) => !JwtAlgorithm.symmetric.some((secret) => secret === algorithm)
    )
    const ahead = Duration.toSeconds(options.maxAhead ?? "30 seconds")
    const age = Math.max(ahead, Duration.toSeconds(options.maxAge ?? "5 minutes"))

    const profile = {
      algorithms,
      leeway: Duration.seconds(ahead),
      // The profile adds its leeway to the age.
      maxAge: Duration.seconds(age - ahead)
    }

    const once = (thumbprint: string, { iat, jti }: JwtProfile.DpopProofClaims, now: number) =>
      Effect.flatMap(ReplayStore.keyOf("dpop", thumbprint, jti), (key) =>
        // Until it is refused for its age; instants are whole seconds.
        replays.add(key, Duration.seconds(iat + age + 1 - now))
      ).pipe(
        Effect.mapError(() => refuse("unavailable", "the store of used proofs does not answer")),
        Effect.filterOrFail(
          (isNew) => isNew,
          () => badProof("it has been used before")
        )
      )

    const withNonce = (sent: string | undefined): Effect.Effect<void, ConstraintRefusal> =>
      nonce === undefined
        ? Effect.void
        : Effect.flatMap(sent === undefined ? Effect.succeed(false) : nonce.accepts(sent), (accepted) =>
            accepted
              ? Effect.void
              : refuse("use_dpop_nonce", "the proof does not have a nonce of this resource")
          )

    return {
      algorithms,
      nonce: nonce === undefined ? Effect.succeed(undefined) : nonce.current,
      verify: ({ headers, method, thumbprint, token, url }) =>
        Effect.gen(function* () {
          const proof = yield* onlyProof(headers["dpop"])
          const { claims, header, key, verifiedAt } = yield* verifier
            .verify(proof, JwtProfile.dpopProof({ ...profile, method, url, accessToken: token, thumbprint }))
            .pipe(Effect.mapError(refused))
          // Only who has a token for a key can have it remembered.
          keys.keep(header, key)
          yield* withNonce(claims.nonce)
          yield* once(thumbprint, claims, verifiedAt)
        })
    }
  })

/**
 * A verifier over the store of used proofs of the program, as `make` makes it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: DpopVerifier.Options
): Layer.Layer<DpopVerifier, never, ReplayStore.ReplayStore> => Layer.effect(DpopVerifier, make(options))

const refuse = (reason: ConstraintRefusal["reason"], message: string): ConstraintRefusal =>
  new ConstraintRefusal({ reason, message })

const badProof = (why: string): ConstraintRefusal =>
  refuse("invalid_dpop_proof", `the DPoP proof is refused: ${why}`)

/** Several headers arrive as one, with commas, which no JWT has. */
const onlyProof = (header: string | undefined): Effect.Effect<string, ConstraintRefusal> => {
  if (header === undefined || header === "") return badProof("there is none")
  if (header.length > maxProofLength) return badProof("it is too long")
  return header.includes(",") ? badProof("there is more than one") : Effect.succeed(header)
}

/** The key comes out of the header: when it cannot be had, the proof is bad, and nothing is down. */
const refused = (error: JwtError | KeyringError): ConstraintRefusal =>
  badProof(
    error._tag === "KeyringError"
      ? "its key cannot be used"
      : error.reason === "key" && error.claim === "jwk"
        ? "its key is not the one that the token is bound to"
        : `${error.reason}${error.claim === undefined ? "" : ` (${error.claim})`}`
  )
