/** Logins with `openid` at providers whose ID tokens are not as the specification has them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import * as CodeExchange from "effect-oauth/CodeExchange"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as Presets from "effect-oauth/Presets"
import * as Provider from "effect-oauth/Provider"
import type * as Quirks from "effect-oauth/Quirks"
import * as UserInfo from "effect-oauth/UserInfo"
import * as A from "./support/answers.js"

const redirectUri = "https://app.test/callback"

interface Told {
  /** The claims of the ID token, of which a `nonce` that is true is that of the request; or the token; or none. */
  readonly claims?: Readonly<Record<string, unknown>> | string | undefined
  /** Refuses a token request, as the provider does. */
  readonly refuse?: (form: URLSearchParams) => boolean
  readonly quirks?: Quirks.Switches
}

/** A login with `openid` at a provider that answers so; `request` is what is asked for besides. */
const login = (
  preset: Provider.Preset,
  { claims = {}, quirks, refuse = () => false }: Told,
  request: Authorization.Authorization.Request = {}
) => {
  const seen: Array<A.Sent> = []
  return Effect.gen(function* () {
    const keyring = yield* Keyring.generate({ alg: "RS256", kid: "k" })
    const jwks = yield* keyring.jwks
    const signer = yield* JwtSigner.fromKeyring(keyring)
    const answers = { idToken: "" }
    const told = (form: URLSearchParams) =>
      refuse(form)
        ? Response.json({ error: "invalid_client" }, { status: 401 })
        : Response.json({
            access_token: "t",
            token_type: "Bearer",
            expires_in: 3600,
            ...(claims === "none" ? {} : { id_token: answers.idToken })
          })
    return yield* Effect.gen(function* () {
      const { begin, complete } = yield* Authorization.Authorization
      const { exchange } = yield* CodeExchange.CodeExchange
      const userInfo = yield* UserInfo.UserInfo
      const { transaction, url } = yield* begin({ scope: ["openid", "profile"], ...request })
      if (typeof claims === "string") answers.idToken = claims
      else {
        const nonce =
          claims["nonce"] === true ? transaction.nonce.pipe(Option.map(Redacted.value)) : undefined
        const signed = yield* signer.sign({
          iss: preset.issuer,
          sub: "person",
          aud: "app",
          ...claims,
          ...(nonce === undefined ? {} : { nonce: Option.getOrThrow(nonce) })
        })
        answers.idToken = Redacted.value(signed)
      }
      const back = new URLSearchParams({ code: "c", state: Redacted.value(transaction.state) })
      const code = yield* complete(`${redirectUri}?${back.toString()}`, transaction)
      const { idToken, tokens } = yield* exchange(code)
      // A subject to compare with is needed, and an endpoint.
      const asks = Option.isSome(idToken) && preset.metadata?.userinfo_endpoint !== undefined
      const person = asks ? Option.some(yield* userInfo.get(tokens)) : Option.none()
      const read = seen.filter(({ method }) => method === "GET").map((sent) => sent.url.href)
      return { idToken, tokens, person, asked: new URL(url).searchParams, seen, read }
    }).pipe(
      Effect.provide(
        A.flows(
          Provider.client(preset, { clientId: "app", secret: Redacted.make("s"), redirectUri, quirks }),
          ({ form, method, url }) =>
            method !== "GET"
              ? told(form)
              : Response.json(url.pathname.endsWith("/userinfo") ? { sub: "person" } : jwks),
          seen
        )
      )
    )
  })
}

const reasonOf = <A, E extends { readonly _tag: string; readonly reason: string }, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.map(Effect.flip(effect), ({ _tag, reason }) => `${_tag} ${reason}`)

