import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as DeviceAuthorization from "effect-oauth/DeviceAuthorization"
import * as Quirks from "effect-oauth/Quirks"
import * as TokenEndpoint from "effect-oauth/TokenEndpoint"
import * as A from "./support/answers.js"

const issuer = "https://issuer.test"
const metadata = {
  issuer,
  authorization_endpoint: "https://issuer.test/authorize?tenant=7",
  token_endpoint: "https://issuer.test/token"
}

/** A token request at a server that answers so, with or without switches. */
const request = (
  quirks: Quirks.Switches | undefined,
  answer: () => Response,
  grant: Partial<TokenEndpoint.TokenEndpoint.Grant> = {}
) => {
  const seen: Array<A.Sent> = []
  return Effect.gen(function* () {
    const endpoint = yield* TokenEndpoint.TokenEndpoint
    const result = yield* Effect.either(
      endpoint.request({
        operation: "Test.request",
        grantType: "refresh_token",
        parameters: [["refresh_token", Redacted.make("of-before")]],
        scope: ["b", "a"],
        ...grant
      })
    )
    const [sent] = seen
    if (sent === undefined) return yield* Effect.dieMessage("nothing was sent")
    return { result, sent }
  }).pipe(
    Effect.provide(
      A.flows(
        {
          issuer,
          clientId: "app",
          metadata,
          authentication: ClientAuthentication.clientSecretPost(Redacted.make("canary-secret")),
          quirks: quirks === undefined ? undefined : Quirks.make(quirks)
        },
        answer,
        seen
      )
    )
  )
}

const tokens = { access_token: "t", token_type: "Bearer", expires_in: 60, scope: "a b" }
const json = (body: unknown, init?: ResponseInit) => () => Response.json(body, init)
const form =
  (text: string, type = "application/x-www-form-urlencoded; charset=utf-8") =>
  () =>
    new Response(text, { headers: { "content-type": type } })

