import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Conformance from "./support/conformance.js"

/** The scenarios about authorization, by the suites of @modelcontextprotocol/conformance 0.1.16. */
const suites: Readonly<Record<string, ReadonlyArray<string>>> = {
  auth: [
    "metadata-default",
    "metadata-var1",
    "metadata-var2",
    "metadata-var3",
    "basic-cimd",
    "scope-from-www-authenticate",
    "scope-from-scopes-supported",
    "scope-omitted-when-undefined",
    "scope-step-up",
    "scope-retry-limit",
    "token-endpoint-auth-basic",
    "token-endpoint-auth-post",
    "token-endpoint-auth-none",
    "pre-registration"
  ],
  backcompat: ["2025-03-26-oauth-metadata-backcompat", "2025-03-26-oauth-endpoint-fallback"],
  extensions: ["client-credentials-jwt", "client-credentials-basic", "cross-app-access-complete-flow"],
  draft: ["resource-mismatch", "offline-access-scope", "offline-access-not-supported"]
}
const scenarios = Object.values(suites).flat()

/** Where the client must not get what it came for, and what it says instead. */
const refusals: Readonly<Record<string, RegExp>> = {
  "resource-mismatch": /^DiscoveryError: .* is about the resource https:\/\/evil\.example\.com\/mcp/,
  "scope-retry-limit": /^StepUpRequired: .* wants more scope \(mcp:admin\)/
}

const called = "tools      test-tool\ntest-tool  test\n"
/** The beginnings of the tokens, codes and secrets of the suite, and of every JWT. */
const secrets = /test-token|cc-token|test-auth-code|test-secret|test-client-secret|-secret|eyJ/

describe("@modelcontextprotocol/conformance", () => {
  layer(Conformance.layer(Object.keys(suites)), { timeout: 240_000 })((it) => {
    it.effect.each(scenarios)("auth/%s", (name) =>
      Effect.gen(function* () {
        const result = (yield* Conformance.Conformance).get(name)
        assert(result, "the scenario was not run")
        const { checks, errors, output } = result
        const bad = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING")
        assert.deepStrictEqual(bad, [], errors)
        assert.isTrue(checks.some(({ status }) => status === "SUCCESS"))
        const refusal = refusals[name]
        if (refusal === undefined) {
          assert.strictEqual(errors, "")
          assert.isTrue(output.endsWith(called), output)
        } else {
          assert.match(errors, refusal)
          assert.notInclude(output, called)
        }
        assert.notMatch(output + errors, secrets)
      })
    )

    it.effect("has no other scenario in these suites", () =>
      Effect.gen(function* () {
        const results = yield* Conformance.Conformance
        assert.deepStrictEqual([...results.keys()].sort(), [...scenarios].sort())
        assert.strictEqual(scenarios.length, 22)
      })
    )
  })
})
