/** The methods beside secrets and keys: shared-secret JWTs, certificates, and what others sign. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as AssertionSource from "effect-oauth/AssertionSource"
import * as ClientAttestation from "effect-oauth/ClientAttestation"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Dpop from "effect-oauth/Dpop"
import * as Introspection from "effect-oauth/Introspection"
import * as Keyring from "effect-oauth/Keyring"
import * as SignatureEngine from "effect-oauth/SignatureEngine"
import type * as OAuthClient from "effect-oauth/OAuthClient"
import { KeyringError } from "effect-oauth/OAuthError"
import * as Revocation from "effect-oauth/Revocation"
import * as jose from "jose"
import * as A from "./support/answers.js"

const issuer = "https://issuer.test"
const metadata = {
  issuer,
  authorization_endpoint: "https://issuer.test/authorize",
  token_endpoint: "https://issuer.test/token",
  revocation_endpoint: "https://issuer.test/revoke",
  mtls_endpoint_aliases: {
    token_endpoint: "https://mtls.issuer.test/token",
    authorization_endpoint: "https://mtls.issuer.test/authorize"
  }
}
const tokens = () => Response.json({ access_token: "t", token_type: "Bearer" })

/** What is sent by a client that authenticates so, and what becomes of it. */
const sent = (
  authentication: ClientAuthentication.ClientAuthentication,
  clientId = "app",
  answer: (sent: A.Sent) => Response = tokens,
  more: Readonly<Record<string, unknown>> = {},
  options: Partial<OAuthClient.OAuthClient.Options> = {}
) => {
  const seen: Array<A.Sent> = []
  return Effect.flatMap(ClientCredentials.ClientCredentials, ({ request }) => Effect.either(request())).pipe(
    Effect.provide(
      A.flows(
        { issuer, clientId, metadata: { ...metadata, ...more }, authentication, ...options },
        answer,
        seen
      )
    ),
    Effect.map((result) => ({ result, seen, form: seen.at(-1)?.form ?? new URLSearchParams() }))
  )
}

const secret = Redacted.make("a canary of sixty-four bytes or more, since HS512 wants as many: 01234")

describe("ClientAuthentication.clientSecretJwt", () => {
  for (const alg of ["HS256", "HS384", "HS512"] as const) {
    it.effect(`OpenID Connect Core section 9: ${alg} by the secret, which is not sent`, () =>
      Effect.gen(function* () {
        const authentication = ClientAuthentication.clientSecretJwt(secret, { algorithm: alg })
        const { form, seen } = yield* sent(authentication)
        const assertion = form.get("client_assertion") ?? ""
        const { payload, protectedHeader } = yield* Effect.promise(() =>
          jose.jwtVerify(assertion, new TextEncoder().encode(Redacted.value(secret)), {
            issuer: "app",
            subject: "app",
            audience: issuer,
            currentDate: new Date(0),
            requiredClaims: ["jti"]
          })
        )
        assert.strictEqual(protectedHeader.alg, alg)
        assert.strictEqual(payload.exp, 60)
        assert.isFalse(form.has("client_secret"))
        assert.notInclude(seen[0]?.body ?? "", "canary")
      })
    )
  }

  it.effect("RFC 7518 section 3.2: a secret shorter than the hash is refused, and nothing is sent", () =>
    Effect.gen(function* () {
      const { result, seen } = yield* sent(ClientAuthentication.clientSecretJwt(Redacted.make("short")))
      assert.isTrue(result._tag === "Left" && result.left._tag === "KeyringError")
      assert.strictEqual(result._tag === "Left" && result.left.reason, "forbidden")
      assert.strictEqual(seen.length, 0)
    })
  )
})

