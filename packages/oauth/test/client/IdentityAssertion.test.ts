import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as IdentityAssertion from "effect-oauth/IdentityAssertion"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TokenType from "effect-oauth/TokenType"
import * as Misbehaviour from "effect-oauth-testing/Misbehaviour"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "./support/setup.js"

/** An identity provider and the authorization server of a chat, which trusts it. */
class Domains extends Context.Tag("Domains")<
  Domains,
  {
    readonly idp: TestIssuer.TestIssuer.Service
    readonly chat: TestIssuer.TestIssuer.Service
    readonly atIdp: OAuthClient.OAuthClient.Service
    readonly atChat: OAuthClient.OAuthClient.Service
  }
>() {}

const secret = ClientAuthentication.clientSecret(Redacted.make("s3cret"))
const idpIssuer = "https://idp.test"
const chatIssuer = "https://chat.test/"

const layer = Layer.scoped(
  Domains,
  Effect.gen(function* () {
    const idp = yield* TestIssuer.make({
      issuer: idpIssuer,
      resources: ["https://idp-api.test"],
      clients: [{ clientId: "wiki", secret: "s3cret" }]
    })
    const chat = yield* TestIssuer.make({
      issuer: chatIssuer,
      resources: ["https://chat-api.test"],
      clients: [{ clientId: "wiki-at-chat", secret: "s3cret" }]
    })
    yield* chat.trust(idpIssuer, yield* idp.jwks)
    const http = TestIssuer.combine([idp, chat])
    const client = (issuer: string, clientId: string) =>
      Effect.orDie(
        OAuthClient.make({ issuer, clientId, authentication: secret }).pipe(
          Effect.provideService(HttpClient.HttpClient, http)
        )
      )
    return {
      idp,
      chat,
      atIdp: yield* client(idpIssuer, "wiki"),
      atChat: yield* client(chatIssuer, "wiki-at-chat")
    }
  })
)

/** A grant as the identity provider signs it. */
const idJag = (claims: Readonly<Record<string, unknown>> = {}, typ = "oauth-id-jag+jwt") =>
  Effect.flatMap(Domains, ({ idp }) =>
    idp.mintAccessToken({
      audience: chatIssuer,
      clientId: "wiki-at-chat",
      header: { typ },
      lifetime: "5 minutes",
      claims: { resource: "https://chat-api.test", scope: "chat.read", ...claims }
    })
  )

/** The identity provider exchanges for this. */
const issues = (answer: Readonly<Record<string, unknown>> = {}, token?: string) =>
  Effect.gen(function* () {
    const { idp } = yield* Domains
    const access_token = token ?? (yield* idJag())
    yield* idp.misbehave(
      "token",
      Misbehaviour.rawBody(
        JSON.stringify({
          access_token,
          issued_token_type: TokenType.idJag,
          token_type: "N_A",
          scope: "chat.read",
          expires_in: 300,
          ...answer
        })
      )
    )
    return access_token
  })

const at = (which: "atIdp" | "atChat") =>
  Effect.flatMap(Domains, (domains) =>
    Effect.provideService(IdentityAssertion.make, OAuthClient.OAuthClient, domains[which])
  )

const idToken = Redacted.make("the.id.token")

const request = (options: Partial<IdentityAssertion.IdentityAssertion.Request> = {}) =>
  Effect.flatMap(at("atIdp"), (service) =>
    service.request({ subjectToken: idToken, audience: chatIssuer, ...options })
  )

const grantOf = (token: string): IdentityAssertion.IdentityAssertion.Grant => ({
  issuer: idpIssuer,
  audience: chatIssuer,
  assertion: Redacted.make(token),
  scope: [],
  expiresAt: Option.none(),
  authorizationDetails: Option.none()
})

const redeem = (token: string, options?: IdentityAssertion.IdentityAssertion.RedeemOptions) =>
  Effect.flatMap(at("atChat"), (service) => service.redeem(grantOf(token), options))

const counts = Effect.flatMap(Domains, ({ chat, idp }) => Effect.zip(idp.count("token"), chat.count("token")))

