/** A token for an assertion of a platform that the server trusts, over a server in memory: RFC 7523 section 2.1. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as JwtBearer from "effect-oauth/JwtBearer"
import * as JwtSigner from "effect-oauth/JwtSigner"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mask } from "../support/transcript.js"

const program = Effect.gen(function* () {
  const server = yield* TestIssuer.TestIssuer
  const jwtBearer = yield* JwtBearer.JwtBearer

  // The platform signs who the workload is; the server has been told to trust its keys.
  const platform = yield* Keyring.generate({ alg: "ES256" })
  yield* server.trust("https://platform.example", yield* platform.jwks)
  const signer = yield* JwtSigner.fromKeyring(platform)
  const assertion = yield* signer.sign({
    iss: "https://platform.example",
    sub: "system:serviceaccount:reports",
    aud: server.issuer
  })

  const tokens = yield* jwtBearer.request({ assertion, scope: ["reports"], resource: "https://api.test" })
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)
  yield* Console.log(`scope      ${tokens.scope.join(" ")}`)
})

const ClientLive = OAuthClient.layer({ issuer: "https://issuer.test", clientId: "reports" })

program.pipe(
  Effect.provide(
    JwtBearer.layer.pipe(
      Layer.provide(ClientLive),
      Layer.provideMerge(TestIssuer.layer({ clients: [{ clientId: "reports" }] }))
    )
  ),
  NodeRuntime.runMain
)