describe("RFC 8414 section 2: an endpoint may have methods of its own", () => {
  const endpoints = { introspection_endpoint: "https://issuer.test/introspect" }
  const answer = (one: A.Sent) =>
    one.url.pathname === "/introspect" ? Response.json({ active: false }) : tokens()

  /** What three endpoints are sent. */
  const everywhere = (
    authentication: ClientAuthentication.ClientAuthentication,
    more: Readonly<Record<string, unknown>>
  ) => {
    const seen: Array<A.Sent> = []
    return Effect.gen(function* () {
      yield* (yield* ClientCredentials.ClientCredentials).request()
      yield* (yield* Revocation.Revocation).revoke(Redacted.make("t"))
      yield* (yield* Introspection.Introspection).introspect(Redacted.make("t"))
      return seen
    }).pipe(
      Effect.provide(
        A.flows(
          { issuer, clientId: "app", metadata: { ...metadata, ...endpoints, ...more }, authentication },
          answer,
          seen
        )
      )
    )
  }

  it.effect(
    "a secret goes by those of revocation and introspection, or else by those of the token endpoint",
    () =>
      Effect.gen(function* () {
        const authentication = ClientAuthentication.clientSecret(secret)
        const methods = (more: Readonly<Record<string, unknown>>) =>
          Effect.map(everywhere(authentication, more), (seen) =>
            seen.map(({ form, headers }) =>
              headers["authorization"] === undefined && form.has("client_secret") ? "post" : "basic"
            )
          )
        const post = ["client_secret_post"]
        assert.deepStrictEqual(yield* methods({ revocation_endpoint_auth_methods_supported: post }), [
          "basic",
          "post",
          "basic"
        ])
        assert.deepStrictEqual(yield* methods({ introspection_endpoint_auth_methods_supported: post }), [
          "basic",
          "basic",
          "post"
        ])
        assert.deepStrictEqual(yield* methods({ token_endpoint_auth_methods_supported: post }), [
          "post",
          "post",
          "post"
        ])
      })
  )

  it.effect("an assertion is signed with an algorithm of the endpoint's", () =>
    Effect.gen(function* () {
      const both = Keyring.combine(
        yield* Keyring.generate({ alg: "ES256", kid: "ec" }),
        yield* Keyring.generate({ alg: "EdDSA", kid: "ed" })
      )
      const authentication: ClientAuthentication.ClientAuthentication = {
        authenticate: (request) =>
          Effect.provideService(
            ClientAuthentication.privateKeyJwt().authenticate(request),
            Keyring.KeyringService,
            both
          )
      }
      const seen = yield* everywhere(authentication, {
        token_endpoint_auth_signing_alg_values_supported: ["ES256"],
        revocation_endpoint_auth_signing_alg_values_supported: ["EdDSA"]
      })
      assert.deepStrictEqual(
        seen.map(({ form }) => jose.decodeProtectedHeader(form.get("client_assertion") ?? "").kid),
        ["ec", "ed", "ec"]
      )
    })
  )

  it.effect("one value of it signs for each client with the engine of that client", () =>
    Effect.gen(function* () {
      const one = ClientAuthentication.privateKeyJwt()
      const keys = yield* Keyring.generate({ alg: "ES256", kid: "one" })
      const prepared: Array<string> = []
      const engine = (name: string): SignatureEngine.SignatureEngine.Service => ({
        ...SignatureEngine.webCrypto,
        prepareSign: (jwk, algorithm) => {
          prepared.push(name)
          return SignatureEngine.webCrypto.prepareSign(jwk, algorithm)
        }
      })
      const engines = [engine("a"), engine("b")]
      for (const each of engines) {
        yield* everywhere(
          {
            authenticate: (request) =>
              one
                .authenticate(request)
                .pipe(
                  Effect.provideService(Keyring.KeyringService, keys),
                  Effect.provideService(SignatureEngine.SignatureEngine, each)
                )
          },
          {}
        )
      }
      assert.deepStrictEqual([...new Set(prepared)], ["a", "b"])
    })
  )

  it.effect("one value of it signs for each client with the keyring of that client", () =>
    Effect.gen(function* () {
      const one = ClientAuthentication.privateKeyJwt()
      const kids = yield* Effect.forEach(["a", "b", "a"], (kid) =>
        Effect.gen(function* () {
          const keys = yield* Keyring.generate({ alg: "ES256", kid })
          const [seen] = yield* everywhere(
            {
              authenticate: (request) =>
                Effect.provideService(one.authenticate(request), Keyring.KeyringService, keys)
            },
            {}
          )
          const token = seen?.form.get("client_assertion") ?? ""
          const known = jose.createLocalJWKSet(JSON.parse(JSON.stringify(yield* keys.jwks)))
          yield* Effect.promise(() => jose.jwtVerify(token, known, { currentDate: new Date(0) }))
          return jose.decodeProtectedHeader(token).kid
        })
      )
      assert.deepStrictEqual(kids, ["a", "b", "a"])
    })
  )
})

