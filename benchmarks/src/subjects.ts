/** This toolkit and its peers, each as it is documented to be used, all with the same checks. */
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import type * as Jwk from "effect-oauth/Jwk"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import { SignatureEngine, webCrypto } from "effect-oauth/SignatureEngine"
import * as Effect from "effect/Effect"
import { createVerifier } from "fast-jwt"
import * as jose from "jose"
import type { KeyObject } from "node:crypto"
import type { Task } from "./harness.js"
import type { Algorithm, Keys, Token } from "./tokens.js"
import { audience, bare, issuer, requiredClaims } from "./tokens.js"

/** Walks through the tokens, on and on. */
export const cycle = <A>(values: ReadonlyArray<A>): (() => A) => {
  let at = 0
  const [first] = values
  if (first === undefined) throw new Error("nothing to walk through")
  return () => {
    const value = values[at] ?? first
    at = at + 1 === values.length ? 0 : at + 1
    return value
  }
}

const must = (valid: boolean): void => {
  if (!valid) throw new Error("a good token was refused")
}

export const rawOneByOne = (keys: Keys, tokens: ReadonlyArray<Token>): Task => {
  const { verify } = bare(keys)
  const next = cycle(tokens)
  return {
    name: "raw",
    run: (count) => {
      for (let i = 0; i < count; i++) {
        const { data, signature } = next()
        must(verify(data, signature))
      }
      return Promise.resolve()
    }
  }
}

/** What nobody can leave out: the bytes of the token's text, the bare check, and its claims parsed. */
export const rawAndParsed = (keys: Keys, tokens: ReadonlyArray<string>): Task => {
  const { verify } = bare(keys)
  const next = cycle(tokens)
  return {
    name: "raw, decoding and JSON.parse",
    run: (count) => {
      for (let i = 0; i < count; i++) {
        const token = next()
        const first = token.indexOf(".")
        const second = token.indexOf(".", first + 1)
        const signature = Buffer.from(token.slice(second + 1), "base64url")
        must(verify(Buffer.from(token.slice(0, second)), signature))
        JSON.parse(Buffer.from(token.slice(first + 1, second), "base64url").toString())
      }
      return Promise.resolve()
    }
  }
}

export const rawInPool = (keys: Keys, tokens: ReadonlyArray<Token>, inFlight: number): Task => {
  const { verifyInPool } = bare(keys)
  const next = cycle(tokens)
  return {
    name: "raw, callbacks",
    run: (count) =>
      new Promise((resolve, reject) => {
        let [begun, ended] = [0, 0]
        const begin = () => {
          if (begun === count) return
          begun++
          const { data, signature } = next()
          verifyInPool(data, signature, (valid) => {
            if (!valid) reject(new Error("a good token was refused"))
            if (++ended === count) resolve()
            begin()
          })
        }
        for (let i = 0; i < inFlight; i++) begin()
      })
  }
}

export type Engine = "node:crypto" | "jose"

const engines: Readonly<Record<Engine, Effect.Effect<SignatureEngine.Service>>> = {
  "node:crypto": NodeCryptoEngine.make,
  jose: Effect.succeed(webCrypto)
}

export const keyringOf = (keys: Keys, others: ReadonlyArray<Jwk.JsonWebKey> = []) =>
  keys.algorithm === "HS256"
    ? Keyring.fromJwk({ jwk: keys.jwk, issuer })
    : Keyring.fromJwks({ issuer, jwks: { keys: [...others, keys.jwk] } })

export interface Ours {
  readonly engine: Engine
  readonly cacheSize?: number
  readonly otherKeys?: ReadonlyArray<Jwk.JsonWebKey>
}

/** A verifier of this toolkit, and the profile of RFC 9068 for it. */
export const ours = async (keys: Keys, { cacheSize, engine, otherKeys }: Ours) => {
  const verifier = await Effect.runPromise(
    Effect.gen(function* () {
      const keyring = yield* keyringOf(keys, otherKeys)
      return yield* JwtVerifier.fromKeyring(keyring, { cacheSize })
    }).pipe(Effect.provideServiceEffect(SignatureEngine, engines[engine]))
  )
  const profile = JwtProfile.accessToken({ issuer, audience, algorithms: [keys.algorithm] })
  return (token: string) => verifier.verify(token, profile)
}

