/** One issuer that serves several tenants, which a claim tells apart (`tid`, a zone); seeds E.8, peers 4c 84. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Authenticator from "effect-oauth-resource-server/Authenticator"
import * as DelegatedAccess from "effect-oauth-resource-server/DelegatedAccess"
import * as Guard from "effect-oauth-resource-server/Guard"
import * as ResourceServer from "effect-oauth-resource-server/ResourceServer"
import * as Tenants from "effect-oauth-resource-server/Tenants"
import type { JwtClaims } from "effect-oauth/Jwt"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import { request, resource } from "./support/api.js"
import { challengeOf } from "./support/asking.js"
import * as A from "./support/authorities.js"

const issuer = "https://auth.example"

class Name extends Context.Tag("test/Name")<Name, string>() {}

const byZone = (
  options: Partial<Tenants.Options<Name, never, never>> = {}
): Effect.Effect<Tenants.Tenants<Name>, unknown, never> =>
  Effect.scoped(
    Tenants.make({
      issuer,
      claim: "zone",
      known: ["acme", "globex"],
      layer: ({ label }) => Layer.succeed(Name, label),
      ...options
    })
  )

describe("the label that claims tell", () => {
  it.effect("is the claim, of the one issuer", () =>
    Effect.gen(function* () {
      const { find, labelOf } = yield* byZone()
      assert.deepStrictEqual(labelOf({ iss: issuer, zone: "acme" }), Option.some("acme"))
      assert.deepStrictEqual(yield* find("acme"), { label: "acme", issuer })
      assert.strictEqual((yield* Effect.flip(find("initech")))._tag, "UnknownTenant")
    })
  )

  it.effect("is none where the claim is missing, of another type, or no label; or of another issuer", () =>
    Effect.gen(function* () {
      const { labelOf } = yield* byZone({ known: () => Effect.dieMessage("asked") })
      for (const zone of [
        undefined,
        null,
        "",
        1,
        ["acme"],
        { label: "acme" },
        "Acme",
        "a.b",
        "../acme",
        "acme ",
        "acme\u0000",
        "\u0430cme",
        "x".repeat(64)
      ]) {
        assert.isTrue(Option.isNone(labelOf({ iss: issuer, zone })), JSON.stringify(zone))
      }
      for (const iss of [undefined, "https://evil.example", `${issuer}/`, [issuer]]) {
        const claims: Record<string, unknown> = { iss, zone: "acme" }
        assert.isTrue(Option.isNone(labelOf(claims)), String(iss))
      }
    })
  )

  it.effect("is no member that every object has", () =>
    Effect.gen(function* () {
      const { labelOf } = yield* byZone({ claim: "constructor", isLabel: () => true })
      assert.isTrue(Option.isNone(labelOf({ iss: issuer })))
    })
  )

  it.effect("Entra: tid and issuer must be of the same tenant", () =>
    Effect.gen(function* () {
      const [one, two] = [
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "7c9e6679-7425-40de-944b-e07fc1f90ae7"
      ] as const
      const { labelOf } = yield* byZone({
        issuer: "https://login.microsoftonline.com/{tenant}/v2.0",
        claim: "tid",
        isLabel: Schema.is(Schema.UUID)
      })
      const of = (iss: string, tid: unknown) =>
        labelOf({ iss: `https://login.microsoftonline.com/${iss}/v2.0`, tid })
      assert.deepStrictEqual(of(one, one), Option.some(one))
      assert.isTrue(Option.isNone(of(one, two)))
      assert.isTrue(Option.isNone(of(one, undefined)))
      assert.isTrue(Option.isNone(of("common", "common")), "a label, and no UUID")
      // A DNS label has no capitals: what becomes part of an issuer stays one.
      assert.isTrue(Option.isNone(of(one.toUpperCase(), one.toUpperCase())))
    })
  )

  it.effect("may be what a program says that a label is, where nothing is made of it", () =>
    Effect.gen(function* () {
      const { find, labelOf } = yield* byZone({
        isLabel: (text) => /^Z_\d+$/.test(text),
        known: ["Z_1", "acme"]
      })
      assert.deepStrictEqual(labelOf({ iss: issuer, zone: "Z_1" }), Option.some("Z_1"))
      assert.isTrue(Option.isNone(labelOf({ iss: issuer, zone: "acme" })))
      assert.strictEqual((yield* Effect.flip(find("acme")))._tag, "UnknownTenant")
    })
  )

  it.effect("an issuer for all needs a claim, and must be an issuer", () =>
    Effect.gen(function* () {
      for (const wrong of [{ claim: undefined }, { issuer: "http://auth.example" }, { issuer: "auth" }]) {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(byZone(wrong))))
      }
    })
  )
})

const jwt = (claims: object) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  return Redacted.make(`${part({ alg: "ES256" })}.${part({ iss: issuer, ...claims })}.c2ln`)
}

const under = (label: string) => Effect.provideService(Tenants.CurrentTenant, Option.some(label))

const verdict = (
  verifier: TokenVerifier.TokenVerifier.Service,
  token: Redacted.Redacted<string> = Redacted.make("opaque")
) =>
  Effect.match(verifier.verify(token), {
    onSuccess: ({ claims }) => String(claims["zone"]),
    onFailure: ({ _tag, reason }) => `${_tag} ${reason}`
  })

/** A verifier that says these claims of any token, and how often it was asked. */
const saying = (claims: JwtClaims) => {
  const asked: Array<string> = []
  const service: TokenVerifier.TokenVerifier.Service = {
    verify: (token) =>
      Effect.sync(() => {
        asked.push(Redacted.value(token))
        return { claims, scope: [], verifiedAt: 0 }
      })
  }
  return { asked, service }
}

