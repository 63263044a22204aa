/** Presets against the shapes that providers document, each with its source. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Jwt from "effect-oauth/Jwt"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Presets from "effect-oauth/Presets"
import * as Provider from "effect-oauth/Provider"
import type * as Quirks from "effect-oauth/Quirks"
import * as Refresh from "effect-oauth/Refresh"
import * as TokenSet from "effect-oauth/TokenSet"
import * as A from "./support/answers.js"

interface Recorded {
  readonly preset: Provider.Preset
  /** Where the shape is documented. */
  readonly source: string
  readonly body: Readonly<Record<string, unknown>>
  /** What comes back beside `code` and `state`, as documented or seen. */
  readonly callback?: Readonly<Record<string, string>>
  readonly scope?: ReadonlyArray<string>
  readonly seconds?: number
  readonly refreshes?: boolean
  readonly token?: string
}

const standard = { access_token: "t", token_type: "Bearer", expires_in: 3600 }

const recorded: ReadonlyArray<Recorded> = [
  {
    preset: Presets.github,
    source: "docs.github.com, Authorizing OAuth apps, 2: JSON",
    body: { access_token: "t", scope: "repo,gist", token_type: "bearer" },
    // langfuse/langfuse#13091, pytorch/test-infra#8589; docs.github.com, GitHub authentication discovery endpoints
    callback: { iss: "https://github.com/login/oauth" },
    scope: ["gist", "repo"]
  },
  {
    preset: Presets.google,
    source: "developers.google.com, OAuth 2.0 for Web Server Applications, step 5",
    body: {
      access_token: "t",
      expires_in: 3920,
      token_type: "Bearer",
      scope: "https://www.googleapis.com/auth/drive.metadata.readonly",
      refresh_token: "1//xEoDL4iW3cxlI7yDbSRFYNG01kVKM2C-259HOF2aQbI"
    },
    // openiddict/openiddict-core#2428: iss, though the metadata does not announce it
    callback: {
      iss: "https://accounts.google.com",
      scope: "https://www.googleapis.com/auth/drive.metadata.readonly",
      authuser: "0",
      prompt: "consent"
    },
    scope: ["https://www.googleapis.com/auth/drive.metadata.readonly"],
    seconds: 3920,
    refreshes: true
  },
  {
    preset: Presets.entra({ tenant: "common", tenants: "any" }),
    source: "learn.microsoft.com, Microsoft identity platform and OAuth 2.0 authorization code flow",
    body: {
      access_token: "t",
      token_type: "Bearer",
      expires_in: 3599,
      scope: "https://graph.microsoft.com/mail.read",
      refresh_token: "AwABAAAA"
    },
    callback: { session_state: "7B29111D-C220-4263-99AB-6F6E135D75EF" },
    scope: ["https://graph.microsoft.com/mail.read"],
    seconds: 3599,
    refreshes: true
  },
  {
    preset: Presets.azureB2c({
      tenant: "contoso",
      tenantId: "775527ff-9a37-4307-8b3d-cc311f58d925",
      policy: "B2C_1_signin"
    }),
    source: "learn.microsoft.com, OpenID Connect sign-in with Azure AD B2C, get a token",
    body: {
      not_before: "1442340812",
      token_type: "Bearer",
      access_token: "t",
      scope: "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6 offline_access",
      expires_in: "3600",
      refresh_token: "AAQfQmvuDy8WtUv"
    },
    scope: ["90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6", "offline_access"],
    seconds: 3600,
    refreshes: true
  },
  {
    preset: Presets.apple,
    source: "developer.apple.com, TokenResponse of Sign in with Apple",
    body: { ...standard, refresh_token: "r.abc" },
    seconds: 3600,
    refreshes: true
  },
  {
    preset: Presets.slack,
    source: "api.slack.com, oauth.v2.access: bot and user token",
    body: {
      ok: true,
      access_token: "t",
      token_type: "bot",
      scope: "commands,incoming-webhook",
      bot_user_id: "U0KRQLJ9H",
      app_id: "A0KRD7HC3",
      team: { name: "Slack Softball Team", id: "T9TK3CUKW" },
      authed_user: { id: "U1234", scope: "chat:write", access_token: "xoxp-1234", token_type: "user" }
    },
    scope: ["commands", "incoming-webhook"]
  },
  {
    preset: Presets.slackUser,
    source: "api.slack.com, oauth.v2.access: bot and user token",
    body: {
      ok: true,
      access_token: "xoxb-17653672481-19874698323",
      token_type: "bot",
      scope: "commands",
      authed_user: { id: "U1234", scope: "chat:write", access_token: "t", token_type: "user" }
    },
    scope: ["chat:write"]
  },
  {
    preset: Presets.linkedin,
    source: "learn.microsoft.com, LinkedIn authorization code flow, step 3",
    body: { access_token: "t", expires_in: 5184000, scope: "r_basicprofile,email" },
    scope: ["email", "r_basicprofile"],
    seconds: 5184000
  },
  {
    preset: Presets.auth0({ domain: "acme.eu.auth0.com", audience: "https://api.acme.test" }),
    source: "auth0.com/docs, Authorization Code Flow",
    body: { ...standard, expires_in: 86400, refresh_token: "GEbRxBN" },
    seconds: 86400,
    refreshes: true
  },
  {
    preset: Presets.okta({ domain: "acme.okta.com", authorizationServer: "default" }),
    source: "developer.okta.com, /token",
    body: { ...standard, scope: "openid email offline_access", refresh_token: "a9VpZDRCeFh3Nkk2VdY" },
    scope: ["email", "offline_access", "openid"],
    seconds: 3600,
    refreshes: true
  },
  {
    preset: Presets.keycloak({ url: "https://id.acme.test", realm: "acme" }),
    source: "keycloak.org, access token response",
    body: {
      access_token: "t",
      expires_in: 300,
      refresh_expires_in: 1800,
      refresh_token: "r",
      token_type: "Bearer",
      "not-before-policy": 0,
      session_state: "7c4b",
      scope: "profile email"
    },
    // ory/polis#2074
    callback: { iss: "https://id.acme.test/realms/acme", session_state: "7c4b" },
    scope: ["email", "profile"],
    seconds: 300,
    refreshes: true
  },
  {
    preset: Presets.cognito({ region: "eu-central-1", userPoolId: "eu-central-1_AbCdEfGhI" }),
    source: "docs.aws.amazon.com, Cognito token endpoint",
    body: { ...standard, refresh_token: "eyJj3" },
    seconds: 3600,
    refreshes: true
  },
  {
    preset: Presets.salesforce({ sessionSeconds: 7200 }),
    source: "help.salesforce.com, OAuth 2.0 web server flow",
    body: {
      access_token: "t",
      signature: "SSSbLO/gBhmmyNUvN18ODBDFYHzakxOMgqYtu+hDPsc=",
      scope: "refresh_token full",
      instance_url: "https://na1.salesforce.test",
      id: "https://login.salesforce.com/id/00Dx0000000BV7z/005x00000012Q9P",
      token_type: "Bearer",
      issued_at: "1278448384422",
      refresh_token: "5Aep861"
    },
    scope: ["full", "refresh_token"],
    seconds: 7200,
    refreshes: true
  },
  {
    preset: Presets.atlassian,
    source: "developer.atlassian.com, OAuth 2.0 (3LO) apps, 2",
    body: { ...standard, refresh_token: "r", scope: "read:jira-work offline_access" },
    scope: ["offline_access", "read:jira-work"],
    seconds: 3600,
    refreshes: true
  },
  {
    preset: Presets.notion,
    source: "developers.notion.com, Create a token",
    body: {
      access_token: "t",
      token_type: "bearer",
      refresh_token: "nrt_4991090011501Ejc6Xn4sHguI7jZIN449mKe9PRhpMfNK",
      bot_id: "b3414d65-1224-5ea7-6ffc-cc9d8773drt6",
      workspace_icon: null,
      workspace_id: "j565j4d7",
      owner: { type: "user" },
      duplicated_template_id: null
    },
    refreshes: true
  },
  {
    preset: Presets.reddit,
    source: "github.com/reddit-archive/reddit/wiki/OAuth2, retrieving the access token",
    body: { ...standard, expires_in: 86400, scope: "identity read", refresh_token: "r" },
    scope: ["identity", "read"],
    seconds: 86400,
    refreshes: true
  },
  {
    preset: Presets.discord,
    source: "discord.com/developers, Access Token Response",
    body: {
      ...standard,
      expires_in: 604800,
      refresh_token: "D43f5y0ahjqew82jZ4NViEr2YafMKhue",
      scope: "identify"
    },
    scope: ["identify"],
    seconds: 604800,
    refreshes: true
  },
  {
    preset: Presets.twitch,
    source: "dev.twitch.tv, Getting OAuth access tokens, authorization code",
    body: {
      access_token: "t",
      expires_in: 14124,
      refresh_token: "5b93chm6hdve3mycz05zfzatkfdenfspp1h1ar2xxdalen01",
      scope: ["channel:moderate", "chat:edit", "chat:read"],
      token_type: "bearer"
    },
    callback: { scope: "channel:moderate chat:edit chat:read" },
    scope: ["channel:moderate", "chat:edit", "chat:read"],
    seconds: 14124,
    refreshes: true
  },
  {
    preset: Presets.x,
    source: "docs.x.com, OAuth 2.0 authorization code flow with PKCE, step 3",
    body: {
      token_type: "bearer",
      expires_in: 7200,
      access_token: "t",
      scope: "tweet.read offline.access",
      refresh_token: "r"
    },
    scope: ["offline.access", "tweet.read"],
    seconds: 7200,
    refreshes: true
  },
  {
    preset: Presets.zoom,
    source: "developers.zoom.us, OAuth, step 2",
    body: {
      ...standard,
      token_type: "bearer",
      refresh_token: "r",
      scope: "user:read:user",
      api_url: "https://api.zoom.us"
    },
    scope: ["user:read:user"],
    seconds: 3600,
    refreshes: true
  },
  {
    preset: Presets.dropbox,
    source: "dropbox.com/developers, /oauth2/token",
    body: {
      access_token: "t",
      expires_in: 14400,
      refresh_token: "nBiM85CZALsAAAAAAAAAAQXHBoNpNutK4ngsXHsqW4iGz9tisb3JyjGqikMJIYbd",
      scope: "account_info.read files.content.read",
      token_type: "bearer",
      account_id: "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc",
      uid: "12345"
    },
    scope: ["account_info.read", "files.content.read"],
    seconds: 14400,
    refreshes: true
  },
  {
    preset: Presets.paypal,
    source: "golang/oauth2 internal/token.go: PayPal returns expires_in as text",
    body: { ...standard, expires_in: "28800", scope: "openid", nonce: "2022-11-24T21:15:23ZHh" },
    callback: { scope: "openid" },
    scope: ["openid"],
    seconds: 28800
  },
  {
    preset: Presets.keycard({ domain: "acme.keycard.cloud" }),
    source: "docs.keycard.ai: RFC 6749 section 5.1",
    body: { ...standard, issued_token_type: "urn:ietf:params:oauth:token-type:access_token" },
    seconds: 3600
  }
]