describe("ClientAuthentication.clientSecretBasicRaw", () => {
  it.effect("peers 2 27: what the encoding would change goes as it is", () =>
    Effect.gen(function* () {
      const raw = yield* sent(ClientAuthentication.clientSecretBasicRaw(Redacted.make("a b+c:%é")), "i d")
      const bytes = new TextEncoder().encode("i d:a b+c:%é")
      assert.strictEqual(
        raw.seen[0]?.headers["authorization"],
        `Basic ${btoa(String.fromCharCode(...bytes))}`
      )
    })
  )

  it.effect("RFC 7617 section 2: an id with a colon cannot be sent so", () =>
    Effect.gen(function* () {
      const { result, seen } = yield* sent(ClientAuthentication.clientSecretBasicRaw(secret), "a:b")
      assert.strictEqual(result._tag === "Left" && result.left.reason, "unsupported")
      assert.strictEqual(seen.length, 0)
    })
  )
})

describe("ClientAuthentication.clientSecretFrom", () => {
  it.effect("issue 4: a secret out of a vault, of the moment, by the method that is said", () =>
    Effect.gen(function* () {
      let asked = 0
      const vault = Effect.sync(() => Redacted.make(`canary-${++asked}`))
      const authentication = ClientAuthentication.clientSecretFrom(
        vault,
        ClientAuthentication.clientSecretPost
      )
      assert.strictEqual((yield* sent(authentication)).form.get("client_secret"), "canary-1")
      assert.strictEqual((yield* sent(authentication)).form.get("client_secret"), "canary-2")
      const basic = yield* sent(ClientAuthentication.clientSecretFrom(vault))
      assert.strictEqual(basic.seen[0]?.headers["authorization"], `Basic ${btoa("app:canary-3")}`)
    })
  )

  it.effect("a vault that is shut sends nothing", () =>
    Effect.gen(function* () {
      const shut = new KeyringError({
        operation: "Vault",
        reason: "unavailable",
        retriable: true,
        message: "Vault: shut."
      })
      const { result, seen } = yield* sent(ClientAuthentication.clientSecretFrom(shut))
      assert.strictEqual(result._tag === "Left" && result.left.message, shut.message)
      assert.strictEqual(seen.length, 0)
    })
  )
})

describe("ClientAuthentication.assertion", () => {
  const source = AssertionSource.make((audience) => Effect.succeed(Redacted.make(`signed for ${audience}`)))

  it.effect("RFC 7521 section 4.2: the assertion of the platform, asked for with the audience", () =>
    Effect.gen(function* () {
      const { form, seen } = yield* sent(ClientAuthentication.assertion(source))
      assert.deepStrictEqual(
        [...form],
        [
          ["grant_type", "client_credentials"],
          ["client_id", "app"],
          ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
          ["client_assertion", "signed for https://issuer.test"]
        ]
      )
      assert.isUndefined(seen[0]?.headers["authorization"])
      const other = yield* sent(
        ClientAuthentication.assertion(source, {
          audience: "endpoint",
          identify: false,
          type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
        })
      )
      assert.deepStrictEqual([...other.form].slice(1), [
        ["client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"],
        ["client_assertion", "signed for https://issuer.test/token"]
      ])
    })
  )

  it.effect("what the server says back of it is cut out of the error", () =>
    Effect.gen(function* () {
      const { result } = yield* sent(ClientAuthentication.assertion(source), "app", ({ form }) =>
        Response.json(
          { error: "invalid_client", error_description: `no ${form.get("client_assertion")}` },
          { status: 401 }
        )
      )
      assert.isTrue(result._tag === "Left" && result.left._tag === "OAuthResponseError")
      assert.notInclude(JSON.stringify(result), "signed for")
    })
  )
})

