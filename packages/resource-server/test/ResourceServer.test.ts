import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import type { AccessToken } from "effect-oauth-resource-server/AccessToken"
import * as Incoming from "effect-oauth-resource-server/Incoming"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import type { ResourceServerError } from "effect-oauth-resource-server/ResourceServerError"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import type { AccessTokenOptions } from "effect-oauth-testing/TestToken"
import type { JwtClaims } from "effect-oauth/Jwt"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as Keyring from "effect-oauth/Keyring"
import { KeyringError } from "effect-oauth/OAuthError"
import { TokenVerifier } from "effect-oauth/TokenVerifier"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { issuer, request, resource } from "./support/api.js"
import { mint } from "./support/asking.js"
import { watch } from "./support/watched.js"

const provided = Effect.provide(TestIssuer.layer())

/** What a layer says to a token: the principal, or the code of the refusal. */
const judged = <E, R>(
  layer: Layer.Layer<ResourceServer.ResourceServer | TokenVerifier, E, R>,
  token: string
): Effect.Effect<AccessToken.Principal | string, E | ResourceServerError, R> =>
  Effect.flatMap(Authenticator.Authenticator, (authenticator) =>
    authenticator.authenticate(Incoming.fromWeb(request("/", { authorization: `Bearer ${token}` }), resource))
  ).pipe(
    Effect.catchAll((refusal) => Effect.succeed(String(refusal.error))),
    Effect.provide(Layer.provide(Authenticator.layer, layer))
  )

const accepts = (options: ResourceServer.RemoteOptions, token: AccessTokenOptions) =>
  Effect.flatMap(mint(token), (text) =>
    Effect.map(judged(ResourceServer.layer(options), text), (answer) => typeof answer === "object")
  )

describe("the principal", () => {
  it.effect("has what the claims say, and the token itself, hidden", () =>
    Effect.gen(function* () {
      const token = yield* mint({
        sub: "alice",
        clientId: "app",
        scope: ["b", "a", "a"],
        audience: ["https://other.test", resource],
        claims: {
          act: { sub: "agent", act: { sub: "first" } },
          acr: "gold",
          auth_time: 12,
          authorization_details: [{ type: "t" }]
        }
      })
      const principal = yield* judged(ResourceServer.layer({ resource, issuer }), token)
      if (typeof principal === "string") return assert.fail(principal)
      assert.strictEqual(principal.issuer, issuer)
      assert.deepStrictEqual(principal.subject, Option.some("alice"))
      assert.deepStrictEqual(principal.clientId, Option.some("app"))
      assert.sameMembers([...principal.scope], ["a", "b"])
      assert.deepStrictEqual(principal.audience, ["https://other.test", resource])
      assert.strictEqual(Option.getOrThrow(principal.actor).sub, "agent")
      assert.deepStrictEqual(principal.acr, Option.some("gold"))
      assert.deepStrictEqual(principal.authTime, Option.some(12))
      assert.deepStrictEqual(principal.expiresAt, Option.some(3600))
      assert.deepStrictEqual(principal.authorizationDetails, [{ type: "t" }])
      assert.deepStrictEqual(principal.confirmation, Option.none())
      assert.strictEqual(Redacted.value(principal.token), token)
      assert.notInclude(JSON.stringify(principal), token)
    }).pipe(provided)
  )
})