/** What a provider's metadata at least says. */
const metadataOf = (preset: Provider.Preset) => ({
  issuer: preset.quirks?.issuer?.template ?? preset.issuer,
  authorization_endpoint: "https://login.provider.test/authorize",
  token_endpoint: "https://login.provider.test/token",
  jwks_uri: "https://login.provider.test/keys"
})

const redirectUri = "https://app.test/callback"

/** From the request to the tokens, at a provider that answers so. */
const login = (
  preset: Provider.Preset,
  answer: () => Response,
  callback: Readonly<Record<string, string>> = {}
) => {
  const seen: Array<A.Sent> = []
  return Effect.gen(function* () {
    const { begin, complete } = yield* Authorization.Authorization
    const { exchange } = yield* CodeExchange.CodeExchange
    const { transaction, url } = yield* begin({ scope: ["one", "two"] })
    const answered = { code: "SplxlOBeZQQYbYS6WxSbIA", state: Redacted.value(transaction.state), ...callback }
    const { tokens } = yield* exchange(
      yield* complete(`${redirectUri}?${new URLSearchParams(answered).toString()}`, transaction)
    )
    const sent = seen.find(({ method }) => method === "POST")
    return sent === undefined
      ? yield* Effect.dieMessage("no token was asked for")
      : { tokens, url: new URL(url).searchParams, sent, read: seen.filter(({ method }) => method === "GET") }
  }).pipe(
    Effect.provide(
      A.flows(
        Provider.client(preset, { clientId: "app", secret: Redacted.make("s p"), redirectUri }),
        ({ method }) => (method === "GET" ? Response.json(metadataOf(preset)) : answer()),
        seen
      )
    )
  )
}