describe("ClientAuthentication.tlsClientAuth", () => {
  it.effect("RFC 8705 sections 2 and 5: client_id in the body, at the alias where there is one", () =>
    Effect.gen(function* () {
      const seen: Array<A.Sent> = []
      const authentication = ClientAuthentication.selfSignedTlsClientAuth
      yield* Effect.gen(function* () {
        const { request } = yield* ClientCredentials.ClientCredentials
        const { accessToken } = yield* request()
        yield* (yield* Revocation.Revocation).revoke(accessToken)
      }).pipe(Effect.provide(A.flows({ issuer, clientId: "app", metadata, authentication }, tokens, seen)))
      assert.deepStrictEqual(
        seen.map(({ url }) => url.href),
        ["https://mtls.issuer.test/token", "https://issuer.test/revoke"]
      )
      assert.strictEqual(seen[0]?.form.get("client_id"), "app")
      assert.isFalse(authentication.usesAlias?.("authorization_endpoint"))
    })
  )

  it.effect("RFC 8705 section 5: no other method goes to an alias", () =>
    Effect.gen(function* () {
      const { seen } = yield* sent(ClientAuthentication.clientSecretPost(secret))
      assert.strictEqual(seen[0]?.url.href, "https://issuer.test/token")
    })
  )
})

