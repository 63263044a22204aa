import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AuthorizationServerMetadata } from "effect-oauth/AuthorizationServerMetadata"
import * as EndpointPolicy from "effect-oauth/EndpointPolicy"

const metadata: AuthorizationServerMetadata = {
  issuer: "https://as.example/tenant",
  authorization_endpoint: "https://as.example/authorize",
  token_endpoint: "https://as.example/token",
  jwks_uri: "https://AS.example:443/keys",
  op_tos_uri: "https://www.example/tos",
  service_documentation: "https://docs.example/"
}

const judge = (policy: EndpointPolicy.EndpointPolicy, members: Readonly<Record<string, unknown>> = {}) =>
  policy({ ...metadata, ...members })

describe("EndpointPolicy", () => {
  it.effect("sameOrigin: the endpoints of one host, and pages for people anywhere", () =>
    judge(EndpointPolicy.sameOrigin)
  )

  it.effect.each([
    ["token_endpoint", "https://evil.example/token"],
    ["token_endpoint", "https://as.example:8443/token"],
    ["token_endpoint", "http://as.example/token"],
    ["token_endpoint", "https://as.example@evil.example/token"],
    ["token_endpoint", "https://as.example.evil.example/token"],
    ["token_endpoint", "https://sub.as.example/token"],
    ["token_endpoint", "/token"],
    ["token_endpoint", "https://[::ffff:7f00:1]/token"],
    ["token_endpoint", "https://2130706433/token"],
    ["jwks_uri", "file:///etc/passwd"],
    ["jwks_uri", "https://169.254.169.254/keys"],
    ["registration_endpoint", "https://evil.example/register"],
    ["check_session_iframe", "https://evil.example/frame"],
    ["some_future_endpoint", "https://evil.example/x"]
  ] as const)("seeds D.1, peers 4c 79, 80: %s at %s is refused", ([member, url]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(judge(EndpointPolicy.sameOrigin, { [member]: url }))
      assert.strictEqual(`${error._tag} ${error.reason}`, "DiscoveryError forbidden_url")
      assert.include(error.message, member)
    })
  )

  it.effect("RFC 8705 section 5: the aliases for certificates are endpoints too", () =>
    Effect.gen(function* () {
      const aliases = { mtls_endpoint_aliases: { token_endpoint: "https://mtls.as.example/token" } }
      const error = yield* Effect.flip(judge(EndpointPolicy.sameOrigin, aliases))
      assert.include(error.message, "mtls_endpoint_aliases.token_endpoint")
      yield* judge(EndpointPolicy.origins(["https://mtls.as.example"]), aliases)
    })
  )

  it.effect("origins: those in the list besides the issuer's own, and no others", () =>
    Effect.gen(function* () {
      const policy = EndpointPolicy.origins(["https://keys.example:8443"])
      yield* judge(policy)
      yield* judge(policy, { jwks_uri: "https://keys.example:8443/keys" })
      yield* Effect.flip(judge(policy, { jwks_uri: "https://keys.example/keys" }))
      yield* Effect.flip(judge(policy, { jwks_uri: "https://other.example/keys" }))
    })
  )

  it.effect.each([
    "https://keys.example/",
    "https://keys.example/path",
    "https://keys.example:443",
    "https://KEYS.example",
    "keys.example",
    "https://*.example",
    ""
  ])("seeds 2.0: %j is no origin in canonical form, and fails rather than allow", (origin) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(judge(EndpointPolicy.origins(["https://ok.example", origin])))
      assert.strictEqual(error.reason, "forbidden_url")
    })
  )
})