export type Verify = Awaited<ReturnType<typeof ours>>

/** One fiber, one token after the other. */
export const oneByOne = (name: string, verify: Verify, tokens: ReadonlyArray<string>): Task => {
  const next = cycle(tokens)
  return {
    name,
    run: (count) => {
      let done = 0
      return Effect.runPromise(
        Effect.whileLoop({
          while: () => done < count,
          body: () => verify(next()),
          step: () => {
            done++
          }
        })
      )
    }
  }
}

/**
 * As many fibers, each taking the next token when it has verified one. A fiber would go on for as long as it
 * is not made to wait; requests come one by one, so each lets the others begin before its second.
 */
export const manyAtOnce = (
  name: string,
  verify: Verify,
  tokens: ReadonlyArray<string>,
  inFlight: number
): Task => {
  const next = cycle(tokens)
  return {
    name,
    run: (count) => {
      let begun = 0
      const verifyNext = () => {
        begun++
        return verify(next())
      }
      const others = Effect.whileLoop({
        while: () => begun < count,
        body: verifyNext,
        step: () => undefined
      })
      const worker = Effect.suspend(verifyNext).pipe(
        Effect.zipRight(Effect.yieldNow()),
        Effect.zipRight(others)
      )
      return Effect.runPromise(
        Effect.forEach(Array.from({ length: inFlight }), () => worker, {
          concurrency: "unbounded",
          discard: true
        })
      )
    }
  }
}

const pem = (keys: Keys): string | Buffer =>
  keys.algorithm === "HS256"
    ? keys.verify.export()
    : keys.verify.export({ format: "pem", type: "spki" }).toString()

/** fast-jwt throws for a token that it refuses. */
export const fastJwt = (
  name: string,
  keys: Keys,
  tokens: ReadonlyArray<string>,
  cache: number | false
): Task => {
  const verify = createVerifier({
    key: pem(keys),
    algorithms: [keys.algorithm],
    allowedIss: issuer,
    allowedAud: audience,
    checkTyp: "at+jwt",
    requiredClaims,
    cache
  })
  const next = cycle(tokens)
  return {
    name,
    run: (count) => {
      for (let i = 0; i < count; i++) verify(next())
      return Promise.resolve()
    }
  }
}

/** A key made ready for jose: a secret too, which it would otherwise import for every token. */
export const cryptoKey = async (key: KeyObject, algorithm: Algorithm, usage: "sign" | "verify") =>
  algorithm === "HS256"
    ? crypto.subtle.importKey("raw", key.export(), { name: "HMAC", hash: "SHA-256" }, false, [usage])
    : jose.importJWK(key.export({ format: "jwk" }), algorithm)

export const joseVerify = async (keys: Keys): Promise<(token: string) => Promise<unknown>> => {
  const key = await cryptoKey(keys.verify, keys.algorithm, "verify")
  const options = {
    issuer,
    audience,
    typ: "at+jwt",
    algorithms: [keys.algorithm],
    requiredClaims,
    clockTolerance: 30
  }
  return (token) => jose.jwtVerify(token, key, options)
}

export const promisesOneByOne = (
  name: string,
  verify: (token: string) => Promise<unknown>,
  tokens: ReadonlyArray<string>
): Task => {
  const next = cycle(tokens)
  return {
    name,
    run: async (count) => {
      for (let i = 0; i < count; i++) await verify(next())
    }
  }
}

export const promisesAtOnce = (
  name: string,
  verify: (token: string) => Promise<unknown>,
  tokens: ReadonlyArray<string>,
  inFlight: number
): Task => {
  const next = cycle(tokens)
  return {
    name,
    run: async (count) => {
      let begun = 0
      const worker = async () => {
        while (begun < count) {
          begun++
          await verify(next())
        }
      }
      await Promise.all(Array.from({ length: inFlight }, worker))
    }
  }
}