describe("Tenants.verifiedBy", () => {
  it.effect("the verified claim admits; that of the token itself does not, whatever it says", () =>
    Effect.gen(function* () {
      const tenants = yield* byZone()
      const acme = saying({ iss: issuer, zone: "acme" })
      const own = Tenants.verifiedBy(tenants, acme.service)
      assert.strictEqual(yield* verdict(own, jwt({ zone: "acme" })), "acme")
      assert.strictEqual(yield* verdict(own, jwt({ zone: "acme" })).pipe(under("acme")), "acme")
      assert.strictEqual(yield* verdict(own), "acme")
      for (const claims of [{}, { zone: "acme" }, { iss: issuer }, { iss: issuer, zone: "initech" }]) {
        const lying = Tenants.verifiedBy(tenants, saying(claims).service)
        assert.strictEqual(yield* verdict(lying, jwt({ zone: "acme" })), "JwtError issuer")
        assert.strictEqual(yield* verdict(lying), "JwtError issuer")
      }
      // What is said before verification and what is verified differ: the second counts.
      const other = Tenants.verifiedBy(tenants, saying({ iss: issuer, zone: "globex" }).service)
      assert.strictEqual(yield* verdict(other, jwt({ zone: "acme" })).pipe(under("acme")), "JwtError issuer")
      assert.strictEqual(yield* verdict(other).pipe(under("acme")), "JwtError issuer")
    })
  )

  it.effect("a JWT that says itself that it is of no tenant is refused before anybody is asked", () =>
    Effect.gen(function* () {
      const { asked, service } = saying({ iss: issuer, zone: "acme" })
      const verifier = Tenants.verifiedBy(yield* byZone(), service)
      for (const claims of [
        {},
        { zone: "initech" },
        { zone: "ACME" },
        { zone: ["acme"] },
        { zone: "acme", iss: "https://evil.example" }
      ]) {
        assert.strictEqual(yield* verdict(verifier, jwt(claims)), "JwtError issuer")
      }
      assert.strictEqual(
        yield* verdict(verifier, jwt({ zone: "acme" })).pipe(under("globex")),
        "JwtError issuer"
      )
      assert.deepStrictEqual(asked, [])
    })
  )

  it.scoped("a guard answers 401 in the words of RFC 6750, whichever it was", () =>
    Effect.gen(function* () {
      const keyring = yield* Keyring.generate({ alg: "ES256", issuer })
      const signer = yield* JwtSigner.fromKeyring(keyring)
      const tenants = yield* byZone()
      const verifier = TokenVerifier.layerJwt(JwtProfile.accessToken({ issuer, audience: resource })).pipe(
        Layer.map((context) =>
          Context.make(
            TokenVerifier.TokenVerifier,
            Tenants.verifiedBy(tenants, Context.get(context, TokenVerifier.TokenVerifier))
          )
        ),
        Layer.provide(Layer.succeed(Keyring.KeyringService, keyring))
      )
      const authenticator = Authenticator.layer.pipe(
        Layer.provide(ResourceServer.layerVerifier({ resource, issuer })),
        Layer.provide(verifier)
      )
      const context = yield* Layer.build(authenticator)
      const ask = (zone: unknown, label?: string) =>
        Effect.gen(function* () {
          const token = yield* signer.sign(
            { iss: issuer, aud: resource, sub: "alice", client_id: "app", zone },
            { typ: "at+jwt", lifetime: "1 minute" }
          )
          const guarded = Guard.web(request("/", { authorization: `Bearer ${Redacted.value(token)}` }))
          return yield* (label === undefined ? guarded : under(label)(guarded)).pipe(
            Effect.map(({ claims }) => claims["zone"]),
            Effect.merge
          )
        }).pipe(Effect.provide(context))
      assert.strictEqual(yield* ask("acme"), "acme")
      assert.strictEqual(yield* ask("globex", "globex"), "globex")
      for (const [zone, label] of [
        [undefined, undefined],
        ["initech", undefined],
        ["Acme", undefined],
        ["globex", "acme"]
      ] as const) {
        const answer = yield* ask(zone, label)
        if (!(answer instanceof Response)) return assert.fail("let in")
        assert.strictEqual(answer.status, 401)
        assert.deepInclude(challengeOf(answer), {
          error: "invalid_token",
          error_description: "The access token is expired, revoked, malformed, or invalid for other reasons"
        })
      }
    })
  )
})

