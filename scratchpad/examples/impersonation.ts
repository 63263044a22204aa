/** A nightly job acts for users who are not there, as its server permits: RFC 8693 with Keycard's substitute user. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Actor from "effect-oauth/Actor"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as Impersonation from "effect-oauth/Impersonation"
import * as JwtProfile from "effect-oauth/JwtProfile"
import * as JwtVerifier from "effect-oauth/JwtVerifier"
import * as Keyring from "effect-oauth/Keyring"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { startProvider } from "../support/provider.js"
import { mask } from "../support/transcript.js"

const resource = "https://notes.example/api"

const program = Effect.gen(function* () {
  const impersonation = yield* Impersonation.Impersonation
  const verifier = yield* JwtVerifier.JwtVerifier
  const { issuer } = yield* OAuthClient.OAuthClient
  for (const user of ["ada", "grace"]) {
    // The token of the job itself, which goes beside the name of the user, is got once for both.
    const tokens = yield* impersonation.impersonate({ user, resource, actor: "client" })
    yield* Console.log(`access     ${mask(tokens.accessToken)}`)

    // What the API sees: for whom, and who acts.
    const { claims } = yield* verifier.verify(
      tokens.accessToken,
      JwtProfile.accessToken({ issuer, audience: resource })
    )
    const actor = Option.flatMapNullable(Actor.current(claims), ({ sub }) => sub)
    yield* Console.log(`for        ${claims.sub}, by ${Option.getOrElse(actor, () => "nobody")}`)
  }
})

const main = Effect.gen(function* () {
  const { issuer, service } = yield* startProvider()
  const ServiceLive = OAuthClient.layer({
    issuer,
    clientId: service.clientId,
    authentication: ClientAuthentication.privateKeyJwt()
  }).pipe(Layer.provide(Keyring.layerPem(service)))
  const ApiLive = JwtVerifier.layer.pipe(Layer.provide(Keyring.layerRemote({ issuers: issuer })))
  yield* Effect.provide(
    program,
    Layer.merge(Impersonation.layer.pipe(Layer.provideMerge(ServiceLive)), ApiLive)
  )
})

main.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici), NodeRuntime.runMain)