describe("Presets", () => {
  for (const { body, callback, preset, refreshes = false, scope, seconds, source } of recorded) {
    it.effect(`${preset.name}: as in ${source}`, () =>
      Effect.gen(function* () {
        const { read, sent, tokens, url } = yield* login(preset, () => Response.json(body), callback)
        assert.strictEqual(Redacted.value(tokens.accessToken), "t")
        assert.strictEqual(tokens.tokenType, "Bearer")
        assert.deepStrictEqual(tokens.scope, scope ?? ["one", "two"])
        assert.deepStrictEqual(
          tokens.expiresAt,
          Option.map(Option.fromNullable(seconds), (lifetime) => lifetime * 1000)
        )
        assert.strictEqual(Option.isSome(tokens.refreshToken), refreshes)
        assert.strictEqual(tokens.issuer, preset.issuer)
        for (const [name, value] of Object.entries(preset.quirks?.authorizeParameters ?? {})) {
          assert.strictEqual(url.get(name), value)
        }
        const pkce = preset.quirks?.omitPkce !== true
        assert.strictEqual(url.get("code_challenge_method"), pkce ? "S256" : null)
        assert.strictEqual(url.has("code_challenge"), pkce)
        assert.strictEqual(sent.form.has("code_verifier") || sent.body.includes('"code_verifier"'), pkce)
        assert.strictEqual(read.length, preset.metadata === undefined ? 1 : 0)
        if (preset.discovery?.metadataUrl !== undefined) {
          assert.strictEqual(read[0]?.url.href, preset.discovery.metadataUrl)
        }
        const basic = sent.headers["authorization"]
        const expected: Readonly<Record<Provider.SecretMethod, string | undefined>> = {
          clientSecret: `Basic ${btoa("app:s+p")}`,
          clientSecretBasic: `Basic ${btoa("app:s+p")}`,
          clientSecretBasicRaw: `Basic ${btoa("app:s p")}`,
          clientSecretPost: undefined
        }
        assert.strictEqual(basic, expected[preset.secret])
        const json = preset.quirks?.tokenRequestFormat === "json"
        assert.strictEqual(
          json ? JSON.parse(sent.body).client_secret : (sent.form.get("client_secret") ?? undefined),
          preset.secret === "clientSecretPost" ? "s p" : undefined
        )
      })
    )

    it(`${preset.name} is data, and names what there is`, () => {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(preset)), preset)
      assert.isTrue(preset.accessTokens === "opaque" || preset.accessTokens in JwtProfile)
      assert.isTrue(URL.canParse(preset.documentation))
      assert.strictEqual(preset.metadata?.issuer ?? preset.issuer, preset.issuer)
    })
  }

  it.effect(
    "peers 3: GitHub refuses with status 200, in JSON or as a form (docs.github.com, Troubleshooting)",
    () =>
      Effect.gen(function* () {
        const description = "The code passed is incorrect or expired."
        for (const answer of [
          () => Response.json({ error: "bad_verification_code", error_description: description }),
          () =>
            new Response(`error=bad_verification_code&error_description=${encodeURIComponent(description)}`, {
              headers: { "content-type": "application/x-www-form-urlencoded" }
            })
        ]) {
          const error = yield* Effect.flip(login(Presets.github, answer))
          assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError bad_verification_code")
        }
      })
  )

  it.effect("RFC 9207 section 2.4: GitHub is its issuer, and not the origin that it is at", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        login(Presets.github, () => Response.json(standard), { iss: "https://github.com" })
      )
      assert.strictEqual(`${error._tag} ${error.reason}`, "AuthorizationError issuer_mismatch")
    })
  )

  it.effect("api.slack.com, oauth.v2.access: ok false with status 200 is an error, for either token", () =>
    Effect.gen(function* () {
      for (const preset of [Presets.slack, Presets.slackUser]) {
        const error = yield* Effect.flip(
          login(preset, () => Response.json({ ok: false, error: "invalid_code" }))
        )
        assert.strictEqual(`${error._tag} ${error.reason}`, "OAuthResponseError invalid_code")
      }
    })
  )

  it.effect("slackapi/node-slack-sdk install-provider.ts: a rotated token of the person is at the top", () =>
    Effect.gen(function* () {
      const rotated = {
        ok: true,
        access_token: "xoxe.xoxp-2",
        token_type: "user",
        expires_in: 43200,
        refresh_token: "xoxe-2",
        app_id: "A0KRD7HC3",
        team: { name: "Slack Softball Team", id: "T9TK3CUKW" },
        enterprise: null,
        is_enterprise_install: false
      }
      const client = Provider.client(Presets.slackUser, { clientId: "app", secret: Redacted.make("s") })
      const before = yield* Schema.decode(TokenSet.TokenSet)({
        issuer: Presets.slackUser.issuer,
        accessToken: "xoxe.xoxp-1",
        tokenType: "Bearer",
        scope: ["chat:write"],
        refreshToken: "xoxe-1",
        additional: {}
      })
      const refresh = (body: unknown) =>
        Effect.flatMap(Refresh.Refresh, (flow) => flow.refresh(before)).pipe(
          Effect.provide(A.flows(client, () => Response.json(body)))
        )
      const { tokens } = yield* refresh(rotated)
      assert.strictEqual(Redacted.value(tokens.accessToken), "xoxe.xoxp-2")
      assert.deepStrictEqual(Option.map(tokens.refreshToken, Redacted.value), Option.some("xoxe-2"))
      const bots = yield* Effect.flip(refresh({ ...rotated, token_type: "bot" }))
      assert.strictEqual(bots._tag, "ProtocolViolation")
    })
  )

  it.effect("peers 2 26: the bot's token is never taken for the person's", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        login(Presets.slackUser, () =>
          Response.json({ ok: true, access_token: "xoxb", token_type: "bot", authed_user: { id: "U1234" } })
        )
      )
      assert.strictEqual(`${error._tag} ${error.reason}`, "ProtocolViolation missing")
    })
  )
})

