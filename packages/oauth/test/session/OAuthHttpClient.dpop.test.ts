/** Requests with a proof of possession: RFC 9449 sections 4, 7, 8 and 9. */
import * as HttpBody from "@effect/platform/HttpBody"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Dpop from "effect-oauth/Dpop"
import * as Jwk from "effect-oauth/Jwk"
import * as Jwt from "effect-oauth/Jwt"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import { createHash } from "node:crypto"
import * as R from "./support/resource.js"

const setup = (answer?: R.Answer, dpopOptions: Dpop.Options = {}, tokenType: "DPoP" | "Bearer" = "DPoP") =>
  Effect.gen(function* () {
    const dpop = yield* Dpop.make(dpopOptions)
    const resource = R.make(answer)
    const source = R.makeTokens({ tokenType })
    const carrying = yield* OAuthHttpClient.transform({
      tokens: source.tokens,
      resources: [R.api, "https://other.test"],
      dpop
    })
    return { ...resource, ...source, dpop, client: carrying(resource.client) }
  })

const proofOf = (arrived: R.Arrived | undefined) =>
  Option.getOrThrow(Jwt.decodeUnverified(arrived?.headers["dpop"] ?? ""))

const ath = (token: string) => createHash("sha256").update(token).digest("base64url")

const wantsNonce = (nonce: string) =>
  new Response("", {
    status: 401,
    headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": nonce }
  })

describe("a request with a proof", () => {
  it.effect("RFC 9449 sections 4.2 and 7: for this method, this URL without its query, and this token", () =>
    Effect.gen(function* () {
      const { arrived, client, dpop } = yield* setup()
      yield* client.post(`${R.api}/notes/1?q=secret`, { urlParams: { a: "b" } })
      yield* client.get("https://API.test:443")
      const [one, other] = arrived
      assert.strictEqual(one?.headers["authorization"], "DPoP token-1")
      const { claims, header } = proofOf(one)
      assert.deepInclude(claims, { htm: "POST", htu: `${R.api}/notes/1`, ath: ath("token-1") })
      assert.strictEqual(header.typ, "dpop+jwt")
      assert.strictEqual(yield* Jwk.thumbprint(Object(header)["jwk"]), dpop.thumbprint)
      assert.deepInclude(proofOf(other).claims, { htm: "GET", htu: `${R.api}/` })
      assert.notStrictEqual(proofOf(other).claims["jti"], claims["jti"])
    })
  )

  it.effect(
    "section 9: a nonce that is asked for is given, one time; and again to this origin, not to others",
    () =>
      Effect.gen(function* () {
        const { arrived, client, renewals } = yield* setup((one) =>
          one.url.startsWith(R.api) && proofOf(one).claims["nonce"] !== "n1"
            ? wantsNonce("n1")
            : new Response("ok")
        )
        assert.strictEqual((yield* client.get(R.api)).status, 200)
        yield* client.get(R.api)
        yield* client.get("https://other.test")
        assert.deepStrictEqual(
          arrived.map((one) => proofOf(one).claims["nonce"]),
          [undefined, "n1", "n1", undefined]
        )
        assert.strictEqual(renewals.length, 0)
      })
  )

  it.effect("section 9: never a loop", () =>
    Effect.gen(function* () {
      const { arrived, client, renewals } = yield* setup((_, count) => wantsNonce(`n${count}`))
      assert.strictEqual((yield* client.get(R.api)).status, 401)
      assert.deepStrictEqual([arrived.length, renewals.length], [2, 0])
    })
  )

  it.effect("section 8.2: a nonce that comes with a success is for the next request", () =>
    Effect.gen(function* () {
      const { arrived, client } = yield* setup(
        (_, count) => new Response("ok", { headers: { "dpop-nonce": `n${count}` } })
      )
      for (let i = 0; i < 3; i++) yield* client.get(R.api)
      assert.deepStrictEqual(
        arrived.map((one) => proofOf(one).claims["nonce"]),
        [undefined, "n1", "n2"]
      )
    })
  )

  it.effect(
    "section 7.1: a new token for a refused one, with a proof for the new one; and a nonce besides",
    () =>
      Effect.gen(function* () {
        const { arrived, client, renewals } = yield* setup((one) => {
          if (proofOf(one).claims["nonce"] === undefined) return wantsNonce("n1")
          return one.headers["authorization"] === "DPoP token-2"
            ? new Response("ok")
            : R.refusing(401, 'DPoP error="invalid_token"')
        })
        assert.strictEqual((yield* client.get(R.api)).status, 200)
        assert.strictEqual(arrived.length, 3)
        assert.deepStrictEqual(renewals, ["token-1"])
        assert.deepInclude(proofOf(arrived[2]).claims, { ath: ath("token-2"), nonce: "n1" })
      })
  )

  it.effect("a body that cannot be sent again is not; the nonce is there for the next request", () =>
    Effect.gen(function* () {
      const { arrived, client } = yield* setup((one) =>
        proofOf(one).claims["nonce"] === undefined ? wantsNonce("n1") : new Response("ok")
      )
      const body = HttpBody.stream(Stream.make(new Uint8Array([1])))
      assert.strictEqual((yield* client.post(R.api, { body })).status, 401)
      assert.strictEqual((yield* client.get(R.api)).status, 200)
      assert.strictEqual(arrived.length, 2)
    })
  )

  it.effect("to another place goes without a proof", () =>
    Effect.gen(function* () {
      const { arrived, client } = yield* setup()
      yield* client.get("https://elsewhere.test")
      assert.isUndefined(arrived[0]?.headers["dpop"])
    })
  )

  it.effect("section 5: a token that is not bound is refused, unless that was allowed", () =>
    Effect.gen(function* () {
      const strict = yield* setup(undefined, {}, "Bearer")
      const error = yield* Effect.flip(strict.client.get(R.api))
      assert.strictEqual(error._tag === "ProtocolViolation" ? error.reason : error._tag, "mismatch")
      assert.strictEqual(strict.arrived.length, 0)
      const lax = yield* setup(undefined, { allowBearer: true }, "Bearer")
      yield* lax.client.get(R.api)
      assert.strictEqual(lax.arrived[0]?.headers["authorization"], "Bearer token-1")
      assert.isUndefined(lax.arrived[0]?.headers["dpop"])
    })
  )

  it.effect("a resource that takes both schemes and asks a bearer token for a proof is not asked again", () =>
    Effect.gen(function* () {
      const { arrived, client, renewals } = yield* setup(
        () => wantsNonce("n1"),
        { allowBearer: true },
        "Bearer"
      )
      assert.strictEqual((yield* client.get(R.api)).status, 401)
      assert.deepStrictEqual([arrived.length, renewals.length], [1, 0])
      assert.isTrue(Redacted.isRedacted(R.tokenSet("x").accessToken))
    })
  )
})
