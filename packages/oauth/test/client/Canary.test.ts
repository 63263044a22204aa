/** Issue 2, peers 4c 96: no secret of a flow appears in any error, log line or span. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as Authorization from "effect-oauth/Authorization"
import type { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import * as ClientAssertion from "effect-oauth/ClientAssertion"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as Discovery from "effect-oauth/Discovery"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as TestUser from "effect-oauth-testing/TestUser"
import * as C from "./support/canaries.js"
import * as K from "./support/canaryClient.js"
import * as H from "./support/setup.js"

const clientCredentials = Effect.flatMap(ClientCredentials.ClientCredentials, ({ request }) =>
  request({ scope: ["notes"] })
)

/** The flows that post to the token endpoint. */
const grants = [
  Effect.flatMap(H.login(), (code) =>
    Effect.flatMap(CodeExchange.CodeExchange, ({ exchange }) =>
      C.leaksNothing(H.asTimePasses(exchange(code)))
    )
  ),
  Effect.flatMap(Refresh.Refresh, ({ refresh }) => C.leaksNothing(H.asTimePasses(refresh(K.before)))),
  Effect.flatMap(TokenExchange.TokenExchange, ({ exchange }) =>
    C.leaksNothing(
      H.asTimePasses(
        exchange({
          subjectToken: Redacted.make(C.subjectToken),
          actorToken: Redacted.make(C.actorToken),
          resource: "https://api.test"
        })
      )
    )
  ),
  C.leaksNothing(H.asTimePasses(clientCredentials))
] as const

const M = Misbehaviour
const answers: ReadonlyArray<readonly [what: string, ...bends: ReadonlyArray<Misbehaviour.Misbehaviour>]> = [
  ["what it should", ...C.canaryTokens],
  ["an error that says everything back", C.echo(400)],
  ["an error in a 200 that says everything back", C.echo(200)],
  ["an outage that says everything back", C.echo(503)],
  ["expires_in as text", ...C.canaryTokens, M.changedMember("expires_in", C.accessToken)],
  ["a token type that is a token", ...C.canaryTokens, M.changedMember("token_type", C.accessToken)],
  ["a scope that is a list of tokens", ...C.canaryTokens, M.changedMember("scope", [C.refreshToken])],
  ["an ID token that is none", ...C.canaryTokens, M.changedMember("id_token", C.accessToken)],
  ["a foreign issued_token_type", ...C.canaryTokens, M.changedMember("issued_token_type", "urn:other")],
  ["broken JSON", M.rawBody(`{"access_token":"${C.accessToken}",`)],
  ["a page", M.html(200, `<p>${C.accessToken}</p>`)],
  ["a page and 502", M.html(502, `<p>${C.accessToken}</p>`)],
  ["a list", M.rawBody(`["${C.accessToken}"]`)],
  ["a form", M.rawBody(`access_token=${C.accessToken}`)],
  ["a redirect with the token", M.redirect(`https://evil.test/#access_token=${C.accessToken}`, 307)],
  ["too much", ...C.canaryTokens, M.hugeBody(2_000_000)],
  ["half of it", ...C.canaryTokens, M.brokenBody],
  ["nothing, ever", M.hang],
  ["no connection", M.connectionFailure],
  ["an ID token with another nonce", M.wrongNonce()],
  ["an ID token with a wrong signature", M.badSignature],
  ["an ID token with a foreign kid", M.tokens({ idToken: { header: { kid: "other" } } })]
]

for (const method of ["basic", "post", "assertion"] as const) {
  describe(`canaries, ${method}`, () => {
    // Every answer for one method, and for the others those that may hold their credential.
    for (const [what, ...bends] of method === "post" ? answers : answers.slice(0, 4)) {
      it.effect(`when the server answers ${what}`, () =>
        Effect.gen(function* () {
          for (const grant of grants) {
            yield* H.misbehave("token", bends, { times: 1 })
            yield* grant
          }
          assert.isAtLeast(yield* Effect.flatMap(TestIssuer.TestIssuer, (server) => server.count("token")), 4)
        }).pipe(Effect.provide(K.layerOf(method)))
      )
    }
  })
}

