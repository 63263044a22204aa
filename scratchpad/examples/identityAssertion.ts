/**
 * A wiki shows messages of a chat to an employee who is logged in at the company's identity provider, and asks for no
 * consent: the identity assertion grant (ID-JAG), over two servers in memory.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as IdentityAssertion from "effect-oauth/IdentityAssertion"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { company } from "../support/assertions.js"
import { mask } from "../support/transcript.js"

const authentication = ClientAuthentication.clientSecret(Redacted.make("the secret of the wiki"))

const program = Effect.gen(function* () {
  const { chat, http, idp } = yield* company
  const { identityProvider, resourceServer } = yield* Effect.all({
    identityProvider: OAuthClient.make({ issuer: idp.issuer, clientId: "wiki", authentication }),
    resourceServer: OAuthClient.make({ issuer: chat.issuer, clientId: "wiki-at-chat", authentication })
  }).pipe(Effect.provideService(HttpClient.HttpClient, http))
  const subjectToken = Redacted.make(yield* idp.mintIdToken({ sub: "ada", clientId: "wiki" }))

  // The first leg by itself, to look at what the server of the chat receives ...
  const atIdp = yield* Effect.provideService(
    IdentityAssertion.make,
    OAuthClient.OAuthClient,
    identityProvider
  )
  const grant = yield* atIdp.request({ subjectToken, audience: chat.issuer, scope: ["chat.read"] })
  yield* Console.log(`grant      ${mask(grant.assertion)} for ${grant.audience}`)

  // ... and how that server judges it.
  const trusted = yield* Keyring.fromJwks({ issuer: idp.issuer, jwks: yield* idp.jwks })
  const verifier = yield* JwtVerifier.fromKeyring(trusted)
  const { claims } = yield* verifier.verify(
    grant.assertion,
    JwtProfile.identityAssertion({ issuer: idp.issuer, audience: chat.issuer, clientId: "wiki-at-chat" })
  )
  yield* Console.log(`person     ${claims.sub}, acting through ${claims.client_id}`)

  // Both legs in one.
  const reach = IdentityAssertion.between({ identityProvider, resourceServer })
  const tokens = yield* reach({ subjectToken, scope: ["chat.read"] })
  yield* Console.log(`access     ${mask(tokens.accessToken)} of ${tokens.issuer}`)
})

program.pipe(Effect.scoped, NodeRuntime.runMain)
