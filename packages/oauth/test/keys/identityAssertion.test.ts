import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"

const now = 1_700_000_000
const audience = "https://chat.test/"

type Bend = Parameters<TestIssuer.TestIssuer.Service["mintAccessToken"]>[0]

/** What becomes of a grant of the identity provider, with something bent. */
const judge = (bend: Bend = {}, options: Partial<JwtProfile.IdentityAssertionOptions> = {}) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(now * 1000)
    const idp = yield* TestIssuer.make({ issuer: "https://idp.test" })
    const token = yield* idp.mintAccessToken({
      sub: "U019488227",
      clientId: "wiki",
      audience,
      lifetime: "5 minutes",
      ...bend,
      header: { typ: "oauth-id-jag+jwt", ...bend.header },
      claims: { resource: "https://api.chat.test/", scope: "chat.read chat.history", ...bend.claims }
    })
    const keyring = yield* Keyring.fromJwks({ issuer: idp.issuer, jwks: yield* idp.jwks })
    const verifier = yield* JwtVerifier.fromKeyring(keyring)
    return yield* verifier.verify(
      token,
      JwtProfile.identityAssertion({ issuer: idp.issuer, audience, clientId: "wiki", ...options })
    )
  })

const refused = (reason: string, bend: Bend, options?: Partial<JwtProfile.IdentityAssertionOptions>) =>
  Effect.map(Effect.flip(judge(bend, options)), (error) => {
    assert.strictEqual(`${error._tag} ${error.reason}`, `JwtError ${reason}`, JSON.stringify(bend))
  })

describe("JwtProfile.identityAssertion", () => {
  it.effect("ID-JAG section 3.1: a grant with all that it must have, typed", () =>
    Effect.gen(function* () {
      const act = { sub: "agent", act: { sub: "older" } }
      const { claims } = yield* judge({ claims: { act, email: "a@example.com", amr: ["mfa"], tenant: "t" } })
      assert.strictEqual(claims.client_id, "wiki")
      assert.strictEqual(claims.sub, "U019488227")
      assert.strictEqual(claims.act?.act?.sub, "older")
      assert.strictEqual(claims.email, "a@example.com")
      yield* judge({ audience: [audience] })
      yield* judge({ claims: { resource: undefined, scope: undefined } })
    })
  )

  it.effect("ID-JAG section 4.4.1: typ is oauth-id-jag+jwt and nothing else", () =>
    Effect.gen(function* () {
      for (const typ of ["JWT", "at+jwt", "oauth-id-jag-jwt", "oauth-id-jag", "", undefined]) {
        yield* refused("type", { header: { typ } })
      }
      yield* judge({ header: { typ: "application/oauth-id-jag+jwt" } })
    })
  )

  it.effect("ID-JAG section 4.4.1: this server is its only audience, byte for byte", () =>
    Effect.gen(function* () {
      for (const aud of ["https://chat.test", "https://evil.test", [audience, "https://evil.test"], [], {}]) {
        yield* refused("audience", { claims: { aud } })
      }
      yield* refused("missing_claim", { claims: { aud: undefined } })
    })
  )

  it.effect("ID-JAG section 4.4.1, seeds D.5: it is for the client that presents it", () =>
    Effect.gen(function* () {
      yield* refused("authorized_party", { clientId: "other" })
      yield* refused("missing_claim", { claims: { client_id: undefined } })
      yield* refused("missing_claim", { claims: { client_id: ["wiki"] } })
    })
  )

  it.effect("seeds 2.0 Enterprise: expired, too old, not yet issued, and without what it must have", () =>
    Effect.gen(function* () {
      yield* refused("expired", { claims: { exp: now - 60 } })
      yield* refused("expired", { claims: { iat: now - 700, exp: now + 300 } })
      yield* refused("issued_in_future", { claims: { iat: now + 60 } })
      yield* judge({ claims: { iat: now - 700 } }, { maxAge: "20 minutes" })
      for (const claim of ["iss", "sub", "jti", "exp", "iat"]) {
        const error = yield* Effect.flip(judge({ claims: { [claim]: undefined } }))
        assert.strictEqual(error._tag, "JwtError")
        assert.include(["missing_claim", "issuer"], error.reason)
      }
    })
  )

  it.effect("seeds D.5: an issuer that is not trusted, and a signature that is not its own", () =>
    Effect.gen(function* () {
      yield* refused("issuer", { claims: { iss: "https://evil.test" } })
      yield* refused("signature", { key: "unpublished" })
      yield* refused("malformed", { header: { alg: "none" }, key: "none" })
    })
  )

  it.effect("RFC 8707 section 2: the resource, where the server asks for one", () =>
    Effect.gen(function* () {
      const wanted = { resource: "https://api.chat.test/" }
      yield* judge({}, wanted)
      yield* judge({ claims: { resource: ["https://other.test", wanted.resource] } }, wanted)
      yield* refused("claim", { claims: { resource: "https://api.chat.test" } }, wanted)
      yield* refused("claim", { claims: { resource: undefined } }, wanted)
    })
  )

  it.effect("claims that are not of their type", () =>
    Effect.gen(function* () {
      for (const claims of [
        { resource: 7 },
        { resource: [] },
        { scope: ["chat.read"] },
        { authorization_details: {} },
        { act: "agent" },
        { act: [] },
        { auth_time: "1" },
        { amr: "mfa" },
        { tenant: 1 },
        { email: null }
      ]) {
        yield* refused("claim", { claims })
      }
    })
  )
})
