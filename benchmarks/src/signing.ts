/** Signing access tokens. */
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import { SignatureEngine } from "effect-oauth/SignatureEngine"
import * as Effect from "effect/Effect"
import { createSigner } from "fast-jwt"
import * as jose from "jose"
import type { Goal, Group } from "./harness.js"
import { cryptoKey, cycle } from "./subjects.js"
import type { Keys, Token } from "./tokens.js"
import { bare, claims } from "./tokens.js"
import { toolkit } from "./verification.js"

const prepare = (keys: Keys) =>
  Effect.gen(function* () {
    const engine = yield* SignatureEngine
    const keyring = yield* Keyring.fromJwk({ jwk: keys.privateJwk })
    return {
      engine: yield* engine.prepareSign(keys.privateJwk, keys.algorithm),
      signer: yield* JwtSigner.fromKeyring(keyring)
    }
  }).pipe(Effect.provideServiceEffect(SignatureEngine, NodeCryptoEngine.make))

const repeat = (count: number, body: () => Effect.Effect<unknown, unknown>): Promise<void> => {
  let done = 0
  return Effect.runPromise(
    Effect.whileLoop({
      while: () => done < count,
      body,
      step: () => {
        done++
      }
    })
  )
}

const within: ReadonlyArray<Goal> = [{ of: "ratio", most: 1.1 }]

/** `crypto.sign` over the bytes of a token, the engine over its text, and the whole of making one from claims. */
export const signing = async (keys: Keys, tokens: ReadonlyArray<Token>): Promise<Group> => {
  const { sign } = bare(keys)
  const { engine, signer } = await Effect.runPromise(prepare(keys))
  const data = cycle(tokens.map((token) => token.data))
  const inputs = cycle(tokens.map(({ text }) => text.slice(0, text.lastIndexOf("."))))
  const now = Math.floor(Date.now() / 1000)
  const contents = cycle(Array.from({ length: 1000 }, (_, i) => claims(i, now)))
  const key =
    keys.algorithm === "HS256"
      ? keys.sign.export()
      : keys.sign.export({ format: "pem", type: "pkcs8" }).toString()
  const header = { typ: "at+jwt", kid: keys.kid }
  const fast = createSigner({ key, algorithm: keys.algorithm, header: { ...header, alg: keys.algorithm } })
  const joseKey = await cryptoKey(keys.sign, keys.algorithm, "sign")
  return {
    name: `${keys.algorithm}, signing`,
    clock: "undisturbed",
    tasks: [
      {
        name: "raw",
        run: (count) => {
          for (let i = 0; i < count; i++) sign(data())
          return Promise.resolve()
        }
      },
      { name: `${toolkit}, signature`, run: (count) => repeat(count, () => engine(inputs())) },
      {
        name: `${toolkit}, token`,
        run: (count) => repeat(count, () => signer.sign(contents(), { typ: "at+jwt" }))
      },
      {
        name: "fast-jwt",
        run: (count) => {
          for (let i = 0; i < count; i++) fast(contents())
          return Promise.resolve()
        }
      },
      {
        name: "jose",
        run: async (count) => {
          for (let i = 0; i < count; i++) {
            await new jose.SignJWT(contents())
              .setProtectedHeader({ ...header, alg: keys.algorithm })
              .sign(joseKey)
          }
        }
      }
    ],
    goals:
      keys.algorithm === "RS256" || keys.algorithm === "ES256"
        ? { [`${toolkit}, signature`]: within, [`${toolkit}, token`]: within }
        : {}
  }
}
