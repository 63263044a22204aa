/** A token for the SAML assertion of a single sign-on, over a server in memory: RFC 7522. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as OAuthClient from "effect-oauth/OAuthClient"
import * as Saml2Bearer from "effect-oauth/Saml2Bearer"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { takesSaml } from "../support/assertions.js"
import { mask } from "../support/transcript.js"

/** As it was signed, out of the response that it came in. */
const assertion = Redacted.make(
  `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><saml:Subject>ada</saml:Subject></saml:Assertion>`
)

const program = Effect.gen(function* () {
  yield* takesSaml(yield* TestIssuer.TestIssuer)
  const saml2Bearer = yield* Saml2Bearer.Saml2Bearer
  const tokens = yield* saml2Bearer.request({ assertion, scope: ["notes:read"] })
  yield* Console.log(`access     ${mask(tokens.accessToken)}`)

  const refused = yield* Effect.flip(
    saml2Bearer.request({ assertion: Redacted.make(btoa(Redacted.value(assertion))) })
  )
  yield* Console.log(`refused    ${refused.message}`)
})

const ClientLive = OAuthClient.layer({ issuer: "https://issuer.test", clientId: "notes" })

program.pipe(
  Effect.provide(
    Saml2Bearer.layer.pipe(
      Layer.provide(ClientLive),
      Layer.provideMerge(TestIssuer.layer({ clients: [{ clientId: "notes" }] }))
    )
  ),
  NodeRuntime.runMain
)
