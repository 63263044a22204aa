/** Microsoft Entra for the accounts of many tenants, beyond the plain code flow. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Authorization from "effect-oauth/Authorization"
import type { AuthorizationTransaction } from "effect-oauth/AuthorizationTransaction"
import * as BackChannelLogout from "effect-oauth/BackChannelLogout"
import * as FrontChannelLogout from "effect-oauth/FrontChannelLogout"
import * as IdTokenHash from "effect-oauth/IdTokenHash"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Presets from "effect-oauth/Presets"
import * as Provider from "effect-oauth/Provider"
import * as A from "./support/answers.js"
import type { Flows } from "./support/setup.js"

const work = "2e5e5b0a-6a4c-4d3b-9d0e-000000000001"
const other = "2e5e5b0a-6a4c-4d3b-9d0e-000000000002"
const stranger = "2e5e5b0a-6a4c-4d3b-9d0e-00000000000f"
const personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
const issuerOf = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`
const redirectUri = "https://app.test/callback"

/** As published, but for what is left out. */
const metadata = {
  issuer: issuerOf("{tenantid}"),
  authorization_endpoint: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
  token_endpoint: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
  jwks_uri: "https://login.microsoftonline.com/common/discovery/v2.0/keys",
  response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
  response_modes_supported: ["query", "fragment", "form_post"],
  id_token_signing_alg_values_supported: ["RS256"]
}

type Sign = (tenant: string, claims: Readonly<Record<string, unknown>>) => Effect.Effect<string>

/** A client that lets two tenants in, at an Entra that signs for any. */
const at = <A, E>(use: (sign: Sign) => Effect.Effect<A, E, Flows>) =>
  Effect.gen(function* () {
    const keyring = yield* Keyring.generate({ alg: "RS256", kid: "ms" })
    const { keys } = yield* keyring.jwks
    const signer = yield* JwtSigner.fromKeyring(keyring)
    const sign: Sign = (tenant, claims) =>
      signer
        .sign({ iss: issuerOf(tenant), tid: tenant, aud: "app", ...claims }, { typ: false })
        .pipe(Effect.map(Redacted.value), Effect.orDie)
    const preset = Presets.entra({ tenant: "common", tenants: [work, other] })
    return yield* use(sign).pipe(
      Effect.provide(
        A.flows(Provider.client(preset, { clientId: "app", redirectUri }), ({ url }) =>
          Response.json(url.pathname.endsWith("/keys") ? { keys } : metadata)
        )
      )
    )
  })

const reasonOf = <A, E extends { readonly _tag: string; readonly reason: string }, R>(
  effect: Effect.Effect<A, E, R>
) => Effect.map(Effect.flip(effect), ({ _tag, reason }) => `${_tag} ${reason}`)