describe("a verifier for each tenant of one issuer", () => {
  it.scoped("keys apart: a token is of the tenant whose verifier is content with it, or of none", () =>
    Effect.gen(function* () {
      const audience = resource
      const keys = new Map<string, Keyring.Keyring>()
      for (const label of ["acme", "globex"]) {
        keys.set(label, yield* Keyring.generate({ alg: "ES256", kid: "one", issuer }))
      }
      const keyOf = (label: string) => keys.get(label) ?? Keyring.empty
      const tenants = yield* Tenants.make({
        issuer,
        claim: "zone",
        known: ["acme", "globex"],
        layer: ({ label }) =>
          TokenVerifier.layerJwt(JwtProfile.accessToken({ issuer, audience }), { cacheSize: 10 }).pipe(
            Layer.provide(Layer.succeed(Keyring.KeyringService, keyOf(label)))
          )
      })
      const verifier = Tenants.tokenVerifier(tenants)
      const signed = (zone: string, by: string) =>
        Effect.flatMap(JwtSigner.fromKeyring(keyOf(by)), (signer) =>
          signer.sign(
            { iss: issuer, aud: audience, sub: "alice", client_id: "app", zone },
            { typ: "at+jwt", lifetime: "1 minute" }
          )
        )
      assert.strictEqual(yield* verdict(verifier, yield* signed("acme", "acme")), "acme")
      assert.strictEqual(yield* verdict(verifier, yield* signed("acme", "globex")), "JwtError signature")
      assert.strictEqual(yield* verdict(verifier, yield* signed("initech", "acme")), "JwtError issuer")
      assert.strictEqual(
        yield* verdict(verifier, yield* signed("acme", "acme")).pipe(under("globex")),
        "JwtError issuer"
      )
    })
  )

  it.scoped("a verifier that tells another tenant than it is of lets nobody in", () =>
    Effect.gen(function* () {
      const tenants = yield* Tenants.make({
        issuer,
        claim: "zone",
        known: ["acme", "globex"],
        layer: () =>
          Layer.succeed(TokenVerifier.TokenVerifier, saying({ iss: issuer, zone: "globex" }).service)
      })
      const verifier = Tenants.tokenVerifier(tenants)
      assert.strictEqual(yield* verdict(verifier, jwt({ zone: "acme" })), "JwtError issuer")
      assert.strictEqual(yield* verdict(verifier).pipe(under("acme")), "JwtError issuer")
      assert.strictEqual(yield* verdict(verifier).pipe(under("globex")), "globex")
    })
  )
})

describe("Tenants.delegatedAccess, by a claim", () => {
  it.scoped("a caller's token is exchanged by the client of its tenant, of no other, and kept apart", () =>
    Effect.gen(function* () {
      const servers = A.authorities()
      const tenants = yield* Tenants.make({
        issuer,
        claim: "zone",
        known: ["acme", "globex"],
        layer: ({ issuer, label }) =>
          DelegatedAccess.layer().pipe(
            Layer.provide(A.client(issuer, `secret of ${label}`)),
            Layer.provide(servers.layer)
          )
      })
      const access = Tenants.delegatedAccess(tenants)
      const statusFor = (claims: Readonly<Record<string, unknown>>) =>
        Effect.map(
          A.as(A.caller(issuer, "same", { claims }))(access.tokens({ resources: ["https://one.example"] })),
          ({ status }) => status
        )
      for (const zone of ["acme", "globex", "acme"]) {
        assert.strictEqual(yield* statusFor({ zone }), "success")
      }
      for (const claims of [{}, { zone: "initech" }, { zone: "Acme" }]) {
        assert.strictEqual(yield* statusFor(claims), "error")
      }
      assert.deepStrictEqual(
        servers.exchanges().map(({ authorization }) => atob(authorization.slice(6))),
        ["api:secret+of+acme", "api:secret+of+globex"]
      )
    })
  )
})