describe("ClientAttestation", () => {
  const attested = Redacted.make("attestation.of.canary")

  const make = Effect.gen(function* () {
    const keyring = yield* Keyring.generate({ alg: "ES256", kid: "instance" })
    return yield* ClientAttestation.make({ attestation: Effect.succeed(attested), keyring })
  })
  const proofOf = (one: A.Sent | undefined) => one?.headers["oauth-client-attestation-pop"] ?? ""

  it.effect("both headers, client_id in the body, a proof for the issuer", () =>
    Effect.gen(function* () {
      const { form, seen } = yield* sent(yield* make)
      assert.strictEqual(seen[0]?.headers["oauth-client-attestation"], "attestation.of.canary")
      assert.strictEqual(form.get("client_id"), "app")
      const proof = proofOf(seen[0])
      assert.deepStrictEqual(jose.decodeProtectedHeader(proof), {
        alg: "ES256",
        kid: "instance",
        typ: "oauth-client-attestation-pop+jwt"
      })
      const { aud, challenge, jti } = jose.decodeJwt(proof)
      assert.strictEqual(aud, issuer)
      assert.isUndefined(challenge)
      assert.isString(jti)
    })
  )

  const refusal = (challenge: string) =>
    Response.json(
      { error: "use_attestation_challenge" },
      { status: 400, headers: { "oauth-client-attestation-challenge": challenge } }
    )

  it.effect("a refusal with a challenge is answered once, and the challenge is kept", () =>
    Effect.gen(function* () {
      const authentication = yield* make
      const answer = (one: A.Sent) =>
        jose.decodeJwt(proofOf(one))["challenge"] === "c-1" ? tokens() : refusal("c-1")
      const first = yield* sent(authentication, "app", answer)
      assert.strictEqual(first.result._tag, "Right")
      assert.strictEqual(first.seen.length, 2)
      assert.notStrictEqual(
        jose.decodeJwt(proofOf(first.seen[0])).jti,
        jose.decodeJwt(proofOf(first.seen[1])).jti
      )
      assert.strictEqual((yield* sent(authentication, "app", answer)).seen.length, 1)
    })
  )

  it.effect("requests that are refused together for the same challenge all go again", () =>
    Effect.gen(function* () {
      const authentication = yield* make
      const answer = (one: A.Sent) =>
        jose.decodeJwt(proofOf(one))["challenge"] === "c-1" ? tokens() : refusal("c-1")
      const one = sent(authentication, "app", answer)
      const all = yield* Effect.all([one, one, one], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        all.map(({ result }) => result._tag),
        ["Right", "Right", "Right"]
      )
      assert.strictEqual(all[0].seen.length, 6)
    })
  )

  it.effect("a challenge that the answer to a repetition brings is the next", () =>
    Effect.gen(function* () {
      const authentication = yield* make
      let next = 0
      const answer = (one: A.Sent) => {
        const isGood = next > 0 && jose.decodeJwt(proofOf(one))["challenge"] === `c-${next}`
        next += 1
        if (!isGood) return refusal(`c-${next}`)
        const good = tokens()
        good.headers.set("oauth-client-attestation-challenge", `c-${next}`)
        return good
      }
      assert.strictEqual((yield* sent(authentication, "app", answer)).seen.length, 2)
      assert.strictEqual((yield* sent(authentication, "app", answer)).seen.length, 1)
      assert.strictEqual((yield* sent(authentication, "app", answer)).seen.length, 1)
    })
  )

  it.effect("RFC 9449 section 11.1: the DPoP proof of the repetition is another, and has its own nonce", () =>
    Effect.gen(function* () {
      const dpop = yield* Dpop.make()
      const used = new Set<unknown>()
      const wanted = (one: A.Sent) => {
        const { jti, nonce } = jose.decodeJwt(one.headers["dpop"] ?? "")
        if (used.has(jti)) return Response.json({ error: "invalid_dpop_proof" }, { status: 400 })
        used.add(jti)
        if (jose.decodeJwt(proofOf(one))["challenge"] !== "c-1") return refusal("c-1")
        return nonce === "n-1"
          ? Response.json({ access_token: "t", token_type: "DPoP" })
          : Response.json({ error: "use_dpop_nonce" }, { status: 400, headers: { "dpop-nonce": "n-1" } })
      }
      const { result, seen } = yield* sent(yield* make, "app", wanted, {}, { dpop })
      assert.strictEqual(result._tag, "Right")
      assert.strictEqual(seen.length, 3)
      assert.strictEqual(used.size, 3)
    })
  )

  it.effect("a server that is never content is asked twice and no more", () =>
    Effect.gen(function* () {
      let count = 0
      const { result, seen } = yield* sent(yield* make, "app", () => refusal(`c-${++count}`))
      assert.strictEqual(result._tag === "Left" && result.left.reason, "use_attestation_challenge")
      assert.strictEqual(seen.length, 2)
      assert.notInclude(JSON.stringify(result), "canary")
    })
  )

  it.effect("the challenge endpoint is asked first, where there is one; it must be one and give one", () =>
    Effect.gen(function* () {
      const at = { challenge_endpoint: "https://issuer.test/challenge" }
      const answer = (body: unknown) => (one: A.Sent) =>
        one.url.pathname === "/challenge" ? Response.json(body) : tokens()
      const good = yield* sent(yield* make, "app", answer({ attestation_challenge: "c-0" }), at)
      assert.strictEqual(jose.decodeJwt(proofOf(good.seen[1]))["challenge"], "c-0")
      const bad = yield* sent(yield* make, "app", answer({ attestation_challenge: 7 }), at)
      assert.strictEqual(bad.result._tag === "Left" && bad.result.left._tag, "ProtocolViolation")
      const insecure = yield* sent(yield* make, "app", tokens, { challenge_endpoint: "http://issuer.test/c" })
      assert.strictEqual(insecure.result._tag === "Left" && insecure.result.left.reason, "forbidden_url")
      assert.strictEqual(insecure.seen.length, 0)
    })
  )

  it.effect(
    "peers 4c 79: a server elsewhere has nothing posted to this machine as its challenge endpoint",
    () =>
      Effect.gen(function* () {
        for (const url of [
          "http://127.0.0.1:8080/admin/restart",
          "https://localhost/c",
          "https://[::ffff:7f00:1]/"
        ]) {
          const { result, seen } = yield* sent(yield* make, "app", tokens, { challenge_endpoint: url })
          assert.strictEqual(result._tag === "Left" && result.left.reason, "forbidden_url", url)
          assert.strictEqual(seen.length, 0)
        }
      })
  )
})