describe("canaries of an authorization", () => {
  const secretsOf = ({ nonce, state, verifier }: AuthorizationTransaction) =>
    [state, verifier, ...Option.toArray(nonce)].map(Redacted.value)

  it.effect("begin: but for its URL, which the person's browser gets", () =>
    C.leaksNothing(H.begin({ scope: ["openid"] }), {
      printed: ({ transaction }) => transaction,
      alsoSecret: ({ transaction }) => secretsOf(transaction)
    }).pipe(Effect.provide(K.layerOf("basic")))
  )

  const bends: ReadonlyArray<readonly [what: string, change: (response: URLSearchParams) => void]> = [
    ["a right response", () => {}],
    ["a wrong state", (p) => p.set("state", "canary-other-state")],
    ["a state twice", (p) => p.append("state", p.get("state") ?? "")],
    ["a code twice", (p) => p.append("code", p.get("code") ?? "")],
    ["another iss", (p) => p.set("iss", `https://evil.test/?code=${p.get("code")}`)],
    ["no iss", (p) => p.delete("iss")],
    ["an ID token", (p) => p.set("id_token", "canary-id-token")],
    [
      "an error beside the code",
      (p) => {
        const all = [...p.values()].join(" ")
        p.set("error", `server_error ${all}`)
        p.set("error_description", all)
      }
    ],
    ["a parameter whose name is the code", (p) => ["1", "2"].forEach((v) => p.append(p.get("code") ?? "", v))]
  ]
  for (const [what, change] of bends) {
    it.effect(`complete: ${what}`, () =>
      Effect.gen(function* () {
        const { transaction, url } = yield* H.begin({ scope: ["openid"] })
        const back = new URL(yield* H.callback(url))
        const code = back.searchParams.get("code") ?? ""
        change(back.searchParams)
        const { complete } = yield* Authorization.Authorization
        const also = [...secretsOf(transaction), code, "canary-other-state", "canary-id-token"]
        yield* C.leaksNothing(Effect.either(complete(back, transaction)), { alsoSecret: () => also })
        yield* C.leaksNothing(complete(back, transaction), { alsoSecret: () => also })
      }).pipe(Effect.provide(K.layerOf("basic")))
    )
  }

  it.effect("complete: denied, expired, replayed", () =>
    Effect.gen(function* () {
      yield* C.leaksNothing(H.login(undefined, TestUser.deny))
      const { transaction, url } = yield* H.begin()
      const back = yield* H.callback(url)
      yield* TestClock.adjust("1 hour")
      const { complete } = yield* Authorization.Authorization
      yield* C.leaksNothing(Effect.either(complete(back, transaction)), {
        alsoSecret: () => secretsOf(transaction)
      })
    }).pipe(Effect.provide(K.layerOf("basic")))
  )
})

describe("canaries elsewhere", () => {
  it.effect("URLs with credentials in them, given by the program or by a server", () =>
    Effect.gen(function* () {
      const { fromResource, resource, server } = yield* Discovery.Discovery
      const url = `https://user:${C.accessToken}@issuer.test/x?access_token=${C.refreshToken}#${C.vendorSecret}`
      yield* C.leaksNothing(server(url))
      yield* C.leaksNothing(server(H.issuer, { metadataUrl: url }))
      yield* C.leaksNothing(fromResource(url))
      yield* C.leaksNothing(resource(url))
      yield* H.misbehave("metadata", Misbehaviour.wrongIssuer(url))
      yield* C.leaksNothing(server(H.issuer))
      yield* H.misbehave("resource_metadata", Misbehaviour.changedMember("resource", url))
      yield* C.leaksNothing(fromResource("https://api.test"))
      yield* H.misbehave("metadata", Misbehaviour.changedMember("token_endpoint", url))
      yield* C.leaksNothing(clientCredentials)
    }).pipe(Effect.provide(K.layerOf("post")))
  )

  it.effect("keys: a keyring, an assertion, and a PEM that cannot be read", () =>
    Effect.gen(function* () {
      const { sign } = yield* ClientAssertion.ClientAssertion
      const keyring = yield* Keyring.KeyringService
      const options = { clientId: "app", audience: "https://as.test" }
      yield* C.leaksNothing(sign(options), { alsoSecret: (signed) => [Redacted.value(signed)] })
      yield* C.leaksNothing(sign({ ...options, kid: "other" }))
      yield* C.leaksNothing(Effect.succeed(keyring))
      yield* C.leaksNothing(keyring.signingKey())
      yield* C.leaksNothing(Keyring.fromPem({ pem: String(C.pem).slice(0, -40) }))
      yield* C.leaksNothing(Keyring.fromPem({ pem: Redacted.make(`x${String(C.pem)}`) }))
    }).pipe(Effect.provide(K.layerOf("assertion")))
  )

  it.effect("what a program holds: the client, the transaction, the code, the tokens", () =>
    Effect.gen(function* () {
      const client = yield* OAuthClient.OAuthClient
      yield* C.leaksNothing(Effect.succeed(client))
      yield* C.leaksNothing(H.login())
      yield* H.misbehave("token", C.canaryTokens)
      yield* C.leaksNothing(clientCredentials)
      yield* C.leaksNothing(Effect.succeed(K.authentications))
    }).pipe(Effect.provide(K.layerOf("post")))
  )
})
