/** A server in memory that registers clients, as the test tells it to. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ClientSelection from "effect-oauth/ClientSelection"
import * as Discovery from "effect-oauth/Discovery"
import * as HttpLimits from "effect-oauth/HttpLimits"
import * as Registration from "effect-oauth/Registration"
import * as RegistrationStore from "effect-oauth/RegistrationStore"
import * as TestIssuer from "effect-oauth-testing/TestIssuer"
import { issuer, redirectUri } from "./setup.js"

export const registrationEndpoint = `${issuer}/register`
export const managementUri = `${issuer}/register/generated-id`

/** What a server answers (seeds 4.8), with other members where a test wants them. */
export const registered = (members: Readonly<Record<string, unknown>> = {}) => ({
  client_id: "generated-id",
  client_secret: "generated-secret",
  client_id_issued_at: 1_700_000_000,
  client_secret_expires_at: 0,
  registration_client_uri: managementUri,
  registration_access_token: "rat-1",
  redirect_uris: [redirectUri],
  token_endpoint_auth_method: "client_secret_basic",
  ...members
})

/** The server with a registration endpoint, and everything that registers there. */
export const layer = (
  metadata: Readonly<Record<string, unknown>> = {},
  store: Layer.Layer<RegistrationStore.RegistrationStore> = RegistrationStore.layerMemory
) =>
  ClientSelection.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(Registration.layer, Discovery.layer, store)),
    Layer.provideMerge(
      TestIssuer.layer({ metadata: { registration_endpoint: registrationEndpoint, ...metadata } })
    ),
    Layer.provide(HttpLimits.layer({ retries: 0 }))
  )

/** A registration of the redirect URI of the tests. */
export const register = (request: Partial<Registration.Registration.Request> = {}) =>
  Effect.flatMap(Registration.Registration, (registration) =>
    registration.register({ issuer, metadata: { redirect_uris: [redirectUri] }, ...request })
  )
