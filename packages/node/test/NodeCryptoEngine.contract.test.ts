import { assert } from "@effect/vitest"
import * as NodeCryptoEngine from "effect-oauth-node/NodeCryptoEngine"
import { asymmetric, symmetric } from "effect-oauth/JwtAlgorithm"
import type { SignatureEngine } from "effect-oauth/SignatureEngine"
import { webCrypto } from "effect-oauth/SignatureEngine"
import * as Effect from "effect/Effect"
import type { Subject } from "./support/engineContract.js"
import { contract } from "./support/engineContract.js"

/** Every operation three times at once, so that the thread pool does it; all must agree. */
const crowded = (engine: SignatureEngine.Service): SignatureEngine.Service => ({
  prepareVerify: (jwk, algorithm) =>
    Effect.map(
      engine.prepareVerify(jwk, algorithm),
      (verify) => (signingInput, signature) =>
        Effect.map(
          Effect.all(
            [1, 2, 3].map(() => verify(signingInput, signature)),
            { concurrency: "unbounded" }
          ),
          (results) => {
            assert.strictEqual(new Set(results).size, 1)
            return results.every((valid) => valid)
          }
        )
    ),
  prepareSign: (jwk, algorithm) =>
    Effect.map(
      engine.prepareSign(jwk, algorithm),
      (sign) => (signingInput) =>
        Effect.map(
          Effect.all([sign(signingInput), sign(signingInput)], { concurrency: "unbounded" }),
          ([, second]) => second
        )
    )
})

const jose: Subject = {
  name: "jose and WebCrypto",
  engine: Effect.succeed(webCrypto),
  algorithms: [...asymmetric, ...symmetric]
}

const node: Subject = {
  name: "node:crypto",
  engine: NodeCryptoEngine.make,
  algorithms: [...asymmetric, "ES256K", ...symmetric]
}

const pool: Subject = {
  name: "node:crypto, many at once",
  engine: Effect.map(NodeCryptoEngine.make, crowded),
  algorithms: ["RS256", "PS384", "ES256", "ES512", "EdDSA"]
}

contract(jose, node)
contract(node, jose)
contract(pool, jose)
