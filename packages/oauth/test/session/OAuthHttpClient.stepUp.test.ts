/** What a resource wants of the person: RFC 6750 section 3.1, RFC 9470; and what a URL alone tells: RFC 9728. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as Discovery from "effect-oauth/Discovery"
import { OAuthError, StepUpRequired } from "effect-oauth/OAuthError"
import * as OAuthHttpClient from "effect-oauth/OAuthHttpClient"
import * as SecretStore from "effect-oauth/SecretStore"
import * as StepUp from "effect-oauth/StepUp"
import * as TokenManager from "effect-oauth/TokenManager"
import type { TokenSet } from "effect-oauth/TokenSet"
import * as TokenSource from "effect-oauth/TokenSource"
import * as TokenStore from "effect-oauth/TokenStore"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as H from "../client/support/setup.js"
import * as R from "./support/resource.js"

const moreScope = 'Bearer error="insufficient_scope", scope="notes:write"'
const mfa = 'Bearer error="insufficient_user_authentication", acr_values="urn:mfa urn:hw", max_age="60"'

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const jwt = (claims: Record<string, unknown>) =>
  Redacted.make(`${encoded({ alg: "ES256" })}.${encoded(claims)}.${encoded("signature")}`)

/** A client whose tokens can be replaced, as a new login does. */
const setup = (challenge: string | undefined, status: number = 403, first: Partial<TokenSet> = {}) =>
  Effect.gen(function* () {
    const resource = R.make(() => R.refusing(status, challenge))
    let current = R.tokenSet("token-1", first)
    const tokens = { get: Effect.sync(() => current), renew: () => Effect.dieMessage("renewed") }
    const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
    const passive = yield* OAuthHttpClient.transform({ tokens, resources: [R.api], stepUp: "response" })
    const client = carrying(resource.client)
    return {
      ...resource,
      passive: passive(resource.client),
      logIn: (more: Partial<TokenSet>) => {
        current = R.tokenSet("token-2", more)
      },
      refused: Effect.flatMap(Effect.flip(client.get(`${R.api}/notes?q=private`)), (error) =>
        error._tag === "StepUpRequired" ? Effect.succeed(error) : Effect.die(error)
      )
    }
  })

