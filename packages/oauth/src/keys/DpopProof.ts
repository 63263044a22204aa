/**
 * Demonstrating proof of possession (RFC 9449): the proofs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { JwtError } from "../protocol/OAuthError.js"
import type { KeyringError } from "../protocol/OAuthError.js"
import * as Text from "../protocol/Text.js"
import * as Jwk from "./Jwk.js"
import * as JwtAlgorithm from "./JwtAlgorithm.js"
import * as JwtSigner from "./JwtSigner.js"
import * as Keyring from "./Keyring.js"

/**
 * The request that a proof is for.
 *
 * @since 0.1.0
 * @category models
 */
export interface DpopRequest {
  readonly method: string
  /** Its query and fragment are not part of the proof (section 4.2). */
  readonly url: string
  /** What the server last asked for in `DPoP-Nonce` (section 8). */
  readonly nonce?: string | undefined
  /** The access token that is sent beside the proof (section 7). */
  readonly accessToken?: Redacted.Redacted<string> | undefined
}

/**
 * Makes proofs with one key.
 *
 * @since 0.1.0
 * @category models
 */
export interface DpopProver {
  /** The RFC 7638 thumbprint of the key: `jkt`, and `dpop_jkt` of an authorization request. */
  readonly thumbprint: string
  /**
   * A fresh proof: `typ` `dpop+jwt`, the public key in the header, `jti`, `htm`,
   * `htu`, `iat`, and `nonce` and `ath` where there is something to say.
   */
  readonly prove: (request: DpopRequest) => Effect.Effect<Redacted.Redacted<string>, KeyringError | JwtError>
}

/**
 * Makes a prover of the current asymmetric key of a keyring.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (keyring: Keyring.Keyring): Effect.Effect<DpopProver, KeyringError> =>
  Effect.gen(function* () {
    const key = yield* keyring.signingKey({ algorithms: JwtAlgorithm.asymmetric })
    const signer = yield* JwtSigner.fromKeyring(Keyring.make({ signing: [key] }))
    const { alg: _alg, kid: _kid, use: _use, ...jwk } = key.jwk

    const prove: DpopProver["prove"] = Effect.fnUntraced(function* ({ accessToken, method, nonce, url }) {
      const htu = yield* withoutQuery(url)
      const ath = accessToken === undefined ? undefined : yield* Text.sha256(Redacted.value(accessToken))
      return yield* signer.sign(
        { htm: method.toUpperCase(), htu, nonce, ath },
        { typ: "dpop+jwt", lifetime: false, algorithm: key.algorithm, header: { jwk } }
      )
    })
    return { thumbprint: yield* Jwk.thumbprint(key.jwk), prove }
  })

export { makeProofKeys as makeKeys, type ProofKeys } from "./internal/proofKeys.js"

const withoutQuery = (text: string): Effect.Effect<string, JwtError> => {
  if (!URL.canParse(text)) {
    return new JwtError({
      operation: "DpopProof.prove",
      reason: "claim",
      claim: "htu",
      message: "The request to prove has no absolute URL."
    })
  }
  const url = new URL(text)
  url.search = ""
  url.hash = ""
  return Effect.succeed(url.href)
}