describe("issuers, each by its own rules", () => {
  it.effect("a lenient one takes what RFC 9068 does not; a strict one does not", () =>
    Effect.gen(function* () {
      const old = { header: { typ: "JWT" }, claims: { jti: undefined, client_id: undefined, azp: "app" } }
      assert.isFalse(yield* accepts({ resource, issuer }, old))
      assert.isTrue(yield* accepts({ resource, issuer: { issuer, profile: "lenient" } }, old))
      assert.isFalse(
        yield* accepts(
          { resource, issuer: { issuer, profile: "lenient" } },
          { ...old, audience: "https://other.test" }
        )
      )
    }).pipe(provided)
  )

  it.effect("an audience of its own stands for the resource, which is then none", () =>
    Effect.gen(function* () {
      const options = { resource, issuer: { issuer, audience: ["api://notes", "notes"] } }
      assert.isTrue(yield* accepts(options, { audience: "api://notes" }))
      assert.isTrue(yield* accepts(options, { audience: "notes" }))
      assert.isFalse(yield* accepts(options, { audience: resource }))
    }).pipe(provided)
  )

  it.effect("algorithms and leeway are the issuer's own, also beside others", () =>
    Effect.gen(function* () {
      for (const beside of [[], ["https://second.test"]]) {
        const rs = { resource, issuer: [{ issuer, algorithms: ["RS256" as const] }, ...beside] }
        const es = { resource, issuer: [{ issuer, algorithms: ["ES256" as const] }, ...beside] }
        assert.isFalse(yield* accepts(rs, {}))
        assert.isTrue(yield* accepts(es, {}))
        const late = { claims: { exp: -50 } }
        assert.isFalse(yield* accepts({ resource, issuer: [issuer, ...beside] }, late))
        assert.isTrue(yield* accepts({ resource, issuer: [{ issuer, leeway: "1 minute" }, ...beside] }, late))
      }
    }).pipe(provided)
  )

  it.effect("a strict one beside a lenient one stays strict, and another issuer is nobody", () =>
    Effect.gen(function* () {
      const options = {
        resource,
        issuer: [issuer, { issuer: "https://b.test", profile: "lenient" as const }]
      }
      assert.isTrue(yield* accepts(options, {}))
      assert.isFalse(yield* accepts(options, { header: { typ: "JWT" } }))
      assert.isFalse(yield* accepts(options, { claims: { iss: "https://c.test" } }))
    }).pipe(provided)
  )

  it.effect(
    "a slash too many in the settings: the log shows it, beside others too, and the caller does not",
    () =>
      Effect.gen(function* () {
        const token = yield* mint()
        for (const others of [[], ["https://b.test"]]) {
          const server = ResourceServer.layer({ resource, issuer: [...others, `${issuer}/`] })
          const [answer, { lines }] = yield* watch(judged(server, token))
          assert.strictEqual(answer, "invalid_token")
          const log = lines.join("\n").replaceAll("\\", "")
          assert.include(log, `"${issuer}/": it differs by a trailing slash, which was expected.`)
        }
      }).pipe(provided)
  )

  it.effect("a profile of one's own decides", () =>
    Effect.gen(function* () {
      const profile: JwtProfile.JwtProfile<JwtClaims> = JwtProfile.accessTokenCognito({
        issuer,
        clientId: "app"
      })
      const options = { resource, issuer: { issuer, profile } }
      const cognito = {
        header: { typ: "JWT" },
        clientId: "app",
        claims: { token_use: "access", aud: undefined }
      }
      assert.isTrue(yield* accepts(options, cognito))
      assert.isFalse(yield* accepts(options, { ...cognito, clientId: "other" }))
    }).pipe(provided)
  )
})

describe("keys and verifiers of one's own", () => {
  it.effect("the keyring of the program, with nothing fetched", () =>
    Effect.gen(function* () {
      const server = yield* TestIssuer.TestIssuer
      const jwks = yield* server.jwks
      const keyring = Keyring.layer(Keyring.fromJwks({ issuer, jwks }))
      const layer = Layer.provide(ResourceServer.layerKeyring({ resource, issuer }), keyring)
      assert.isObject(yield* judged(layer, yield* mint()))
      assert.strictEqual(yield* judged(layer, yield* mint({ key: "unpublished" })), "invalid_token")
      assert.strictEqual(yield* server.count("jwks"), 0)
    }).pipe(provided)
  )

  const verifying = (claims: JwtClaims) =>
    Layer.succeed(TokenVerifier, { verify: () => Effect.succeed({ claims, scope: ["a"], verifiedAt: 0 }) })

  it.effect("the verifier of the program, for tokens of any kind", () =>
    Effect.gen(function* () {
      const one = ResourceServer.layerVerifier({ resource, issuer })
      const two = ResourceServer.layerVerifier({ resource, issuer: [issuer, "https://b.test"] })
      const opaque = verifying({ sub: "alice" })
      const principal = yield* judged(Layer.merge(one, opaque), "opaque")
      if (typeof principal === "string") return assert.fail(principal)
      assert.strictEqual(principal.issuer, issuer)
      assert.deepStrictEqual(principal.clientId, Option.none())
      // Whose it is cannot be told.
      assert.strictEqual(yield* judged(Layer.merge(two, opaque), "opaque"), "invalid_token")
    })
  )

  it.effect(
    "a verifier that remembers may be a class of the program, and no token is none that it knows",
    () =>
      Effect.gen(function* () {
        class Remembering {
          readonly #known = new Set(["opaque", ""])
          isKnown(token: string) {
            return this.#known.has(token)
          }
          verify() {
            return Effect.succeed({ claims: { sub: "alice" }, scope: [], verifiedAt: 0 })
          }
        }
        const layer = Layer.merge(
          ResourceServer.layerVerifier({ resource, issuer }),
          Layer.succeed(TokenVerifier, new Remembering())
        )
        assert.isObject(yield* judged(layer, "opaque"))
        assert.isObject(yield* judged(layer, "another"))
        assert.strictEqual(yield* judged(layer, ""), "invalid_request")
      })
  )

  it.effect("a verifier that cannot tell is no refusal of the token", () =>
    Effect.gen(function* () {
      const down = Layer.succeed(TokenVerifier, {
        verify: () =>
          new KeyringError({ operation: "x", reason: "unavailable", message: "down", retriable: true })
      })
      const layer = Layer.merge(ResourceServer.layerVerifier({ resource, issuer }), down)
      assert.strictEqual(yield* judged(layer, "opaque"), "temporarily_unavailable")
    })
  )
})