describe("Provider.client", () => {
  const switchesOf = (preset: Provider.Preset, quirks?: Quirks.Switches) =>
    Provider.client(preset, { clientId: "app", quirks }).quirks?.switches

  it("developers.google.com: hd beside what a refresh token needs, each in the place of the preset's", () => {
    assert.deepStrictEqual(switchesOf(Presets.google, { authorizeParameters: { hd: "acme.test" } }), {
      ...Presets.google.quirks,
      authorizeParameters: { access_type: "offline", prompt: "consent", hd: "acme.test" }
    })
    const prompt = switchesOf(Presets.google, { authorizeParameters: { prompt: "select_account" } })
    assert.strictEqual(prompt?.authorizeParameters?.["prompt"], "select_account")
    const names = switchesOf(Presets.google, { memberNames: { user_code: "code" } })
    assert.deepStrictEqual(names?.memberNames, { verification_uri: "verification_url", user_code: "code" })
    const parameters = switchesOf(Presets.github, { tokenParameters: { action: "x" } })
    assert.deepStrictEqual(parameters?.tokenParameters, { action: "x" })
  })

  it("a switch that is undefined is the preset's, and no switches are none", () => {
    const quirks = { userAgent: undefined, authorizeParameters: undefined, scopeSeparator: undefined }
    assert.deepStrictEqual(switchesOf(Presets.github, quirks), Presets.github.quirks)
    assert.deepStrictEqual(switchesOf(Presets.google, quirks), Presets.google.quirks)
    assert.isUndefined(switchesOf(Presets.apple, quirks))
    assert.strictEqual(switchesOf(Presets.github, { userAgent: "notes/1" })?.userAgent, "notes/1")
    assert.isFalse(switchesOf(Presets.github, { formEncodedResponse: false })?.formEncodedResponse)
  })

  it.effect(
    "developer.apple.com: the secret is signed by the team with ES256, for the client, to Apple",
    () =>
      Effect.gen(function* () {
        const keyring = yield* Keyring.generate({ alg: "ES256", kid: "ABC123DEFG" })
        const seen: Array<A.Sent> = []
        yield* Effect.gen(function* () {
          const client = yield* OAuthClient.OAuthClient
          const { parameters } = yield* client.authenticate("Test", "https://appleid.apple.com/auth/token")
          const secret = parameters.find(([name]) => name === "client_secret")?.[1] ?? ""
          const { claims, header } = Option.getOrThrow(
            Jwt.decodeUnverified(Redacted.isRedacted(secret) ? Redacted.value(secret) : secret)
          )
          assert.deepStrictEqual(header, { alg: "ES256", kid: "ABC123DEFG" })
          assert.deepStrictEqual(claims, {
            iss: "TEAM123456",
            sub: "com.example.app",
            aud: "https://appleid.apple.com",
            iat: 0,
            exp: 300
          })
        }).pipe(
          Effect.provide(
            OAuthClient.layer(
              Provider.client(Presets.apple, {
                clientId: "com.example.app",
                authentication: Provider.appleSecret({ teamId: "TEAM123456" })
              })
            )
          ),
          Effect.provide(A.answering(() => Response.json(metadataOf(Presets.apple)), seen)),
          Effect.provideService(Keyring.KeyringService, keyring)
        )
      })
  )
})