describe("StepUpRequired", () => {
  for (const status of [401, 403]) {
    it.effect(`RFC 6750 section 3.1: insufficient_scope with ${status}: the union, and no renewal`, () =>
      Effect.gen(function* () {
        const { arrived, refused } = yield* setup(moreScope, status)
        const error = yield* refused
        assert.deepInclude(error, {
          reason: "insufficient_scope",
          status,
          url: `${R.api}/notes`,
          granted: ["notes:read"],
          scope: ["notes:read", "notes:write"],
          acrValues: [],
          repeated: false
        })
        assert.strictEqual(error.challenge, moreScope)
        assert.include(error.message, "notes:write")
        assert.strictEqual(arrived.length, 1)
      })
    )
  }

  it.effect("RFC 9470 section 3: acr_values, max_age and the scope", () =>
    Effect.gen(function* () {
      const { refused } = yield* setup(`${mfa}, scope="notes:write"`, 401)
      const error = yield* refused
      assert.strictEqual(error.reason, "insufficient_user_authentication")
      assert.deepStrictEqual(error.acrValues, ["urn:mfa", "urn:hw"])
      assert.deepStrictEqual(error.maxAge, Duration.seconds(60))
      assert.deepStrictEqual(error.scope, ["notes:read", "notes:write"])
    })
  )

  it.effect("a challenge that does not say what it wants is told all the same; others are not", () =>
    Effect.gen(function* () {
      const silent = yield* (yield* setup('Bearer error="insufficient_scope"')).refused
      assert.deepStrictEqual([silent.scope, silent.repeated], [["notes:read"], false])
      for (const challenge of [undefined, 'Basic error="insufficient_scope"', 'Bearer error="other"']) {
        const { passive } = yield* setup(challenge)
        assert.strictEqual((yield* passive.get(R.api)).status, 403)
      }
    })
  )

  it.effect("hostile challenges: what is no scope, no header and no number is left out", () =>
    Effect.gen(function* () {
      const { refused } = yield* setup(
        `Negotiate abc==, Bearer error="insufficient_user_authentication", scope="a\\"b ü c", max_age="-1", acr_values="x\\"y z", error_description="${"x".repeat(9000)}"`,
        401
      )
      const error = yield* refused
      assert.deepStrictEqual(error.scope, ["c", "notes:read"])
      assert.deepStrictEqual(error.acrValues, ["z"])
      assert.isUndefined(error.maxAge)
      assert.notInclude(error.challenge, "Negotiate")
    })
  )

  it.effect("without a person the TokenSource is what to mend, however often", () =>
    Effect.gen(function* () {
      const resource = R.make(() => R.refusing(403, moreScope))
      const said = (kind: string | undefined) =>
        Effect.gen(function* () {
          const tokens = {
            kind,
            get: Effect.succeed(R.tokenSet("token-1")),
            renew: () => Effect.dieMessage("renewed")
          }
          const carrying = yield* OAuthHttpClient.transform({ tokens, resources: [R.api] })
          return (yield* Effect.flip(carrying(resource.client).get(R.api))).message
        })
      for (const kind of [undefined, "refresh_token"]) assert.include(yield* said(kind), "with StepUp.begin.")
      for (const kind of ["client_credentials", "token_exchange", "own"]) {
        const message = yield* said(kind)
        assert.include(
          message,
          `The tokens come from ${kind}, with no person to ask: ask for that in its TokenSource.`
        )
        assert.include(message, "notes:write")
        assert.notInclude(message, "StepUp.begin")
      }
    })
  )

  it.effect("RFC 6749 section 4.4: a session of client credentials tells that there is no person", () =>
    Effect.gen(function* () {
      const { client } = R.make(() => R.refusing(403, moreScope))
      const issuer = "https://issuer.test"
      const layer = OAuthHttpClient.layer({ resources: [R.api] }).pipe(
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
        Layer.provide(
          TokenManager.layer({
            key: { issuer, clientId: "service" },
            source: TokenSource.anew("client_credentials", Effect.succeed(R.tokenSet("token-1", { issuer })))
          })
        ),
        Layer.provide(TokenStore.layer),
        Layer.provide(SecretStore.layerMemory)
      )
      const carried = Effect.flatMap(OAuthHttpClient.OAuthHttpClient, (carrying) => carrying.get(R.api))
      assert.include((yield* Effect.flip(Effect.provide(carried, layer))).message, "no person to ask")
    })
  )

  it.effect("is one of the family: it can be sent to another process, and read there", () =>
    Effect.gen(function* () {
      const error = yield* (yield* setup(mfa, 401)).refused
      const text = JSON.stringify(yield* Schema.encode(OAuthError)(error))
      const read = yield* Schema.decode(Schema.parseJson(OAuthError))(text)
      assert.instanceOf(read, StepUpRequired)
      assert.deepStrictEqual(read, error)
    })
  )

  it.effect("stepUp: response gives what came, body and all", () =>
    Effect.gen(function* () {
      const { passive } = yield* setup(moreScope)
      const response = yield* passive.get(R.api)
      assert.deepStrictEqual([response.status, yield* response.text], [403, "refused"])
      assert.strictEqual(response.headers["www-authenticate"], moreScope)
    })
  )
})

