/** Token exchange for many resources, and for users who are not there, against oidc-provider. */
import { assert, layer } from "@effect/vitest"
import * as Actor from "effect-oauth/Actor"
import * as Impersonation from "effect-oauth/Impersonation"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as TokenExchange from "effect-oauth/TokenExchange"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { logIn } from "../support/logIn.js"
import { CliLive, resource, Server, ServiceLive, StageLive } from "./support/stage.js"

/** For whom a token is, and who acts, as an API sees it. */
const seen = (token: Redacted.Redacted<string>, audience: string) =>
  Effect.gen(function* () {
    const { issuer } = yield* Server
    const verifier = yield* JwtVerifier.fromKeyring(yield* Keyring.remote({ issuers: issuer }))
    const profile = JwtProfile.withClaims(Actor.Claims)(JwtProfile.accessToken({ issuer, audience }))
    const { claims } = yield* verifier.verify(token, profile)
    return { sub: claims.sub, actor: claims.act?.sub, chain: Option.getOrThrow(Actor.chain(claims)).length }
  }).pipe(Effect.scoped)

layer(StageLive, { excludeTestServices: true })("token exchange against oidc-provider", (it) => {
  it.effect("RFC 8693 section 2: each resource has a token of its own, and its own failure", () =>
    Effect.gen(function* () {
      const { service } = yield* Server
      const { tokens } = yield* Effect.provide(
        logIn({ scope: ["notes:read"], resource: "https://front.example/api" }),
        CliLive
      )
      const tokenExchange = yield* TokenExchange.TokenExchange
      const resources = ["https://a.example/api", "https://b.example/api", "not a resource", resource]
      const result = yield* tokenExchange.exchangeEach({ subjectToken: tokens.accessToken, resources })
      assert.strictEqual(result.status, "partial_error")
      assert.deepStrictEqual(result.failed, ["not a resource"])
      for (const one of result.successful) {
        const { accessToken } = yield* result.token(one)
        assert.deepStrictEqual(yield* seen(accessToken, one), {
          sub: "ada",
          actor: service.clientId,
          chain: 1
        })
      }
    }).pipe(Effect.provide(ServiceLive))
  )

  it.effect("seeds E.9: a user who is not there, with and without an actor token", () =>
    Effect.gen(function* () {
      const impersonation = yield* Impersonation.Impersonation
      for (const actor of ["none", "client", "client"] as const) {
        const tokens = yield* impersonation.impersonate({ user: "grace", resource, actor })
        assert.strictEqual((yield* seen(tokens.accessToken, resource)).sub, "grace")
      }
    }).pipe(Effect.provide(ServiceLive))
  )
})