describe("Presets.linkedin", () => {
  const withVerifier = (form: URLSearchParams) => form.has("code_verifier")

  it.effect(
    "authlib/authlib#763, UsefulSoftwareCo/executor#2087: no nonce in the ID token, no code_verifier with a secret",
    () =>
      Effect.gen(function* () {
        const { asked, idToken, seen } = yield* login(Presets.linkedin, { refuse: withVerifier })
        assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "person")
        for (const name of ["nonce", "code_challenge", "code_challenge_method"]) {
          assert.isFalse(asked.has(name), name)
        }
        assert.isFalse(seen.some(withVerifierSent))
      })
  )

  const withVerifierSent = ({ body }: A.Sent) => body.includes("code_verifier")

  it.effect("DESIGN 5.14: without its switches both are insisted on", () =>
    Effect.gen(function* () {
      const pkce = login(Presets.linkedin, { refuse: withVerifier, quirks: { omitPkce: false } })
      assert.strictEqual(yield* reasonOf(pkce), "OAuthResponseError invalid_client")
      const nonce = login(Presets.linkedin, { quirks: { omitNonce: false } })
      assert.strictEqual(yield* reasonOf(nonce), "JwtError nonce")
    })
  )

  it.effect("peers 4c 44: an ID token of another login, or for another, is refused all the same", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [reason: string, claims: Told["claims"]]> = [
        ["JwtError nonce", { nonce: "of another login" }],
        ["JwtError audience", { aud: "other" }],
        ["JwtError issuer", { iss: "https://www.linkedin.com" }],
        ["ProtocolViolation missing", "none"]
      ]
      for (const [reason, claims] of wrong) {
        assert.strictEqual(yield* reasonOf(login(Presets.linkedin, { claims })), reason)
      }
    })
  )

  it.effect("OpenID Connect Core 3.3.2.11: no hybrid flow without a nonce, told before anybody is sent", () =>
    Effect.gen(function* () {
      const hybrid = login(Presets.linkedin, {}, { responseType: "code id_token" })
      assert.strictEqual(yield* reasonOf(hybrid), "AuthorizationError invalid_request")
    })
  )
})

describe("Presets.dropbox", () => {
  it.effect("openid/AppAuth-iOS#824, www.dropbox.com openid-configuration: no nonce; published keys", () =>
    Effect.gen(function* () {
      const claims = { email: "your-email@domain.com", email_verified: true, auth_time: 0 }
      const { asked, idToken, person, read } = yield* login(Presets.dropbox, { claims })
      assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "person")
      assert.isFalse(asked.has("nonce"))
      assert.strictEqual(asked.get("code_challenge_method"), "S256")
      assert.deepStrictEqual(read, ["https://www.dropbox.com/.well-known/jwks"])
      assert.deepStrictEqual(
        person,
        Option.none(),
        "openid/userinfo of its API wants POST (nextauthjs/next-auth#4286)"
      )
    })
  )
})

describe("Presets.paypal", () => {
  it.effect(
    "developer.paypal.com, Identity v1; www.paypal.com openid-configuration: published keys, schema",
    () =>
      Effect.gen(function* () {
        const { idToken, person, read } = yield* login(Presets.paypal, { claims: { nonce: true } })
        assert.strictEqual(Option.getOrThrow(idToken).claims.sub, "person")
        assert.strictEqual(Option.getOrThrow(person).sub, "person")
        assert.deepStrictEqual(read, [
          "https://api.paypal.com/v1/oauth2/certs",
          "https://api-m.paypal.com/v1/identity/openidconnect/userinfo?schema=openid"
        ])
        assert.strictEqual(yield* reasonOf(login(Presets.paypal, {})), "JwtError nonce")
      })
  )

  it.effect("peers 4c 4: an ID token that is signed with the secret is refused, or left out", () =>
    Effect.gen(function* () {
      const signed = [{ alg: "HS256" }, { iss: Presets.paypal.issuer, sub: "person", aud: "app" }]
      const segments = signed.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      const token = `${segments.join(".")}.${"A".repeat(43)}`
      assert.strictEqual(yield* reasonOf(login(Presets.paypal, { claims: token })), "JwtError algorithm")
      const { idToken } = yield* login(Presets.paypal, { claims: token, quirks: { ignoreIdToken: true } })
      assert.deepStrictEqual(idToken, Option.none())
    })
  )
})

describe("ignoreIdToken", () => {
  const quirks = { ignoreIdToken: true }

  it.effect("peers 2 10: no ID token is insisted on, and one that cannot be verified is left out", () =>
    Effect.gen(function* () {
      for (const claims of ["none", { aud: "other" }] as const) {
        const { asked, idToken, tokens } = yield* login(Presets.linkedin, { claims, quirks })
        assert.deepStrictEqual([idToken, tokens.idToken], [Option.none(), Option.none()])
        assert.strictEqual(asked.get("scope"), "openid profile")
      }
    })
  )

  it.effect("OpenID Connect Core 3.1.2.1: what only an ID token could show is not asked for", () =>
    Effect.gen(function* () {
      for (const request of [{ maxAge: "1 minute" }, { responseType: "code id_token" }] as const) {
        const error = yield* reasonOf(login(Presets.linkedin, { quirks }, request))
        assert.strictEqual(error, "AuthorizationError invalid_request")
      }
    })
  )
})
