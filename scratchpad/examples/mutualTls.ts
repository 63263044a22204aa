/** A client that its certificate identifies: tls_client_auth, RFC 8705 section 2.1, with tokens bound to it. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as MutualTls from "effect-oauth-node/MutualTls"
import * as ClientAuthentication from "effect-oauth/ClientAuthentication"
import * as ClientCredentials from "effect-oauth/ClientCredentials"
import * as Introspection from "effect-oauth/Introspection"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { startSecureProvider } from "../support/secureProvider.js"
import { mask } from "../support/transcript.js"

const program = Effect.gen(function* () {
  const clientCredentials = yield* ClientCredentials.ClientCredentials
  const { accessToken } = yield* clientCredentials.request()
  yield* Console.log(`access     ${mask(accessToken)}`)
  const introspection = yield* Introspection.Introspection
  const told = yield* introspection.introspect(accessToken)
  yield* Console.log(
    `bound to   ${told.active ? Object.keys(Object(told.claims["cnf"])).join(", ") : "nothing"}`
  )
})

const main = Effect.gen(function* () {
  const { alias, atAlias, authority, issuer } = yield* startSecureProvider({
    clients: () => [
      {
        client_id: "machine",
        token_endpoint_auth_method: "tls_client_auth",
        tls_client_auth_subject_dn: "CN=machine.example",
        tls_client_certificate_bound_access_tokens: true
      }
    ]
  })
  const { certificate, key } = authority.issue("machine.example")
  const FlowsLive = Layer.merge(ClientCredentials.layer, Introspection.layer).pipe(
    Layer.provide(
      OAuthClient.layer({ issuer, clientId: "machine", authentication: ClientAuthentication.tlsClientAuth })
    ),
    Layer.provide(MutualTls.layer({ certificate, key: Redacted.make(key), ca: authority.certificate }))
  )
  yield* Effect.provide(program, FlowsLive)
  yield* Console.log(`asked      ${atAlias.map((path) => `${alias}${path}`).join(", ")}`)
})

main.pipe(Effect.scoped, NodeRuntime.runMain)