describe("IdentityAssertion.request", () => {
  it.effect("ID-JAG section 4.3: a token exchange of the ID token, for the other server", () =>
    Effect.gen(function* () {
      const token = yield* issues()
      const grant = yield* request({ resource: "https://chat-api.test", scope: ["chat.read", "chat.write"] })
      assert.strictEqual(Redacted.value(grant.assertion), token)
      assert.deepStrictEqual(
        { ...grant, assertion: "" },
        {
          issuer: idpIssuer,
          audience: chatIssuer,
          assertion: "",
          scope: ["chat.read"],
          expiresAt: Option.some(300_000),
          authorizationDetails: Option.none()
        }
      )
      const { idp } = yield* Domains
      const [sent] = yield* idp.requestsTo("token")
      assert.deepStrictEqual(
        [...(sent?.form ?? [])],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"],
          ["subject_token", "the.id.token"],
          ["subject_token_type", "urn:ietf:params:oauth:token-type:id_token"],
          ["resource", "https://chat-api.test"],
          ["audience", "https://chat.test/"],
          ["requested_token_type", "urn:ietf:params:oauth:token-type:id-jag"],
          ["scope", "chat.read chat.write"]
        ]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("ID-JAG section 4.3: a refresh token, a SAML assertion or an actor, where asked for", () =>
    Effect.gen(function* () {
      yield* issues()
      yield* request({
        subjectTokenType: TokenType.refreshToken,
        actorToken: Redacted.make("agent"),
        actorTokenType: TokenType.jwt
      })
      const { idp } = yield* Domains
      const [sent] = yield* idp.requestsTo("token")
      assert.strictEqual(sent?.form.get("subject_token_type"), TokenType.refreshToken)
      assert.strictEqual(sent?.form.get("actor_token_type"), TokenType.jwt)
    }).pipe(Effect.provide(layer))
  )

  it.effect("ID-JAG section 4.3.4: what comes back is a grant, and no access token", () =>
    Effect.gen(function* () {
      yield* issues({ token_type: "Bearer" })
      const type = yield* H.fails(request(), "ProtocolViolation", "mismatch")
      assert.strictEqual(type.member, "token_type")
      for (const issued of [TokenType.accessToken, TokenType.jwt]) {
        yield* issues({ issued_token_type: issued })
        const error = yield* H.fails(request(), "ProtocolViolation", "mismatch")
        assert.strictEqual(error.member, "issued_token_type")
      }
      yield* issues({ issued_token_type: undefined })
      yield* H.fails(request(), "ProtocolViolation", "missing")
    }).pipe(Effect.provide(layer))
  )

  it.effect("without an audience or an ID token nothing is sent", () =>
    Effect.gen(function* () {
      yield* H.fails(request({ audience: "" }), "ProtocolViolation", "value")
      yield* H.fails(request({ subjectToken: Redacted.make("") }), "ProtocolViolation", "value")
      assert.deepStrictEqual(yield* counts, [0, 0])
    }).pipe(Effect.provide(layer))
  )
})

describe("IdentityAssertion.redeem", () => {
  it.effect("ID-JAG section 4.4: the JWT bearer grant, at the server that the grant is for", () =>
    Effect.gen(function* () {
      const token = yield* idJag()
      const tokens = yield* redeem(token, { scope: ["chat.read"] })
      assert.strictEqual(tokens.issuer, chatIssuer)
      assert.strictEqual(tokens.tokenType, "Bearer")
      const { chat } = yield* Domains
      const [sent] = yield* chat.requestsTo("token")
      assert.deepStrictEqual(
        [...(sent?.form ?? [])],
        [
          ["grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
          ["assertion", token],
          ["scope", "chat.read"]
        ]
      )
    }).pipe(Effect.provide(layer))
  )

  it.effect("a grant for another server, or for several, is not sent", () =>
    Effect.gen(function* () {
      for (const aud of ["https://chat.test", idpIssuer, [], [chatIssuer, "https://evil.test"], undefined]) {
        const error = yield* H.fails(redeem(yield* idJag({ aud })), "ProtocolViolation", "value")
        assert.include(error.message, "another server")
      }
      assert.deepStrictEqual(yield* counts, [0, 0])
      yield* redeem(yield* idJag({ aud: [chatIssuer] }))
    }).pipe(Effect.provide(layer))
  )

  it.effect("peers 4c 46: an ID token or access token in its place is not sent", () =>
    Effect.gen(function* () {
      for (const typ of ["JWT", "at+jwt", "oauth-id-jag", ""]) {
        const error = yield* H.fails(redeem(yield* idJag({}, typ)), "ProtocolViolation", "value")
        assert.include(error.message, "not an identity assertion grant")
      }
      assert.deepStrictEqual(yield* counts, [0, 0])
      yield* redeem(yield* idJag({}, "application/OAUTH-ID-JAG+JWT"))
    }).pipe(Effect.provide(layer))
  )

  it.effect("what cannot be read is for the server to judge, except nothing at all", () =>
    Effect.gen(function* () {
      yield* H.fails(redeem("a.b.c.d.e"), "OAuthResponseError", "invalid_grant")
      yield* H.fails(redeem(""), "ProtocolViolation", "value")
    }).pipe(Effect.provide(layer))
  )
})

describe("IdentityAssertion.between", () => {
  it.effect("seeds 2.0 Enterprise: from the person's ID token to an access token of another domain", () =>
    Effect.gen(function* () {
      const { atChat, atIdp, idp } = yield* Domains
      yield* issues()
      const reach = IdentityAssertion.between({ identityProvider: atIdp, resourceServer: atChat })
      const tokens = yield* reach({ subjectToken: idToken, scope: ["chat.read"] })
      assert.strictEqual(tokens.issuer, chatIssuer)
      const [sent] = yield* idp.requestsTo("token")
      assert.strictEqual(sent?.form.get("audience"), chatIssuer)
      assert.deepStrictEqual(yield* counts, [1, 1])
    }).pipe(Effect.provide(layer))
  )

  it.effect("seeds 2.0 Enterprise: either leg fails with its own error, the first before the second", () =>
    Effect.gen(function* () {
      const { atChat, atIdp, idp } = yield* Domains
      const reach = IdentityAssertion.between({ identityProvider: atIdp, resourceServer: atChat })
      yield* idp.misbehave("token", Misbehaviour.oauthError(400, "access_denied"))
      const first = yield* H.fails(reach({ subjectToken: idToken }), "OAuthResponseError", "access_denied")
      assert.strictEqual(first.operation, "TokenExchange.exchange")
      assert.deepStrictEqual(yield* counts, [1, 0])
      yield* issues({}, yield* idJag({ exp: -1000 }))
      const second = yield* H.fails(reach({ subjectToken: idToken }), "OAuthResponseError", "invalid_grant")
      assert.strictEqual(second.operation, "JwtBearer.request")
    }).pipe(Effect.provide(layer))
  )
})
