import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Actor from "effect-oauth/Actor"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as TestClock from "effect/TestClock"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"

/** RFC 8693 section 4.1, the example of a chain of delegation. */
const delegated = {
  sub: "user@example.com",
  act: { sub: "https://service16.example.com", act: { sub: "https://service77.example.com" } }
}

const nested = (depth: number): Record<string, unknown> =>
  depth === 0 ? { sub: "0" } : { sub: String(depth), act: nested(depth - 1) }

describe("Actor", () => {
  it("RFC 8693 section 4.1: the present actor is outermost, those before it are behind it", () => {
    const chain = Option.getOrThrow(Actor.chain(delegated))
    assert.deepStrictEqual(
      chain.map(({ sub }) => sub),
      ["https://service16.example.com", "https://service77.example.com"]
    )
    assert.strictEqual(Option.getOrThrow(Actor.current(delegated)).sub, "https://service16.example.com")
    assert.deepStrictEqual(Actor.chain({ sub: "alone" }), Option.some([]))
    assert.isTrue(Option.isNone(Actor.current({ sub: "alone" })))
  })

  it("a chain that cannot be read is not one of nobody", () => {
    for (const act of [null, "agent", 7, [], [{ sub: "a" }], { sub: 7 }, { sub: "" }, { iss: null }]) {
      assert.isTrue(Option.isNone(Actor.chain({ act })), JSON.stringify(act))
      assert.isTrue(Option.isNone(Actor.chain({ act: { sub: "a", act } })), JSON.stringify(act))
    }
    assert.isTrue(Option.isNone(Actor.chain({ act: undefined })))
  })

  it("peers 4c 75: what an object inherits is not a claim", () => {
    const claims: Record<string, unknown> = JSON.parse('{"__proto__":{"act":{"sub":"x"}},"sub":"a"}')
    assert.deepStrictEqual(Actor.chain(claims), Option.some([]))
    assert.deepStrictEqual(Actor.chain(Object.create({ act: { sub: "x" } })), Option.some([]))
  })

  it("32 actors are read, 33 are not, and a hundred thousand cost no stack", () => {
    assert.strictEqual(Option.getOrThrow(Actor.chain({ act: nested(31) })).length, 32)
    assert.isTrue(Option.isNone(Actor.chain({ act: nested(32) })))
    let deep: Record<string, unknown> = { sub: "0" }
    for (let i = 0; i < 100_000; i++) deep = { sub: "x", act: deep }
    assert.isTrue(Option.isNone(Actor.chain({ act: deep })))
    assert.isFalse(Schema.is(Actor.Actor)(deep))
  })

  it("RFC 8693 section 4.4: may_act names who may act, by each claim that it has", () => {
    const claims = { sub: "user", may_act: { sub: "admin", iss: "https://issuer.test" } }
    const may = (party: Record<string, unknown>) => Actor.mayAct(claims, party)
    assert.deepStrictEqual(may({ sub: "admin", iss: "https://issuer.test", exp: 1 }), Option.some(true))
    assert.deepStrictEqual(may({ sub: "admin" }), Option.some(false))
    assert.deepStrictEqual(may({ sub: "admin", iss: "https://other.test" }), Option.some(false))
    assert.deepStrictEqual(may({ sub: "user", iss: "https://issuer.test" }), Option.some(false))
    assert.deepStrictEqual(Actor.mayAct({ sub: "user" }, { sub: "admin" }), Option.none())
  })

  it("a may_act that says nothing lets nobody", () => {
    for (const may_act of [{}, null, "admin", [], { sub: 7 }, undefined, { email: "a@example.com" }]) {
      assert.deepStrictEqual(Actor.mayAct({ may_act }, { sub: "admin" }), Option.some(false))
    }
  })

  it.effect("with JwtProfile.withClaims both are typed, and a token with another act is refused", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_000)
      const server = yield* TestIssuer.make()
      const keyring = yield* Keyring.fromJwks({ issuer: server.issuer, jwks: yield* server.jwks })
      const verifier = yield* JwtVerifier.fromKeyring(keyring)
      const profile = JwtProfile.withClaims(Actor.Claims)(
        JwtProfile.accessToken({ issuer: server.issuer, audience: "https://api.test" })
      )
      const good = yield* server.mintAccessToken({ claims: delegated })
      const { claims } = yield* verifier.verify(good, profile)
      assert.strictEqual(claims.act?.act?.sub, "https://service77.example.com")
      const bad = yield* server.mintAccessToken({ claims: { act: "admin" } })
      const error = yield* Effect.flip(verifier.verify(bad, profile))
      assert.strictEqual(`${error._tag} ${error.reason}`, "JwtError claim")
    })
  )
})