describe("Quirks: what a server answers", () => {
  const { token_type: _, ...untyped } = tokens
  const { expires_in: __, ...endless } = tokens
  const answers: ReadonlyArray<readonly [rule: string, quirks: Quirks.Switches, answer: () => Response]> = [
    ["peers 2 9: no token_type (LinkedIn)", { assumeTokenType: "Bearer" }, json(untyped)],
    ["token_type bot (Slack)", { bearerTokenTypes: ["bot"] }, json({ ...tokens, token_type: "bot" })],
    ["peers 2 6: status 201 (CrowdStrike)", { successStatuses: [201] }, json(tokens, { status: 201 })],
    [
      "peers 3: a form-encoded answer (GitHub)",
      { formEncodedResponse: true },
      form("access_token=t&token_type=bearer&scope=a%20b&expires_in=60")
    ],
    ["peers 3: scope as a list (Twitch)", { scopeMayBeArray: true }, json({ ...tokens, scope: ["a", "b"] })],
    [
      "peers 3: expires_in as text (PayPal)",
      { expiresInMayBeText: true },
      json({ ...tokens, expires_in: "60" })
    ],
    ["peers 3: tokens in a member (Withings)", { bodyPath: ["body"] }, json({ status: 0, body: tokens })],
    ["peers 2 10: an id_token that is none", { ignoreIdToken: true }, json({ ...tokens, id_token: 7 })],
    [
      "a member by another name",
      { memberNames: { access_token: "token" } },
      json({ ...tokens, access_token: undefined, token: "t" })
    ]
  ]
  for (const [rule, quirks, answer] of answers) {
    it.effect(`${rule}: accepted with its switch, and refused without`, () =>
      Effect.gen(function* () {
        const { result } = yield* request(quirks, answer)
        assert.isTrue(result._tag === "Right", String(result))
        if (result._tag === "Right") {
          const { accessToken, expiresAt, idToken, scope, tokenType } = result.right
          assert.strictEqual(Redacted.value(accessToken), "t")
          assert.strictEqual(tokenType, "Bearer")
          assert.deepStrictEqual(scope, ["a", "b"])
          assert.deepStrictEqual(expiresAt, Option.some(60_000))
          assert.deepStrictEqual(idToken, Option.none())
        }
        assert.strictEqual((yield* request(undefined, answer)).result._tag, "Left")
        assert.strictEqual((yield* request({ omitScopeOnRefresh: true }, answer)).result._tag, "Left")
      })
    )
  }

  it.effect("peers 3: scopes between commas (GitHub, Slack) are read as such", () =>
    Effect.gen(function* () {
      const answer = json({ ...tokens, scope: "repo,gist" })
      const { result } = yield* request({ grantedScopeSeparator: "," }, answer)
      assert.deepStrictEqual(result._tag === "Right" && result.right.scope, ["gist", "repo"])
    })
  )

  it.effect(
    "peers 3: a lifetime that is not told (Salesforce) is the assumed one, one that is told is kept",
    () =>
      Effect.gen(function* () {
        const silent = yield* request({ assumeExpiresIn: 7200 }, json(endless))
        assert.deepStrictEqual(
          silent.result._tag === "Right" && silent.result.right.expiresAt,
          Option.some(7_200_000)
        )
        const told = yield* request({ assumeExpiresIn: 7200 }, json(tokens))
        assert.deepStrictEqual(
          told.result._tag === "Right" && told.result.right.expiresAt,
          Option.some(60_000)
        )
      })
  )

  const refused: ReadonlyArray<readonly [rule: string, quirks: Quirks.Switches, answer: () => Response]> = [
    [
      "a form with a name twice",
      { formEncodedResponse: true },
      form("access_token=t&access_token=u&token_type=bearer")
    ],
    ["a page in HTML", { formEncodedResponse: true }, form("<p>access_token=t", "text/html")],
    [
      "another token_type than the named ones",
      { bearerTokenTypes: ["bot"] },
      json({ ...tokens, token_type: "mac" })
    ],
    ["a lifetime of words", { expiresInMayBeText: true }, json({ ...tokens, expires_in: "3600abc" })],
    ["a scope list with a number", { scopeMayBeArray: true }, json({ ...tokens, scope: ["a", 7] })],
    ["another status than the named ones", { successStatuses: [201] }, json(tokens, { status: 202 })],
    [
      "no token where the tokens should be, though one beside",
      { bodyPath: ["authed_user"] },
      json({ ...tokens, authed_user: { id: "U" } })
    ],
    ["nothing where the tokens should be", { bodyPath: ["authed_user"] }, json(tokens)],
    ["the prototype for a path", { bodyPath: ["__proto__"] }, json(tokens)]
  ]
  for (const [rule, quirks, answer] of refused) {
    it.effect(`a switch loosens what it names and no more: ${rule} is refused`, () =>
      Effect.gen(function* () {
        const { result } = yield* request(quirks, answer)
        assert.isTrue(
          result._tag === "Left" && ["ProtocolViolation", "TransportError"].includes(result.left._tag)
        )
      })
    )
  }

  it.effect(
    "docs.slack.dev, OAuthV2TokenRefreshResponse: a refresh without the member, and nothing else",
    () =>
      Effect.gen(function* () {
        const quirks = { bodyPath: ["authed_user"], flatRefresh: true }
        assert.strictEqual((yield* request(quirks, json(tokens))).result._tag, "Right")
        const grant = { grantType: "authorization_code", parameters: [] } as const
        assert.strictEqual((yield* request(quirks, json(tokens), grant)).result._tag, "Left")
        const nested = json({ authed_user: tokens })
        assert.strictEqual((yield* request(quirks, nested, grant)).result._tag, "Right")
      })
  )

  it.effect("peers 3: times of a device grant as text (Entra v1), and as nothing but digits", () =>
    Effect.gen(function* () {
      const begin = (answer: Readonly<Record<string, unknown>>, quirks: Quirks.Switches) =>
        Effect.flatMap(DeviceAuthorization.DeviceAuthorization, (device) =>
          Effect.either(device.begin({ scope: ["a"] }))
        ).pipe(
          Effect.provide(
            A.flows(
              {
                issuer,
                clientId: "app",
                metadata: { ...metadata, device_authorization_endpoint: "https://issuer.test/device" },
                quirks: Quirks.make({ memberNames: { verification_uri: "verification_url" }, ...quirks })
              },
              () => Response.json(answer)
            )
          )
        )
      const answer = {
        user_code: "ABC123",
        device_code: "BAQABAAEAAAD",
        verification_url: "https://microsoft.test/devicelogin",
        expires_in: "900",
        interval: "5",
        message: "To sign in, use a web browser"
      }
      const right = yield* begin(answer, { expiresInMayBeText: true })
      assert.deepStrictEqual(
        right._tag === "Right" && [right.right.expiresAt, right.right.interval],
        [900_000, 5]
      )
      assert.strictEqual((yield* begin(answer, {}))._tag, "Left")
      const words = { ...answer, interval: "5 seconds" }
      assert.strictEqual((yield* begin(words, { expiresInMayBeText: true }))._tag, "Left")
    })
  )

  it.effect("an error is the server's, with any status, form-encoded or not, and without our secret", () =>
    Effect.gen(function* () {
      for (const answer of [
        form("error=bad_verification_code&error_description=The+code+canary-secret"),
        json({ ok: false, error: "bad_verification_code", error_description: "canary-secret" }),
        json({ error: "bad_verification_code", access_token: "x" }, { status: 201 })
      ]) {
        const { result } = yield* request(
          {
            formEncodedResponse: true,
            successStatuses: [201],
            bodyPath: ["authed_user"],
            assumeTokenType: "Bearer"
          },
          answer
        )
        assert.isTrue(result._tag === "Left" && result.left._tag === "OAuthResponseError")
        assert.strictEqual(result._tag === "Left" && result.left.reason, "bad_verification_code")
        assert.notInclude(JSON.stringify(result), "canary-secret")
      }
    })
  )
})

