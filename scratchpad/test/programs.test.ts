import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { browse } from "../support/userAgent.js"
import { listens, root, run, start } from "./support/program.js"

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

  it.live(
    "npm run demo -- --stay keeps a server, at which npm run login logs in, until Ctrl-C",
    () =>
      Effect.gen(function* () {
        const demo = yield* start("scratchpad/demo.ts", "--stay")
        const command = yield* demo.says(/npm run login -- .*(?=\n)/)
        const issuer = /--issuer (\S+)/.exec(command)?.[1] ?? ""
        const clientId = /--client-id (\S+)/.exec(command)?.[1] ?? ""
        const scope = /--scope "([^"]+)"/.exec(command)?.[1] ?? ""
        const login = yield* start(
          "scratchpad/login.ts",
          ...["--issuer", issuer, "--client-id", clientId, "--scope", scope, "--no-browser"]
        )
        yield* Effect.forkScoped(browse(yield* login.says(/http:\S+redirect_uri=\S+(?=\n)/), "grace"))
        const { code, output } = yield* login.ended
        assert.strictEqual(code, 0)
        assert.match(output, /person {5}grace/)
        assert.match(output, /refresh {4}••/)
        assert.notMatch(output, encodedJson)
        assert.notMatch(output, longSecret)

        assert.isTrue(yield* listens(Number(new URL(issuer).port)))
        assert.strictEqual((yield* demo.interrupt).errors, "")
        assert.isFalse(yield* listens(Number(new URL(issuer).port)))
      }).pipe(Effect.scoped),
    60_000
  )

  const misuses: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [[], "--issuer and --client-id are needed."],
    [["--issuer"], "Option '--issuer <value>' argument missing"],
    [["--issuer", "https://issuer.example"], "--issuer and --client-id are needed."],
    [["--nope"], "Unknown option '--nope'"]
  ]
  it.live.each(misuses)("npm run login -- %j says what is wrong, and how it is used", ([parameters, why]) =>
    Effect.gen(function* () {
      const { code, errors, output } = yield* run("scratchpad/login.ts", ...parameters)
      assert.deepStrictEqual([code, output], [2, ""])
      assert.isTrue(errors.startsWith(`${why}\n\nnpm run login -- --issuer URL`), errors)
      assert.notInclude(errors, "    at ")
    })
  )

  it.live("npm run login -- --help says how it is used", () =>
    Effect.gen(function* () {
      const { code, errors, output } = yield* run("scratchpad/login.ts", "--help")
      assert.deepStrictEqual([code, errors], [0, ""])
      assert.include(output, "http://127.0.0.1/callback")
    })
  )
})
