/** An API verifies a JWT access token with the keys that the server publishes: RFC 9068 section 4. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Jwt from "effect-oauth/Jwt"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuth from "effect-oauth/OAuth"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { logIn } from "../support/logIn.js"
import { startProvider } from "../support/provider.js"

const audience = "https://notes.example/api"

const program = (issuer: string, token: Redacted.Redacted<string>) =>
  Effect.gen(function* () {
    const verifier = yield* JwtVerifier.JwtVerifier
    const { claims, header } = yield* verifier.verify(token, JwtProfile.accessToken({ issuer, audience }))
    yield* Console.log(`person     ${claims.sub}`)
    yield* Console.log(`scope      ${Jwt.scopes(claims).join(" ")}`)
    yield* Console.log(`signed     ${header.alg} by key ${header.kid}`)

    // The same token at another API. A JwtError says what is wrong with the token (401);
    // a KeyringError says that the keys could not be had, and nothing about the token (503).
    const elsewhere = JwtProfile.accessToken({ issuer, audience: "https://archive.example/api" })
    yield* verifier
      .verify(token, elsewhere)
      .pipe(
        Effect.catchTag("JwtError", (error) => Console.log(`refused    ${error.reason}: ${error.message}`))
      )
  })

const main = Effect.gen(function* () {
  const { cli, issuer } = yield* startProvider()
  const { tokens } = yield* logIn({ scope: ["notes:read"], resource: audience }).pipe(
    Effect.provide(OAuth.layerKeyless.pipe(Layer.provide(OAuthClient.layer({ issuer, ...cli }))))
  )
  // Fetched on first use, kept for 5 minutes, refreshed in the background; no other issuer is ever asked.
  const VerifierLive = JwtVerifier.layer.pipe(Layer.provide(Keyring.layerRemote({ issuers: issuer })))
  yield* Effect.provide(program(issuer, tokens.accessToken), VerifierLive)
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