describe("Presets.entra, many tenants", () => {
  const response = (transaction: AuthorizationTransaction, more: Readonly<Record<string, string>>) =>
    new URLSearchParams({ code: "c", state: Redacted.value(transaction.state), ...more })

  const hybrid = (sign: Sign, tenant: string, more: Readonly<Record<string, string>> = {}) =>
    Effect.gen(function* () {
      const { begin, complete } = yield* Authorization.Authorization
      const { transaction } = yield* begin({ scope: ["openid"], responseType: "code id_token" })
      const idToken = yield* sign(tenant, {
        sub: "AAAA",
        nonce: Redacted.value(Option.getOrThrow(transaction.nonce)),
        c_hash: yield* IdTokenHash.compute("RS256", Redacted.make("c"))
      })
      return yield* complete(response(transaction, { id_token: idToken, ...more }), transaction)
    })

  it.effect("OpenID Connect Core 3.3.2: a hybrid login of a tenant that is let in", () =>
    at((sign) =>
      Effect.gen(function* () {
        for (const more of [{}, { session_state: "s" }, { iss: issuerOf(work) }]) {
          const { code, transaction } = yield* hybrid(sign, work, more)
          assert.strictEqual(Redacted.value(code), "c")
          assert.strictEqual(transaction.subject, "AAAA")
        }
      })
    )
  )

  it.effect("RFC 9207 section 2.4: an iss beside the ID token is that of the ID token", () =>
    at((sign) =>
      Effect.gen(function* () {
        for (const iss of [issuerOf(other), issuerOf("common"), issuerOf(stranger), "https://evil.test"]) {
          assert.strictEqual(
            yield* reasonOf(hybrid(sign, work, { iss })),
            "AuthorizationError issuer_mismatch",
            iss
          )
        }
        assert.strictEqual(yield* reasonOf(hybrid(sign, stranger)), "JwtError issuer")
      })
    )
  )

  it.effect("peers 4c 53: the iss of a tenant that is let in, and of no other, beside a code", () =>
    at(() =>
      Effect.gen(function* () {
        const { begin, complete } = yield* Authorization.Authorization
        const answered = (iss: string) =>
          Effect.flatMap(begin({ scope: ["openid"] }), ({ transaction }) =>
            complete(response(transaction, { iss }), transaction)
          )
        yield* answered(issuerOf(work))
        for (const iss of [issuerOf(stranger), issuerOf("{tenantid}"), "https://evil.test"]) {
          assert.strictEqual(yield* reasonOf(answered(iss)), "AuthorizationError issuer_mismatch", iss)
        }
      })
    )
  )

  it.effect("Front-Channel Logout section 3: told by a tenant that is let in", () =>
    at(() =>
      Effect.gen(function* () {
        const { verify } = yield* FrontChannelLogout.FrontChannelLogout
        const told = (tenant: string) =>
          verify(new URLSearchParams({ iss: issuerOf(tenant), sid: "s-1" }), { sessionId: "s-1" })
        assert.deepStrictEqual(yield* told(work), Option.some("s-1"))
        assert.strictEqual(yield* reasonOf(told(stranger)), "AuthorizationError issuer_mismatch")
      })
    )
  )

  it.effect("Back-Channel Logout section 2.6: told by a tenant that is let in", () =>
    at((sign) =>
      Effect.gen(function* () {
        const { verify } = yield* BackChannelLogout.BackChannelLogout
        const events = { "http://schemas.openid.net/event/backchannel-logout": {} }
        const told = (tenant: string) =>
          Effect.flatMap(sign(tenant, { jti: tenant, exp: 60, sid: "s-1", events }), (token) =>
            verify(new URLSearchParams({ logout_token: token }))
          )
        const { claims, sessionId } = yield* told(work)
        assert.deepStrictEqual(sessionId, Option.some("s-1"))
        assert.strictEqual(claims.iss, issuerOf(work))
        assert.strictEqual(yield* reasonOf(told(stranger)), "JwtError issuer")
      })
    )
  )
})

describe("Presets.entra, consumers", () => {
  const preset = Presets.entra({ tenant: "consumers" })
  const published = { ...metadata, issuer: issuerOf(personal) }

  it.effect(
    "openiddict/openiddict-core#1764: the metadata of consumers names the tenant of all of them",
    () =>
      Effect.gen(function* () {
        const seen: Array<A.Sent> = []
        const { issuer } = yield* Effect.flatMap(OAuthClient.OAuthClient, (client) => client.metadata).pipe(
          Effect.provide(
            A.flows(Provider.client(preset, { clientId: "app" }), () => Response.json(published), seen)
          )
        )
        assert.strictEqual(issuer, issuerOf(personal))
        assert.deepStrictEqual(
          seen.map(({ url }) => url.href),
          [`${issuerOf("consumers")}/.well-known/openid-configuration`]
        )
      })
  )

  it.effect("RFC 8414 section 3.3: and no other issuer", () =>
    Effect.gen(function* () {
      for (const issuer of [issuerOf("{tenantid}"), issuerOf("consumers"), issuerOf(work)]) {
        const error = yield* Effect.flatMap(OAuthClient.OAuthClient, (client) =>
          reasonOf(client.metadata)
        ).pipe(
          Effect.provide(
            A.flows(Provider.client(preset, { clientId: "app" }), () =>
              Response.json({ ...published, issuer })
            )
          )
        )
        assert.strictEqual(error, "DiscoveryError issuer_mismatch", issuer)
      }
    })
  )
})