const work = "2e5e5b0a-6a4c-4d3b-9d0e-000000000001"
const personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
const issuerOf = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`

describe("Presets.entra", () => {
  /** An ID token of a tenant, for a client that lets tenants in. */
  const verify = (options: Presets.EntraOptions, iss: string, tid: unknown) =>
    Effect.gen(function* () {
      const preset = Presets.entra(options)
      const keyring = yield* Keyring.generate({ alg: "RS256", kid: "ms" })
      const jwks = yield* keyring.jwks
      // peers 3: the keys of Entra have no alg
      const keys = jwks.keys.map(({ alg: _, ...key }) => key)
      const signer = yield* JwtSigner.fromKeyring(keyring)
      const idToken = yield* signer.sign({ iss, sub: "AAAA", aud: "app", tid })
      return yield* Effect.flatMap(OAuthClient.OAuthClient, (client) =>
        Effect.either(client.verifyIdToken(idToken, {}))
      ).pipe(
        Effect.provide(
          A.flows(Provider.client(preset, { clientId: "app" }), ({ url }) =>
            Response.json(url.pathname.endsWith("/keys") ? { keys } : metadataOf(preset))
          )
        )
      )
    })

  const cases: ReadonlyArray<
    readonly [rule: string, options: Presets.EntraOptions, iss: string, tid: unknown, accepted: boolean]
  > = [
    ["a tenant that is let in", { tenant: "common", tenants: [work] }, issuerOf(work), work, true],
    ["another tenant", { tenant: "common", tenants: [work] }, issuerOf(personal), personal, false],
    [
      "personal accounts, by name",
      { tenant: "common", tenants: [work, personal] },
      issuerOf(personal),
      personal,
      true
    ],
    ["anybody", { tenant: "organizations", tenants: "any" }, issuerOf(work), work, true],
    ["the tid of another tenant", { tenant: "common", tenants: "any" }, issuerOf(work), personal, false],
    ["no tid", { tenant: "common", tenants: "any" }, issuerOf(work), undefined, false],
    [
      "the template itself",
      { tenant: "common", tenants: "any" },
      issuerOf("{tenantid}"),
      "{tenantid}",
      false
    ],
    ["common itself", { tenant: "common", tenants: [work] }, issuerOf("common"), "common", false],
    [
      "the issuer of v1",
      { tenant: "common", tenants: "any" },
      `https://sts.windows.net/${work}/`,
      work,
      false
    ],
    [
      "a path in place of a tenant",
      { tenant: "common", tenants: "any" },
      issuerOf(`a/${work}`),
      `a/${work}`,
      false
    ],
    ["the one tenant", { tenant: work }, issuerOf(work), work, true],
    ["another than the one tenant", { tenant: work }, issuerOf(personal), personal, false]
  ]
  for (const [rule, options, iss, tid, accepted] of cases) {
    it.effect(`peers 2 11: ${rule} is ${accepted ? "accepted" : "refused"}`, () =>
      Effect.gen(function* () {
        const result = yield* verify(options, iss, tid)
        assert.strictEqual(result._tag, accepted ? "Right" : "Left", String(result))
        if (result._tag === "Left") {
          assert.strictEqual(`${result.left._tag} ${result.left.reason}`, "JwtError issuer")
        }
      })
    )
  }

  it.effect("peers 2 11: without a list of tenants, common is no issuer", () =>
    Effect.gen(function* () {
      const preset = Presets.entra({ tenant: "common" })
      const error = yield* Effect.flatMap(OAuthClient.OAuthClient, ({ metadata }) =>
        Effect.flip(metadata)
      ).pipe(
        Effect.provide(
          A.flows(Provider.client(preset, { clientId: "app" }), () =>
            Response.json({ ...metadataOf(preset), issuer: issuerOf("{tenantid}") })
          )
        )
      )
      assert.strictEqual(`${error._tag} ${error.reason}`, "DiscoveryError issuer_mismatch")
    })
  )
})
