/**
 * Keys that name the issuer they are for: one set of Microsoft Entra serves the tenants of everybody, and a key
 * for the consumers' tenant must verify nothing of a company's (peers 3, Microsoft Entra).
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as ServerTokens from "../../src/client/internal/serverTokens.js"
import * as Quirks from "../../src/client/Quirks.js"
import * as JwtProfile from "../../src/keys/JwtProfile.js"
import * as VerificationKey from "../../src/keys/VerificationKey.js"
import { jwksUri, keyServer, publishing, remote, wireOf } from "./support/keyServer.js"
import {
  audience,
  compact,
  ec,
  goodClaims,
  goodHeader,
  issuer,
  outcome,
  ringOf,
  verify
} from "./support/tokens.js"

const key = ec()
const other = ec("P-256", "other")
const token = compact(goodHeader(key), goodClaims, key.privateKey)
const against = JwtProfile.accessToken({ issuer, audience })

const template = "https://login.example/{tenantid}/v2.0"
const issuerOf = (tenant: string) => template.replace("{tenantid}", tenant)

describe("Keys that name their issuer", () => {
  const names: ReadonlyArray<readonly [named: unknown, becomes: string]> = [
    [undefined, "accepted"],
    [issuer, "accepted"],
    [`${issuer}/`, "JwtError key"],
    ["https://other.example", "JwtError key"],
    ["https://issuer.example{tenantid}", "JwtError key"],
    ["{tenantid}", "JwtError key"],
    ["", "JwtError key"],
    // What cannot be read is no key.
    [7, "JwtError key"],
    [null, "JwtError key"]
  ]
  for (const [named, becomes] of names) {
    it.effect(`peers 3, Entra: a key for ${JSON.stringify(named) ?? "any issuer"} is ${becomes}`, () =>
      Effect.gen(function* () {
        const ring = yield* ringOf({ ...key.jwk, ...(named === undefined ? {} : { issuer: named }) })
        assert.strictEqual(yield* outcome(verify(ring, token, against)), becomes)
      })
    )
  }

  it.scoped("a published key is for the issuer beside it, though it is the same key as before", () =>
    Effect.gen(function* () {
      const server = keyServer(publishing([{ ...key.jwk, issuer: "https://other.example" }]))
      const ring = yield* remote(server)
      assert.strictEqual(yield* outcome(verify(ring, token, against)), "JwtError key")
    })
  )

  it("{tenantid} is one tenant and never more of a URL", () => {
    const [entra] = [VerificationKey.fromJwk(issuerOf("acme"), { ...key.jwk, issuer: template })]
    const isFor = (own: string) =>
      entra._tag === "Some" &&
      VerificationKey.isFor({ ...entra.value, issuer: own, prepare: entra.value.prepare }, own)
    assert.isTrue(isFor(issuerOf("acme")))
    assert.isTrue(isFor(issuerOf("9188040d-6c67-4c5b-b112-36a304b66dad")))
    for (const tenant of ["", "a/b", "..", "a%2Fb", "a?b", "a#b", "a b"])
      assert.isFalse(isFor(issuerOf(tenant)))
    assert.isFalse(isFor("https://login.example/v2.0"))
    assert.isFalse(isFor("https://evil.example/acme/v2.0"))
    assert.isFalse(isFor(`${issuerOf("acme")}/more`))
  })
})

describe("Keys that name their issuer: a client of many tenants", () => {
  const own = issuerOf("organizations")
  const tokens = Effect.gen(function* () {
    const server = keyServer(
      publishing([
        { ...key.jwk, issuer: template },
        { ...other.jwk, issuer: issuerOf("consumers") }
      ])
    )
    return yield* ServerTokens.make({
      issuer: own,
      clientId: "client",
      jwksUri: Effect.succeed(jwksUri),
      wire: yield* wireOf(server),
      quirks: Quirks.make({ issuer: { template, placeholder: "{tenantid}", claim: "tid", tenants: "any" } })
    })
  })
  const idToken = (pair: typeof key, tenant: string) =>
    Redacted.make(
      compact(
        { alg: "ES256", kid: pair.jwk.kid },
        { iss: issuerOf(tenant), sub: "alice", aud: "client", exp: 300, iat: 0, tid: tenant },
        pair.privateKey
      )
    )

  it.scoped("peers 3, Entra: the key of all tenants verifies each, the consumers' key theirs alone", () =>
    Effect.gen(function* () {
      const { verifyIdToken } = yield* tokens
      const judged = (pair: typeof key, tenant: string) =>
        outcome(verifyIdToken(idToken(pair, tenant), { issuer: own }, {}))
      assert.strictEqual(yield* judged(key, "acme"), "accepted")
      assert.strictEqual(yield* judged(key, "consumers"), "accepted")
      assert.strictEqual(yield* judged(other, "consumers"), "accepted")
      assert.strictEqual(yield* judged(other, "acme"), "JwtError key")
    })
  )
})