describe("the guard against a loop", () => {
  it.effect("what is granted already and is asked for again is said to be", () =>
    Effect.gen(function* () {
      const { logIn, refused } = yield* setup(moreScope)
      assert.isFalse((yield* refused).repeated)
      logIn({ scope: ["notes:read", "notes:write"] })
      assert.isTrue((yield* refused).repeated)
    })
  )

  it.effect("what the server did not grant is said as well, for a while", () =>
    Effect.gen(function* () {
      const { logIn, refused } = yield* setup(moreScope)
      for (let i = 0; i < 3; i++) assert.isFalse((yield* refused).repeated, "many requests meet one refusal")
      logIn({ scope: ["notes:read"] })
      for (let i = 0; i < 3; i++) assert.isTrue((yield* refused).repeated)
      yield* TestClock.adjust("11 minutes")
      assert.isFalse((yield* refused).repeated)
    })
  )

  it.effect("RFC 9470: a login that is good and fresh, as the access token or the ID token tells", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_000_000_000)
      const good = jwt({ acr: "urn:hw", auth_time: 1_000_000 - 30 })
      const old = jwt({ acr: "urn:hw", auth_time: 1_000_000 - 61 })
      const weak = jwt({ acr: "urn:pwd", auth_time: 1_000_000 - 30 })
      for (const [tokens, repeated] of [
        [{ accessToken: good }, true],
        [{ idToken: Option.some(good) }, true],
        [{ accessToken: old }, false],
        [{ accessToken: weak, idToken: Option.some(good) }, false],
        [{ idToken: Option.some(weak) }, false],
        [{}, false]
      ] as const) {
        const error = yield* (yield* setup(mfa, 401, tokens)).refused
        assert.strictEqual(error.repeated, repeated)
      }
    })
  )

  it.effect("RFC 9470: a login that has become old again is asked for anew", () =>
    Effect.gen(function* () {
      const { logIn, refused } = yield* setup(
        'Bearer error="insufficient_user_authentication", max_age=60',
        401
      )
      assert.isFalse((yield* refused).repeated)
      logIn({})
      assert.isTrue((yield* refused).repeated, "the tokens do not tell, and it is a moment ago")
      yield* TestClock.adjust("61 seconds")
      assert.isFalse((yield* refused).repeated)
    })
  )
})

describe("from the refusal to the person", () => {
  it.effect("StepUp.begin takes the error as it is", () =>
    Effect.gen(function* () {
      const stepUp = yield* StepUp.StepUp
      const parameters = (error: StepUpRequired) =>
        Effect.map(stepUp.begin(error), ({ url }) => Object.fromEntries(new URL(url).searchParams))
      const scope = yield* parameters(yield* (yield* setup(moreScope)).refused)
      assert.strictEqual(scope["scope"], "notes:read notes:write")
      const login = yield* parameters(yield* (yield* setup(`${mfa}, scope=x`, 401)).refused)
      assert.deepInclude(login, { scope: "notes:read openid x", acr_values: "urn:mfa urn:hw", max_age: "60" })
      assert.deepStrictEqual(
        Object.keys(scope).sort(),
        "client_id code_challenge code_challenge_method redirect_uri response_type scope state".split(" ")
      )
    }).pipe(Effect.provide(H.layer()))
  )

  it.effect("and refuses to ask for what is granted and done", () =>
    Effect.gen(function* () {
      const stepUp = yield* StepUp.StepUp
      const error = yield* (yield* setup(moreScope, 403, { scope: ["notes:write"] })).refused
      yield* H.fails(stepUp.begin(error), "AuthorizationError", "invalid_request")
    }).pipe(Effect.provide(H.layer()))
  )
})

describe("OAuthHttpClient.discover", () => {
  it.effect("RFC 9728 section 5.1: issuers, resource and the challenged scope from a URL alone", () =>
    Effect.gen(function* () {
      const needs = yield* OAuthHttpClient.discover("https://api.test/notes")
      assert.strictEqual(needs.issuer, "https://issuer.test")
      assert.deepStrictEqual(needs.issuers, ["https://issuer.test"])
      assert.strictEqual(needs.resource, "https://api.test")
      assert.deepStrictEqual(needs.scope, ["notes:read"])
      assert.isFalse(needs.dpopRequired)
    }).pipe(
      Effect.provide(Discovery.layer),
      Effect.provide(TestIssuer.layer({ resourceScopes: ["notes:read"] }))
    )
  )

  it.effect("what it tells is what a login and this client take, and the token goes to the URL", () =>
    Effect.gen(function* () {
      const { issuer, resource } = yield* OAuthHttpClient.discover("https://api.test/notes")
      const server = yield* TestIssuer.TestIssuer
      const minted = yield* server.mintAccessToken()
      const tokens = Effect.succeed(R.tokenSet(minted, { issuer }))
      const client = yield* OAuthHttpClient.make({
        tokens: { get: tokens, renew: () => tokens },
        resources: [resource]
      })
      assert.strictEqual((yield* client.get("https://api.test/notes")).status, 200)
    }).pipe(Effect.provide(Discovery.layer), Effect.provide(TestIssuer.layer()))
  )
})
