import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { listens, root, run } from "./support/program.js"

const examples = readdirSync(join(root, "scratchpad/examples"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => `scratchpad/examples/${file}`)

/** Anything that is encoded JSON: every JWT and JWK begins like this. */
const encodedJson = /eyJ/
/** 256 bits in base64url, as states, verifiers, codes and refresh tokens are. */
const longSecret = /[\w-]{43}/

describe("the programs of the scratchpad, as processes of their own", () => {
  it.live.each(examples)(
    "%s ends well, and shows no token",
    (file) =>
      Effect.gen(function* () {
        const { code, errors, output } = yield* run(file)
        assert.strictEqual(errors, "")
        assert.strictEqual(code, 0)
        assert.isNotEmpty(output)
        assert.notMatch(output, encodedJson)
      }),
    60_000
  )

  it.live(
    "npm run demo goes through every flow, shows no secret, and leaves nothing behind",
    () =>
      Effect.gen(function* () {
        const { code, errors, output } = yield* run("scratchpad/demo.ts")
        assert.strictEqual(errors, "")
        assert.strictEqual(code, 0)
        assert.notMatch(output, encodedJson)
        assert.notMatch(output, longSecret)
        for (const flow of [
          "Discovery.fromResource",
          "Discovery.server",
          "Authorization.begin",
          "Authorization.complete",
          "CodeExchange.exchange",
          "JwtVerifier.verify",
          "Refresh.refresh",
          "TokenExchange.exchange",
          "ClientCredentials.request"
        ]) {
          assert.include(output, flow)
        }
        for (const refusal of [
          "JwtError (signature)",
          "JwtError (audience)",
          "OAuthResponseError (invalid_grant)"
        ]) {
          assert.include(output, refusal)
        }
        const ports = new Set(
          [...output.matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
        )
        assert.isAtLeast(ports.size, 4)
        for (const port of ports) assert.isFalse(yield* listens(port), `port ${port}`)
      }),
    60_000
  )
})
