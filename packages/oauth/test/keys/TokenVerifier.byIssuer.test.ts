/** One verifier among several, by what a token says of itself and nobody believes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as TokenVerifier from "effect-oauth/TokenVerifier"
import type { JwtClaims } from "effect-oauth/Jwt"
import * as Keyring from "effect-oauth/Keyring"
import * as T from "./support/tokens.js"

/** Says who was asked. */
const named = (name: string): TokenVerifier.TokenVerifier.Service => ({
  verify: () => Effect.succeed({ claims: { by: name }, scope: [], verifiedAt: 0 })
})

const issuers = { "https://a.test": named("a"), "https://b.test": named("b") }

const jwt = (claims: JwtClaims, header: object = { alg: "ES256" }) => `${T.b64(header)}.${T.b64(claims)}.c2ln`

const chosen = (verifier: TokenVerifier.TokenVerifier.Service, token: string) =>
  Effect.match(verifier.verify(Redacted.make(token)), {
    onSuccess: ({ claims }) => String(claims["by"]),
    onFailure: ({ _tag, reason }) => `${_tag} ${reason}`
  })

describe("TokenVerifier.byIssuer", () => {
  it.effect("a JWT goes to the verifier of its issuer, anything else to that of opaque tokens", () =>
    Effect.gen(function* () {
      const verifier = TokenVerifier.byIssuer({ issuers, opaque: named("opaque") })
      assert.strictEqual(yield* chosen(verifier, jwt({ iss: "https://a.test" })), "a")
      assert.strictEqual(yield* chosen(verifier, jwt({ iss: "https://b.test" })), "b")
      for (const token of ["opaque", "a.b", "a.b.c.d.e", "..", `${T.b64([])}.${T.b64({})}.c2ln`]) {
        assert.strictEqual(yield* chosen(verifier, token), "opaque", token)
      }
    })
  )

  it.effect("a JWT of nobody known is refused, whoever takes opaque tokens", () =>
    Effect.gen(function* () {
      const verifier = TokenVerifier.byIssuer({ issuers, opaque: named("opaque") })
      for (const iss of [
        "https://c.test",
        "https://a.test/",
        "",
        "__proto__",
        "constructor",
        "toString",
        1,
        null,
        {},
        ["https://a.test"],
        undefined
      ]) {
        assert.strictEqual(yield* chosen(verifier, jwt({ iss })), "JwtError issuer", String(iss))
      }
    })
  )

  it.effect("without a verifier of opaque tokens they are refused", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* chosen(TokenVerifier.byIssuer({ issuers }), "opaque"), "JwtError malformed")
    })
  )

  it.effect("the one that is chosen judges the issuer again", () =>
    Effect.gen(function* () {
      const profile = JwtProfile.accessToken({ issuer: "https://b.test", audience: "https://api.test" })
      const strict = yield* TokenVerifier.makeJwt(profile).pipe(
        Effect.provideService(Keyring.KeyringService, Keyring.empty)
      )
      // A mistake of the program, which lets nothing in.
      const verifier = TokenVerifier.byIssuer({ issuers: { "https://a.test": strict } })
      const token = jwt({ iss: "https://a.test" }, { alg: "ES256", typ: "at+jwt" })
      assert.strictEqual(yield* chosen(verifier, token), "JwtError issuer")
    })
  )
})