describe("Quirks: what is sent", () => {
  it.effect(
    "peers 3: client_key, scopes between commas, own parameters and a User-Agent (TikTok, Withings)",
    () =>
      Effect.gen(function* () {
        const { sent } = yield* request(
          {
            clientIdParameter: "client_key",
            scopeSeparator: ",",
            tokenParameters: { action: "requesttoken", grant_type: "never" },
            userAgent: "notes/1"
          },
          json(tokens)
        )
        assert.deepStrictEqual(Object.fromEntries(sent.form), {
          grant_type: "refresh_token",
          refresh_token: "of-before",
          scope: "a,b",
          client_key: "app",
          client_secret: "canary-secret",
          action: "requesttoken"
        })
        assert.strictEqual(sent.headers["user-agent"], "notes/1")
      })
  )

  it.effect("peers 3: a token request in JSON (Notion)", () =>
    Effect.gen(function* () {
      const { sent } = yield* request({ tokenRequestFormat: "json" }, json(tokens), {
        parameters: [
          ["resource", "https://a.test"],
          ["resource", "https://b.test"]
        ]
      })
      assert.strictEqual(sent.headers["content-type"], "application/json")
      assert.deepStrictEqual(JSON.parse(sent.body), {
        grant_type: "refresh_token",
        resource: ["https://a.test", "https://b.test"],
        scope: "a b",
        client_id: "app",
        client_secret: "canary-secret"
      })
    })
  )

  it.effect("omitScopeOnRefresh: no scope in a refresh, and one in another grant", () =>
    Effect.gen(function* () {
      const quirks = { omitScopeOnRefresh: true }
      assert.isFalse((yield* request(quirks, json(tokens))).sent.form.has("scope"))
      const other = yield* request(quirks, json(tokens), { grantType: "client_credentials", parameters: [] })
      assert.strictEqual(other.sent.form.get("scope"), "a b")
    })
  )

  it.effect("authorizeParameters: where the request does not say otherwise (Google, Atlassian)", () =>
    Effect.gen(function* () {
      const { begin } = yield* Authorization.Authorization
      const first = new URL((yield* begin({ scope: ["a", "b"] })).url).searchParams
      assert.strictEqual(first.get("access_type"), "offline")
      assert.strictEqual(first.get("prompt"), "consent")
      assert.strictEqual(first.get("scope"), "a,b")
      assert.strictEqual(first.get("client_key"), "app")
      assert.strictEqual(first.get("tenant"), "7")
      assert.isFalse(first.has("client_id"))
      assert.strictEqual(first.get("response_type"), "code", "no switch changes the flow")
      const second = new URL((yield* begin({ prompt: "none", parameters: { access_type: "online" } })).url)
      assert.strictEqual(second.searchParams.get("prompt"), "none")
      assert.strictEqual(second.searchParams.get("access_type"), "online")
    }).pipe(
      Effect.provide(
        A.flows(
          {
            issuer,
            clientId: "app",
            metadata,
            redirectUri: "https://app.test/callback",
            quirks: Quirks.make({
              authorizeParameters: { access_type: "offline", prompt: "consent", response_type: "token" },
              clientIdParameter: "client_key",
              scopeSeparator: ","
            })
          },
          json({})
        )
      )
    )
  )
})
