/**
 * A signature engine on `node:crypto`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { JsonWebKey } from "effect-oauth/Jwk"
import type { JwtAlgorithm } from "effect-oauth/JwtAlgorithm"
import { KeyringError } from "effect-oauth/OAuthError"
import { SignatureEngine } from "effect-oauth/SignatureEngine"
import * as Crypto from "node:crypto"
import { availableParallelism } from "node:os"
import type { Suite } from "./internal/cryptoKeys.js"
import * as Keys from "./internal/cryptoKeys.js"
import * as Scratch from "./internal/cryptoScratch.js"
import * as Traffic from "./internal/cryptoTraffic.js"

const refuse = (
  operation: "prepareVerify" | "prepareSign" | "sign",
  reason: "malformed" | "unsupported",
  problem: string
): KeyringError =>
  new KeyringError({
    operation: `SignatureEngine.${operation}`,
    reason,
    retriable: false,
    message: `SignatureEngine.${operation}: ${problem}.`
  })

const orRefuse = (
  operation: "prepareVerify" | "prepareSign",
  algorithm: JwtAlgorithm,
  key: Crypto.KeyObject | undefined
): Effect.Effect<Crypto.KeyObject, KeyringError> =>
  key === undefined
    ? Effect.fail(refuse(operation, "malformed", `the key could not be imported for ${algorithm}`))
    : Effect.succeed(key)

const unsigned = (algorithm: JwtAlgorithm): KeyringError =>
  refuse("sign", "unsupported", `this runtime could not sign with ${algorithm}`)

/**
 * Checking a signature of RSA takes little more than handing it to the thread pool, up to this size of the
 * modulus; that is worth it where another core can do it meanwhile.
 */
const cheapRsaBytes = 384

/** The length in base64url. */
const textLength = (bytes: number): number => Math.ceil((bytes * 4) / 3)

/** A check depends on nothing but its arguments, so one that is done here need not wait for a step of the fiber. */
const yes = Effect.succeed(true)
const no = Effect.succeed(false)

/**
 * Makes an engine. Each counts what it has in flight by itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<SignatureEngine.Service> = Effect.sync(() => {
  const traffic = Traffic.make()
  const scratch = Scratch.make()
  const cores = availableParallelism()

  const verifyHmac = (key: Crypto.KeyObject, digest: string, bytes: number): SignatureEngine.Verify => {
    return (signingInput, signature) => {
      if (signature.length !== textLength(bytes)) return no
      const expected = Crypto.createHmac(digest, key).update(scratch.text(signingInput)).digest()
      const given = scratch.signature(signature)
      return given.length === bytes && Crypto.timingSafeEqual(expected, given) ? yes : no
    }
  }

  const verifyHere = (
    suite: Suite,
    key: Keys.Input,
    bytes: number,
    signingInput: string,
    signature: string
  ): boolean => {
    try {
      const given = scratch.signature(signature)
      return given.length === bytes && Crypto.verify(suite.digest, scratch.text(signingInput), key, given)
    } catch {
      return false
    }
  }

  // One function for each key and nothing else: a program may hold those of ten thousand issuers.
  const verifyAsymmetric = (key: Keys.Input, suite: Suite, bytes: number): SignatureEngine.Verify => {
    const isCheap = suite.family === "rsa" && bytes <= cheapRsaBytes && cores === 1
    return (signingInput, signature) => {
      if (signature.length !== textLength(bytes)) return no
      if (isCheap || traffic.isAlone()) {
        return verifyHere(suite, key, bytes, signingInput, signature) ? yes : no
      }
      return traffic.join({
        here: () => verifyHere(suite, key, bytes, signingInput, signature),
        inPool: (done) =>
          Crypto.verify(
            suite.digest,
            Buffer.from(signingInput, "utf8"),
            key,
            Buffer.from(signature, "base64url"),
            (error, valid) => done(error === null && valid)
          )
      })
    }
  }

  const signHmac =
    (key: Crypto.KeyObject, digest: string): SignatureEngine.Sign =>
    (signingInput) =>
      Effect.sync(() => Crypto.createHmac(digest, key).update(scratch.text(signingInput)).digest("base64url"))

  const signAsymmetric = (
    key: Keys.Input,
    { digest }: Suite,
    algorithm: JwtAlgorithm
  ): SignatureEngine.Sign => {
    const here = (signingInput: string): string | undefined => {
      try {
        return Crypto.sign(digest, scratch.text(signingInput), key).toString("base64url")
      } catch {
        return undefined
      }
    }
    const signed = (signature: string | undefined) =>
      signature === undefined ? Effect.fail(unsigned(algorithm)) : Effect.succeed(signature)
    return (signingInput) =>
      Effect.suspend(() =>
        traffic.isAlone()
          ? signed(here(signingInput))
          : Effect.flatMap(
              traffic.join({
                here: () => here(signingInput),
                inPool: (done) =>
                  Crypto.sign(digest, Buffer.from(signingInput, "utf8"), key, (error, signature) =>
                    done(error === null ? signature.toString("base64url") : undefined)
                  )
              }),
              signed
            )
      )
  }

  const prepareVerify = (jwk: JsonWebKey, algorithm: JwtAlgorithm) =>
    Effect.suspend(() => {
      const suite = Keys.suites[algorithm]
      const { digest } = suite
      return suite.family === "hmac" && digest !== undefined
        ? Effect.map(orRefuse("prepareVerify", algorithm, Keys.secretKey(jwk)), (key) =>
            verifyHmac(key, digest, suite.bytes)
          )
        : Effect.map(orRefuse("prepareVerify", algorithm, Keys.publicKey(jwk, suite)), (key) =>
            verifyAsymmetric(Keys.input(key, suite), suite, Keys.signatureBytes(key, suite))
          )
    })

  const prepareSign = (jwk: JsonWebKey, algorithm: JwtAlgorithm) =>
    Effect.suspend(() => {
      const suite = Keys.suites[algorithm]
      const { digest } = suite
      return suite.family === "hmac" && digest !== undefined
        ? Effect.map(orRefuse("prepareSign", algorithm, Keys.secretKey(jwk)), (key) => signHmac(key, digest))
        : Effect.map(orRefuse("prepareSign", algorithm, Keys.privateKey(jwk, suite)), (key) =>
            signAsymmetric(Keys.input(key, suite), suite, algorithm)
          )
    })

  return { prepareVerify, prepareSign }
})

/**
 * Puts `node:crypto` in the place of WebCrypto, for the verifiers, signers and
 * keyrings that this layer is provided to.
 *
 * The same signatures are made and accepted, to the byte. An operation that is
 * alone is done at once on the calling thread, without the round trip of a
 * promise. When several fibers ask at the same time, what costs more than
 * handing it over (everything but HMAC) goes to libuv's thread pool, so that
 * many at once use all cores and leave the main thread to the program. The
 * caller need not choose.
 *
 * Has ES256K (RFC 8812), which WebCrypto does not; a profile must still accept it.
 *
 * @example
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as JwtVerifier from "effect-oauth/JwtVerifier"
 * import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
 *
 * const VerifierLive = JwtVerifier.layer.pipe(Layer.provide(NodeCryptoEngine.layer))
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.effect(SignatureEngine, make)
